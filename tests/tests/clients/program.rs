//! The SDKs as programs, each started once for all tests: what it imports takes longer than what it is asked.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::client::{Answer, Sdk};

/// Asks a program, everything at once where it can, and returns the answers in the questions' order.
pub(crate) async fn ask(sdk: Sdk, questions: Vec<Value>) -> Vec<Answer> {
    let asked = tokio::task::spawn_blocking(move || {
        // One that is at hand, or a new one. Those of a test that failed do not come back.
        let mut program = IDLE.take(sdk).unwrap_or_else(|| Program::start(sdk));
        let answers = program.ask(questions);
        IDLE.put(sdk, program);
        answers
    });
    match asked.await {
        Ok(answers) => answers,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Starts so many programs of a kind, for those who will want them at the same moment.
pub(crate) async fn start(sdk: Sdk, count: usize) {
    let starting = (0..count).map(|_| tokio::task::spawn_blocking(move || Program::start(sdk)));
    for program in futures_util::future::join_all(starting).await {
        IDLE.put(sdk, program.unwrap());
    }
}

/// Programs that wait to be asked. They end by themselves when this process does: their input ends.
static IDLE: Idle = Idle(Mutex::new(None));

struct Idle(Mutex<Option<HashMap<Sdk, Vec<Program>>>>);

impl Idle {
    fn with<T>(&self, sdk: Sdk, does: impl FnOnce(&mut Vec<Program>) -> T) -> T {
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        does(programs.get_or_insert_default().entry(sdk).or_default())
    }

    fn take(&self, sdk: Sdk) -> Option<Program> {
        self.with(sdk, Vec::pop)
    }

    fn put(&self, sdk: Sdk, program: Program) {
        self.with(sdk, |programs| programs.push(program));
    }
}

struct Program {
    child: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start(sdk: Sdk) -> Self {
        let mut command = command(sdk);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut program = Self { child, stdin, answers: BufReader::new(stdout) };
        assert_eq!(program.line(), json!({ "ready": sdk.version() }));
        program
    }

    fn ask(&mut self, mut questions: Vec<Value>) -> Vec<Answer> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        for question in &mut questions {
            question["id"] = NEXT.fetch_add(1, Ordering::Relaxed).into();
        }
        let lines: Vec<_> = questions.iter().map(|question| format!("{question}\n")).collect();
        self.stdin.write_all(lines.concat().as_bytes()).unwrap();
        let mut answers: Vec<Answer> = questions.iter().map(|_| self.answer()).collect();
        answers.sort_by_key(|answer| answer.id);
        answers
    }

    fn answer(&mut self) -> Answer {
        let line = self.line();
        serde_json::from_value(line.clone()).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        // The SDKs give up after 90 s.
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the client has ended: {:?}", self.child.wait());
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(sdk: Sdk) -> Command {
    let (program, script, mode) = match sdk {
        Sdk::OpenAi3 => (told("LASTBYTE_CLIENTS_PYTHON"), "openai_sdk.py", "sync"),
        Sdk::OpenAi3Async => (told("LASTBYTE_CLIENTS_PYTHON"), "openai_sdk.py", "async"),
        Sdk::OpenAi2 => (told("LASTBYTE_CLIENTS_PYTHON_OPENAI_2"), "openai_sdk.py", "sync"),
        Sdk::OpenAi2Async => (told("LASTBYTE_CLIENTS_PYTHON_OPENAI_2"), "openai_sdk.py", "async"),
        Sdk::Anthropic => (told("LASTBYTE_CLIENTS_PYTHON"), "anthropic_sdk.py", "sync"),
        Sdk::AnthropicAsync => (told("LASTBYTE_CLIENTS_PYTHON"), "anthropic_sdk.py", "async"),
        Sdk::OpenAiNode => ("node".into(), "openai_sdk.mjs", "async"),
        Sdk::AnthropicNode => ("node".into(), "anthropic_sdk.mjs", "async"),
        Sdk::Vercel => ("node".into(), "ai_sdk.mjs", "async"),
        Sdk::Curl => unreachable!("curl is started for each question"),
    };
    let mut command = Command::new(program);
    command.arg(scripts().join(script)).arg(mode);
    command
}

/// Where the programs are.
pub(crate) fn scripts() -> PathBuf {
    told("LASTBYTE_CLIENTS").into()
}

pub(crate) fn told(variable: &str) -> OsString {
    std::env::var_os(variable).expect("these tests run by `cargo xtask test`")
}
