use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use lastbyte::guard::GuardLayer;
use lastbyte::idempotency::{AfterCrash, Builder, IdempotencyLayer, OnConcurrent, OnError, OnUnknown};
use lastbyte::retry::RetryLayer;
use lastbyte::store::Journal;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::Layer;

use crate::support::{
    Answer, Chat, DONE, Faulty, Given, Head, Inner, Node, Read, STOP, Step, about, event, inner, memory,
    read, read_events, read_for, resume,
};

/// What came of a script.
pub(crate) struct Ran {
    pub(crate) read: BTreeMap<String, Read>,
    pub(crate) calls: usize,
    pub(crate) billed: usize,
}

/// How long the guard lets a call take where a script says that its answer never came.
const SILENCE: Duration = Duration::from_secs(5);

fn ms(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().unwrap())
}

/// The layer as the script wants it, and whether it wants something that asks again behind it.
fn settings(config: &Value) -> (Builder, bool) {
    let mut builder = IdempotencyLayer::builder();
    let mut retries = false;
    for (key, value) in config.as_object().unwrap() {
        builder = match (key.as_str(), value.as_str().unwrap_or_default()) {
            ("join_wait_ms", _) => builder.with_join_wait(ms(value)),
            ("ttl_ms" | "journal_ttl_ms", _) => builder.with_ttl(ms(value)),
            ("lease_ms", _) => builder.with_lease(ms(value)),
            ("require_key", _) => builder.with_require_key(value.as_bool().unwrap()),
            ("store_server_errors", _) => builder.with_store_server_errors(value.as_bool().unwrap()),
            ("on_concurrent", "conflict") => builder.with_on_concurrent(OnConcurrent::Conflict),
            ("on_unknown", "refuse") => builder.with_on_unknown(OnUnknown::Refuse),
            ("on_unknown", "retry") => builder.with_on_unknown(OnUnknown::Retry),
            ("on_store_error", "pass") => builder.with_on_error(OnError::Pass),
            ("after_crash", "fail") => builder.with_after_crash(AfterCrash::Fail),
            ("retry", _) => {
                retries = value.as_bool().unwrap();
                builder
            }
            _ => panic!("nobody knows what {key} = {value} is"),
        };
    }
    (builder, retries)
}

/// What the chat API does in one call, and whether it is billed.
fn answer(upstream: &Value) -> (Answer, bool) {
    match upstream["error"].as_str().filter(|_| upstream["stream"].is_null()) {
        Some("connect_refused") => {
            return (Answer::none(Head::Error(io::ErrorKind::ConnectionRefused)), false);
        }
        Some("read_timeout") => return (Answer::none(Head::Silence), true),
        Some(error) => panic!("nobody knows what {error} is"),
        None => {}
    }
    let status = upstream["status"].as_u64().unwrap() as u16;
    let mut answer = if let Some(texts) = upstream["stream"].as_array() {
        let mut steps = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let wait = if at == 0 { &upstream["first_ms"] } else { &upstream["gap_ms"] };
            steps.push(Step::Wait(ms(wait)));
            steps.push(Step::Data(event(text.as_str().unwrap())));
        }
        match upstream["end"].as_str().unwrap() {
            "complete" => steps.extend([STOP, DONE].map(|event| Step::Data(event.into()))),
            "reset" => steps.push(Step::Reset),
            "error_event" => {
                let kind = &upstream["error"];
                let data = format!("data: {{\"error\":{{\"type\":{kind},\"code\":{kind}}}}}\n\n");
                steps.push(Step::Data(data.into()));
            }
            end => panic!("nobody knows what {end} is"),
        }
        Answer::stream(steps)
    } else {
        // What says that it is JSON has to be.
        let is_json = upstream["headers"].to_string().contains("application/json");
        let body = if is_json {
            upstream["body"].to_string()
        } else {
            upstream["body"].as_str().unwrap().to_owned()
        };
        Answer::whole(status, &body).after(ms(&upstream["latency_ms"]))
    };
    for pair in upstream["headers"].as_array().into_iter().flatten() {
        answer = answer.with(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    }
    (answer, status == 200)
}

/// The gateways of a script, made when they are named.
struct Nodes {
    config: Value,
    journal: Arc<dyn Journal>,
    service: Inner,
    nodes: Mutex<HashMap<String, Node>>,
}

impl Nodes {
    fn node(&self, name: &str) -> Node {
        let mut nodes = self.nodes.lock().unwrap();
        let make = || Node::new(settings(&self.config).0, &self.journal, self.service.clone());
        nodes.entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The process is gone, and with it everything that it did.
    fn crash(&self, name: &str) {
        self.nodes.lock().unwrap().remove(name).unwrap();
    }

    fn journals(&self) -> Vec<Faulty> {
        self.nodes.lock().unwrap().values().map(|node| node.journal.clone()).collect()
    }
}

fn request(step: &Value) -> Request<Full<Bytes>> {
    let path = step["path"].as_str().unwrap_or("/v1/chat/completions");
    let (text, stream) = (&step["body"], &step["stream"]);
    let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{text}}}],\"stream\":{stream}}}");
    let mut request = Request::post(path);
    let keys = match &step["key"] {
        Value::Array(lines) => lines.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    for key in keys {
        request = request.header("idempotency-key", key.as_str().unwrap());
    }
    if let Some(tenant) = step["tenant"].as_str() {
        request = request.header("authorization", format!("Bearer {tenant}"));
    }
    request.body(Full::from(body)).unwrap()
}

/// Runs a script to its end.
pub(crate) async fn run(case: &Value) -> Ran {
    let input = &case["input"];
    let billed = Arc::new(Mutex::new(0));
    let mut answers = input["upstream"].as_array().unwrap().clone().into_iter();
    let counted = billed.clone();
    let chat = Chat::by(move |_| {
        let Some(upstream) = answers.next() else { return Answer::whole(418, "asked too often") };
        let (answer, bills) = answer(&upstream);
        *counted.lock().unwrap() += usize::from(bills);
        answer
    });
    let guarded = GuardLayer::new().with_first_event(SILENCE).layer(chat.clone());
    let service = match settings(&input["config"]) {
        (_, true) => inner(RetryLayer::new().with_seed(1).layer(guarded)),
        // Long calls of scripts that want no guard are not cut.
        _ if input["upstream"].to_string().contains("read_timeout") => {
            inner(GuardLayer::new().with_total(SILENCE).layer(chat.clone()))
        }
        _ => inner(chat.clone()),
    };
    let nodes = Arc::new(Nodes {
        config: input["config"].clone(),
        journal: memory(),
        service,
        nodes: Mutex::default(),
    });
    let begun = Instant::now();
    let readers = Arc::new(Mutex::new(BTreeMap::new()));
    let mut tasks = JoinSet::new();
    for step in input["steps"].as_array().unwrap() {
        sleep_until(begun + ms(&step["at_ms"])).await;
        let id = step["id"].as_str().unwrap().to_owned();
        let node = step["node"].as_str().unwrap_or("n1").to_owned();
        if step["do"] == "store_down" {
            // A store that is down is down for those who come later, too.
            nodes.node(&node);
            nodes.journals().iter().for_each(|journal| journal.set_down(true));
            continue;
        }
        if step["crash_at"] == "before_send" {
            nodes.node(&node).journal.hang_after_open();
        }
        if let Some(wait) = step["pause"]["ms"].as_u64() {
            assert_eq!(step["pause"]["after"], "upstream_answered");
            let (journal, chat, calls) = (nodes.node(&node).journal, chat.clone(), chat.asked());
            tasks.spawn(async move {
                chat.until_asked(calls + 1).await;
                journal.pause_until(Instant::now() + Duration::from_millis(wait));
            });
        }
        let (reading, taking) = (reader(step, nodes.node(&node), readers.clone()), readers.clone());
        let calls = chat.asked();
        let task = tasks.spawn(async move {
            let read = reading.await;
            taking.lock().unwrap().insert(id, read);
        });
        if step["crash_at"] == "awaiting_headers" {
            chat.until_asked(calls + 1).await;
        }
        if !step["crash_at"].is_null() {
            sleep(Duration::from_millis(1)).await;
            task.abort();
            nodes.crash(&node);
        }
        if let Some(at) = step["crash_at_ms"].as_u64() {
            let (nodes, task) = (nodes.clone(), task.clone());
            tasks.spawn(async move {
                sleep_until(begun + Duration::from_millis(at)).await;
                task.abort();
                nodes.crash(&node);
            });
        }
    }
    let waiting = async { while tasks.join_next().await.is_some() {} };
    timeout(Duration::from_secs(3600), waiting).await.unwrap_or_else(|_| panic!("{} hangs", case["name"]));
    let read = readers.lock().unwrap().clone();
    let billed = *billed.lock().unwrap();
    Ran { read, calls: chat.asked(), billed }
}

/// What the reader of a step does.
fn reader(
    step: &Value,
    node: Node,
    readers: Arc<Mutex<BTreeMap<String, Read>>>,
) -> impl Future<Output = Read> + Send + 'static {
    let step = step.clone();
    async move {
        let of = step["of"].as_str().map(|of| readers.lock().unwrap().get(of).cloned());
        let tenant = format!("Bearer {}", step["tenant"].as_str().unwrap_or_default());
        let request = match step["do"].as_str().unwrap() {
            "request" => request(&step),
            "cancel" => {
                // The first reader is reading still: its answer is known by its key.
                let id = current_id(&node, &step).await;
                with_tenant(about(Method::DELETE, &id), &tenant)
            }
            "resume" => {
                let read = of.flatten().unwrap();
                let seen = match step["last_event_id"].as_str().unwrap() {
                    "event 1 of r1" => read.events[0].0,
                    "event 2 of r1" => read.events[1].0,
                    "last event of r1" => read.events.last().unwrap().0,
                    what => panic!("nobody knows what {what} is"),
                };
                let id = read.headers["x-lastbyte-answer"].to_str().unwrap().to_owned();
                with_tenant(resume(&id, seen), &tenant)
            }
            what => panic!("nobody knows what {what} is"),
        };
        let given: Given = node.send(request).await;
        drop(node);
        if let Some(events) = step["disconnect_after_events"].as_u64() {
            return read_events(given, events as usize).await;
        }
        match step["disconnect_after_ms"].as_u64() {
            Some(wait) => read_for(given, Duration::from_millis(wait)).await,
            None => read(given).await,
        }
    }
}

fn with_tenant(mut request: Request<Full<Bytes>>, tenant: &str) -> Request<Full<Bytes>> {
    request.headers_mut().insert("authorization", tenant.parse().unwrap());
    request
}

/// The name of the answer that runs under the key of the first request: whoever asks the same is told.
async fn current_id(node: &Node, step: &Value) -> String {
    let again = serde_json::json!({
        "key": "\"k1\"", "body": "A", "tenant": step["tenant"], "stream": true,
    });
    crate::support::id_of(&node.send(request(&again)).await)
}
