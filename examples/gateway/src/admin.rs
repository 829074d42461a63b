//! The operators' side: what was counted, as JSON, as Prometheus reads it, and as a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{Response, StatusCode};
use lastbyte::backpressure::Occupancy;
use lastbyte::breaker::{State as Circuit, Status};
use lastbyte::idempotency::Totals as Keys;
use lastbyte::quota::{QuotaLayer, Quotas as _, Totals};
use lastbyte::redact::mask::{MaskLayer, Totals as Masked};

use crate::places::Held;
use crate::proxy::{Proxy, nothing};
use crate::quotas::Kept;
use crate::stats::Counts;

/// What `/metrics` is, for those who read it (Prometheus' text format).
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

mod breaker;
mod redact;

pub(crate) fn routes(proxy: Arc<Proxy>) -> Router {
    let playground = redact::routes(proxy.redact());
    Router::new()
        .route("/stats", get(stats))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/breaker", get(breaker).put(set_breaker))
        .with_state(proxy)
        .merge(playground)
}

async fn stats(State(proxy): State<Arc<Proxy>>) -> Json<Counts> {
    Json(proxy.stats.counts())
}

async fn metrics(State(proxy): State<Arc<Proxy>>) -> impl IntoResponse {
    let ready = !proxy.drain.is_begun();
    (
        [(header::CONTENT_TYPE, METRICS)],
        exposition(&proxy.stats.counts(), &proxy.circuits(), &proxy.places.held(), &proxy.quota, ready)
            + &exposition_of_keys(&proxy.answers.totals())
            + &exposition_of_masking(&proxy.mask.as_ref().map(MaskLayer::totals).unwrap_or_default()),
    )
}

async fn status(State(proxy): State<Arc<Proxy>>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page(&proxy))
}

async fn breaker(State(proxy): State<Arc<Proxy>>) -> Json<serde_json::Value> {
    Json(breaker::shown(&proxy.circuits()))
}

async fn set_breaker(State(proxy): State<Arc<Proxy>>, body: Bytes) -> Response<Body> {
    let change = match breaker::Change::read(&body) {
        Ok(change) => change,
        Err(why) => return nothing(StatusCode::BAD_REQUEST, "invalid_breaker", &why),
    };
    if !proxy.set_breaker(change.mode, change.upstream.as_deref()) {
        let why = "there is no circuit of that upstream; GET /breaker lists those that calls have made";
        return nothing(StatusCode::NOT_FOUND, "unknown_upstream", why);
    }
    tracing::info!(mode = ?change.mode, upstream = ?change.upstream, "the breaker was set by hand");
    breaker(State(proxy)).await.into_response()
}

/// The counts in Prometheus' text format. Every label has one of a few values that are written here.
fn exposition(
    counts: &Counts,
    circuits: &[(Box<str>, Status)],
    held: &Held,
    quota: &QuotaLayer<Kept>,
    ready: bool,
) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
        write_metric(&mut text, name, kind, help, values);
    };
    metric("ready", "gauge", "Whether new calls are taken.", &[("", ready.into())]);
    metric("requests_total", "counter", "Calls of readers to the chat API.", &[("", counts.requests)]);
    metric("active_requests", "gauge", "Calls that have not ended.", &[("", counts.active)]);
    metric("attempts_total", "counter", "Attempts upstream of calls that ended.", &[("", counts.attempts)]);
    metric(
        "sent_bytes_total",
        "counter",
        "Bytes of the bodies of answers that ended.",
        &[("", counts.bytes)],
    );
    let mut by = |name: &str, label: &str, help: &str, counts: &BTreeMap<&str, u64>| {
        let labels: Vec<_> =
            counts.iter().map(|(value, count)| (format!("{{{label}=\"{value}\"}}"), *count)).collect();
        let values: Vec<_> = labels.iter().map(|(label, count)| (label.as_str(), *count)).collect();
        metric(name, "counter", help, &values);
    };
    by("endings_total", "ending", "Calls by how they ended.", &counts.endings);
    by("refused_total", "by", "Calls that a part of the gateway refused.", &counts.refused);
    // Not by upstream: readers name the models, and a label has to have few values.
    let states = [
        ("{state=\"closed\"}", Circuit::Closed),
        ("{state=\"open\"}", Circuit::Open),
        ("{state=\"half-open\"}", Circuit::HalfOpen),
        ("{state=\"closing\"}", Circuit::Closing),
    ];
    let in_state = |state| circuits.iter().filter(|(_, status)| status.state == state).count() as u64;
    let states = states.map(|(label, state)| (label, in_state(state)));
    metric("circuits", "gauge", "Upstreams by the state of their circuit.", &states);
    let sum = |of: fn(&Status) -> u64| circuits.iter().map(|(_, status)| of(status)).sum();
    let opened = sum(|status| status.opened);
    metric("circuits_opened_total", "counter", "How often circuits opened.", &[("", opened)]);
    let refused = sum(|status| status.refused);
    metric("circuits_refused_total", "counter", "Calls that open circuits refused.", &[("", refused)]);
    let sides = |readers: usize, upstream: usize| {
        [("{side=\"readers\"}", readers as u64), ("{side=\"upstream\"}", upstream as u64)]
    };
    let streams = sides(held.readers.held, held.upstream);
    metric("places_held", "gauge", "Streams that have a place.", &streams);
    let waiting = sides(held.readers.waiting, held.upstream_waiting);
    metric("places_waiting", "gauge", "Calls that wait for a place.", &waiting);
    let used = held.memory as u64;
    metric("memory_charged_bytes", "gauge", "What open calls are charged for.", &[("", used)]);
    let budget = held.memory_budget as u64;
    metric("memory_budget_bytes", "gauge", "What they may be charged for.", &[("", budget)]);
    let keys = quota.quotas().keys() as u64;
    metric("quota_keys", "gauge", "Tenants whose use of their quota is known.", &[("", keys)]);
    let Totals { reserved, used, .. } = quota.totals();
    metric("quota_reserved_tokens_total", "counter", "Tokens that calls reserved.", &[("", reserved)]);
    metric("quota_used_tokens_total", "counter", "Tokens of calls that ended.", &[("", used)]);
    text
}

/// What keys did, in the same format.
fn exposition_of_keys(totals: &Keys) -> String {
    let counters = [
        ("opened", "Answers asked for under a new key.", totals.opened),
        ("joined", "Requests that got an answer that was running.", totals.joined),
        ("replayed", "Requests that got an answer that had ended.", totals.replayed),
        ("taken_over", "Answers taken over from a writer that had died.", totals.taken_over),
        ("released", "Keys set free because nothing was answered.", totals.released),
        ("fenced", "Answers that somebody else went on with or ended.", totals.fenced),
        ("degraded", "Requests with a key that passed while the store was away.", totals.degraded),
        ("refused", "Requests with a key that were refused while the store was away.", totals.refused),
    ];
    let mut text = String::new();
    for (name, help, value) in counters {
        write_metric(&mut text, &format!("answers_{name}_total"), "counter", help, &[("", value)]);
    }
    let running = [("", totals.running)];
    write_metric(&mut text, "answers_running", "gauge", "Answers that are written now.", &running);
    text
}

/// What masking did, in the same format.
fn exposition_of_masking(totals: &Masked) -> String {
    let counters = [
        ("mask_requests", "Requests whose values were masked.", totals.masked),
        ("mask_values", "The values of those.", totals.values),
        ("mask_refused", "Requests that could not be masked, and were refused.", totals.refused),
        ("mask_restored", "Stand-ins in answers that became values again.", totals.restored),
        ("mask_lost", "What may have been a stand-in, and was none of its answer.", totals.lost),
        ("mask_unread", "Answers to masked requests that could not be read.", totals.unread),
    ];
    let mut text = String::new();
    for (name, help, value) in counters {
        write_metric(&mut text, &format!("{name}_total"), "counter", help, &[("", value)]);
    }
    text
}

/// One metric, with its values by their labels.
fn write_metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(&str, u64)]) {
    let _ = writeln!(text, "# HELP lastbyte_{name} {help}\n# TYPE lastbyte_{name} {kind}");
    for (label, value) in values {
        let _ = writeln!(text, "lastbyte_{name}{label} {value}");
    }
}

fn page(proxy: &Proxy) -> String {
    let counts = proxy.stats.counts();
    let up = humantime::format_duration(std::time::Duration::from_secs(proxy.stats.up().as_secs()));
    let state = if proxy.drain.is_begun() { "draining" } else { "ready" };
    let mut rows = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        let _ =
            writeln!(rows, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escaped(&value.to_string()));
    };
    row("state", &state);
    row("version", &env!("CARGO_PKG_VERSION"));
    row("up", &up);
    row("upstream", proxy.upstream());
    row("calls", &counts.requests);
    row("open", &counts.active);
    row("attempts", &counts.attempts);
    for (ending, count) in &counts.endings {
        row(ending, count);
    }
    for (by, count) in &counts.refused {
        row(&format!("refused by {by}"), count);
    }
    if !proxy.quota.quotas().is_unlimited() {
        let Totals { reserved, used, .. } = proxy.quota.totals();
        row("tenants with a quota in use", &proxy.quota.quotas().keys());
        row("tokens reserved, and used in the end", &format!("{reserved}, {used}"));
    }
    let keys = proxy.answers.totals();
    row("answers under a key", &keys.opened);
    row("written now", &keys.running);
    row("joined, replayed", &format!("{}, {}", keys.joined, keys.replayed));
    row("taken over", &keys.taken_over);
    let held = proxy.places.held();
    row("places of readers", &in_words(&held.readers));
    row("memory charged", &format!("{} of {}", size(held.memory), size(held.memory_budget)));
    for (upstream, places) in &proxy.places.by_upstream() {
        row(&format!("places at {}", escaped(breaker::name(upstream))), &in_words(places));
    }
    for (upstream, status) in &proxy.circuits() {
        row(&format!("circuit of {}", escaped(breaker::name(upstream))), &breaker::in_words(status));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>lastbyte: {state}</title>\n\
         <style>:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem }} \
         th {{ text-align: left; font-weight: normal; padding-right: 2rem }} \
         td {{ text-align: right; font-variant-numeric: tabular-nums }}</style>\n\
         <h1>lastbyte</h1>\n<table>\n{rows}</table>\n<p><a href=\"/redact\">What a text becomes in the log</a></p>\n"
    )
}

fn in_words(places: &Occupancy) -> String {
    let Occupancy { held, waiting, limit, .. } = places;
    match waiting {
        0 => format!("{held} of {limit}"),
        waiting => format!("{held} of {limit}, {waiting} waiting"),
    }
}

fn size(bytes: usize) -> bytesize::ByteSize {
    bytesize::ByteSize::b(bytes as u64)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use lastbyte::quota::{Allowance, Local};

    use super::*;
    use crate::config::Config;
    use crate::places::Places;

    #[test]
    fn the_counts_are_told_as_prometheus_reads_them() {
        let endings = [("complete", 3), ("truncated", 1)].into();
        let refused = [("quota", 2)].into();
        let counts = Counts { requests: 5, active: 1, attempts: 6, bytes: 7, endings, refused };
        let readers = Places::new(&Config::default()).held();
        let text = exposition(
            &counts,
            &[],
            &readers,
            &QuotaLayer::with_quotas(Kept::Here(Local::new(Allowance::new()))),
            true,
        );
        for line in [
            "# TYPE lastbyte_requests_total counter",
            "lastbyte_ready 1",
            "lastbyte_requests_total 5",
            "lastbyte_active_requests 1",
            "lastbyte_endings_total{ending=\"complete\"} 3",
            "lastbyte_refused_total{by=\"quota\"} 2",
            "lastbyte_quota_keys 0",
            "lastbyte_places_held{side=\"readers\"} 0",
            "lastbyte_memory_budget_bytes 1073741824",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn what_stands_on_the_page_is_text() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
