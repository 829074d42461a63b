//! Keys that tell whose they are by how they begin.
//!
//! The shapes are those that the providers' documentation and their registrations for secret scanning give. A key is
//! taken for one by its beginning, its letters and a least length; the true length may grow without notice, so that
//! there is no greatest one.

use super::{Found, word::Word};
use crate::scan::Swallow;
use crate::scan::cursor::{CAP, Cursor};

/// Keys of one kind.
struct Shape {
    begins: &'static str,
    /// How many characters come then, at least.
    least: usize,
    letters: Letters,
    why: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Letters {
    /// Letters and digits.
    Alnum,
    /// Capital letters and digits.
    Capitals,
    Hex,
    /// And `_` and `-`.
    Url,
    /// And dots too.
    Dotted,
}

impl Letters {
    fn is_in(self) -> fn(char) -> bool {
        match self {
            Self::Alnum => |ch| ch.is_ascii_alphanumeric(),
            Self::Capitals => |ch| ch.is_ascii_uppercase() || ch.is_ascii_digit(),
            Self::Hex => |ch| ch.is_ascii_hexdigit(),
            Self::Url => |ch| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-',
            Self::Dotted => |ch| ch.is_ascii_alphanumeric() || "_-.".contains(ch),
        }
    }
}

const fn shape(begins: &'static str, least: usize, letters: Letters, why: &'static str) -> Shape {
    Shape { begins, least, letters, why }
}

use Letters::{Alnum, Capitals, Dotted, Hex, Url};

/// Longer beginnings stand before shorter ones.
const SHAPES: &[Shape] = &[
    shape("sk-ant-", 20, Url, "key of Anthropic"),
    shape("sk-proj-", 16, Url, "key of OpenAI"),
    shape("sk-svcacct-", 16, Url, "key of OpenAI"),
    shape("sk-admin-", 16, Url, "key of OpenAI"),
    shape("sk-or-v1-", 32, Hex, "key of OpenRouter"),
    shape("sk-lf-", 32, Url, "key of Langfuse"),
    // OpenAI's old keys, DeepSeek, DashScope, Moonshot, StepFun, Baichuan and others.
    shape("sk-", 16, Url, "key that begins with sk-"),
    shape("sk_live_", 16, Alnum, "key of Stripe"),
    shape("sk_test_", 16, Alnum, "key of Stripe"),
    shape("rk_live_", 16, Alnum, "key of Stripe"),
    shape("rk_test_", 16, Alnum, "key of Stripe"),
    shape("whsec_", 24, Alnum, "key of Stripe"),
    shape("ghp_", 30, Alnum, "token of GitHub"),
    shape("gho_", 30, Alnum, "token of GitHub"),
    shape("ghu_", 30, Alnum, "token of GitHub"),
    shape("ghs_", 30, Alnum, "token of GitHub"),
    shape("ghr_", 30, Alnum, "token of GitHub"),
    shape("github_pat_", 22, Url, "token of GitHub"),
    shape("glpat-", 20, Dotted, "token of GitLab"),
    shape("gldt-", 20, Url, "token of GitLab"),
    shape("glrt-", 20, Url, "token of GitLab"),
    shape("xoxb-", 16, Url, "token of Slack"),
    shape("xoxa-", 16, Url, "token of Slack"),
    shape("xoxp-", 16, Url, "token of Slack"),
    shape("xoxo-", 16, Url, "token of Slack"),
    shape("xoxr-", 16, Url, "token of Slack"),
    shape("xoxs-", 16, Url, "token of Slack"),
    shape("xapp-", 16, Url, "token of Slack"),
    shape("hf_", 30, Alnum, "token of Hugging Face"),
    shape("AIza", 30, Url, "key of Google"),
    shape("ya29.", 20, Url, "token of Google"),
    shape("GOCSPX-", 20, Url, "client secret of Google"),
    shape("AKIA", 16, Capitals, "access key of AWS"),
    shape("ASIA", 16, Capitals, "access key of AWS"),
    shape("ABIA", 16, Capitals, "access key of AWS"),
    shape("ACCA", 16, Capitals, "access key of AWS"),
    shape("LTAI", 12, Alnum, "access key of Alibaba Cloud"),
    shape("AKID", 28, Alnum, "access key of Tencent Cloud"),
    shape("AKLT", 20, Alnum, "access key of Volcengine"),
    shape("bce-v3/ALTAK-", 20, Url, "key of Baidu"),
    shape("gsk_", 40, Alnum, "key of Groq"),
    shape("xai-", 40, Alnum, "key of xAI"),
    shape("pplx-", 40, Alnum, "key of Perplexity"),
    shape("r8_", 30, Alnum, "token of Replicate"),
    shape("nvapi-", 40, Url, "key of NVIDIA"),
    shape("fw_", 20, Alnum, "key of Fireworks"),
    shape("tgp_v1_", 32, Url, "key of Together"),
    shape("csk-", 40, Alnum, "key of Cerebras"),
    shape("npm_", 30, Alnum, "token of npm"),
    shape("pypi-", 50, Url, "token of PyPI"),
    shape("SG.", 40, Dotted, "key of SendGrid"),
    shape("dop_v1_", 40, Hex, "token of DigitalOcean"),
    shape("hvs.", 24, Url, "token of Vault"),
    shape("shpat_", 30, Hex, "token of Shopify"),
    shape("lin_api_", 30, Alnum, "key of Linear"),
    shape("ntn_", 40, Alnum, "token of Notion"),
    shape("figd_", 30, Url, "token of Figma"),
    shape("dckr_pat_", 20, Url, "token of Docker"),
    shape("glsa_", 32, Url, "token of Grafana"),
    shape("dapi", 32, Hex, "token of Databricks"),
    shape("sq0atp-", 20, Url, "token of Square"),
    shape("PMAK-", 40, Url, "key of Postman"),
    shape("SK", 32, Hex, "key of Twilio"),
];

/// The two bytes that keys begin with, as bits.
const BEGINS: [u64; 1024] = {
    let mut begins = [0; 1024];
    let mut at = 0;
    while at < SHAPES.len() {
        let bytes = SHAPES[at].begins.as_bytes();
        let two = (bytes[0] as usize) << 8 | bytes[1] as usize;
        begins[two / 64] |= 1 << (two % 64);
        at += 1;
    }
    let token = (b'e' as usize) << 8 | b'y' as usize;
    begins[token / 64] |= 1 << (token % 64);
    begins
};

/// Whether a key that is told by its beginning has these two in front.
pub(in crate::scan) fn begins_key(first: u8, second: u8) -> bool {
    let two = usize::from(first) << 8 | usize::from(second);
    BEGINS[two / 64] & 1 << (two % 64) != 0
}

/// Whether a key that is told by its beginning may begin with these bytes; in doubt, and where there are too few, it does.
pub(in crate::scan) fn may_begin_key(bytes: &[u8]) -> bool {
    let veils = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii() || b"\\%&".contains(byte));
    bytes.starts_with(b"ey")
        || SHAPES.iter().any(|shape| {
            let begins = shape.begins.as_bytes();
            let same = bytes.iter().zip(begins).take_while(|(one, other)| one == other).count();
            same == begins.len() || same > 0 && veils(bytes.get(same))
        })
}

/// A key that begins here.
pub(super) fn find(cursor: &mut Cursor<'_>, last: Option<char>) -> Option<Found> {
    let first = cursor.peek()?.ch;
    if !first.is_ascii_alphanumeric() || last.is_some_and(|ch| ch.is_ascii_alphanumeric() || ch == '_') {
        return None;
    }
    let start = cursor.at();
    if first.is_ascii_digit() || first.is_ascii_lowercase() && first.is_ascii_hexdigit() {
        if let Some(found) = zhipu(cursor) {
            return Some(found);
        }
        cursor.set(start);
    }
    if first == 'e' {
        return jwt(cursor);
    }
    if BEGINS[first as usize * 4..][..4] == [0; 4] {
        return None;
    }
    cursor.next();
    let second = cursor.peek()?.ch;
    cursor.set(start);
    if !second.is_ascii() || !begins_key(first as u8, second as u8) {
        return None;
    }
    // The beginning, as far as any shape has it.
    let mut begins = String::new();
    loop {
        let longer = |shape: &Shape| shape.begins.len() > begins.len() && shape.begins.starts_with(&begins);
        if !SHAPES.iter().any(longer) {
            break;
        }
        let Some(atom) = cursor.peek() else { break };
        begins.push(atom.ch);
        if !SHAPES.iter().any(|shape| shape.begins.starts_with(&begins)) {
            break;
        }
        cursor.set(atom.end);
    }
    SHAPES.iter().filter(|shape| begins.starts_with(shape.begins)).find_map(|shape| {
        cursor.set(start);
        for _ in 0..shape.begins.len() {
            cursor.next()?;
        }
        let word = Word::read(cursor, CAP, shape.letters.is_in());
        let is_key = match shape.begins {
            // Names and titles begin so too.
            "sk-" => word.longest_run() >= 16 && (word.has_digit() || word.is_mixed()),
            "fw_" | "SK" | "dapi" | "csk-" => word.has_digit(),
            _ => true,
        };
        let long_enough = word.text.len() >= shape.least && is_key;
        let swallow = if word.is_cut { Swallow::Word } else { Swallow::Nothing };
        let canonical = format!("{}{}", shape.begins, word.text);
        long_enough.then(|| Found { end: end_of(&word, cursor, start), why: shape.why, canonical, swallow })
    })
}

/// Where a word ends: a dot or a dash at its end belongs to the sentence.
fn end_of(word: &Word, cursor: &mut Cursor<'_>, start: usize) -> usize {
    let stands = cursor.slice(start, word.end);
    start + stands.trim_end_matches(['.', '-']).len()
}

/// `eyJ….….…` (RFC 7519, and RFC 7516 with five parts): JSON in base64, which begins with `{"`.
fn jwt(cursor: &mut Cursor<'_>) -> Option<Found> {
    let start = cursor.at();
    for expected in "eyJ".chars() {
        (cursor.next()?.ch == expected).then_some(())?;
    }
    let word = Word::read(cursor, CAP, Letters::Dotted.is_in());
    let parts: Vec<_> = word.text.split('.').collect();
    let is_token = parts.len() >= 3 && parts[0].len() >= 8 && parts[1].len() >= 4;
    let is_begun = word.is_cut && word.text.len() > 64;
    (is_token || is_begun).then_some(())?;
    let swallow = if word.is_cut { Swallow::Word } else { Swallow::Nothing };
    let canonical = format!("eyJ{}", word.text);
    Some(Found { end: end_of(&word, cursor, start), why: "JSON web token", canonical, swallow })
}

/// Zhipu's: 32 hexadecimal digits, a dot, 16 letters and digits.
fn zhipu(cursor: &mut Cursor<'_>) -> Option<Found> {
    let mut canonical = String::new();
    for part in [32, 16] {
        for _ in 0..part {
            let ch = cursor.next()?.ch;
            let fits = if part == 32 { ch.is_ascii_hexdigit() } else { ch.is_ascii_alphanumeric() };
            fits.then_some(())?;
            canonical.push(ch);
        }
        if part == 32 {
            (cursor.next()?.ch == '.').then_some(())?;
            canonical.push('.');
        }
    }
    let goes_on = cursor.peek().is_some_and(|atom| atom.ch.is_ascii_alphanumeric());
    (!goes_on).then(|| Found { end: cursor.at(), why: "key of Zhipu", canonical, swallow: Swallow::Nothing })
}
