//! What a call reserves at its beginning, and what its ending makes of that.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Full};
use lastbyte_core::{BoxError, Dialect, Refusal, RefusedBy, Tenant};
use lastbyte_quota::{
    Allowance, Cost, Denied, Key, Local, Quota, QuotaLayer, Quotas, Standing, Taking, Wanted,
};
use tokio::time::advance;
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt};

const PIECE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":60}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
type Api = BoxCloneService<Request<Full<Bytes>>, Response<AnswerBody>, BoxError>;
type Answered = Result<Response<AnswerBody>, BoxError>;

fn stream(body: impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static) -> Answered {
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    Ok(response.body(body.map_err(Into::into).boxed_unsync())?)
}

fn status(status: u16) -> Answered {
    Ok(Response::builder().status(status).body(Full::from("{}").map_err(Into::into).boxed_unsync())?)
}

fn api(answer: impl Fn() -> Answered + Clone + Send + 'static) -> Api {
    BoxCloneService::new(tower::service_fn(move |_| ready(answer())))
}

fn says(text: &'static str) -> Api {
    api(move || stream(Full::from(text)))
}

/// A prompt of 100 tokens, and an answer of 200 at most.
fn request() -> Request<Full<Bytes>> {
    let text = "字".repeat(94);
    let body = serde_json::json!({"model": "m", "max_tokens": 200, "messages": [{"content": text}]});
    wanting(&body.to_string())
}

fn wanting(body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post("/v1/chat/completions").body(Full::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(Wanted::read(Some(Dialect::OpenAiChat), body.as_bytes()));
    request
}

fn layer() -> QuotaLayer {
    QuotaLayer::new(Allowance::new().with_requests_per_minute(10).with_tokens_per_minute(1_000))
}

/// Requests and tokens that were used.
fn used(layer: &QuotaLayer) -> (u32, u32) {
    let standing = layer.quotas().standing(&Key::from(Tenant(0)));
    (10 - standing.requests.unwrap().remaining, 1_000 - standing.tokens.unwrap().remaining)
}

async fn read(answer: Response<impl Body<Data = Bytes, Error: Into<BoxError>>>) -> (StatusCode, String) {
    let (head, body) = answer.into_parts();
    let mut body = Box::pin(body);
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    (head.status, String::from_utf8(text).unwrap())
}

/// What a call has used in the end, whatever came of it.
async fn costs(api: Api) -> (u32, u32) {
    let layer = layer();
    if let Ok(answer) = layer.layer(api).oneshot(request()).await {
        read(answer).await;
    }
    used(&layer)
}

#[tokio::test(start_paused = true)]
async fn an_estimate_is_held_until_the_last_byte_and_then_the_usage_counts() {
    let layer = layer();
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(8);
    let body = Mutex::new(Some(body));
    let body = Arc::new(body);
    let api = api(move || stream(body.lock().unwrap().take().unwrap()));
    let answer = layer.layer(api).oneshot(request()).await.unwrap();
    let mut body = Box::pin(answer.into_body());
    for piece in [PIECE, STOP, USAGE] {
        sender.send_data(Bytes::from_static(piece.as_bytes())).await.unwrap();
        body.frame().await.unwrap().unwrap();
        assert_eq!(used(&layer), (1, 300), "100 for the prompt, 200 for the answer");
    }
    sender.send_data(Bytes::from_static(DONE.as_bytes())).await.unwrap();
    drop(sender);
    while body.frame().await.is_some() {}
    assert_eq!(used(&layer), (1, 100), "as the API counts");
    let totals = layer.totals();
    assert_eq!((totals.reserved, totals.used), (300, 100));
}

#[tokio::test(start_paused = true)]
async fn more_than_was_reserved_is_owed() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":900,\"completion_tokens\":600}}\n\n";
    let text: &'static str = [PIECE, STOP, usage, DONE].concat().leak();
    let layer = layer();
    let mut service = layer.layer(says(text));
    read(service.ready().await.unwrap().call(request()).await.unwrap()).await;
    let answer = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(answer.status(), 429);
    // 500 are owed, and 300 are wanted: 800 at 1000 a minute.
    assert_eq!(answer.headers()["retry-after"], "48");
    assert_eq!(answer.headers()["retry-after-ms"], "48000");
}

/// An event with an error of that kind.
fn error(kind: &str) -> String {
    format!("data: {{\"error\":{{\"message\":\"no\",\"type\":\"{kind}\"}}}}\n\n")
}

#[tokio::test(start_paused = true)]
async fn each_way_to_end_has_its_price() {
    let says = |text: String| self::says(text.leak());
    let whole = [PIECE, PIECE, STOP, DONE].concat();
    assert_eq!(costs(says(whole)).await, (1, 103), "complete, nobody counted, and three events in one piece");
    assert_eq!(costs(says(PIECE.into())).await, (1, 200), "cut: half of what was reserved for the answer");
    let late = [PIECE, &error("server_error")].concat();
    assert_eq!(costs(says(late)).await, (1, 200), "an error behind content");
    for kind in ["server_error", "rate_limit_error", "invalid_request_error", "insufficient_quota"] {
        assert_eq!(costs(says(error(kind))).await, (1, 0), "{kind} before content");
    }
    assert_eq!(costs(says(String::new())).await, (1, 0), "nothing at all");
    for code in [500, 429, 400] {
        assert_eq!(costs(api(move || status(code))).await, (1, 0), "{code}");
    }
    assert_eq!(costs(api(|| Err("no connection".into()))).await, (1, 0));
    let refused = || {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, RefusedBy::Breaker, "circuit_open", "no");
        Ok(refusal.into_response::<Full<Bytes>>().map(|body| body.map_err(Into::into).boxed_unsync()))
    };
    assert_eq!(costs(api(refused)).await, (0, 0), "it never came to the API");
    let half = || json_answer("{\"choices\":[", "400");
    assert_eq!(costs(api(half)).await, (1, 200), "an answer in one piece that broke: it was worked on");
}

fn json_answer(text: &'static str, length: &str) -> Answered {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    let body = Full::from(text).map_err(Into::into).boxed_unsync();
    Ok(response.header(header::CONTENT_LENGTH, length).body(body)?)
}

#[tokio::test(start_paused = true)]
async fn a_json_answer_is_settled_by_its_usage() {
    const BEGIN: &str =
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]";
    let answer = async |usage: &str| {
        let text: &'static str = [BEGIN, usage, "}"].concat().leak();
        costs(api(move || json_answer(text, &text.len().to_string()))).await
    };
    assert_eq!(answer(",\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":2}").await, (1, 42));
    assert_eq!(answer(",\"usage\":{\"total_tokens\":70}").await, (1, 70));
    // What is not told is what was reserved.
    assert_eq!(answer(",\"usage\":{}").await, (1, 300));
    assert_eq!(answer("").await, (1, 300));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_is_never_given_back_all() {
    // Before the head.
    let layer = layer();
    let silent = BoxCloneService::new(tower::service_fn(|_| pending::<Answered>()));
    let mut call = Box::pin(layer.layer(silent).oneshot(request()));
    assert!(futures_poll(call.as_mut()).await.is_pending());
    assert_eq!(used(&layer), (1, 300));
    drop(call);
    assert_eq!(used(&layer), (1, 200));

    // With the head in hand, and after more pieces than were expected.
    for (pieces, cost) in [(0, 200), (1, 200), (150, 250)] {
        let layer = self::layer();
        let endless = api(|| stream(Pieces));
        let mut body = Box::pin(layer.layer(endless).oneshot(request()).await.unwrap().into_body());
        for _ in 0..pieces {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(used(&layer), (1, cost), "after {pieces} pieces");
    }
}

/// A body without an end.
struct Pieces;

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE.as_bytes())))))
    }
}

async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test(start_paused = true)]
async fn who_is_over_the_limit_is_told_when_to_come_back_and_by_then_may() {
    let layer = layer();
    let mut service = layer.layer(api(|| stream(Pieces)));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.ready().await.unwrap().call(request()).await.unwrap());
    }
    let answer = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-lastbyte-refused-by"]),
        (429, &"quota".parse().unwrap())
    );
    assert_eq!(answer.headers()["retry-after-ms"], "12000", "200 tokens at 1000 a minute");
    assert!(!answer.headers().contains_key("x-should-retry"), "its SDK may come back then");
    let (_, text) = read(answer).await;
    assert!(text.contains("\"code\":\"rate_limit_exceeded\"") && text.contains("try again in 12s"), "{text}");
    advance(Duration::from_millis(11_999)).await;
    assert_eq!(service.ready().await.unwrap().call(request()).await.unwrap().status(), 429);
    advance(Duration::from_millis(1)).await;
    assert_eq!(service.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_burst_has_an_error_of_its_own() {
    let long = format!("{{\"messages\":[{{\"content\":\"{}\"}}]}}", "字".repeat(1_500));
    let capped = "{\"max_tokens\":5,\"max_completion_tokens\":1001,\"messages\":[]}";
    for body in [long.as_str(), capped] {
        let layer = layer().with_expected_answer(2_000);
        let answer = layer.layer(says(PIECE)).oneshot(wanting(body)).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["x-should-retry"].as_bytes()),
            (429, &b"false"[..])
        );
        assert!(!answer.headers().contains_key("retry-after"));
        assert!(read(answer).await.1.contains("\"code\":\"request_above_quota\""));
        assert_eq!(used(&layer), (0, 0));
    }
    // What is only expected of its answer keeps nobody out.
    let layer = layer().with_expected_answer(2_000);
    let body = Box::pin(layer.layer(api(|| stream(Pieces))).oneshot(wanting("{}")).await.unwrap());
    assert_eq!((body.status().as_u16(), used(&layer)), (200, (1, 1_000)));
}

/// A stream that tells its usage: so many tokens of answers.
fn counted(finish: &str, answer: u64) -> Api {
    let stop = STOP.replace("stop", finish);
    let usage = USAGE.replace("60", &answer.to_string());
    says([PIECE, &stop, &usage, DONE].concat().leak())
}

/// What a call reserves.
async fn reserves(layer: &QuotaLayer, body: &str, api: Api) -> u64 {
    let before = layer.totals().reserved;
    let answer = layer.layer(api).oneshot(wanting(body)).await.unwrap();
    assert_eq!(answer.status(), 200, "{body}");
    let reserved = layer.totals().reserved - before;
    read(answer).await;
    reserved
}

fn plenty() -> QuotaLayer {
    QuotaLayer::new(Allowance::new().with_tokens_per_minute(10_000_000)).with_expected_answer(100)
}

#[tokio::test(start_paused = true)]
async fn what_answers_take_is_learnt_by_model() {
    let layer = plenty();
    let two = |model: &str| format!("{{\"model\":\"{model}\",\"n\":2,\"messages\":[]}}");
    assert_eq!(reserves(&layer, &two("m"), counted("stop", 600)).await, 3 + 2 * 100);
    for _ in 0..20 {
        reserves(&layer, &two("m"), counted("stop", 600)).await;
    }
    // 300 tokens each; no two in a class of lengths are further apart than a quarter.
    assert_eq!(reserves(&layer, &two("m"), counted("stop", 600)).await, 3 + 2 * 319);
    assert_eq!(reserves(&layer, &two("other"), counted("stop", 600)).await, 3 + 2 * 100);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_short_teaches_nothing() {
    let one = "{\"model\":\"m\",\"messages\":[]}";
    let capped = "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}";
    for (body, api) in [
        (one, says(PIECE)),
        (one, says([PIECE, STOP, DONE].concat().leak())),
        (one, counted("length", 5_000)),
        (capped, counted("stop", 1)),
    ] {
        let layer = plenty();
        for _ in 0..40 {
            reserves(&layer, body, api.clone()).await;
        }
        assert_eq!(reserves(&layer, one, api).await, 3 + 100);
    }
    // However short they are, a quarter of what was expected is reserved.
    let layer = plenty();
    for _ in 0..40 {
        reserves(&layer, one, counted("stop", 1)).await;
    }
    assert_eq!(reserves(&layer, one, counted("stop", 1)).await, 3 + 25);
}

#[tokio::test(start_paused = true)]
async fn long_answers_of_others_do_not_keep_anyone_out() {
    let layer = QuotaLayer::new(Allowance::new().with_tokens_per_minute(10_000));
    let ask = |key: &str, cap: &str| {
        let mut request = wanting(&format!("{{\"model\":\"m\",{cap}\"messages\":[]}}"));
        request.extensions_mut().insert(Key::named(key));
        request
    };
    for number in 0..20 {
        let key = format!("other {number}");
        read(layer.layer(counted("stop", 12_000)).oneshot(ask(&key, "")).await.unwrap()).await;
    }
    let mut held = Vec::new();
    for cap in ["", "\"max_tokens\":16000,"] {
        let answer = layer.layer(api(|| stream(Pieces))).oneshot(ask("victim", cap)).await.unwrap();
        assert_eq!(answer.status(), 200, "{cap}");
        held.push(answer);
    }
    let left = layer.quotas().standing(&Key::named("victim")).tokens.unwrap().remaining;
    assert_eq!(left, 10_000 - 2 * 2_503, "a quarter of what may be used at once, and the prompt");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refused_holds_nothing() {
    let inner = tower::limit::ConcurrencyLimit::new(api(|| stream(Pieces)), 1);
    let layer = QuotaLayer::new(Allowance::new().with_requests_per_minute(1));
    let (mut one, mut other) = (layer.layer(inner.clone()), layer.layer(inner));
    drop(one.ready().await.unwrap().call(request()).await.unwrap());
    assert_eq!(one.ready().await.unwrap().call(request()).await.unwrap().status(), 429);
    let ready = tokio::time::timeout(Duration::from_secs(1), other.ready()).await;
    assert!(ready.is_ok_and(|ready| ready.is_ok()), "the place is free");
}

#[tokio::test(start_paused = true)]
async fn the_time_to_come_back_is_never_too_early() {
    let layer =
        QuotaLayer::new(Allowance::new().with_requests_per_minute(7).with_burst(Duration::from_secs(1)));
    let mut service = layer.layer(api(|| stream(Pieces)));
    assert_eq!(service.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
    let refused = service.ready().await.unwrap().call(request()).await.unwrap();
    let after: u64 = refused.headers()["retry-after-ms"].to_str().unwrap().parse().unwrap();
    assert_eq!((refused.status().as_u16(), after), (429, 8_572));
    advance(Duration::from_millis(after)).await;
    assert_eq!(service.ready().await.unwrap().call(request()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_as_openai_does() {
    let with_theirs = || {
        let mut answer = stream(Full::from(PIECE))?;
        answer.headers_mut().insert("x-ratelimit-remaining-tokens", "1".parse()?);
        Ok(answer)
    };
    let told = |headers: &http::HeaderMap| {
        ["limit", "remaining", "reset"].map(|what| {
            ["requests", "tokens"]
                .map(|of| headers[format!("x-ratelimit-{what}-{of}")].to_str().unwrap().to_owned())
        })
    };
    let layer = layer();
    let mut service = layer.layer(api(with_theirs));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.ready().await.unwrap().call(request()).await.unwrap());
    }
    let [first, .., last] = held.as_slice() else { panic!() };
    assert_eq!(told(first.headers()), [["10", "1000"], ["9", "700"], ["6s", "18s"]]);
    assert_eq!(told(last.headers()), [["10", "1000"], ["7", "100"], ["18s", "54s"]]);
    let refused = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(told(refused.headers()), [["10", "1000"], ["7", "100"], ["18s", "54s"]]);

    let quiet = self::layer().with_headers(false);
    let answer = quiet.layer(api(with_theirs)).oneshot(request()).await.unwrap();
    assert_eq!(answer.headers()["x-ratelimit-remaining-tokens"], "1", "the upstream's own");
}

#[tokio::test(start_paused = true)]
async fn keys_have_allowances_of_their_own() {
    let layer = layer();
    let mut service = layer.layer(api(|| stream(Pieces)));
    let mut held = Vec::new();
    let mut ask = async |key: Key| {
        let mut request = request();
        match key {
            Key::Tenant(tenant) => request.extensions_mut().insert(tenant).map(drop),
            key @ Key::Named(_) => request.extensions_mut().insert(key).map(drop),
        };
        let answer = service.ready().await.unwrap().call(request).await.unwrap();
        let status = answer.status().as_u16();
        held.push(answer);
        status
    };
    for key in [Key::named("a"), Key::named("b"), Key::from(Tenant(7))] {
        for _ in 0..3 {
            assert_eq!(ask(key.clone()).await, 200);
        }
        assert_eq!(ask(key).await, 429);
    }
}

#[tokio::test(start_paused = true)]
async fn what_costs_nothing_is_not_counted() {
    let layer = layer();
    let mut list = Request::new(Full::default());
    *list.method_mut() = Method::GET;
    read(layer.layer(says("")).oneshot(list).await.unwrap()).await;
    assert_eq!(used(&layer), (0, 0));
    // What is no chat call has no answer to expect, and a body of 400 bytes that nobody read is 100 tokens.
    let embed = Request::post("/v1/embeddings").header(header::CONTENT_TYPE, "application/json");
    let embed = embed.body(Full::from("x".repeat(400))).unwrap();
    read(layer.layer(api(|| status(200))).oneshot(embed).await.unwrap()).await;
    assert_eq!(used(&layer), (1, 100));
    // A recording is no text.
    let sound = Request::post("/v1/audio/transcriptions").body(Full::from("x".repeat(4_000_000))).unwrap();
    read(layer.layer(api(|| status(200))).oneshot(sound).await.unwrap()).await;
    assert_eq!(used(&layer), (2, 100));
    // Completions of the old kind are no chat, and say what they want.
    let mut old = wanting("{\"prompt\":\"\",\"max_tokens\":50,\"n\":2}");
    *old.uri_mut() = "/v1/completions".parse().unwrap();
    read(layer.layer(api(|| status(200))).oneshot(old).await.unwrap()).await;
    assert_eq!(used(&layer), (3, 203));
    let unlimited = QuotaLayer::new(Allowance::new());
    let answer = unlimited.layer(says(PIECE)).oneshot(request()).await.unwrap();
    assert!(!answer.headers().contains_key("x-ratelimit-limit-tokens"));
    assert_eq!((unlimited.quotas().keys(), unlimited.totals().reserved), (0, 0));
}

/// Allowances behind somebody who is away.
#[derive(Debug)]
struct Away;

impl Quotas for Away {
    type Later = std::future::Ready<Result<Standing, Denied>>;

    fn take(&self, _: &Key, _: Cost) -> Taking<Self::Later> {
        Taking::Now(Err(Denied::Unavailable { wait: Duration::from_secs(2) }))
    }

    fn settle(&self, _: &Key, _: Cost, _: Cost) {
        panic!("nothing was taken");
    }

    fn token_burst(&self) -> Option<u32> {
        None
    }

    fn is_unlimited(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_be_asked_it_is_a_503_and_not_the_callers_doing() {
    let layer = QuotaLayer::with_quotas(Away);
    let refused = layer.layer(api(|| stream(Pieces))).oneshot(request()).await.unwrap();
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(refused.headers()["retry-after"], "2");
    assert_eq!(refused.headers()["x-lastbyte-refused-by"], "quota");
}

/// Allowances behind somebody who has to be asked.
#[derive(Debug, Clone)]
struct Remote {
    local: Arc<Local>,
    settled: Arc<Mutex<Vec<(Cost, Cost)>>>,
}

impl Quotas for Remote {
    type Later = Pin<Box<dyn Future<Output = Result<Standing, Denied>> + Send>>;

    fn take(&self, key: &Key, cost: Cost) -> Taking<Self::Later> {
        let (local, key) = (self.local.clone(), key.clone());
        Taking::Later(Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            match local.take(&key, cost) {
                Taking::Now(taken) => taken,
                Taking::Later(never) => never.await,
            }
        }))
    }

    fn settle(&self, key: &Key, taken: Cost, cost: Cost) {
        self.settled.lock().unwrap().push((taken, cost));
        self.local.settle(key, taken, cost);
    }

    fn token_burst(&self) -> Option<u32> {
        self.local.token_burst()
    }

    fn is_unlimited(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn allowances_may_be_kept_elsewhere() {
    let allowance = Allowance::new().with_tokens_per_minute(1_000);
    let remote = Remote { local: Arc::new(Local::new(allowance)), settled: Arc::default() };
    let layer = QuotaLayer::with_quotas(remote.clone());
    let mut service: Quota<Api, Remote> = layer.layer(api(|| stream(Pieces)));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.ready().await.unwrap().call(request()).await.unwrap());
    }
    let refused = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!((refused.status().as_u16(), remote.settled.lock().unwrap().len()), (429, 0));
    drop(held);
    let settled = (Cost { requests: 1, tokens: 300 }, Cost { requests: 1, tokens: 200 });
    assert_eq!(*remote.settled.lock().unwrap(), [settled; 3]);
    // One that leaves before it was granted has taken nothing.
    let mut call = Box::pin(layer.layer(api(|| stream(Pieces))).oneshot(request()));
    assert!(futures_poll(call.as_mut()).await.is_pending());
    drop(call);
    assert_eq!(remote.settled.lock().unwrap().len(), 3);
}
