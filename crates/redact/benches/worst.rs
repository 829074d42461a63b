//! `cargo bench -p lastbyte-redact --bench worst`: which texts are the slowest, in MB/s on one core. Each is a unit
//! over and over: all beginnings of values, all pairs of them, and some longer rows by chance, from a seed.
//! `-- 12` makes the rows from another one.

use std::hint::black_box;
use std::time::Instant;

use lastbyte_redact::Redactor;

/// The length of each text: many times of what is read from one place.
const LENGTH: usize = 1 << 16;

/// How many rows are made by chance.
const ROWS: usize = 6000;

/// How many of the slowest are measured again and shown.
const SHOWN: usize = 10;

/// What values begin with, are made of or are divided by.
const UNITS: &[&str] = &[
    " ",
    "\n",
    "\t",
    ":",
    "=",
    "\"",
    "'",
    "@",
    ".",
    "-",
    "_",
    "+",
    "(",
    ")",
    "/",
    "\\",
    "%",
    "&",
    ",",
    "a",
    "A",
    "1",
    "00",
    "12 ",
    "1.",
    "1-",
    "138",
    "13812345678",
    "62220212",
    "110105194912310",
    "+86",
    "+49",
    "(010)",
    "8.8.",
    "2001:",
    "::",
    "DE89",
    "aB3",
    "sk-",
    "sk_live_",
    "ghp_",
    "eyJ",
    "eyJhbGciOi",
    "AKIA",
    "LTAI",
    "aWQgaXMg",
    "aGVsbG8gd29ybGQ",
    "MTM4MTIz",
    "a1b2c3d4",
    "token",
    "token:",
    "password",
    "password=",
    "password=\"",
    "rd",
    "en",
    "密码",
    "密码是",
    "是",
    "：",
    "Bearer ",
    "Basic ",
    "a://",
    "://u:",
    "-----BEGIN ",
    "-----END",
    "PRIVATE KEY-----",
    "%41",
    "%31",
    "%3D",
    "\\u0041",
    "\\u0031",
    "\\n",
    "\\t",
    "\\\"",
    "&#65;",
    "&quot;",
    "\u{1b}",
    "\u{1b}[0m",
    "\u{200b}",
    "\u{feff}",
    "１",
    "＋",
    "＠",
    "Ａ",
    "　",
    "一",
    "一三八",
    "张",
    "伟",
    "京",
    "京A",
    "é",
    "“",
    "，",
    "\u{1f600}",
    "\u{a0}",
    "qq.com",
    "xn--",
    "phone ",
    "SSN ",
    "护照",
    "E12345678",
    "Some(",
    "{\"",
    "\":",
    "x",
];

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// MB/s, the best of so many rounds.
fn rate(redactor: &Redactor, unit: &str, rounds: usize) -> f64 {
    let text = unit.repeat(LENGTH / unit.len() + 1);
    let rounds = (0..rounds).map(|_| {
        let begun = now();
        black_box(redactor.redact(black_box(&text)));
        begun.elapsed()
    });
    text.len() as f64 / rounds.min().unwrap_or_default().as_secs_f64() / 1e6
}

fn main() {
    let seed = std::env::args().skip(1).find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(1);
    let mut random = seed;
    let mut any = |most: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % most
    };
    let mut units: Vec<String> = UNITS.iter().map(|unit| (*unit).to_owned()).collect();
    units.extend(UNITS.iter().flat_map(|first| UNITS.iter().map(move |second| format!("{first}{second}"))));
    for _ in 0..ROWS {
        let row: Vec<_> = (0..3 + any(6)).map(|_| UNITS[any(UNITS.len())]).collect();
        units.push(row.concat());
    }
    let redactor = Redactor::new();
    let mut rates: Vec<(f64, String)> =
        units.into_iter().map(|unit| (rate(&redactor, &unit, 1), unit)).collect();
    rates.sort_by(|one, other| one.0.total_cmp(&other.0));
    for limit in [1.0, 10.0, 30.0, 100.0] {
        let slow = rates.iter().filter(|(rate, _)| *rate < limit).count();
        println!("{slow:>6} of {} texts seem slower than {limit:>3} MB/s", rates.len());
    }
    println!("the slowest, and measured again:");
    for (first, unit) in rates.iter().take(SHOWN) {
        println!("{first:>8.1} {:>8.1}  {unit:?}", rate(&redactor, unit, 5));
    }
}
