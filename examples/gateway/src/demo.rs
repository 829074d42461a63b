//! The demo: a chat API that fails often, and a page to watch it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::Response;
use lastbyte_mock::{Faults, Mock, MockConfig};

use crate::config::{Config, StoreUrl};
use crate::proxy::nothing;

/// Of a hundred requests twelve meet one of these.
const FAULTS: &str = r#"{
    "status": [
        {"code": 429, "retry_after": "1", "rate": 0.05},
        {"code": 500, "rate": 0.01},
        {"code": 503, "rate": 0.01}
    ],
    "reset_before_head": 0.03,
    "stall": {"rate": 0.02},
    "interval_ms": 20,
    "first_event_ms": 100
}"#;

/// A newcomer does not wait a minute to see a stalled answer begin anew.
const FIRST_EVENT: Duration = Duration::from_secs(5);

/// The settings that the demo has instead of the usual defaults.
///
/// Answers are kept in `folder`.
pub(crate) fn defaults(folder: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.store.url = StoreUrl::Sqlite(folder.join("gateway.db"));
    config.timeouts.first_event = FIRST_EVENT;
    config.upstream.api_key_env = None;
    // Its switches break every call, and what is to be seen is what becomes of each.
    config.breaker.enabled = false;
    config
}

/// Starts the chat API on a free port.
pub(crate) async fn mock(seed: u64) -> Result<Mock, String> {
    let config = MockConfig { seed, faults: faults()? };
    let bound = Mock::bind(([127, 0, 0, 1], 0).into(), config).await;
    bound.map_err(|error| format!("the mock chat API cannot listen: {error}"))
}

fn faults() -> Result<Faults, String> {
    Faults::read(FAULTS.as_bytes())
}

struct Demo {
    mock: Mock,
    /// As they were last set, for the page.
    faults: Mutex<Faults>,
}

/// Which page is where.
pub(crate) fn pages(public: SocketAddr, admin: SocketAddr) -> String {
    format!(
        "open http://{public}/ for the chat and its faults\n\
         open http://{admin}/status for counts and circuits\n\
         open http://{admin}/redact for the redaction's playground"
    )
}

/// The page's switches.
pub(crate) fn routes(mock: Mock) -> Router {
    let demo = Arc::new(Demo { mock, faults: Mutex::new(faults().unwrap_or_default()) });
    Router::new()
        .route("/demo/faults", get(faults_now).post(set_faults))
        .route("/demo/stats", get(stats))
        .route("/demo/calls/{id}", get(calls))
        .with_state(demo)
}

impl Demo {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn faults_now(State(demo): State<Arc<Demo>>) -> Json<Faults> {
    Json(demo.faults().clone())
}

async fn set_faults(State(demo): State<Arc<Demo>>, body: Bytes) -> Response<Body> {
    match Faults::read(&body) {
        Ok(faults) => {
            demo.mock.set_faults(faults.clone());
            *demo.faults() = faults;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => nothing(StatusCode::BAD_REQUEST, "invalid_faults", &why),
    }
}

async fn stats(State(demo): State<Arc<Demo>>) -> Json<lastbyte_mock::Stats> {
    Json(demo.mock.stats())
}

/// What the attempts at one answer met, by the answer's `x-request-id`.
async fn calls(State(demo): State<Arc<Demo>>, Path(id): Path<String>) -> Json<Vec<lastbyte_mock::Fault>> {
    Json(demo.mock.met(&id))
}
