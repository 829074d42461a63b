//! What scripts say, read.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lastbyte_store::{AnswerId, Record, Slot, State, StoreError};
use redis::Value;

/// A reply of several parts, read from the front.
#[derive(Debug)]
pub(crate) struct Parts(std::vec::IntoIter<Value>);

fn odd(what: &str) -> StoreError {
    StoreError::corrupt(format!("Redis: {what}"))
}

impl Parts {
    pub(crate) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            _ => Err(odd("a reply is no list")),
        }
    }

    fn next(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Nil)
    }

    /// The next one, which is a list.
    pub(crate) fn list(&mut self) -> Result<Self, StoreError> {
        Self::of(self.next())
    }

    pub(crate) fn maybe(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self.next() {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            Value::SimpleString(text) => Ok(Some(text.into())),
            Value::Int(number) => Ok(Some(number.to_string().into())),
            _ => Err(odd("a part of a reply is no text")),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        self.maybe()?.ok_or_else(|| odd("a field is missing"))
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| odd("a field is no text"))
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        self.maybe_number()?.ok_or_else(|| odd("a field is missing"))
    }

    pub(crate) fn maybe_number(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.maybe()? else { return Ok(None) };
        let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| odd("a field is no number"))
    }

    pub(crate) fn millis(&mut self) -> Result<Duration, StoreError> {
        self.number().map(Duration::from_millis)
    }

    pub(crate) fn generation(&mut self) -> Result<u64, StoreError> {
        let text = self.text()?;
        u64::from_str_radix(&text, 16).map_err(|_| odd("a generation is no number"))
    }

    /// All that are left, as they are.
    pub(crate) fn rest(self) -> Result<Vec<Bytes>, StoreError> {
        let mut parts = self;
        let many = parts.0.len();
        (0..many).map(|_| parts.bytes()).collect()
    }

    /// What `record` in `common.lua` gives, of the answer of a slot.
    pub(crate) fn record(&mut self, slot: Slot) -> Result<Record, StoreError> {
        let mut of = self.list()?;
        let generation = of.generation()?;
        Ok(Record {
            id: AnswerId { slot, generation },
            tenant: of.text()?,
            fingerprint: of.bytes()?[..].try_into().map_err(|_| odd("a fingerprint has not 32 bytes"))?,
            state: State::from_name(&of.text()?).ok_or_else(|| odd("a state is none"))?,
            fence: of.number()?,
            leased: of.number()? == 1,
            events: of.number()?,
            bytes: of.number()?,
            attempts: of.number()?.try_into().unwrap_or(u32::MAX),
            created: SystemTime::UNIX_EPOCH + of.millis()?,
            head: of.maybe()?,
            end: of.maybe()?,
        })
    }
}
