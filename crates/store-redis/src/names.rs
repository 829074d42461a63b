use bytes::Bytes;
use lastbyte_store::{AnswerId, Slot};

/// How many shards the index of running answers has. It is small, and in a cluster no one node has all of it.
pub(crate) const SHARDS: u8 = 16;

/// What keys and channels are called.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// The keys of the answer of a slot: what is known of it, its events, and which stood there before. What is
    /// in braces says where a cluster keeps them: at one place.
    pub(crate) fn answer(&self, slot: Slot) -> Vec<Bytes> {
        ["a", "e", "g"].map(|what| format!("{}:{{{slot}}}:{what}", self.prefix).into()).into()
    }

    /// Where the followers of the answer of a slot listen.
    pub(crate) fn channel(&self, slot: Slot) -> String {
        format!("{}:w:{slot}", self.prefix)
    }

    /// The slot whose followers listen there.
    pub(crate) fn slot_of(&self, channel: &str) -> Option<Slot> {
        let digits = channel.strip_prefix(self.prefix.as_str())?.strip_prefix(":w:")?;
        u128::from_str_radix(digits, 16).ok().map(Slot)
    }

    /// The shard of the index of running answers that an answer belongs to.
    pub(crate) fn shard_of(&self, id: AnswerId) -> Vec<Bytes> {
        self.shard((id.slot.0 % u128::from(SHARDS)) as u8)
    }

    /// A shard of the index of running answers.
    pub(crate) fn shard(&self, shard: u8) -> Vec<Bytes> {
        vec![format!("{}:running:{{{shard}}}", self.prefix).into()]
    }

    /// The key of what somebody has used of their quota, of whom only a hash is known.
    pub(crate) fn quota(&self, hash: u128) -> Vec<Bytes> {
        vec![format!("{}:q:{{{hash:032x}}}", self.prefix).into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_leads_back_to_its_slot() {
        let (names, slot) = (Names::new("my:app".into()), Slot::of("tenant", "key"));
        assert_eq!(names.slot_of(&names.channel(slot)), Some(slot));
        assert_eq!(names.slot_of("lb:w:00"), None);
    }
}
