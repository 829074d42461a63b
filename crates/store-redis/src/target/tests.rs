use super::*;

fn parsed(url: &str) -> Target {
    Target::parse(url).unwrap()
}

#[test]
fn every_form_is_read() {
    let plain = parsed("redis://localhost");
    assert_eq!(
        (plain.place, plain.hosts, plain.tls),
        (Place::Server, vec![("localhost".into(), 6379)], false)
    );
    assert_eq!((plain.prefix.as_str(), plain.db, plain.replicas), ("lb", 0, None));

    let all = parsed("rediss://us%40er:p%3Ass@[::1]:7000/3?prefix=a&wait_replicas=2&wait_timeout=500ms");
    assert_eq!((all.hosts, all.tls, all.db), (vec![("::1".into(), 7000)], true, 3));
    assert_eq!((all.user.as_deref(), all.password.as_deref()), (Some("us@er"), Some("p:ss")));
    assert_eq!((all.prefix.as_str(), all.replicas), ("a", Some((2, Duration::from_millis(500)))));

    let sentinel = parsed("redis+sentinel://:pass@a:1,b/main/2?sentinel_password=s");
    assert_eq!(sentinel.place, Place::Sentinels("main".into()));
    assert_eq!(sentinel.hosts, [("a".into(), 1), ("b".into(), 26379)]);
    assert_eq!((sentinel.user, sentinel.password.as_deref(), sentinel.db), (None, Some("pass"), 2));
    assert_eq!(sentinel.sentinel_password.as_deref(), Some("s"));

    let cluster = parsed("rediss+cluster://a:1,b:2?wait_replicas=1");
    assert_eq!((cluster.place, cluster.tls, cluster.replicas), (Place::Cluster, true, Some((1, WAIT))));
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    for (url, says) in [
        ("localhost:6379", "write redis://"),
        ("http://localhost", "of this scheme; write redis://"),
        ("redis+ring://a", "of this scheme"),
        ("redis://", "write HOST:PORT"),
        ("redis://a:port", "a host is none"),
        ("redis://a,b", "write redis+sentinel://"),
        ("redis://a/x", "the database is no number"),
        ("redis+sentinel://a:1", "/SERVICE"),
        ("redis+cluster://a/1", "only the database 0"),
        ("redis://a?wait=1", "there are wait_replicas"),
        ("redis://a?wait_replicas=two", "not a number of replicas"),
        ("redis://a?wait_timeout=1h", "not like 500ms or 1s"),
        ("redis://a?prefix=%7Bx%7D", "no braces"),
        ("redis://a?ca_file=/no/such/file", "cannot be read"),
    ] {
        let wrong = Target::parse(url).unwrap_err();
        assert!(wrong.contains(says), "{url}: {wrong}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let shown = format!("{:?}", parsed("redis://user:secret@localhost"));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn what_is_wrong_is_said_without_a_word_of_a_password() {
    for url in [
        "redis://user:hunter2/x@localhost",
        "redis://user:1/hunter2@localhost",
        "redis://user:1?hunter2@localhost",
        "redis://hunter2/x@localhost",
        "redis://:hunter2?x@localhost",
        "redis://:hunter2@localhost/a/b",
        "redis://[hunter2",
        "redis+sentinel://user:1/hunter2@localhost/main",
        "redis+sentinel://user:hunter2@localhost",
        "redis+cluster://user:1/hunter2@localhost",
        "rediss://localhost?password=hunter2",
        "rediss://localhost?wait_replicas=hunter2",
        "rediss://localhost?wait_timeout=hunter2",
        "rediss://localhost?ca_file=hunter2",
        "rediss://localhost?db=hunter2",
        "redis://localhost/hunter2",
        "redis:hunter2@localhost",
        "redis:hunter2://localhost",
    ] {
        let wrong = Target::parse(url).unwrap_err();
        assert!(!wrong.contains("hunter2"), "{url}: {wrong}");
    }
}
