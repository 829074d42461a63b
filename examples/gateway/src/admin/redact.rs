//! The playground: what a text becomes in the log, and why. Nothing of it is logged or kept.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use lastbyte::redact::{Key, Redactor, Rule};
use serde::{Deserialize, Serialize};

use crate::config::{Redact, STYLES, Style, rules};
use crate::proxy::nothing;
use crate::routes::{ICON, SCRIPT_TYPE, STYLE, asset};

/// The largest request, in bytes: some thousand lines of a log. What is found in as much is at most some
/// thousands of values, each of which is told in a hundred bytes.
const MAX_PLAYGROUND: usize = 64 << 10;

const PAGE: &str = include_str!("../../page/redact.html");
const SCRIPT: &str = include_str!("../../page/redact.js");
const OWN_STYLE: &str = include_str!("../../page/redact.css");

/// What is tried out, and with what.
struct Playground {
    rules: Vec<Rule>,
    style: Style,
    /// Not the log's: with that one, whoever comes here could find out which value a pseudonym is of.
    key: Key,
}

/// The page, and what answers it.
pub(super) fn routes(redact: &Redact) -> Router {
    let random = [fastrand::u128(..), fastrand::u128(..)].map(u128::to_be_bytes).concat();
    let Ok(key) = Key::new(random) else { return Router::new() };
    let playground = Playground { rules: redact.rules.clone(), style: redact.style, key };
    Router::new()
        .route("/redact", get(|| asset("text/html; charset=utf-8", PAGE)).post(redacted))
        .route("/redact.js", get(|| asset(SCRIPT_TYPE, SCRIPT)))
        .route("/redact.css", get(|| asset("text/css; charset=utf-8", OWN_STYLE)))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .layer(DefaultBodyLimit::max(MAX_PLAYGROUND))
        .with_state(Arc::new(playground))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    text: String,
    /// Those of the configuration where they are left out, and so with the style.
    rules: Option<Vec<String>>,
    style: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    text: String,
    hits: Vec<Found>,
    rules: Vec<String>,
    style: &'static str,
}

/// One value. Places are in bytes of UTF-8, of the text that was sent.
#[derive(Debug, PartialEq, Serialize)]
struct Found {
    start: usize,
    end: usize,
    rule: String,
    why: &'static str,
    mark: String,
}

async fn redacted(
    State(playground): State<Arc<Playground>>,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let refused = |status, code, why: &str| nothing(status, code, why);
    let body = match body {
        Ok(body) => body,
        Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let why = format!("the request is larger than {MAX_PLAYGROUND} bytes");
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", &why);
        }
        Err(_) => return refused(StatusCode::BAD_REQUEST, "invalid_body", "the request could not be read"),
    };
    match playground.answer(&body) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, "invalid_redaction", &why),
    }
}

impl Playground {
    fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        // Where it is wrong, and not what: an error may quote the text.
        let asked: Asked = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("expected {{\"text\", \"rules\"?, \"style\"?}}; it is something else at {line}:{column}")
        })?;
        let rules = match &asked.rules {
            Some(names) => rules(names.iter().map(String::as_str))?,
            None => self.rules.clone(),
        };
        let style = match asked.style.as_deref() {
            None => self.style,
            Some(name) => {
                let known = STYLES.iter().find(|(word, _)| *word == name);
                known.map(|(_, style)| *style).ok_or("a style is \"label\" or \"pseudonym\"")?
            }
        };
        let (name, style) = match style {
            Style::Label => ("label", lastbyte::redact::Style::Label),
            Style::Pseudonym => ("pseudonym", lastbyte::redact::Style::Pseudonym(self.key.clone())),
        };
        let redactor = Redactor::builder().rules(rules.iter().copied()).style(style).build();
        let hits = redactor.find(&asked.text).into_iter().map(|hit| {
            let mut mark = String::new();
            redactor.mark(&hit, &mut mark);
            let rule = hit.rule.name().to_owned();
            Found { start: hit.range.start, end: hit.range.end, rule, why: hit.why, mark }
        });
        Ok(Answer {
            hits: hits.collect(),
            text: redactor.redact(&asked.text).into_owned(),
            rules: rules.iter().map(|rule| rule.name().to_owned()).collect(),
            style: name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playground() -> Playground {
        let key = Key::new("thirty bytes that nobody knows").unwrap();
        Playground { rules: Rule::DEFAULT.to_vec(), style: Style::Label, key }
    }

    #[test]
    fn what_is_found_is_where_the_marks_are() {
        let text = "打１３８１２３４５６７８找li.wei@example.com，key sk-proj-Ab12Cd34Ef56Gh78Ij90Kl ok";
        for style in ["label", "pseudonym"] {
            let body = serde_json::json!({"text": text, "style": style}).to_string();
            let answer = playground().answer(body.as_bytes()).unwrap();
            let (mut made, mut at) = (String::new(), 0);
            for hit in &answer.hits {
                made += &text[at..hit.start];
                made += &hit.mark;
                at = hit.end;
            }
            assert_eq!(made + &text[at..], answer.text);
            let rules: Vec<_> = answer.hits.iter().map(|hit| hit.rule.as_str()).collect();
            assert_eq!(rules, ["phone", "email", "secret"]);
            assert!(answer.hits.iter().all(|hit| !hit.why.is_empty()));
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_text() {
        for (body, what) in [
            (r#"{"text": 13812345678}"#, "expected"),
            (r#"{"text": "13812345678", "13812345678": 1}"#, "expected"),
            (r#"{"text": "13812345678", "rules": ["mail"]}"#, "no rule is called"),
            (r#"{"text": "13812345678", "style": "hash"}"#, "label"),
            ("13812345678", "expected"),
        ] {
            let why = playground().answer(body.as_bytes()).unwrap_err();
            assert!(why.contains(what) && !why.contains("138"), "{why}");
        }
    }
}
