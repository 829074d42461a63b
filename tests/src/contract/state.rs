//! State belongs to the layer value: axum applies a layer to every route, and a caller to every client.
//!
//! No check can know what the state of a layer to come will be. So these run the same work twice, once
//! through one service and once through two services of the same layer value, and want the same of both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::answers::{self, HEL, QUESTION, ROLE, STREAM};
use crate::body::data;
use crate::boxed::Boxed;
use crate::chat::{ChatError, Reply};
use crate::read::read;
use crate::rig::Rig;

/// How many answers are left open, and how many are read, through each service.
const OPEN: usize = 10;
const READ: usize = 12;

/// What goes wrong with call number `number`: enough of everything to show in any state.
fn what(number: usize) -> Reply {
    match number % 6 {
        0 | 1 => answers::status(503, &[]),
        2 => answers::status(429, &[("retry-after", "1")]),
        3 => Reply::Error(ChatError(3)),
        4 => answers::stream([ROLE]),
        _ => answers::stream(STREAM),
    }
}

/// The same work through one service after the other: what came of it, and when.
async fn trace(rig: &Rig, services: [&Boxed; 2]) -> Vec<String> {
    rig.chat.script(|call| {
        if call.head.headers.contains_key("x-open") {
            return answers::stream_of(vec![data(HEL)]);
        }
        what(call.number)
    });
    let (started, mut open, mut came) = (Instant::now(), Vec::new(), Vec::new());
    for service in services {
        for number in 0..OPEN + READ {
            let mut request = rig.request();
            if number < OPEN {
                request.headers_mut().insert("x-open", "1".parse().unwrap());
            }
            let what = match service.clone().oneshot(request).await {
                Ok(answer) if number < OPEN => {
                    let status = answer.status();
                    open.push(answer);
                    format!("{status}, left open")
                }
                Ok(answer) => {
                    let read = read(answer).await;
                    format!("{} {}", read.status(), read.text())
                }
                Err(error) => error.to_string(),
            };
            came.push(format!("{:?}: {what}", started.elapsed()));
        }
    }
    came
}

pub(super) async fn services_of_one_layer_share_its_state(rig: Rig) {
    let one = trace(&rig, [&rig.service, &rig.service]).await;
    let twin = rig.twin();
    let second = twin.stack.around(crate::boxed::boxed(twin.chat.service()));
    let two = trace(&twin, [&twin.service, &second]).await;
    assert_eq!(one, two, "a second service of the same layer begins anew");
}

fn request(path: &str) -> Request<Body> {
    Request::post(path).body(Body::from(QUESTION.concat())).unwrap()
}

/// A chat API behind two routes that fails as `fails` has it.
fn router(rig: &Rig, fails: fn(usize) -> bool) -> Router {
    let number = Arc::new(AtomicUsize::new(0));
    let chat = move || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        async move {
            if fails(number) {
                return Response::builder().status(503).body(Body::empty()).unwrap();
            }
            let frames = STREAM.map(|event| Ok::<_, ChatError>(Frame::data(Bytes::from(event))));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            Response::builder().header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
        }
    };
    let router = Router::new()
        .route("/a/v1/chat/completions", post(chat.clone()))
        .route("/b/v1/chat/completions", post(chat));
    rig.stack.mount(router)
}

async fn routed(router: &Router, paths: [&str; 2]) -> Vec<String> {
    let (started, mut came) = (Instant::now(), Vec::new());
    for number in 0..20 {
        let answer = router.clone().oneshot(request(paths[number % 2])).await.unwrap();
        let status = answer.status();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        came.push(format!("{:?}: {status} {text:?}", started.elapsed()));
    }
    came
}

/// The same without a router.
async fn unrouted(rig: &Rig, fails: fn(usize) -> bool) -> Vec<String> {
    rig.chat.script(move |call| match fails(call.number) {
        true => answers::framed(answers::head(503, &[]), ""),
        false => answers::stream(STREAM),
    });
    let (started, mut came) = (Instant::now(), Vec::new());
    for _ in 0..20 {
        let mut request = rig.request();
        request.extensions_mut().clear();
        let read = read(rig.send(request).await.unwrap()).await;
        came.push(format!("{:?}: {} {:?}", started.elapsed(), read.status(), Bytes::from(read.bytes())));
    }
    came
}

pub(super) async fn routes_of_one_router_share_its_state(rig: Rig) {
    let (a, b) = ("/a/v1/chat/completions", "/b/v1/chat/completions");
    let fails: fn(usize) -> bool = |number| number % 3 != 2;
    let none = unrouted(&rig, fails).await;
    let one = routed(&router(&rig.twin(), fails), [a, a]).await;
    assert_eq!(none, one, "axum applies a layer anew for a request, and its state begins anew");
    let two = routed(&router(&rig.twin(), fails), [a, b]).await;
    assert_eq!(one, two, "a second route begins anew");
}

pub(super) async fn it_mounts_in_a_router(rig: Rig) {
    let router = router(&rig, |_| false);
    for path in ["/a/v1/chat/completions", "/b/v1/chat/completions"] {
        for _ in 0..10 {
            let answer = router.clone().oneshot(request(path)).await.unwrap();
            assert_eq!(answer.status().as_u16(), 200);
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), STREAM.concat());
        }
    }
    let answer = router.clone().oneshot(request("/c")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 404, "what there is no route for");
}
