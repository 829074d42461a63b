//! A chat API of pieces, and the lines that were logged of it.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use lastbyte_redact::tower::{QuestionsLayer, RequestBody, Show, TARGET};
use lastbyte_redact::{Key, Redactor, Style};
use tower::{Layer as _, ServiceExt as _};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as Of, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// One line: its fields as text, and under `span` the name of the span it is in.
pub(crate) type Line = BTreeMap<String, String>;

/// The lines that are logged while this is alive.
pub(crate) struct Lines {
    lines: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let lines = Arc::<Mutex<Vec<Line>>>::default();
        let subscriber = tracing_subscriber::registry().with(Log(lines.clone()));
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Takes those so far.
    pub(crate) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    /// The only one.
    pub(crate) fn one(&self) -> Line {
        let lines = self.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }
}

struct Log(Arc<Mutex<Vec<Line>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, of: Of<'_, S>) {
        if event.metadata().target() == TARGET {
            let mut fields = Fields(Line::new());
            event.record(&mut fields);
            if let Some(span) = of.event_span(event) {
                fields.0.insert("span".to_owned(), span.name().to_owned());
            }
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

#[derive(Clone)]
pub(crate) enum Item {
    Data(Bytes),
    Trailers(HeaderMap),
    Break,
    /// Nothing comes for now.
    Wait,
}

/// A body of these.
pub(crate) struct Pieces {
    pub(crate) items: VecDeque<Item>,
    /// Whether it says so when the last one is out.
    pub(crate) knows_end: bool,
}

impl Pieces {
    pub(crate) fn new(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let data = |piece: &[u8]| Item::Data(Bytes::copy_from_slice(piece));
        let items = pieces.into_iter().map(|piece| data(piece.as_ref())).collect();
        Self { items, knows_end: false }
    }

    pub(crate) fn then(mut self, item: Item) -> Self {
        self.items.push_back(item);
        self
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(match self.items.pop_front() {
            Some(Item::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Item::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Item::Break) => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
            Some(Item::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_end && self.items.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let length = |item: &Item| if let Item::Data(data) = item { data.len() as u64 } else { 0 };
        let mut hint = SizeHint::default();
        hint.set_lower(self.items.iter().map(length).sum());
        hint
    }
}

pub(crate) const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

pub(crate) fn keyed() -> Redactor {
    let key = Key::new("thirty bytes that nobody knows").unwrap();
    Redactor::builder().style(Style::Pseudonym(key)).build()
}

pub(crate) fn redacted() -> QuestionsLayer {
    QuestionsLayer::new(Redactor::new()).with_show(Show::Redacted)
}

pub(crate) fn post<B>(path: &str, body: B) -> Request<B> {
    Request::post(path).header("content-type", "application/json").body(body).unwrap()
}

/// A question in OpenAI's chat format.
pub(crate) fn question(text: &str) -> Request<Pieces> {
    let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    post(PATHS[0], Pieces::new([body.to_string()]))
}

pub(crate) fn answer(content_type: &str, body: Pieces) -> Response<Pieces> {
    Response::builder().header("content-type", content_type).body(body).unwrap()
}

pub(crate) fn stream(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Response<Pieces> {
    answer("text/event-stream", Pieces::new(pieces))
}

pub(crate) type Answered = Response<lastbyte_redact::tower::ResponseBody<Pieces>>;

/// Sends a request to an API that reads it, and then answers this.
pub(crate) async fn send(
    layer: &QuestionsLayer,
    request: Request<Pieces>,
    answer: Response<Pieces>,
) -> Answered {
    let mut answer = Some(answer);
    let service = layer.layer(tower::service_fn(move |request: Request<RequestBody<Pieces>>| {
        let answer = answer.take().unwrap();
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(answer)
        }
    }));
    service.oneshot(request).await.unwrap()
}

/// The same, and reads the answer to its end.
pub(crate) async fn exchange(layer: &QuestionsLayer, request: Request<Pieces>, answer: Response<Pieces>) {
    let _ = send(layer, request, answer).await.into_body().collect().await;
}

/// The events of a streamed answer with these deltas, in the format of that path.
pub(crate) fn events(path: &str, deltas: &[&str]) -> Vec<String> {
    use serde_json::json;
    let event = |name: &str, data: serde_json::Value| {
        if name.is_empty() { format!("data: {data}\n\n") } else { format!("event: {name}\ndata: {data}\n\n") }
    };
    let mut events = Vec::new();
    for delta in deltas {
        events.push(match path {
            "/v1/responses" => event(
                "response.output_text.delta",
                json!({"type": "response.output_text.delta", "output_index": 0, "delta": delta}),
            ),
            "/v1/messages" => event(
                "content_block_delta",
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": delta}}),
            ),
            _ => event("", json!({"choices": [{"delta": {"content": delta}, "index": 0}]})),
        });
    }
    let ends = match path {
        "/v1/responses" => vec![event(
            "response.completed",
            json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
        )],
        "/v1/messages" => vec![
            event("message_delta", json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})),
            event("message_stop", json!({"type": "message_stop"})),
        ],
        _ => vec![
            event("", json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})),
            "data: [DONE]\n\n".to_owned(),
        ],
    };
    events.extend(ends);
    events
}
