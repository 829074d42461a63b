//! What can be wrong in a configuration, and how it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;

use support::*;
use tempfile::TempDir;

/// A configuration in a folder of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

fn file(text: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    File { _folder: folder, path }
}

/// Every line of `gateway check`, without the name of the program; empty where all is well.
fn mistakes(text: &str) -> Vec<String> {
    let file = file(text);
    let path = file.path.to_str().unwrap();
    let (code, out, err) = run(&["check", "--config", path]);
    let lines: Vec<_> =
        err.lines().map(|line| line.strip_prefix("gateway: ").unwrap().replace(path, "FILE")).collect();
    assert_eq!(code, if lines.is_empty() { 0 } else { 2 }, "{text}\n{err}");
    assert_eq!(out.is_empty(), !lines.is_empty(), "{out}");
    lines
}

#[track_caller]
fn assert_told(text: &str, line: usize, key: &str, word: &str) {
    let told = mistakes(text);
    let start = format!("FILE:{line}: {key}: ");
    assert!(
        told.len() == 1 && told[0].starts_with(&start) && told[0].contains(word),
        "{start}…{word}: {told:#?}"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_file_line_and_key() {
    for (section, key) in [
        ("", "drain_timeout"),
        ("upstream", "connect_timeout"),
        ("timeouts", "first_event"),
        ("timeouts", "idle"),
        ("timeouts", "total"),
        ("stream", "hold_head"),
        ("stream", "heartbeat"),
        ("backpressure", "stall_timeout"),
        ("retry", "initial"),
        ("retry", "cap"),
        ("retry", "within"),
        ("retry", "max_wait"),
    ] {
        let (head, path) = if section.is_empty() {
            (String::new(), key.to_owned())
        } else {
            (format!("[{section}]"), format!("{section}.{key}"))
        };
        for value in [
            "\"10\"",
            "\"10 parsecs\"",
            "\"-1s\"",
            "\"\"",
            "10",
            "-1",
            "1.5",
            "true",
            "[\"1s\"]",
            "{ s = 1 }",
            "\"99999999999999999999s\"",
        ] {
            assert_told(&format!("{head}\n{key} = {value}\n"), 2, &path, "a duration with its unit");
        }
        assert_told(&format!("{head}\n{key} = \"900y\"\n"), 2, &path, "more than a year");
    }
    for (text, key, word) in [
        ("[stream]\nseal = \"yes\"", "stream.seal", "true or false, found \"yes\""),
        ("[stream]\nseal = 1", "stream.seal", "true or false"),
        ("[stream]\nmax_event = \"1 furlong\"", "stream.max_event", "a size in bytes"),
        ("[stream]\nmax_event = 0", "stream.max_event", "from 1 byte"),
        ("[stream]\nmax_event = -5", "stream.max_event", "a size in bytes"),
        ("[stream]\nmax_event = \"2GiB\"", "stream.max_event", "to 1GiB"),
        ("\nmax_body = 99999999999", "max_body", "to 1GiB"),
        ("[retry]\nmax_attempts = 6", "retry.max_attempts", "from 1 to 5, found 6"),
        ("[retry]\nmax_attempts = 0", "retry.max_attempts", "from 1 to 5, found 0"),
        ("[retry]\nmax_attempts = -1", "retry.max_attempts", "from 1 to 5"),
        ("[retry]\nmax_attempts = \"three\"", "retry.max_attempts", "a whole number"),
        ("[retry]\nmax_attempts = 2.5", "retry.max_attempts", "a whole number"),
        ("[retry]\nambiguous = \"maybe\"", "retry.ambiguous", "\"retry\" or \"fail\", found \"maybe\""),
        ("[log]\nlevel = \"gateway=loud\"", "log.level", "error, warn, info"),
        ("[log]\nquestions = \"all\"", "log.questions", "\"off\" or \"digest\" or \"redacted\""),
        ("[redact]\nmask_upstream = \"some\"", "redact.mask_upstream", "true or false"),
        ("[log]\nformat = \"xml\"", "log.format", "\"text\" or \"json\""),
        ("\nlisten = \"127.0.0.1\"", "listen", "an address with its port"),
        ("\nlisten = 8080", "listen", "an address with its port"),
        ("\nlisten = \"0.0.0.0:8080\"", "listen", "reached from outside"),
        ("\nadmin_listen = \"[::]:8080\"", "admin_listen", "reached from outside"),
        ("[upstream]\napi_key_env = true", "upstream.api_key_env", "a text"),
    ] {
        assert_told(text, 2, key, word);
    }
}

#[test]
fn an_upstream_that_is_none_is_told() {
    for (url, word) in [
        ("https://api.openai.com", "does not end in /v1"),
        ("https://api.openai.com/v1/chat/completions", "does not end in /v1"),
        ("https://api.openai.com/v1?key=secret", "has a query"),
        ("https://user:secret@api.openai.com/v1", "has a user in it"),
        ("ftp://api.openai.com/v1", "is not an http or https URL"),
        ("api.openai.com/v1", "is not an http or https URL"),
        ("https://", "is not"),
        ("http://a b/v1", "is not a URL"),
        ("", "is not"),
    ] {
        assert_told(&format!("[upstream]\nurl = \"{url}\"\n"), 2, "upstream.url", word);
    }
    for good in ["http://127.0.0.1:1/v1", "https://api.test/base/v1/", "http://[::1]:8080/v1"] {
        assert_eq!(mistakes(&format!("[upstream]\nurl = \"{good}\"\n")), [""; 0], "{good}");
    }
}

#[test]
fn a_secret_in_a_wrong_url_is_not_shown() {
    for url in ["https://user:hunter2@api.test/v1", "https://api.test/v1?key=hunter2"] {
        let told = mistakes(&format!("[upstream]\nurl = \"{url}\"\n"));
        assert!(!told[0].contains("hunter2"), "{told:?}");
    }
}

#[test]
fn what_is_not_known_is_told_with_what_may_have_been_meant() {
    assert_told("[retry]\nmax_atempts = 2", 2, "retry.max_atempts", "did you mean retry.max_attempts?");
    assert_told("[retries]\nmax_attempts = 2", 1, "retries", "unknown key");
    assert_told("\nlissten = \"127.0.0.1:1\"", 2, "lissten", "did you mean listen?");
    assert_told("\nretry = 3", 2, "retry", "a section of keys");
    assert_told(
        "[timeouts.models.m]\nfirst = \"1s\"",
        2,
        "timeouts.models.m.first",
        "first_event, idle and total",
    );
    assert_told("[timeouts.models.m]\nidle = \"0s\"", 2, "timeouts.models.m.idle", "more than nothing");
    assert_told("[timeouts.models]\nm = 1", 2, "timeouts.models.m", "a section of keys");
    assert_told("[timeouts]\nmodels = 1", 2, "timeouts.models", "a section of models");
    assert_told("[[upstream]]\nurl = \"http://127.0.0.1/v1\"", 1, "upstream", "a section of keys");
}

#[test]
fn broken_toml_is_told_with_its_line() {
    for (text, line) in [
        ("listen = \"127.0.0.1:1\"\n\n[upstream\n", 3),
        ("[retry]\ncap = 1s\n", 2),
        ("[retry]\ncap = \"1s\"\ncap = \"2s\"\n", 3),
        ("\u{feff}[retry\n", 1),
        ("[retry]\ncap = \"1s\n", 2),
        ("== nonsense ==", 1),
    ] {
        let told = mistakes(text);
        assert!(told.len() == 1 && told[0].starts_with(&format!("FILE:{line}: ")), "{text}: {told:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = mistakes(
        "listen = \"0.0.0.0:80\"\n[upstream]\nurl = \"x\"\n[timeouts]\nidle = 1\n[timeouts.models.\"gpt-4.1\"]\n\
         total = \"never\"\n[stream]\nseal = 7\n[retry]\nmax_attempts = 9\ncapp = 1\n[nothing]\n",
    );
    let starts: Vec<_> =
        told.iter().map(|line| line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    for start in [
        "FILE:1 listen",
        "FILE:3 upstream.url",
        "FILE:5 timeouts.idle",
        "FILE:7 timeouts.models.gpt-4.1.total",
        "FILE:9 stream.seal",
        "FILE:11 retry.max_attempts",
        "FILE:12 retry.capp",
        "FILE:13 nothing",
    ] {
        assert!(starts.contains(&start.to_owned()), "{start}: {told:#?}");
    }
    assert_eq!(told.len(), 8, "{told:#?}");
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary");
    std::fs::write(&binary, b"\xff\xfe\x00").unwrap();
    for path in [folder.path(), &folder.path().join("missing.toml"), &binary] {
        for command in ["check", "serve"] {
            let (code, out, err) = run(&[command, "--config", path.to_str().unwrap()]);
            assert_eq!((code, out.as_str()), (2, ""), "{err}");
            assert!(err.starts_with(&format!("gateway: {}: cannot be read: ", path.display())), "{err}");
        }
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file =
        file("[upstream]\nurl = \"http://127.0.0.1:1/v1\"\n[retry]\ncap = \"11s\"\nmax_attempts = 2\n");
    let config = ["check", "--config", file.path.to_str().unwrap()];
    let check = |more: &[&str], env: &[(&str, &str)]| {
        let done = binary().args(config).args(more).envs(env.iter().copied()).output().unwrap();
        let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        (done.status.code().unwrap(), text)
    };
    let env = [("GATEWAY_UPSTREAM__URL", "http://127.0.0.1:2/v1"), ("GATEWAY_RETRY__MAX_ATTEMPTS", "3")];
    assert!(check(&[], &[]).1.contains("url = \"http://127.0.0.1:1/v1\""));
    let (_, text) = check(&[], &env);
    assert!(
        text.contains("127.0.0.1:2/v1")
            && text.contains("max_attempts = 3")
            && text.contains("cap = \"11s\""),
        "{text}"
    );
    let (_, text) = check(&["--upstream", "http://127.0.0.1:3/v1"], &env);
    assert!(text.contains("127.0.0.1:3/v1") && text.contains("max_attempts = 3"), "{text}");

    for (name, value, line) in [
        ("GATEWAY_RETRY__CAP", "soon", "GATEWAY_RETRY__CAP: retry.cap: expected a duration"),
        (
            "GATEWAY_RETRY__CAPP",
            "1s",
            "GATEWAY_RETRY__CAPP: retry.capp: unknown key; did you mean retry.cap?",
        ),
        ("GATEWAY_LISTEN", "0.0.0.0:1", "GATEWAY_LISTEN: listen: 0.0.0.0:1 can be reached from outside"),
        ("GATEWAY_STREAM__SEAL", "maybe", "GATEWAY_STREAM__SEAL: stream.seal: expected true or false"),
    ] {
        let (code, text) = check(&[], &[(name, value)]);
        assert!(code == 2 && text.starts_with(&format!("gateway: {line}")), "{text}");
    }
    for (name, value, shown) in [
        ("GATEWAY_LISTEN", "127.0.0.1:0", "listen = \"127.0.0.1:0\""),
        ("GATEWAY_MAX_BODY", "1KiB", "max_body = 1024"),
        ("GATEWAY_MAX_BODY", "2048", "max_body = 2048"),
        ("GATEWAY_STREAM__SEAL", "false", "seal = false"),
        ("GATEWAY_DRAIN_TIMEOUT", "1m 30s", "drain_timeout = \"1m 30s\""),
        ("GATEWAY_LOG__FORMAT", "json", "format = \"json\""),
        ("GATEWAY_TIMEOUTS__MODELS__SMALL__IDLE", "3s", "[timeouts.models.\"small\"]\nidle = \"3s\""),
        // Not a key of the configuration, and none of its business.
        ("GATEWAY_ADMIN_TOKEN", "hushed", "listen = \"127.0.0.1:8080\""),
    ] {
        let (code, text) = check(&[], &[(name, value)]);
        assert!(code == 0 && text.contains(shown), "{name}: {text}");
        assert!(!text.contains("hushed"));
    }
}

#[test]
fn what_check_prints_is_a_configuration_that_prints_the_same() {
    let text = "max_body = \"1MiB\"\n[timeouts.models.\"gpt-4.1\"]\nidle = \"90s\"\n[timeouts.models.\"a\\\"b\"]\ntotal = \"1h\"\n\
                [retry]\nmax_attempts = 2\nambiguous = \"fail\"\ninitial = \"1ms\"\n[stream]\nseal = false\nheartbeat = \"0s\"\n\
                [upstream]\napi_key_env = \"\"\nurl = \"http://127.0.0.1:9/v1/\"\n[log]\nlevel = \"gateway=debug,warn\"\n";
    let print = |path: &str| {
        let (code, out, err) = run(&["check", "--config", path]);
        assert_eq!(code, 0, "{err}");
        out
    };
    for text in [text, ""] {
        let first = print(file(text).path.to_str().unwrap());
        let again = print(file(&first).path.to_str().unwrap());
        assert_eq!(first, again);
    }
}

#[test]
fn the_key_of_the_upstream_is_masked() {
    let file = file("[upstream]\napi_key_env = \"MY_KEY\"\n");
    for (key, shown) in [("sk-very-secret", "# set: ********"), ("", "# not set")] {
        let done = binary()
            .args(["check", "--config", file.path.to_str().unwrap()])
            .env("MY_KEY", key)
            .output()
            .unwrap();
        let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(text.contains(&format!("api_key_env = \"MY_KEY\"  {shown}")), "{text}");
        assert!(!text.contains("very"), "{text}");
    }
    // A key that can be in no header is a mistake, and still not shown.
    let done = binary()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--config",
            file.path.to_str().unwrap(),
        ])
        .env("MY_KEY", "sk-very\nsecret")
        .output()
        .unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0), "{text}");
    assert!(text.contains("upstream.api_key_env") && !text.contains("very"), "{text}");
}

#[test]
fn a_redaction_key_that_is_missing_or_too_short_is_told_and_not_shown() {
    let check = |text: &str, key: Option<&str>| {
        let file = file(text);
        let path = file.path.to_str().unwrap();
        let mut command = binary();
        command.args(["check", "--config", path]).env_remove("GATEWAY_REDACT_KEY");
        if let Some(key) = key {
            command.env("GATEWAY_REDACT_KEY", key);
        }
        let done = command.output().unwrap();
        let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        (done.status.code().unwrap(), text.replace(path, "FILE"))
    };
    let (pseudonym, mask) = ("[redact]\nstyle = \"pseudonym\"\n", "[redact]\n\nmask_upstream = true\n");
    for (text, key, start, word) in [
        (pseudonym, None, "gateway: FILE:2: redact.style: ", "set GATEWAY_REDACT_KEY, or choose \"label\""),
        (pseudonym, Some(""), "gateway: FILE:2: redact.style: ", "set GATEWAY_REDACT_KEY"),
        (mask, None, "gateway: FILE:3: redact.mask_upstream: ", "set GATEWAY_REDACT_KEY"),
        (
            "[redact]\nmask_upstream = true\nkey_env = \"\"\n",
            None,
            "gateway: FILE:2: redact.mask_upstream: ",
            "name its variable in redact.key_env",
        ),
        (
            "[redact]\nmask_upstream = true\nrules = []\n",
            Some("a key of sixteen bytes"),
            "gateway: FILE:2: redact.mask_upstream: ",
            "no rule that finds anything to mask",
        ),
        (
            "[redact]\nmask_upstream = true\nrules = [\"zh\"]\n",
            Some("a key of sixteen bytes"),
            "gateway: FILE:2: redact.mask_upstream: ",
            "no rule that finds anything to mask",
        ),
        // Digests of questions have it, too.
        ("", Some("hunter2"), "gateway: configuration: redact.key_env: ", "at least 16"),
        (
            "[redact]\nstyle = \"pseudonym\"\nkey_env = \"GATEWAY_REDACT_KEY\"\n",
            Some("hunter2"),
            "gateway: FILE:3: redact.key_env: ",
            "at least 16",
        ),
    ] {
        let (code, told) = check(text, key);
        assert!(code == 2 && told.starts_with(start) && told.contains(word), "{told}");
        assert!(told.lines().count() == 1 && !told.contains("hunter2"), "{told}");
    }
    for text in [pseudonym, mask, ""] {
        let (code, told) = check(text, Some("a key of sixteen bytes"));
        assert!(code == 0 && told.contains("# set: ********") && !told.contains("sixteen"), "{told}");
    }
}
