//! A text that is twice as long takes twice as many steps, whatever it is: counted, not timed.

use super::cursor::STEPS;
use super::*;

/// What values begin with, are made of or are divided by.
const UNITS: &[&str] = &[
    " ",
    "\n",
    ":",
    "=",
    "\"",
    "@",
    ".",
    "-",
    "_",
    "+",
    "(",
    "/",
    "\\",
    "%",
    "&",
    "a",
    "A",
    "1",
    "00",
    "1 ",
    "1.",
    "138 1234 ",
    "13812345678",
    "13812345678-",
    "+86",
    "8.8.",
    "2001:",
    "::",
    "DE89",
    "sk-",
    "ghp_",
    "ghp_rd/",
    "eyJ",
    "eyJhbGciOi",
    "eyJhbGciOi-",
    "AKIA",
    "xn--",
    "aWQgaXMg",
    "aGVsbG8gd29ybGQg",
    "token",
    "token:",
    "token::",
    "rd::",
    "password=",
    "password:\"",
    "密码是",
    "：",
    "Bearer ",
    "a://",
    "://u:",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "%41",
    "%3D",
    "\\u0041",
    "\\n",
    "\\\"",
    "&#65;",
    "\u{1b}",
    "\u{1b}[0m",
    "\u{200b}",
    "１",
    "＠",
    "一",
    "一三八",
    "张伟",
    "京A",
    "é",
    "é@",
    "г ",
    "%4111 ",
    "%21",
    "12  ",
    "12 - ",
    "a=12+",
    "&nbsp;",
    "\\u001b[0m",
    "\\x1b[",
    "C01X",
    "“",
    "a@b.com",
    "{\"k\":\"v\"},",
];

/// How much more than twice as much is let pass: what is read behind the last place counts once.
const MOST: f64 = 2.2;

/// Several times of what is read from one place.
const LENGTH: usize = 4 * cursor::CAP;

fn steps(unit: &str, length: usize) -> usize {
    let text = unit.repeat(length / unit.len() + 1);
    STEPS.set(0);
    Scan::new(Rules::of(&Rule::DEFAULT)).run(&text, true, |_| {});
    STEPS.get()
}

fn check(unit: &str) {
    let (once, twice) = (steps(unit, LENGTH), steps(unit, 2 * LENGTH));
    let ratio = twice as f64 / once.max(LENGTH) as f64;
    assert!(ratio <= MOST, "{unit:?}: {once} steps, and {twice} for twice as much");
}

#[test]
fn each_unit_over_and_over_takes_steps_in_proportion() {
    UNITS.iter().for_each(|unit| check(unit));
}

#[test]
fn units_in_turn_take_steps_in_proportion() {
    let mut random = 1_u64;
    let mut any = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        UNITS[(random >> 33) as usize % UNITS.len()]
    };
    for _ in 0..200 {
        check(&[any(), any()].concat());
    }
}
