use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::HeaderValue;

use crate::Fault;

/// How many of the last calls are remembered: more than a person looks back at.
const REMEMBERED: usize = 1024;

/// What the last calls met that had an `x-request-id`.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<(HeaderValue, Fault)>>);

impl Recent {
    pub(crate) fn remember(&self, request_id: Option<&HeaderValue>, fault: &Fault) {
        let Some(id) = request_id else { return };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back((id.clone(), fault.clone()));
    }

    pub(crate) fn of(&self, request_id: &str) -> Vec<Fault> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|(id, _)| id == request_id).map(|(_, fault)| fault.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_last_calls_are_remembered_by_their_id_and_no_more_of_them() {
        let recent = Recent::default();
        let id = HeaderValue::from_static;
        recent.remember(Some(&id("a")), &Fault::new(Kind::Stall));
        recent.remember(None, &Fault::new(Kind::Cut));
        recent.remember(Some(&id("a")), &Fault::new(Kind::None));
        let kinds = |of: &str| recent.of(of).iter().map(|fault| fault.kind).collect::<Vec<_>>();
        assert_eq!(kinds("a"), [Kind::Stall, Kind::None]);
        for _ in 0..REMEMBERED {
            recent.remember(Some(&id("b")), &Fault::new(Kind::None));
        }
        assert_eq!((kinds("a").len(), kinds("b").len()), (0, REMEMBERED));
    }
}
