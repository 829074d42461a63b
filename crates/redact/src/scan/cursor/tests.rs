use super::*;

fn read(text: &str) -> String {
    let mut cursor = Cursor::new(text, 0, true);
    std::iter::from_fn(|| cursor.next()).map(|atom| atom.ch).collect()
}

#[test]
fn disguises_are_seen_through() {
    for text in [
        "138",
        "１３８",
        "%31%33%38",
        r"\u0031\u0033\u0038",
        r"\\u0031\\u0033\\u0038",
        "&#49;&#x33;&#56;",
        r"1\u200b3\\u200b8",
        r"\u{31}3\u{200b}8",
    ] {
        assert_eq!(read(text), "138", "{text}");
    }
    assert_eq!(read("1\u{200b}3\u{feff}8"), "138");
    assert_eq!(read("a＠b"), "a@b");
    let colours = ["\u{1b}[0m1", r"\u001b[0m1", r"\\u001B[1;31m1", r"\u{1b}[m1", r"\x1b[0m1"];
    assert_eq!(colours.map(read), ["\u{1b}1"; 5]);
    assert_eq!(read(r"\u001b\u001b[;1"), "\u{1b}\u{1b}[;1");
    assert_eq!(read("1&nbsp;3&ndash;8"), "1 3-8");
    assert_eq!(read(r#"\"a\nb\0"#), "\"a\nb\0");
}

#[test]
fn what_is_no_escape_is_itself() {
    for text in [
        "100%",
        "%zz",
        "a & b",
        "&nosuch;",
        r"\x",
        r"\u12",
        r"\u{",
        r"\u{1234567}",
        "\u{1b}x",
        r"\x1b",
        r"\x1c[0m",
    ] {
        assert_eq!(read(text), text);
    }
}

#[test]
fn an_escape_that_may_go_on_starves_the_cursor() {
    for text in
        ["%3", "%", r"\u00", r"\u{2", r"\", "&#6", "\u{1b}[3", "\u{1b}", r"\u001b[3", r"\u001b", r"\x1"]
    {
        let mut cursor = Cursor::new(text, 0, false);
        cursor.next();
        assert!(cursor.is_starved(), "{text:?}");
    }
}
