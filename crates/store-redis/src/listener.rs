//! The one connection by which all followers of this process are woken.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::pending;
use futures_util::stream::FuturesUnordered;
use lastbyte_store::{Slot, StoreError};
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use crate::call::Call;
use crate::hub::{Hub, Known};
use crate::lane::WITHIN;
use crate::link::{Finder, REPLY};
use crate::redis::Shared;
use crate::reply::Parts;
use crate::script::PEEK;

/// How often it is seen to what time changes: followers who have left, messages that may be lost.
const TICK: Duration = Duration::from_millis(250);

/// How often the connection is tried, in ticks: one that is dead says nothing.
const PING: u32 = 20;

/// How long after the connection broke, or could not be made, it is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// How many channels one command names.
const AT_ONCE: usize = 1000;

pub(crate) struct Listener {
    hub: Arc<Hub>,
    shared: Weak<Shared>,
    /// Closed when nobody has the store any more.
    closed: watch::Receiver<()>,
    sink: Option<PubSubSink>,
    stream: Option<PubSubStream>,
}

/// Connects, after a while.
async fn connect(mut finder: Finder, after: Duration) -> (Finder, Result<PubSub, StoreError>) {
    sleep(after).await;
    let connect = async { finder.client().await?.get_async_pubsub().await };
    let connected = timeout(REPLY * 2, connect).await;
    let connected =
        connected.map_err(StoreError::unavailable).and_then(|it| it.map_err(StoreError::unavailable));
    (finder, connected)
}

async fn looked(shared: Weak<Shared>, slot: Slot, times: u64) -> (Slot, u64, Option<Known>) {
    let known = async {
        let shared = shared.upgrade()?;
        let args = vec![shared.names.channel(slot).into(), "".into()];
        let reply = shared.ask(slot, Call::new(&PEEK, shared.names.answer(slot), args, WITHIN)).await.ok()?;
        let mut parts = Parts::of(reply).ok()?;
        if parts.text().ok()? == "gone" {
            return Some(Known::GONE);
        }
        let (generation, events) = (parts.generation().ok()?, parts.number().ok()?);
        let ended = parts.number().ok()? == 1;
        Some(Known::new(generation, events, ended, parts.millis().ok()?))
    };
    (slot, times, known.await)
}

impl Listener {
    pub(crate) fn new(hub: Arc<Hub>, shared: Weak<Shared>, closed: watch::Receiver<()>) -> Self {
        Self { hub, shared, closed, sink: None, stream: None }
    }

    /// Listens, until nobody has the store any more.
    pub(crate) async fn run(mut self, finder: Finder) {
        let mut looks = FuturesUnordered::new();
        let mut ticks = interval(TICK);
        let mut count = 0_u32;
        let mut connecting = Some(Box::pin(connect(finder, Duration::ZERO)));
        // Where the connection is made anew from.
        let mut spare = None;
        let hub = self.hub.clone();
        let mut closed = self.closed.clone();
        loop {
            let connected = async {
                match &mut connecting {
                    Some(connecting) => connecting.as_mut().await,
                    None => pending().await,
                }
            };
            let message = async {
                match &mut self.stream {
                    Some(stream) => stream.next().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = closed.changed() => return,
                (finder, connected) = connected => {
                    connecting = None;
                    match connected {
                        Ok(made) => {
                            let (sink, stream) = made.split();
                            (self.sink, self.stream) = (Some(sink), Some(stream));
                            spare = Some(finder);
                            hub.deaf();
                            self.subscribe().await;
                        }
                        Err(_) => connecting = Some(Box::pin(connect(finder, AGAIN))),
                    }
                }
                message = message => match message {
                    Some(message) => self.hear(&message),
                    None => self.stop(),
                },
                () = hub.news.notified() => self.subscribe().await,
                Some((slot, times, known)) = looks.next(), if !looks.is_empty() => hub.looked(slot, times, known),
                _ = ticks.tick() => {
                    count = count.wrapping_add(1);
                    let gone = hub.sweep();
                    self.unsubscribe(gone).await;
                    if count.is_multiple_of(PING) {
                        self.ping().await;
                    }
                }
            }
            if self.stream.is_none()
                && let Some(finder) = spare.take()
            {
                connecting = Some(Box::pin(connect(finder, AGAIN)));
            }
            for (slot, times) in hub.take_unsure() {
                looks.push(looked(self.shared.clone(), slot, times));
            }
        }
    }

    fn hear(&self, message: &redis::Msg) {
        let Some(shared) = self.shared.upgrade() else { return };
        let slot = shared.names.slot_of(message.get_channel_name());
        let known = std::str::from_utf8(message.get_payload_bytes()).ok().and_then(Known::heard);
        if let (Some(slot), Some(known)) = (slot, known) {
            self.hub.hear(slot, known);
        }
    }

    /// The connection is lost: everything has to be listened to anew.
    fn stop(&mut self) {
        (self.sink, self.stream) = (None, None);
        self.hub.deaf();
    }

    async fn subscribe(&mut self) {
        let (Some(sink), Some(shared)) = (&mut self.sink, self.shared.upgrade()) else {
            // Until somebody listens they are looked at.
            let new = self.hub.take_new();
            return self.hub.unheard(&new);
        };
        let new = self.hub.take_new();
        for slots in new.chunks(AT_ONCE) {
            let channels: Vec<_> = slots.iter().map(|slot| shared.names.channel(*slot)).collect();
            match timeout(REPLY, sink.subscribe(&channels)).await {
                Ok(Ok(())) => self.hub.listened(slots),
                _ => return self.stop(),
            }
        }
    }

    async fn unsubscribe(&mut self, slots: Vec<Slot>) {
        let (Some(sink), Some(shared)) = (&mut self.sink, self.shared.upgrade()) else { return };
        for slots in slots.chunks(AT_ONCE) {
            let channels: Vec<_> = slots.iter().map(|slot| shared.names.channel(*slot)).collect();
            if !matches!(timeout(REPLY, sink.unsubscribe(&channels)).await, Ok(Ok(()))) {
                return self.stop();
            }
        }
    }

    async fn ping(&mut self) {
        let Some(sink) = &mut self.sink else { return };
        if !matches!(timeout(REPLY, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
            self.stop();
        }
    }
}
