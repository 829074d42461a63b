//! Private keys.

use super::{all, random};

#[test]
fn a_private_key_is_found_to_its_end_or_as_far_as_it_goes() {
    let line = random(64);
    for stop in ["\n", "\\n", "\r\n"] {
        let begin = format!("-----BEGIN RSA {} KEY-----{stop}{line}{stop}{line}", "PRIVATE");
        let whole = format!("{begin}{stop}-----END RSA {} KEY-----", "PRIVATE");
        assert_eq!(all(&format!("{whole}{stop}after"))[0].0, whole);
        assert_eq!(all(&format!("{begin}{stop}after that"))[0].0, begin);
    }
    let long = format!("-----BEGIN {} KEY-----\n{}", "PRIVATE", random(9000));
    assert_eq!(all(&long)[0].0, long);
    assert_eq!(all(&format!("-----BEGIN {} KEY-----\n{line}", "PUBLIC")), []);
}

/// A text of base64, of lines of 64 characters with a shorter one at the end.
fn lines() -> Vec<String> {
    (0..6).map(|at| random(64 + at)[at..].to_owned()).chain([random(23) + "=="]).collect()
}

#[test]
fn a_private_key_is_found_however_its_lines_are_set() {
    let lines = lines();
    let (begin, end) =
        (format!("-----BEGIN {} KEY-----", "PRIVATE"), format!("-----END {} KEY-----", "PRIVATE"));
    let mut canonical = Vec::new();
    for joint in [
        "\n",
        "\r\n",
        "\n    ",
        "\n\t",
        "\n> ",
        "\n> > ",
        "\n\n",
        " ",
        "\\n",
        "\\\\n",
        "\\r\\n",
        "\\n\" +\n        \"",
        "\",\n  \"",
        "\n# ",
        "\n// ",
        "\n | ",
        "<br>\n",
        "\n2026-11-26T10:00:00Z INFO app[12]: ",
        "\u{1b}[0m\n\u{1b}[2m",
    ] {
        for (before, behind) in
            [("", ""), ("the key: ", " and more"), ("\"", "\" and more"), ("> ", "\nand more")]
        {
            let key = format!("{begin}{joint}{}{joint}{end}", lines.join(joint));
            let hits = all(&format!("{before}{key}{behind}"));
            assert_eq!(hits.iter().map(|hit| &hit.0).collect::<Vec<_>>(), [&key], "{joint:?}");
            canonical.push(hits[0].1.clone());
        }
        // Cut off, and something else behind it.
        if joint.contains(char::is_alphabetic) && !joint.starts_with('\\') {
            continue;
        }
        let cut = format!("{begin}{joint}{}", lines[..3].join(joint));
        for behind in
            [" that was it", "\nthat was it", "\n\nWhat is this?", "。这是什么", "\n\n这是什么", "\" was it"]
        {
            assert_eq!(all(&format!("{cut}{behind}"))[0].0, cut, "{joint:?}, {behind:?}");
        }
    }
    canonical.dedup();
    assert!(canonical.len() <= 5, "{canonical:?}");
}

#[test]
fn a_private_key_has_headers() {
    for joint in ["\n", "\\n", "\n> ", " "] {
        let body = lines().join(joint);
        let key = format!(
            "-----BEGIN RSA {0} KEY-----{joint}Proc-Type: 4,ENCRYPTED{joint}DEK-Info: AES-128-CBC,{1}{joint}{joint}{body}{joint}\
             -----END RSA {0} KEY-----",
            "PRIVATE", "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
        );
        assert_eq!(
            all(&format!("{key} and")).iter().map(|hit| &hit.0).collect::<Vec<_>>(),
            [&key],
            "{joint:?}"
        );
        let cut = key.split("-----END").next().unwrap().trim_end();
        assert!(all(cut)[0].0.contains(&body[..body.len() - 64]), "{joint:?}");
    }
}
