//! The texts that are gone over.

/// What a report calls it, and what it is.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) text: String,
    /// It is read in JSON mode.
    pub(crate) is_json: bool,
    pub(crate) goals: Goals,
}

/// The least that is asked for: MB/s; how many times as fast as the regular expressions, and as the article's rules.
#[derive(Clone, Copy, Default)]
pub(crate) struct Goals {
    pub(crate) rate: Option<f64>,
    pub(crate) regexes: Option<f64>,
    pub(crate) article: Option<f64>,
}

const ENGLISH: [&str; 8] = [
    "The orchard lay under snow until April, and the path to the mill had to be cleared by hand each morning. ",
    "If you change the order of the steps, the result stays the same; only the time it takes is different. ",
    "Most of what we call memory is a story that has been told again, a little shorter every time.\n",
    "\"Nobody asked me,\" he answered, \"so I didn't say anything,\" and that was the end of it. ",
    "A queue that may grow without a bound is a promise that somebody else will have to keep. ",
    "First measure, then decide (and write down why); otherwise you'll have the same discussion next year. ",
    "The second violin comes in late here, which is how the composer wanted it: softly, almost by accident.\n\n",
    "Bread rises faster in a warm kitchen, so taste the dough, look at it, and don't trust the clock. ",
];

const CHINESE: [&str; 7] = [
    "山里的雪到四月才化，每天早上都要有人把通往磨坊的小路扫干净。",
    "如果调换步骤的先后次序，结果不会变化，只是花费的时间有所不同。",
    "所谓记忆，多半是一个被反复讲述的故事，每讲一次就短一点。\n",
    "他回答说：“没有人问过我，所以我什么也没说。”事情就这样结束了。",
    "没有上限的队列，其实是一个要由别人来兑现的承诺；请务必小心。",
    "先测量，再决定（并且写下理由），否则明年还会有同样的讨论！",
    "天气暖和的时候面团发得快，所以要看要摸，不要只相信钟表。\n",
];

/// Repeats what is made for each number.
fn long(length: usize, make: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= length {
            break;
        }
        text.push_str(&make(number));
    }
    text
}

/// The next of a row that looks like chance: some bits of a product.
fn mix(n: usize, most: u64) -> u64 {
    ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % most
}

fn uuid(n: usize) -> String {
    let hex = |by: usize, most: u64| mix(n * 5 + by, most);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        hex(1, 1 << 32),
        hex(2, 1 << 16),
        hex(3, 1 << 12),
        hex(4, 1 << 12),
        hex(5, 1 << 44)
    )
}

fn time(n: usize) -> String {
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        n % 12 + 1,
        n % 28 + 1,
        n % 24,
        n % 60,
        mix(n, 60),
        mix(n, 1_000_000)
    )
}

/// Numbers all over: times, ids, amounts, nothing that is anybody's.
fn json(n: usize) -> String {
    format!(
        "{{\"ts\":\"{}\",\"level\":\"info\",\"status\":{},\"latency_ms\":{}.{},\"bytes_in\":{},\"bytes_out\":{},\
         \"usage\":{{\"prompt_tokens\":{},\"completion_tokens\":{},\"cost\":0.{:06}}},\"request_id\":\"{}\",\"seq\":{},\
         \"path\":\"/v1/chat/completions\",\"model\":\"qwen3-max\",\"attempt\":{},\"epoch\":{}}}\n",
        time(n),
        200 + n % 5,
        mix(n, 3000),
        n % 10,
        mix(n + 1, 100_000),
        mix(n + 2, 1_000_000),
        mix(n + 3, 8192),
        mix(n + 4, 4096),
        mix(n + 5, 1_000_000),
        uuid(n),
        n,
        n % 3 + 1,
        1_760_000_000 + n
    )
}

/// An access log and what programs say, in turn.
fn log(n: usize) -> String {
    match n % 3 {
        0 => format!(
            "10.0.{}.{} - - [{:02}/Nov/2026:{:02}:{:02}:{:02} +0000] \"POST /v1/chat/completions HTTP/1.1\" 200 {} \"-\" \
             \"python-httpx/0.28.1\" {}.{:03}\n",
            n % 256,
            mix(n, 256),
            n % 28 + 1,
            n % 24,
            n % 60,
            mix(n, 60),
            mix(n + 1, 100_000),
            n % 30,
            n % 1000
        ),
        1 => format!(
            "{} INFO gateway::proxy: answer complete request_id={} status=200 events={} took={}ms upstream=primary\n",
            time(n),
            uuid(n),
            mix(n, 4000),
            mix(n + 1, 60_000)
        ),
        _ => format!(
            "{} WARN gateway::retry: attempt {} of 3 failed after {}.{}s, next in {}ms (connection reset by peer)\n",
            time(n),
            n % 3 + 1,
            n % 30,
            n % 10,
            mix(n, 2000)
        ),
    }
}

/// A value in every line, and little else.
fn dense(n: usize) -> String {
    match n % 5 {
        0 => format!("mail user{n}@example.com\n"),
        1 => format!("打1381234{:04}\n", n % 10_000),
        2 => format!("key sk-proj-Ab{:08x}Cd34Ef56Gh{:08x}\n", mix(n, 1 << 32), mix(n + 1, 1 << 32)),
        3 => format!("from 203.0.113.{}\n", n % 256),
        _ => format!("password=hunter{n}\n"),
    }
}

/// What is usually gone over, with what is asked for.
pub(crate) fn usual(length: usize) -> Vec<Text> {
    let text = |name: &str, is_json, [rate, regexes, article]: [f64; 3], text| {
        let some = |goal: f64| (goal > 0.0).then_some(goal);
        let goals = Goals { rate: some(rate), regexes: some(regexes), article: some(article) };
        Text { name: name.to_owned(), text, is_json, goals }
    };
    let numbers = long(length, json);
    vec![
        text(
            "clean English",
            false,
            [2000.0, 20.0, 4.0],
            long(length, |n| ENGLISH[mix(n, 8) as usize].into()),
        ),
        text(
            "clean Chinese",
            false,
            [1000.0, 10.0, 5.0],
            long(length, |n| CHINESE[mix(n, 7) as usize].into()),
        ),
        text("JSON full of numbers, as text", false, [400.0, 8.0, 1.5], numbers.clone()),
        text("JSON full of numbers, as JSON", true, [400.0, 8.0, 1.5], numbers),
        text("log lines", false, [100.0, 0.0, 0.0], long(length, log)),
        text("a value in every line", false, [100.0, 0.0, 0.0], long(length, dense)),
    ]
}

/// A unit over and over: what a text is made of that wants to cost time.
pub(crate) fn run_of(unit: &str, length: usize, is_json: bool) -> Text {
    let shown = unit.escape_debug().to_string().replace('|', "\\|").replace('`', "'");
    let name = if unit.len() > 40 { format!("{:.40}…", shown) } else { shown };
    let text = unit.repeat(length / unit.len() + 1);
    let text = if is_json { format!("[\"{text}\"]") } else { text };
    let goals = Goals { rate: Some(100.0), ..Goals::default() };
    Text { name: if is_json { format!("{name} (JSON)") } else { name }, text, is_json, goals }
}

/// What is meant to be slow.
pub(crate) fn hostile(length: usize) -> Vec<Text> {
    let units = [
        "7",
        "1 ",
        "1-",
        "1.",
        "1:",
        "138 1234 ",
        "a@",
        "a.b-c@d.",
        "a",
        "aB3",
        "eyJ",
        "eyJhbGci.",
        "sk-",
        "ghp_ ",
        "token:",
        "password=",
        "password:\"",
        "Bearer ",
        "a://b:",
        "://",
        "-----BEGIN ",
        "aWQgaXMg",
        "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ ",
        "\\u0031",
        "\\u0041",
        "%31",
        "%41",
        "&#49;",
        "&#65;",
        "\\",
        "１",
        "一三八",
        "张伟@",
        "京A",
        "DE89",
        "\u{200b}",
        "\u{1b}[0m",
        "+",
        "(",
        "::",
    ];
    let mut texts: Vec<_> = units.into_iter().map(|unit| run_of(unit, length, false)).collect();
    let strings =
        ["7", "a@", "sk-", "token:", "\\u0031", "\\\\", "a", "\\\"password\\\":\\\"", "\",\"", "\",7,\""];
    texts.extend(strings.into_iter().map(|unit| run_of(unit, length, true)));
    texts
}
