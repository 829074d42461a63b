//! The demo: a chat API that fails often, and a page to watch it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::Response;
use lastbyte_mock::{Faults, Mock, MockConfig};

use crate::config::Config;
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
pub(crate) fn defaults() -> Config {
    let mut config = Config::default();
    config.timeouts.first_event = FIRST_EVENT;
    config.upstream.api_key_env = None;
    config
}

/// Starts the chat API on a free port.
pub(crate) async fn mock(seed: u64) -> Result<Mock, String> {
    let faults = Faults::read(FAULTS.as_bytes())?;
    let config = MockConfig { seed, faults };
    let bound = Mock::bind(([127, 0, 0, 1], 0).into(), config).await;
    bound.map_err(|error| format!("the mock chat API cannot listen: {error}"))
}

struct Demo {
    mock: Mock,
    /// As they were last set, for the page.
    faults: std::sync::Mutex<serde_json::Value>,
}

/// The page's switches.
pub(crate) fn routes(mock: Mock) -> Router {
    let faults = serde_json::from_str(FAULTS).unwrap_or_default();
    let demo = Arc::new(Demo { mock, faults: std::sync::Mutex::new(faults) });
    Router::new()
        .route("/demo/faults", get(faults_now).post(set_faults))
        .route("/demo/stats", get(stats))
        .with_state(demo)
}

impl Demo {
    fn faults(&self) -> std::sync::MutexGuard<'_, serde_json::Value> {
        self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn faults_now(State(demo): State<Arc<Demo>>) -> Json<serde_json::Value> {
    Json(demo.faults().clone())
}

async fn set_faults(State(demo): State<Arc<Demo>>, body: Bytes) -> Response<Body> {
    match Faults::read(&body) {
        Ok(faults) => {
            demo.mock.set_faults(faults);
            *demo.faults() = serde_json::from_slice(&body).unwrap_or_default();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => nothing(StatusCode::BAD_REQUEST, "invalid_faults", &why),
    }
}

async fn stats(State(demo): State<Arc<Demo>>) -> Json<lastbyte_mock::Stats> {
    Json(demo.mock.stats())
}
