use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use lastbyte_core::{Dialect, Ending, EndingHandle, ErrorKind, FailureKind};
use lastbyte_store::AnswerId;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::blocks::{is_restart, number};
use crate::kept::AnswerHead;
use crate::wakers::Wakers;

/// How many bytes a reader is handed at once.
const PORTION: usize = 64 << 10;

/// An answer that is written in this process, as its readers here see it: its newest events, all of them in
/// the journal already, and its end.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: AnswerId,
    state: Mutex<State>,
    /// Told when there is a head or an end.
    came: Notify,
    /// Why the writer is to let go: [`Asked`] as a number, or 0.
    asked: AtomicU8,
    restarted: AtomicBool,
    room: Room,
}

/// How much is kept for readers that lag behind; who lags further reads from the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct State {
    came: Option<Came>,
    ring: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the next event.
    next: u64,
    over: Option<Over>,
    wakers: Wakers,
    /// The writer, which waits to be asked to let go.
    writer: Option<Waker>,
    readers: usize,
    unread_since: Option<Instant>,
}

/// Why the writer is asked to let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Somebody has ended the answer.
    Cancelled = 1,
    /// This process goes.
    Interrupted = 2,
}

/// The first that is known of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Came {
    /// It is a stream.
    Stream(Arc<AnswerHead>),
    /// It is all there.
    Whole(Arc<Whole>),
}

/// An answer in one piece.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) ending: EndingHandle,
    /// Whether it is in the journal.
    pub(crate) kept: bool,
}

impl Whole {
    /// How a stream ends whose head has left before it was known that none comes.
    fn in_a_stream(&self) -> Ending {
        no_stream(self.ending.ending().cloned())
    }
}

/// How a stream ends in the place of which there was an answer in one piece, with this ending.
pub(crate) fn no_stream(ending: Option<Ending>) -> Ending {
    let kind = match ending {
        Some(ending) if ending.is_broken() => return ending,
        // A status is no broken end of a whole answer, but of a stream whose head said something else.
        Some(ending @ Ending::Failed { .. }) => FailureKind::Event {
            kind: ErrorKind::Server,
            code: ending.code().into(),
            message: ending.to_string().into(),
        },
        _ => FailureKind::Garbage,
    };
    Ending::Failed { kind }
}

/// How the writing ended.
#[derive(Clone, Debug)]
pub(crate) enum Over {
    /// As the journal says: its last event tells the reader where it is broken.
    Ended(Ending),
    /// It broke, and the journal says nothing of it.
    Broken(Ending),
    /// Somebody else writes now, or has ended it: the journal knows.
    Lost,
}

/// What a reader gets.
pub(crate) enum Got {
    /// Events, rendered, and the number behind the last of them.
    Events(Bytes, u64),
    /// What comes next is not here any more.
    Behind,
    Over(Over),
}

impl Running {
    /// One whose events so far go up to number `events`.
    pub(crate) fn new(id: AnswerId, events: u64, room: Room) -> Arc<Self> {
        let state = State {
            came: None,
            ring: VecDeque::new(),
            bytes: 0,
            next: events + 1,
            over: None,
            wakers: Wakers::default(),
            writer: None,
            readers: 0,
            unread_since: Some(Instant::now()),
        };
        Arc::new(Self {
            id,
            state: Mutex::new(state),
            came: Notify::new(),
            asked: AtomicU8::new(0),
            restarted: AtomicBool::new(false),
            room,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the writer to let go. What it was asked first counts.
    pub(crate) fn ask(&self, asked: Asked) {
        let _ = self.asked.compare_exchange(0, asked as u8, Ordering::AcqRel, Ordering::Acquire);
        let writer = self.lock().writer.take();
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    fn asked(&self) -> Option<Asked> {
        match self.asked.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Asked::Cancelled),
            _ => Some(Asked::Interrupted),
        }
    }

    /// Resolves when the writer, which alone may wait for it, is to let go.
    pub(crate) fn let_go(&self) -> LetGo<'_> {
        LetGo { running: self, waker: None }
    }

    /// There is a head or a whole answer.
    pub(crate) fn came(&self, came: Came) {
        let wakers = {
            let mut state = self.lock();
            state.came.get_or_insert(came);
            state.wakers.take()
        };
        wakers.wake();
        self.came.notify_waiters();
    }

    /// These events are in the journal.
    pub(crate) fn publish(&self, events: &mut Vec<Bytes>) {
        if events.is_empty() {
            return;
        }
        if events.iter().any(|event| is_restart(event)) {
            self.restarted.store(true, Ordering::Release);
        }
        let wakers = {
            let mut state = self.lock();
            state.next += events.len() as u64;
            state.bytes += events.iter().map(Bytes::len).sum::<usize>();
            state.ring.extend(events.drain(..));
            while state.ring.len() > self.room.events || state.bytes > self.room.bytes {
                let Some(oldest) = state.ring.pop_front() else { break };
                state.bytes -= oldest.len();
            }
            state.wakers.take()
        };
        wakers.wake();
    }

    /// Nothing more comes from here.
    pub(crate) fn over(&self, over: Over) {
        let wakers = {
            let mut state = self.lock();
            state.over.get_or_insert(over);
            state.wakers.take()
        };
        wakers.wake();
        self.came.notify_waiters();
    }

    /// The first that is known, or how it ended before.
    pub(crate) async fn wait(&self) -> Result<Came, Over> {
        loop {
            let changed = self.came.notified();
            tokio::pin!(changed);
            // Before the look: what comes between the two is not missed.
            changed.as_mut().enable();
            {
                let state = self.lock();
                if let Some(came) = &state.came {
                    return Ok(came.clone());
                }
                if let Some(over) = &state.over {
                    return Err(over.clone());
                }
            }
            changed.await;
        }
    }

    /// Whether it has begun again while it was written here.
    pub(crate) fn has_restarted(&self) -> bool {
        self.restarted.load(Ordering::Acquire)
    }

    /// How many events are written.
    pub(crate) fn events(&self) -> u64 {
        self.lock().next - 1
    }

    /// The wire format of the stream that it is, where that is known.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        match &self.lock().came {
            Some(Came::Stream(head)) => Some(head.dialect()),
            _ => None,
        }
    }

    /// Since when nobody has read it here.
    pub(crate) fn unread_since(&self) -> Option<Instant> {
        self.lock().unread_since
    }
}

/// See [`Running::let_go`].
#[derive(Debug)]
pub(crate) struct LetGo<'a> {
    running: &'a Running,
    /// Who is woken: as long as that is who polls, it costs one look at a number.
    waker: Option<Waker>,
}

impl Future for LetGo<'_> {
    type Output = Asked;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Asked> {
        if let Some(asked) = self.running.asked() {
            return Poll::Ready(asked);
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.running.lock().writer = Some(cx.waker().clone());
        // It may have been asked in between.
        self.running.asked().map_or(Poll::Pending, Poll::Ready)
    }
}

/// One reader's place at an answer that runs here.
#[derive(Debug)]
pub(crate) struct Seat {
    running: Arc<Running>,
    place: usize,
}

impl Seat {
    pub(crate) fn new(running: Arc<Running>) -> Self {
        let place = {
            let mut state = running.lock();
            state.readers += 1;
            state.unread_since = None;
            state.wakers.enter()
        };
        Self { running, place }
    }

    pub(crate) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// What comes behind the events before number `next`.
    pub(crate) fn poll(&self, next: u64, cx: &Context<'_>) -> Poll<Got> {
        let mut state = self.running.lock();
        if next < state.next {
            let first = state.next - state.ring.len() as u64;
            let Some(from) = next.checked_sub(first) else { return Poll::Ready(Got::Behind) };
            let events = state.ring.range(from as usize..);
            let mut bytes = 0;
            let count = events.clone().take_while(|event| {
                let fits = bytes < PORTION;
                bytes += event.len();
                fits
            });
            let count = count.count();
            let rendered = number(next, events.take(count));
            return Poll::Ready(Got::Events(rendered, next + count as u64));
        }
        if let Some(Came::Whole(whole)) = &state.came {
            return Poll::Ready(Got::Over(Over::Broken(whole.in_a_stream())));
        }
        if let Some(over) = &state.over {
            return Poll::Ready(Got::Over(over.clone()));
        }
        state.wakers.wait(self.place, cx);
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.running.lock();
        state.wakers.leave(self.place);
        state.readers -= 1;
        if state.readers == 0 {
            state.unread_since = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use lastbyte_store::Slot;

    use super::*;

    fn running(events: usize) -> Arc<Running> {
        let id = AnswerId { slot: Slot(1), generation: 1 };
        Running::new(id, 0, Room { events, bytes: 1 << 10 })
    }

    fn poll(seat: &Seat, next: u64) -> Poll<Got> {
        seat.poll(next, &Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_reader_that_lags_is_told_to_read_from_the_journal() {
        let running = running(2);
        let seat = Seat::new(running.clone());
        assert!(poll(&seat, 1).is_pending());
        running.publish(&mut ["data: a\n\n", "data: b\n\n", "data: c\n\n"].map(Bytes::from).to_vec());
        assert!(matches!(poll(&seat, 1), Poll::Ready(Got::Behind)));
        let Poll::Ready(Got::Events(bytes, next)) = poll(&seat, 2) else { panic!("events 2 and 3 are here") };
        assert_eq!((bytes, next), ("id: 2\ndata: b\n\nid: 3\ndata: c\n\n".into(), 4));
        running.over(Over::Lost);
        assert!(matches!(poll(&seat, 4), Poll::Ready(Got::Over(Over::Lost))));
    }

    #[tokio::test]
    async fn who_reads_is_counted() {
        let running = running(2);
        assert!(running.unread_since().is_some());
        let seats = [Seat::new(running.clone()), Seat::new(running.clone())];
        assert!(running.unread_since().is_none());
        drop(seats);
        assert!(running.unread_since().is_some());
    }
}
