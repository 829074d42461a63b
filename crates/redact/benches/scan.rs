//! `cargo bench -p lastbyte-redact --bench scan`: how fast texts are looked through, in MB/s on one core, beside the
//! time it takes to copy them. `-- NAME` runs those whose name holds it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use lastbyte_redact::Redactor;

/// The length of each text: far more than a cache nearest to the core holds.
const LENGTH: usize = 1 << 20;

const ROUNDS: usize = 15;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Repeats a text with small changes that do not come in step.
fn long(make: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= LENGTH {
            break;
        }
        text.push_str(&make(number));
    }
    text
}

const ENGLISH: [&str; 7] = [
    "The harbour was quiet when the first boats came back, and nobody on the quay spoke of the weather. ",
    "We should keep the old plan, even if it is slower; it leaves room for everybody to change their mind. ",
    "An answer that arrives piece by piece can be read while the rest of it is still being written.\n",
    "\"Do not wait for me,\" she said, and went up the stairs with the letter in her hand. ",
    "A function should do one thing, and its name should tell which one; that is most of the advice (and the rest). ",
    "It's hard to say whether the committee's recommendation will be accepted by the administration. ",
    "Water boils at a lower temperature in the mountains, so that eggs take longer there than by the sea.\n\n",
];

const CHINESE: [&str; 6] = [
    "春天来了，河边的柳树发出新芽，孩子们在草地上放风筝。",
    "这个函数的作用是把输入的文本分成若干段，然后逐段处理。",
    "我们一般建议先了解需求，再决定使用哪一种方案；这样更稳妥。",
    "他说：“没关系，明天再来也可以。”大家都笑了！\n",
    "流式输出可以让用户在模型生成答案的同时阅读，从而减少等待的时间。",
    "三个人一起走，总有一个人值得学习，这句话流传了很久（至今仍有道理）。",
];

fn texts() -> Vec<(&'static str, String)> {
    let json = |n: usize| {
        let (a, b) = (n * 7919 % 100_000, n * 104_729 % 1_000_000);
        format!(
            "{{\"time\":\"2026-03-{:02}T{:02}:{:02}:{:02}.{b:06}Z\",\"level\":\"info\",\"status\":{},\"latency_ms\":{}.{},\
             \"bytes\":{a},\"prompt_tokens\":{},\"completion_tokens\":{},\"request_id\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",\
             \"path\":\"/v1/chat/completions\",\"model\":\"qwen3-max\",\"attempt\":1}}\n",
            n % 28 + 1,
            n % 24,
            n % 60,
            a % 60,
            200 + n % 5,
            a % 3000,
            n % 10,
            b % 8192,
            a % 4096,
            n as u32 ^ 0x9e37_79b9,
            a % 65536,
            b % 4096,
            n % 4096,
            (b * 7_919_317) as u64 & 0xffff_ffff_ffff,
        )
    };
    let log = |n: usize| {
        let (a, b) = (n * 7919 % 100_000, n * 104_729 % 1_000_000);
        format!(
            "192.168.{}.{} - - [{:02}/Mar/2026:{:02}:{:02}:{:02} +0000] \"POST /v1/chat/completions HTTP/1.1\" {} {a} \"-\" \
             \"python-requests/2.{}.0\" rt=0.{:03} id={:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\n",
            n % 256,
            a % 256,
            n % 28 + 1,
            n % 24,
            n % 60,
            a % 60,
            200 + n % 5,
            n % 40,
            b % 1000,
            n as u32 ^ 0x9e37_79b9,
            a % 65536,
            b % 4096,
            n % 4096,
            (b * 7_919_317) as u64 & 0xffff_ffff_ffff,
        )
    };
    let run = |piece: &'static str| long(move |_| piece.to_owned());
    vec![
        ("english", long(|n| ENGLISH[n * n % 7].to_owned())),
        ("chinese", long(|n| CHINESE[n * n % 6].to_owned())),
        (
            "mixed",
            long(|n| if n % 3 == 0 { CHINESE[n % 6].to_owned() } else { ENGLISH[n * n % 7].to_owned() }),
        ),
        ("json", long(json)),
        ("log", long(log)),
        ("digits", run("7")),
        ("spread", run("1 ")),
        ("groups", run("138 1234 ")),
        ("dots", run("1.")),
        ("at", run("a@")),
        ("mail", run("a.b-c@d.")),
        ("letters", run("a")),
        ("eyJ", run("eyJ")),
        ("eyJ.", run("eyJhbGci.")),
        ("sk-", run("sk-")),
        ("ghp_", run("ghp_ ")),
        ("base64", run("aWQgaXMg")),
        ("words64", run("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ ")),
        ("unicode", run("\\u0031")),
        ("percent", run("%31")),
        ("entity", run("&#49;")),
        ("slashes", run("\\")),
        ("joints", run("\u{200b}")),
        ("colours", run("\u{1b}[0m")),
        ("numerals", run("一三八")),
        ("names", run("张伟@")),
        ("pairs", run("password=")),
        ("quotes", run("password:\"")),
        ("bearer", run("Bearer ")),
        ("urls", run("a://b:")),
        ("dashes", run("-----BEGIN ")),
        ("colons", run("1:")),
        ("plus", run("+")),
        ("brackets", run("(")),
        ("capitals", run("DE")),
        ("plates", run("京A")),
    ]
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let redactor = Redactor::new();
    println!("{:9} {:>8} {:>8} {:>8}   {:>7}", "text", "whole", "pieces", "bytes", "copying");
    for (name, text) in texts() {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // The best round: others may use the machine at the same time.
        let time = |work: &mut dyn FnMut()| {
            let rounds = (0..ROUNDS).map(|_| {
                let begun = now();
                work();
                begun.elapsed()
            });
            rounds.min().unwrap_or_default()
        };
        let rate = |taken: Duration, bytes: usize| bytes as f64 / taken.as_secs_f64() / 1e6;
        let whole = time(&mut || {
            black_box(redactor.redact(black_box(&text)));
        });
        let in_pieces = |most: usize, text: &str| {
            let (mut stream, mut out) = (redactor.stream(), String::new());
            let mut rest = text;
            while !rest.is_empty() {
                let mut end = most.min(rest.len());
                while !rest.is_char_boundary(end) {
                    end += 1;
                }
                stream.push(&rest[..end], &mut out);
                rest = &rest[end..];
            }
            stream.finish(&mut out);
            black_box(out);
        };
        let pieces = time(&mut || in_pieces(4096, &text));
        let part = &text[..(text.len() / 8..).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())];
        let bytes = time(&mut || in_pieces(1, part));
        let copied = time(&mut || {
            black_box(black_box(&text).clone());
        });
        println!(
            "{name:9} {:>8.0} {:>8.0} {:>8.1}   {:>6.0}x",
            rate(whole, text.len()),
            rate(pieces, text.len()),
            rate(bytes, part.len()),
            whole.as_secs_f64() / copied.as_secs_f64()
        );
    }
}
