use std::io::Write;
use std::time::Duration;

use super::*;

fn read(text: &str) -> Result<Config, Mistakes> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let sources = Sources { file: Some(file.path().into()), flags: Vec::new() };
    load(Config::default(), &sources).map_err(|Mistakes(mistakes)| {
        let name = file.path().display().to_string();
        Mistakes(mistakes.into_iter().map(|line| line.replace(&name, "FILE")).collect())
    })
}

#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    read(text).unwrap_err().0
}

#[test]
fn every_mistake_is_told_with_file_line_and_key() {
    let told = mistakes(
        "listen = \"0.0.0.0:8080\"\n\n[upstream]\nurl = \"http://127.0.0.1:1\"\nurll = 1\n\n\
         [timeouts]\nidle = 60\n\n[retry]\nmax_attempts = 9\n",
    );
    assert_eq!(told.len(), 5, "{told:#?}");
    for (line, key, what) in [
        (1, "listen", "reached from outside"),
        (4, "upstream.url", "does not end in /v1"),
        (5, "upstream.urll", "unknown key; did you mean upstream.url?"),
        (8, "timeouts.idle", "a duration with its unit"),
        (11, "retry.max_attempts", "from 1 to 5, found 9"),
    ] {
        let start = format!("FILE:{line}: {key}: ");
        assert!(
            told.iter().any(|told| told.starts_with(&start) && told.contains(what)),
            "{start}: {told:#?}"
        );
    }
}

#[test]
fn broken_toml_and_a_missing_file_are_told() {
    assert!(mistakes("listen = \"127.0.0.1:1\"\n\n[upstream\n")[0].starts_with("FILE:3: "));
    let sources = Sources { file: Some("/no/such/file.toml".into()), flags: Vec::new() };
    let told = load(Config::default(), &sources).unwrap_err();
    assert!(told.0[0].starts_with("/no/such/file.toml: cannot be read"), "{told}");
}

#[test]
fn what_check_prints_is_read_back_as_the_same() {
    let config = read(
        "max_body = \"1MiB\"\n[timeouts.models.\"gpt-4.1\"]\nidle = \"1m 30s\"\n[retry]\nmax_attempts = 2\n\
         ambiguous = \"fail\"\n[stream]\nseal = false\n[log]\nformat = \"json\"\n",
    )
    .unwrap();
    assert_eq!(config.max_body, 1 << 20);
    assert_eq!(config.models["gpt-4.1"].over(config.timeouts).idle, Duration::from_secs(90));
    assert_eq!(config.models["gpt-4.1"].over(config.timeouts).total, Duration::from_secs(600));
    assert_eq!(read(&config.to_string()).unwrap(), config);
}

#[test]
fn every_key_takes_what_the_defaults_print() {
    let printed: toml::Table = toml::from_str(&Config::default().to_string()).unwrap();
    for (key, _) in keys::all() {
        let found =
            key.split('.').try_fold(&toml::Value::Table(printed.clone()), |at, part| at.get(part)).is_some();
        assert!(found, "`check` does not print {key}");
    }
    assert_eq!(read(&Config::default().to_string()).unwrap(), Config::default());
}

#[test]
fn a_flag_wins_over_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"listen = \"127.0.0.1:1111\"\n").unwrap();
    let flags = vec![("--listen", "listen", "127.0.0.1:2222".to_owned())];
    let sources = Sources { file: Some(file.path().into()), flags };
    assert_eq!(load(Config::default(), &sources).unwrap().listen.port(), 2222);
    let sources = Sources { flags: vec![("--listen", "listen", "nowhere".to_owned())], ..sources };
    assert!(
        load(Config::default(), &sources).unwrap_err().0[0]
            .starts_with("--listen: listen: expected an address")
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert!(mistakes("[retry]\ninitial = \"5s\"\ncap = \"1s\"\n")[0].contains("less than retry.initial"));
    assert!(mistakes("[timeouts]\nfirst_event = \"11m\"\n")[0].contains("longer than timeouts.total"));
    assert!(mistakes("listen = \"127.0.0.1:8081\"\n")[0].contains("the same address"));
    let told = &mistakes("[store]\nurl = \"postgres://u:secret@h\"\n")[0];
    assert!(told.contains("\"redis+cluster://…\"") && !told.contains("secret"), "{told}");
    assert!(mistakes("[store]\nurl = \"sqlite:/tmp/\"\n")[0].contains("that of a folder"));
    assert!(mistakes("[idempotency]\nlease = \"1ms\"\n")[0].contains("a second at least"));
    assert!(mistakes("[idempotency]\nwhen_unread = \"never\"\n")[0].contains("or \"finish\""));
    assert!(mistakes("[idempotency]\nwhen_unread = \"999ms\"\n")[0].contains("a second at least"));
    assert!(read("[idempotency]\nwhen_unread = \"1s\"\n").is_ok());
    for (text, key) in [("ttl = \"14s\"", "ttl"), ("lease = \"2d\"", "lease")] {
        let told = mistakes(&format!("[idempotency]\n{text}\n"));
        assert!(told[0].starts_with(&format!("FILE:2: idempotency.{key}: ")), "{told:?}");
        assert!(told.len() == 1 && told[0].contains("is less than idempotency.lease"), "{told:?}");
    }
    assert!(mistakes("[timeouts]\nidle = \"0s\"\n")[0].contains("more than nothing"));
    assert!(mistakes("retry = 3\n")[0].contains("a section of keys"));
    assert!(mistakes("[nonsense]\n")[0].starts_with("FILE:1: nonsense: unknown key"));
    assert!(
        mistakes("[redact]\nkey = \"abc\"\n")[0].contains("unknown key; [redact] has rules, style, key_env")
    );
}

#[test]
fn a_url_of_redis_that_serve_would_refuse_is_told_without_what_may_be_a_password() {
    for (url, what) in [
        ("redis://user:hunter2/x@localhost", "behind the first `/`"),
        ("redis://localhost:hunter2", "a host is none"),
        ("redis://localhost?password=hunter2", "there are wait_replicas"),
        ("redis+sentinel://:hunter2@localhost", "the name of the service"),
        ("rediss+ring://:hunter2@localhost", "expected"),
        ("hunter2@localhost:6379", "expected"),
    ] {
        let told = mistakes(&format!("[store]\nurl = {url:?}\n"));
        assert!(told.len() == 1 && told[0].starts_with("FILE:2: store.url: "), "{told:?}");
        assert!(told[0].contains(what) && !told[0].contains("hunter2"), "{told:?}");
    }
}

#[test]
fn a_password_of_the_store_is_not_shown() {
    for (url, shown) in [
        ("redis://localhost/1?prefix=a&db=2", "redis://localhost/1?prefix=a&db=2"),
        ("redis://user:hunter2@localhost", "redis://********@localhost"),
        (
            "redis+sentinel://h/svc?sentinel_password=hunter2",
            "redis+sentinel://h/svc?sentinel_password=********",
        ),
        (
            "redis+sentinel://:hunter2@h/svc?sentinel_user=a&sentinel_PASSWORD=a@hunter2?b=hunter2&db=1",
            "redis+sentinel://********@h/svc?sentinel_user=a&sentinel_PASSWORD=********&db=1",
        ),
        ("redis://:hunter2?hunter2=@h?prefix=a", "redis://********@h?prefix=a"),
    ] {
        assert_eq!(crate::config::StoreUrl::Redis(url.to_owned()).shown(), shown);
    }
}

/// The rows of the README's table of keys: each key with its default.
fn documented() -> Vec<(&'static str, &'static str)> {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Configuration")).unwrap();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((cells.next()?.trim_matches('`'), cells.next()?.trim_matches('`')))
    });
    rows.collect()
}

#[test]
fn the_readme_has_every_key_and_no_other() {
    let of_models = MODEL_KEYS.iter().map(|(key, _)| format!("timeouts.models.NAME.{key}"));
    let known: Vec<String> = keys::all().map(|(key, _)| (*key).to_owned()).chain(of_models).collect();
    let documented: Vec<&str> = documented().into_iter().map(|(key, _)| key).collect();
    for key in &known {
        assert_eq!(documented.iter().filter(|it| *it == key).count(), 1, "README.md: {key}");
    }
    for key in documented {
        assert!(known.iter().any(|known| known == key), "README.md: there is no key {key}");
    }
}

#[test]
fn the_readmes_defaults_are_the_defaults() {
    let rows = documented().into_iter().filter(|(key, _)| !key.contains(".NAME."));
    let text: String = rows.map(|(key, default)| format!("{key} = {default}\n")).collect();
    assert_eq!(read(&text).unwrap(), Config::default());
}
