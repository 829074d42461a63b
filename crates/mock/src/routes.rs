use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::body::{Step, Steps};
use crate::reset::Reset;
use crate::server::Shared;
use crate::stats::Running;
use crate::wire::{Wire, error};
use crate::{Capacity, Fault, Faults, Kind, text};

const MAX_BODY: usize = 64 << 20;

/// Behind the last event, so that it is written before a break throws it away.
const BEFORE_BREAK: Duration = Duration::from_millis(20);

type Answer = io::Result<Response<Steps>>;

/// Answers one request. An error drops the connection.
pub(crate) async fn answer(shared: Arc<Shared>, reset: Reset, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let gzip = head.headers.get("x-mock-encoding").is_some_and(|value| value == "gzip");
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return json_answer(413, &error("invalid_request_error", "The body is too large", None));
    };
    let body = body.to_bytes();
    let path = head.uri.path();
    let mut response = match (&head.method, path) {
        (&Method::HEAD, _) => Response::new(Steps::new(VecDeque::new(), None, true)),
        (&Method::GET, "/v1/models") => {
            json_answer(200, &json!({"object": "list", "data": [{"id": "mock-1", "object": "model"}]}))?
        }
        (&Method::GET, "/stats") => json_answer(200, &json!(*shared.counters.lock()))?,
        (&Method::POST, "/reset") => {
            shared.reset();
            json_answer(200, &json!({}))?
        }
        (&Method::POST, "/faults") => match Faults::read(&body) {
            Ok(faults) => {
                shared.set_faults(faults);
                json_answer(200, &json!({}))?
            }
            Err(wrong) => json_answer(400, &error("invalid_request_error", &wrong, None))?,
        },
        (&Method::POST, "/v1/embeddings") => {
            let data = json!([{"object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125]}]);
            let usage = json!({"prompt_tokens": 3, "total_tokens": 3});
            json_answer(200, &json!({"object": "list", "data": data, "model": "mock-1", "usage": usage}))?
        }
        (&Method::POST, "/v1/audio/speech") => {
            let mut random = fastrand::Rng::with_seed(shared.seed);
            let audio: Vec<u8> = (0..100_000).map(|_| random.u8(..)).collect();
            built(200, "audio/mpeg", Steps::one(audio))?
        }
        // The body as it came: what uploads it can compare.
        (&Method::POST, "/v1/files") => built(200, "application/octet-stream", Steps::one(body))?,
        (&Method::POST, path) => match Wire::of(path) {
            Some(wire) => chat(&shared, &reset, wire, &head.headers, &body, gzip).await?,
            None => json_answer(404, &error("invalid_request_error", "There is no such path", None))?,
        },
        _ => json_answer(404, &error("invalid_request_error", "There is no such path", None))?,
    };
    response.headers_mut().insert("x-request-id", shared.next_id().try_into().map_err(io::Error::other)?);
    Ok(response)
}

async fn chat(
    shared: &Arc<Shared>,
    reset: &Reset,
    wire: Wire,
    headers: &HeaderMap,
    body: &Bytes,
    gzip: bool,
) -> Answer {
    let Ok(request @ Value::Object(_)) = serde_json::from_slice(body) else {
        let message = "We could not parse the JSON body of your request";
        return json_answer(400, &error("invalid_request_error", message, None));
    };
    let (faults, fault) = shared.choose();
    let request_id = headers.get("x-request-id");
    let Some(mut running) = shared.admit(&faults, fault.kind, Instant::now()) else {
        shared.recent.remember(request_id, &Fault { code: Some(429), ..Fault::new(Kind::Status) });
        return refusal(faults.capacity.as_ref()).await;
    };
    shared.recent.remember(request_id, &fault);
    if let Some(capacity) = &faults.capacity {
        sleep(Duration::from_millis(capacity.head_delay_ms)).await;
    }
    match fault.kind {
        Kind::Status => {
            running.other();
            return status(&fault);
        }
        Kind::Refuse | Kind::ResetBeforeHead => {
            running.other();
            if fault.kind == Kind::ResetBeforeHead {
                reset.ask();
            }
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Kind::Garbage => {
            running.other();
            return built(200, "text/html", Steps::one("<html><h1>It works</h1></html>"));
        }
        Kind::Stall if fault.head => sleep(fault.wait()).await,
        _ => {}
    }
    let text = text_of(shared.seed, wire, &request, &faults);
    let id = format!("chatcmpl-{}", shared.next_id());
    if request["stream"] != true {
        return whole(wire, &request, &text, &id, &fault, running, gzip);
    }
    let pieces = match (faults.chunks, faults.chunk_bytes) {
        (0, 0) => text::pieces(&text, 12),
        (0, size) => text::pieces(&text, size),
        (chunks, _) => text::parts(&text, chunks),
    };
    let events = wire.stream(&request, &pieces, &id);
    let (steps, is_whole) = steps(&faults, &fault, wire, events);
    built(200, "text/event-stream", Steps::new(steps, Some(running), is_whole))
}

async fn refusal(capacity: Option<&Capacity>) -> Answer {
    let capacity = capacity.cloned().unwrap_or_default();
    sleep(Duration::from_millis(capacity.refusal_ms)).await;
    let mut response =
        json_answer(429, &error("requests", "Rate limit reached", Some("rate_limit_exceeded")))?;
    if let Some(seconds) = capacity.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// The text of an answer, or the rest of it where the request begins it in a way that is understood.
fn text_of(seed: u64, wire: Wire, request: &Value, faults: &Faults) -> String {
    let count = if faults.words == 0 { 60 } else { faults.words };
    let messages = wire.messages(request);
    let begun = messages.as_array().and_then(|all| all.split_last()).filter(|(last, _)| {
        let way = |name: &str| faults.continuations.iter().any(|taken| taken == name);
        last["role"] == "assistant"
            && (way("anthropic")
                || way("openrouter")
                || (way("deepseek") || way("mistral")) && last["prefix"] == true
                || (way("vllm") || way("sglang")) && request["continue_final_message"] == true)
    });
    if let Some((last, asked)) = begun {
        let whole = text::expected_words(seed, &Value::Array(asked.to_vec()), count);
        if let Some(rest) = last["content"].as_str().and_then(|begun| whole.strip_prefix(begun)) {
            return rest.to_owned();
        }
    }
    text::expected_words(seed, messages, count)
}

/// The steps of a stream with its fault in, and whether it ends whole.
fn steps(faults: &Faults, fault: &Fault, wire: Wire, events: crate::wire::Events) -> (VecDeque<Step>, bool) {
    let interval = match fault.kind {
        Kind::Slow => slow(fault),
        _ => Duration::from_millis(faults.interval_ms),
    };
    let mut steps: VecDeque<Step> = events.before.into_iter().map(Step::Data).collect();
    if faults.first_event_ms > 0 {
        steps.push_back(Step::Wait(Duration::from_millis(faults.first_event_ms)));
    }
    let breaks =
        matches!(fault.kind, Kind::Cut | Kind::HalfEvent | Kind::Stall | Kind::ErrorEvent | Kind::Panic);
    // Where nothing else is said a stall comes before the first content, and all else in the middle.
    let middle = if fault.kind == Kind::Stall { 0 } else { events.content.len() / 2 };
    let after = fault.after.unwrap_or(middle).min(events.content.len());
    for (number, event) in events.content.into_iter().enumerate() {
        if breaks && number == after {
            match fault.kind {
                Kind::Stall => steps.push_back(Step::Wait(fault.wait())),
                Kind::ErrorEvent => {
                    steps.push_back(Step::Data(wire.error_event()));
                    return (steps, false);
                }
                Kind::HalfEvent => {
                    steps.push_back(Step::Data(event.slice(..event.len() / 2)));
                    return (steps, false);
                }
                Kind::Panic => {
                    steps.extend([Step::Wait(BEFORE_BREAK), Step::Panic]);
                    return (steps, false);
                }
                _ => {
                    if fault.reset {
                        steps.extend([Step::Wait(BEFORE_BREAK), Step::Reset]);
                    }
                    return (steps, false);
                }
            }
        }
        if number > 0 && !interval.is_zero() {
            steps.push_back(Step::Wait(interval));
        }
        steps.push_back(Step::Data(event));
    }
    if breaks && fault.kind == Kind::Cut {
        return (steps, false);
    }
    steps.extend(events.after.into_iter().map(Step::Data));
    if fault.kind != Kind::NoDone {
        steps.extend(events.done.map(Step::Data));
    }
    (steps, true)
}

fn whole(
    wire: Wire,
    request: &Value,
    text: &str,
    id: &str,
    fault: &Fault,
    mut running: Running,
    gzip: bool,
) -> Answer {
    let json = match fault.kind {
        Kind::ErrorEvent => error("server_error", "The server had an error", None).to_string(),
        _ => wire.whole(request, text, id).to_string(),
    };
    let waits = |time| Steps::new([Step::Wait(time), Step::Data(json.clone().into())].into(), None, true);
    let broken = match fault.kind {
        Kind::Cut | Kind::HalfEvent => {
            // Its length says more than comes.
            let half = Bytes::from(json.clone()).slice(..json.len() / 2);
            Some([Step::Data(half), Step::Wait(BEFORE_BREAK), Step::Reset].into())
        }
        Kind::Panic => Some([Step::Wait(BEFORE_BREAK), Step::Panic].into()),
        _ => None,
    };
    if let Some(steps) = broken {
        let mut response = built(200, "application/json", Steps::new(steps, Some(running), false))?;
        response.headers_mut().insert(header::CONTENT_LENGTH, json.len().into());
        return Ok(response);
    }
    match fault.kind {
        Kind::Stall if !fault.head => {
            return built(200, "application/json", waits(fault.wait()).run(running));
        }
        Kind::Slow => return built(200, "application/json", waits(slow(fault)).run(running)),
        Kind::ErrorEvent => running.other(),
        _ => running.whole(),
    }
    if gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(json.as_bytes())?;
        let mut response = built(200, "application/json", Steps::one(encoder.finish()?))?;
        response.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
        return Ok(response);
    }
    built(200, "application/json", Steps::one(json).run(running))
}

fn slow(fault: &Fault) -> Duration {
    Duration::from_millis(fault.ms.unwrap_or(200))
}

fn status(fault: &Fault) -> Answer {
    let code = fault.code.unwrap_or(500);
    let body = match code {
        429 => error("requests", "Rate limit reached", Some("rate_limit_exceeded")),
        529 => json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        _ => error("server_error", "The server had an error", None),
    };
    let mut response = json_answer(code, &body)?;
    let headers = response.headers_mut();
    if let Some(value) = &fault.retry_after {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(header::RETRY_AFTER, text.try_into().map_err(io::Error::other)?);
    }
    if let Some(ms) = fault.retry_after_ms {
        headers.insert("retry-after-ms", ms.into());
    }
    Ok(response)
}

fn json_answer(status: u16, value: &Value) -> Answer {
    built(status, "application/json", Steps::one(value.to_string()))
}

fn built(status: u16, content_type: &'static str, body: Steps) -> Answer {
    let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
    response.body(body).map_err(io::Error::other)
}
