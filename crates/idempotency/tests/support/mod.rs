//! Two gateways, one store, one chat API that answers by a script, under paused time.

#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use lastbyte_core::{BodyError, BoxError, Ending, EndingHandle};
use lastbyte_idempotency::{ANSWER, AnswerBody, Builder, Idempotency, IdempotencyLayer, RequestBody};
use lastbyte_store::{Journal, Memory};
use tokio::time::{Instant, timeout_at};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

mod chat;
mod faulty;

pub(crate) use chat::{Answer, Call, Chat, Head, Script, Step};
pub(crate) use faulty::Faulty;

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const DONE: &str = "data: [DONE]\n\n";
pub(crate) const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

pub(crate) type InnerBody = UnsyncBoxBody<Bytes, Fault>;
pub(crate) type Inner =
    BoxCloneSyncService<Request<RequestBody<Full<Bytes>>>, Response<InnerBody>, io::Error>;
pub(crate) type Given = Response<AnswerBody<InnerBody>>;

/// How an inner body broke, its type forgotten.
#[derive(Debug)]
pub(crate) struct Fault(BoxError);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// One gateway.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) layer: IdempotencyLayer,
    pub(crate) journal: Faulty,
    pub(crate) service: Idempotency<Inner>,
}

/// A service with its types forgotten.
pub(crate) fn inner<S, B>(service: S) -> Inner
where
    S: Service<Request<RequestBody<Full<Bytes>>>, Response = Response<B>, Error = io::Error>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(service.map_response(|response: Response<B>| {
        response.map(|body| body.map_err(|error| Fault(error.into())).boxed_unsync())
    }))
}

pub(crate) fn memory() -> Arc<dyn Journal> {
    Arc::new(Memory::new())
}

impl Node {
    pub(crate) fn new(builder: Builder, journal: &Arc<dyn Journal>, service: Inner) -> Self {
        let journal = Faulty::new(journal.clone());
        let layer = builder.build(Arc::new(journal.clone()));
        let service = layer.layer(service);
        Self { layer, journal, service }
    }

    /// With the defaults, over a store of its own.
    pub(crate) fn alone(chat: &Chat) -> Self {
        Self::new(IdempotencyLayer::builder(), &memory(), inner(chat.clone()))
    }

    /// Two of them over one store and one service.
    pub(crate) fn two(journal: &Arc<dyn Journal>, chat: &Chat) -> [Self; 2] {
        [(); 2].map(|()| Self::new(IdempotencyLayer::builder(), journal, inner(chat.clone())))
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Given {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// Sends it, and reads the answer to its end.
    pub(crate) async fn get(&self, request: Request<Full<Bytes>>) -> Read {
        read(self.send(request).await).await
    }

    /// Runs its takeovers, in a task that ends with the set.
    pub(crate) fn take_care(&self, tasks: &mut tokio::task::JoinSet<()>) {
        tasks.spawn(self.service.clone().take_care());
    }
}

/// A chat request under a key, with a credential.
pub(crate) fn ask(key: &str, stream: bool) -> Request<Full<Bytes>> {
    let mut request = bare(key, stream);
    request.headers_mut().insert("authorization", "Bearer sk-t1".parse().unwrap());
    request
}

/// The same without a credential.
pub(crate) fn bare(key: &str, stream: bool) -> Request<Full<Bytes>> {
    let body = format!("{{\"messages\":[],\"stream\":{stream}}}");
    Request::post(CHAT).header("idempotency-key", key).body(Full::from(body)).unwrap()
}

pub(crate) fn with(
    mut request: Request<Full<Bytes>>,
    name: &'static str,
    value: &str,
) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// A request about an answer.
pub(crate) fn about(method: Method, id: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(format!("/v1/answers/{id}"));
    request.header("authorization", "Bearer sk-t1").body(Full::default()).unwrap()
}

/// The events of an answer, for a reader that has seen `seen`.
pub(crate) fn resume(id: &str, seen: u64) -> Request<Full<Bytes>> {
    let request = with(about(Method::GET, id), "last-event-id", &seen.to_string());
    with(request, "accept", "text/event-stream")
}

pub(crate) fn id_of(response: &Given) -> String {
    response.headers()[ANSWER].to_str().unwrap().to_owned()
}

pub(crate) fn event(text: &str) -> Bytes {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").into()
}

/// The steps of a whole answer of these pieces.
pub(crate) fn steps<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Step> {
    let texts = texts.into_iter().map(|text| Step::Data(event(text)));
    texts.chain([STOP, DONE].map(|event| Step::Data(event.into()))).collect()
}

/// What a reader has got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The numbers of its events, and their data.
    pub(crate) events: Vec<(u64, String)>,
    /// The text in them.
    pub(crate) text: String,
    /// The error that ended the body, and whether the reader was told of it.
    pub(crate) error: Option<(Ending, bool)>,
    /// What the handle says.
    pub(crate) ending: Option<Ending>,
}

impl Read {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    pub(crate) fn replayed(&self) -> bool {
        self.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
    }

    /// The code of the problem or of the error in its body.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The code in its last event, where that is an error.
    pub(crate) fn last_error(&self) -> Option<String> {
        let (_, data) = self.events.last()?;
        let data: serde_json::Value = serde_json::from_str(data).ok()?;
        data["error"]["code"].as_str().map(str::to_owned)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.events.last().is_some_and(|(_, data)| data == "[DONE]")
    }

    fn take_in(&mut self) {
        for block in self.body.split("\n\n").filter(|block| !block.is_empty()) {
            let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) else { continue };
            let lines = block.lines().filter_map(|line| line.strip_prefix("data: "));
            let data = lines.collect::<Vec<_>>().join("\n");
            let value: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
            self.text += value["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
            self.events.push((id.parse().unwrap(), data));
        }
    }
}

pub(crate) async fn read(response: Given) -> Read {
    read_some(response, usize::MAX, None).await
}

/// Reads until there are so many events, then leaves.
pub(crate) async fn read_events(response: Given, events: usize) -> Read {
    read_some(response, events, None).await
}

/// Reads for so long, then leaves.
pub(crate) async fn read_for(response: Given, time: Duration) -> Read {
    read_some(response, usize::MAX, Some(Instant::now() + time)).await
}

async fn read_some(response: Given, events: usize, until: Option<Instant>) -> Read {
    let (head, mut body) = response.into_parts();
    let mut read = Read { status: head.status.as_u16(), headers: head.headers, ..Read::default() };
    while read.body.matches("\n\n").count() < events {
        let frame = match until {
            None => body.frame().await,
            Some(until) => match timeout_at(until, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => break,
            },
        };
        match frame {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    read.body += std::str::from_utf8(&data).unwrap();
                }
            }
            Some(Err(error)) => {
                read.error = Some((error.ending().clone(), error.is_told()));
                assert!(body.frame().await.is_none(), "nothing comes behind an error");
                break;
            }
        }
    }
    read.ending = head.extensions.get::<EndingHandle>().and_then(|handle| handle.ending().cloned());
    read.take_in();
    read
}

/// Begins an answer at a node that is gone as soon as the chat API has said all that it says.
pub(crate) async fn crash(node: Node, chat: &Chat, request: Request<Full<Bytes>>) {
    let mut tasks = tokio::task::JoinSet::new();
    let sends = node.clone();
    tasks.spawn(async move {
        let response = sends.send(request).await;
        drop(sends);
        read(response).await;
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(chat.asked() <= 1);
    drop(node);
    tasks.shutdown().await;
    assert_eq!(chat.held(), 0, "what it did ends with it");
}

/// Waits for something that comes by itself, with the clock that runs on where nothing else does.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came: {what}");
}
