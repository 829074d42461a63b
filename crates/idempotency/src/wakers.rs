use std::task::{Context, Waker};

/// Who waits for the next event: one place for each reader, however often it is polled.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
    waiting: bool,
}

impl Wakers {
    /// A place of one's own, until [`leave`](Self::leave).
    pub(crate) fn enter(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }

    pub(crate) fn wait(&mut self, place: usize, cx: &Context<'_>) {
        self.waiting = true;
        match &mut self.places[place] {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
    }

    pub(crate) fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
        if self.free.len() == self.places.len() {
            // A crowd that has left takes its places with it.
            *self = Self::default();
        }
    }

    /// Takes out everybody who waits; they are woken by the caller, without the lock.
    pub(crate) fn take(&mut self) -> Waiting {
        if !std::mem::take(&mut self.waiting) {
            return Waiting::default();
        }
        let mut waiting = self.places.iter_mut().filter_map(Option::take);
        Waiting { first: waiting.next(), others: waiting.collect() }
    }
}

/// Those who waited. Nearly always it is one, for whom nothing is allocated.
#[derive(Debug, Default)]
#[must_use = "they wait until they are woken"]
pub(crate) struct Waiting {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Waiting {
    pub(crate) fn wake(self) {
        self.first.into_iter().chain(self.others).for_each(Waker::wake);
    }
}
