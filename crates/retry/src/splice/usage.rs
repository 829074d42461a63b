//! What an answer cost over all its requests.

use std::borrow::Cow;

use super::json::{Members, number};

/// The largest `usage` that is added up, in bytes: those of all providers are below 1 KiB.
const MAX: usize = 4 << 10;

/// How deep it is added up: the details of a count are one level down.
const MAX_DEPTH: u32 = 4;

/// The tokens that the upstream told, by request.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Of the requests before this one, added up: an object as the upstream writes it.
    spent: Option<Box<str>>,
    /// Of this one so far, as it was told last.
    told: Option<Box<str>>,
}

impl Usage {
    /// The upstream told what this request has cost so far.
    pub(super) fn tell(&mut self, usage: &str) {
        if usage.len() <= MAX {
            self.told = Some(usage.into());
        }
    }

    /// The same, where what is told later names only what has changed.
    pub(super) fn tell_more(&mut self, usage: &str) {
        match &self.told {
            Some(told) if usage.len() <= MAX => {
                self.told = Some(merged(told, usage, |_, new| new.to_owned()).into());
            }
            _ => self.tell(usage),
        }
    }

    /// A number of what was told of this request.
    pub(super) fn told(&self, key: &str) -> Option<u64> {
        number(Members::read(self.told.as_deref()?.as_bytes())?.value(key)?)
    }

    /// Another request begins.
    pub(super) fn turn(&mut self) {
        if let Some(told) = self.told.take() {
            self.spent = Some(match self.spent.take() {
                Some(spent) => added(&spent, &told, 0).into(),
                None => told,
            });
        }
    }

    /// What all requests cost together, as far as it was told.
    pub(super) fn total(&self) -> Option<Cow<'_, str>> {
        match (self.spent.as_deref(), self.told.as_deref()) {
            (Some(spent), Some(told)) => Some(added(spent, told, 0).into()),
            (one, other) => one.or(other).map(Cow::Borrowed),
        }
    }
}

/// Numbers are added, objects member by member; of anything else the newer one holds.
fn added(old: &str, new: &str, depth: u32) -> String {
    merged(old, new, |old, new| {
        if let (Some(old), Some(new)) = (number(old), number(new)) {
            old.saturating_add(new).to_string()
        } else if let (Ok(old), Ok(new)) = (old.parse::<f64>(), new.parse::<f64>()) {
            (old + new).to_string()
        } else if old.starts_with('{') && new.starts_with('{') && depth < MAX_DEPTH {
            added(old, new, depth + 1)
        } else if new == "null" {
            // A count that is missing this time was not withdrawn.
            old.to_owned()
        } else {
            new.to_owned()
        }
    })
}

/// The members of both, in the newer one's order; what both have is made one by `join`.
fn merged(old: &str, new: &str, join: impl Fn(&str, &str) -> String) -> String {
    let (Some(old), Some(new)) = (Members::read(old.as_bytes()), Members::read(new.as_bytes())) else {
        return new.to_owned();
    };
    let mut json = String::from("{");
    let mut add = |key: &str, value: &str| {
        if json.len() > 1 {
            json.push(',');
        }
        json.extend([&*super::json::quoted(key), ":", value]);
    };
    for (key, value) in new.iter() {
        match old.value(key) {
            Some(before) => add(key, &join(before, value)),
            None => add(key, value),
        }
    }
    for (key, value) in old.iter().filter(|(key, _)| new.value(key).is_none()) {
        add(key, value);
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_request_cost_is_added_up_and_the_rest_is_kept() {
        let mut usage = Usage::default();
        usage
            .tell(r#"{"prompt_tokens":7,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":2}}"#);
        usage.tell(
            r#"{"prompt_tokens":7,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2},"cost":0.25}"#,
        );
        assert_eq!(usage.told("completion_tokens"), Some(5));
        usage.turn();
        usage.turn();
        usage.tell(
            r#"{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":7},"cost":0.5}"#,
        );
        assert_eq!(
            usage.total().unwrap(),
            r#"{"prompt_tokens":19,"completion_tokens":8,"prompt_tokens_details":{"cached_tokens":9},"cost":0.75}"#
        );
    }

    #[test]
    fn a_part_that_is_told_later_does_not_take_the_other_away() {
        let mut usage = Usage::default();
        usage.tell_more(r#"{"input_tokens":7,"output_tokens":1}"#);
        usage.tell_more(r#"{"output_tokens":40}"#);
        assert_eq!(usage.total().unwrap(), r#"{"output_tokens":40,"input_tokens":7}"#);
    }

    #[test]
    fn nesting_and_size_are_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
        let mut usage = Usage::default();
        for _ in 0..3 {
            usage.tell(&deep);
            usage.turn();
        }
        assert_eq!(usage.total().unwrap(), deep);
        usage.tell(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX)));
        assert_eq!(usage.total().unwrap(), deep);
    }
}
