use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::upstream::Upstream;

/// More upstreams than any service has; beyond it those that nobody uses are forgotten, and then all
/// further ones share what is learned.
const MOST: usize = 1024;

/// What is learned of each upstream, by its name.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    /// The first one is found without a lock: most layers have no other.
    first: OnceLock<(Box<str>, Arc<Upstream>)>,
    others: Mutex<HashMap<Box<str>, Arc<Upstream>>>,
}

impl Upstreams {
    /// The upstream of this name, made where there is none.
    pub(crate) fn of(&self, name: &str, make: impl Fn() -> Upstream) -> Arc<Upstream> {
        let (first, upstream) = self.first.get_or_init(|| (name.into(), Arc::new(make())));
        if &**first == name {
            return upstream.clone();
        }
        let mut others = self.lock();
        if let Some(upstream) = others.get(name) {
            return upstream.clone();
        }
        if others.len() >= MOST {
            others.retain(|_, upstream| Arc::strong_count(upstream) > 1);
        }
        // The one that has no name that a request could have.
        let name = if others.len() >= MOST { "/" } else { name };
        others.entry(name.into()).or_insert_with(|| Arc::new(make())).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Upstream>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own() {
        let upstreams = Upstreams::default();
        let of = |name: &str| upstreams.of(name, || Upstream::new(None, None));
        let [a, b] = [of("a"), of("b")];
        assert!(Arc::ptr_eq(&a, &of("a")) && Arc::ptr_eq(&b, &of("b")) && !Arc::ptr_eq(&a, &b));
    }

    #[test]
    fn their_number_is_bounded_and_those_in_use_stay() {
        let upstreams = Upstreams::default();
        let of = |name: &str| upstreams.of(name, || Upstream::new(None, None));
        of("first");
        let used = of("used");
        (0..2 * MOST).for_each(|number| drop(of(&number.to_string())));
        assert!(upstreams.lock().len() <= MOST + 1);
        assert!(Arc::ptr_eq(&used, &of("used")));
        let held: Vec<_> = (0..2 * MOST).map(|number| of(&format!("held {number}"))).collect();
        assert!(upstreams.lock().len() <= MOST + 1);
        assert!(Arc::ptr_eq(&held[2 * MOST - 1], &of("one more")), "the rest share one");
    }
}
