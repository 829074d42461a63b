//! Requests and answers of the three wire formats, whole and in pieces.

use bytes::Bytes;
use http::{Method, Request, Response, header};
use lastbyte::core::{Ask, Dialect};

use crate::body::{Item, Manner, data};
use crate::boxed::RequestBody;
use crate::chat::{Chat, Reply};

/// An event with a role, and no content.
pub const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
/// The first content.
pub const HEL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
/// The second.
pub const LO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\n";
/// The sign of completion.
pub const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
/// The end mark, which alone is no completion.
pub const DONE: &str = "data: [DONE]\n\n";
/// An answer that is not streamed.
pub const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;

/// The events of a whole answer.
pub const STREAM: [&str; 5] = [ROLE, HEL, LO, STOP, DONE];

/// A whole answer with everything that an event stream may have: a byte order mark, comments, the three
/// line ends, ids, names, fields nobody knows, data in several lines, text beyond ASCII, an end without a
/// blank line.
const RICH_CHAT: &str = concat!(
    "\u{feff}: one\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n",
    ": two\r\n",
    "id: 7\nevent: message\nretry: 10\nflavour: none\n",
    "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"你好, 👩‍💻 \"}}]}\n\n",
    "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"e\u{301}tude\"}}]}\r\r",
    "\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n",
);

const RICH_RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"你好\"}\n\n: ping\n\n",
    "event: response.completed\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n",
);

const RICH_MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"content\":[]}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"你好\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// The chat paths, and a whole streamed answer of each.
pub const DIALECTS: [(Dialect, &str, &str); 3] = [
    (Dialect::OpenAiChat, "/v1/chat/completions", RICH_CHAT),
    (Dialect::OpenAiResponses, "/v1/responses", RICH_RESPONSES),
    (Dialect::Anthropic, "/v1/messages", RICH_MESSAGES),
];

/// The text of a request's body, sent in two pieces. It has something in it that is masked where that is asked for.
pub const QUESTION: [&str; 2] = ["{\"messages\":[", "{\"role\":\"user\",\"content\":\"Hi, 13812345678\"}]}"];

/// A chat request whose body somebody has read.
pub fn request(chat: &Chat, path: &str, stream: bool) -> Request<RequestBody> {
    let items = QUESTION.iter().map(data).chain([Item::End]).collect();
    let mut request = Request::new(chat.request_body(items, Manner::Ending));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().expect("a path");
    request.extensions_mut().insert(Ask { stream: Some(stream), ..Ask::from_path(path) });
    request
}

/// The head of an event stream.
pub fn stream_head() -> Response<()> {
    head(200, &[("content-type", "text/event-stream")])
}

/// A head.
pub fn head(status: u16, headers: &[(&'static str, &str)]) -> Response<()> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a head")
}

/// An event stream of these pieces, which ends cleanly.
pub fn stream<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> Reply {
    stream_of(pieces.into_iter().map(data).chain([Item::End]).collect())
}

/// An event stream that does this.
pub fn stream_of(items: Vec<Item>) -> Reply {
    Reply::Answer(stream_head(), Manner::Chunked, items)
}

/// An answer of known length.
pub fn framed(head: Response<()>, body: impl Into<Bytes>) -> Reply {
    let body = body.into();
    let manner = Manner::Long(body.len() as u64);
    let (mut parts, ()) = head.into_parts();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let data = (!body.is_empty()).then_some(Item::Data(body));
    Reply::Answer(Response::from_parts(parts, ()), manner, data.into_iter().chain([Item::End]).collect())
}

/// An error of the chat API.
pub fn status(status: u16, headers: &[(&'static str, &str)]) -> Reply {
    framed(
        head(status, headers),
        "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":null}}",
    )
}

/// Cuts `bytes` at random places, also inside characters and line ends.
pub fn cut(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let most = [1, 3, 40, 400][random.usize(..4)];
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        pieces.push(rest.split_to(random.usize(1..=most).min(rest.len())));
    }
    pieces
}
