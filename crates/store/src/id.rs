use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Where the answer of one key of one tenant stands: 128 bits of a hash of both, so that no key of one tenant
/// meets one of another, and none can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u128);

impl Slot {
    /// The slot of `key` among those of `tenant`.
    pub fn of(tenant: &str, key: &str) -> Self {
        let mut hash = Sha256::new_with_prefix("lastbyte answer\0");
        // The length keeps the two apart, whatever bytes they have.
        hash.update((tenant.len() as u64).to_be_bytes());
        hash.update(tenant);
        hash.update(key);
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        Self(u128::from_be_bytes(first))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of one answer, as readers know it: its slot, and a random number that tells it from an earlier
/// answer under the same key. Written as `ans_` and 48 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerId {
    /// Where it stands.
    pub slot: Slot,
    /// Which of the answers that stood there.
    pub generation: u64,
}

impl fmt::Display for AnswerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ans_{}{:016x}", self.slot, self.generation)
    }
}

impl fmt::Debug for AnswerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// It is no name of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer's id is `ans_` and 48 hexadecimal digits")
    }
}

impl std::error::Error for ParseIdError {}

impl FromStr for AnswerId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.strip_prefix("ans_").ok_or(ParseIdError)?;
        // Only as they are written: two spellings of one name would be two names to whoever compares them.
        if digits.len() != 48 || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ParseIdError);
        }
        let (slot, generation) = digits.split_at(32);
        Ok(Self {
            slot: Slot(u128::from_str_radix(slot, 16).map_err(|_| ParseIdError)?),
            generation: u64::from_str_radix(generation, 16).map_err(|_| ParseIdError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = AnswerId { slot: Slot::of("t", "k"), generation: 7 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "ans_", "ans_00", &id.to_string().to_uppercase(), &format!("{id}0"), &id.to_string()[4..]]
        {
            assert_eq!(wrong.parse::<AnswerId>(), Err(ParseIdError), "{wrong}");
        }
    }

    #[test]
    fn tenants_and_keys_do_not_run_into_each_other() {
        assert_ne!(Slot::of("ab", "c"), Slot::of("a", "bc"));
        assert_ne!(Slot::of("a", "k"), Slot::of("b", "k"));
    }
}
