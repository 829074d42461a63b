use bytes::{Buf, Bytes};

/// How many bits of a row's id the event's number has. It leaves 36 for the numbers of answers and leases:
/// 1,000 of them a second for two years.
const EVENT_BITS: u32 = 27;

/// How many events one answer may have: 134 million, each a row of its own at worst.
pub(crate) const MAX_EVENTS: u64 = (1 << EVENT_BITS) - 1;

/// The last number there is for an answer or a lease.
pub(crate) const MAX_NUMBER: i64 = (1 << 36) - 1;

/// What SQLite takes in one value, less some room for its own: its limit is a billion bytes.
pub(crate) const MAX_BLOB: u64 = 900_000_000;

/// The id of the row whose last event has this number.
pub(crate) fn row_id(number: i64, last: u64) -> i64 {
    (number << EVENT_BITS) | (last.min(MAX_EVENTS) as i64)
}

/// The number of the last event in the row of this id.
pub(crate) fn last_of(id: i64) -> u64 {
    (id & MAX_EVENTS as i64) as u64
}

/// Each event behind its length.
pub(crate) fn pack(events: &[Bytes]) -> Vec<u8> {
    let mut data = Vec::with_capacity(events.iter().map(|event| event.len() + 4).sum());
    for event in events {
        data.extend_from_slice(&(event.len() as u32).to_le_bytes());
        data.extend_from_slice(event);
    }
    data
}

/// The events of a row, without a copy; `None` where it is none of ours.
pub(crate) fn unpack(mut data: Bytes) -> Option<Vec<Bytes>> {
    let mut events = Vec::new();
    while data.has_remaining() {
        let length = data.try_get_u32_le().ok()? as usize;
        if length > data.len() {
            return None;
        }
        events.push(data.split_to(length));
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for events in [&[][..], &["a"], &["", "b", ""], &["\0\0\0\0", "\u{ff}"]] {
            let events: Vec<_> = events.iter().map(|event| Bytes::from_static(event.as_bytes())).collect();
            assert_eq!(unpack(pack(&events).into()), Some(events));
        }
        for broken in [&b"\x01"[..], b"\x01\0\0\0", b"\xff\xff\xff\xffabc", b"\0\0\0\0\x05\0\0\0abc"] {
            assert_eq!(unpack(Bytes::from_static(broken)), None);
        }
    }

    #[test]
    fn rows_stand_in_the_order_of_their_events() {
        assert!(row_id(1, MAX_EVENTS) < row_id(2, 0));
        assert!(row_id(1, 1) < row_id(1, 2));
        assert_eq!(last_of(row_id(77, 12_345)), 12_345);
        assert!(row_id(MAX_NUMBER, MAX_EVENTS) > 0);
    }
}
