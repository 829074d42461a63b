use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// More upstreams than any service has.
const MOST: usize = 1024;

/// What a layer knows of each upstream, by the name that
/// [`UpstreamKey::name_of`](crate::UpstreamKey::name_of) gives it.
///
/// Bounded: beyond 1024 names those are forgotten that nobody uses and that have nothing worth keeping, and
/// then all further ones share one value.
#[derive(Debug)]
pub struct PerKey<T> {
    /// The first one is found without a lock: most layers have no other.
    first: OnceLock<(Box<str>, Arc<T>)>,
    others: Mutex<HashMap<Box<str>, Arc<T>>>,
}

impl<T> Default for PerKey<T> {
    fn default() -> Self {
        Self { first: OnceLock::new(), others: Mutex::default() }
    }
}

impl<T> PerKey<T> {
    /// The value of this name, made where there is none. Where room has to be made, `keep` says which of
    /// those that nobody uses are worth keeping.
    pub fn of(&self, name: &str, make: impl Fn() -> T, keep: impl Fn(&T) -> bool) -> Arc<T> {
        let (first, value) = self.first.get_or_init(|| (name.into(), Arc::new(make())));
        if &**first == name {
            return value.clone();
        }
        let mut others = self.lock();
        if let Some(value) = others.get(name) {
            return value.clone();
        }
        if others.len() >= MOST {
            others.retain(|_, value| Arc::strong_count(value) > 1 || keep(value));
        }
        // The one that has no name that a request could have.
        let name = if others.len() >= MOST { "/" } else { name };
        others.entry(name.into()).or_insert_with(|| Arc::new(make())).clone()
    }

    /// The value of this name, where there is one.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        match self.first.get() {
            Some((first, value)) if &**first == name => Some(value.clone()),
            _ => self.lock().get(name).cloned(),
        }
    }

    /// All names with their values, the names in order.
    pub fn all(&self) -> Vec<(Box<str>, Arc<T>)> {
        let mut all: Vec<_> = self.lock().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        all.extend(self.first.get().cloned());
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<T>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &PerKey<bool>, name: &str, worth: bool) -> Arc<bool> {
        all.of(name, || worth, |worth| *worth)
    }

    #[test]
    fn each_name_has_its_own() {
        let all = PerKey::default();
        let [b, a] = ["b", "a"].map(|name| of(&all, name, false));
        assert!(Arc::ptr_eq(&a, &of(&all, "a", false)) && Arc::ptr_eq(&b, &of(&all, "b", false)));
        assert!(!Arc::ptr_eq(&a, &b));
        assert!(Arc::ptr_eq(&a, &all.get("a").unwrap()) && all.get("c").is_none());
        assert_eq!(all.all().iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn their_number_is_bounded_and_those_in_use_or_worth_it_stay() {
        let all = PerKey::default();
        of(&all, "first", false);
        let used = of(&all, "used", false);
        let worth = Arc::downgrade(&of(&all, "worth", true));
        (0..2 * MOST).for_each(|number| drop(of(&all, &number.to_string(), false)));
        assert!(all.lock().len() <= MOST + 1);
        assert!(Arc::ptr_eq(&used, &of(&all, "used", false)));
        assert!(Arc::ptr_eq(&worth.upgrade().unwrap(), &of(&all, "worth", false)));
        let held: Vec<_> = (0..2 * MOST).map(|number| of(&all, &format!("held {number}"), false)).collect();
        assert!(all.lock().len() <= MOST + 1);
        assert!(Arc::ptr_eq(&held[2 * MOST - 1], &of(&all, "one more", false)), "the rest share one");
    }
}
