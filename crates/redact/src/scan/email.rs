//! Mail addresses (RFC 5321, RFC 6531), as people write them: without quotes and comments.

use super::cursor::Cursor;
use super::zh::is_chinese;
use super::{Match, Rules, Swallow};
use crate::Rule;

/// The longest part before the `@`, in characters (RFC 5321, 4.5.3.1.1).
pub(super) const LONGEST_LOCAL: usize = 64;

/// Chinese characters that are taken to belong to an address: a name. Before it there may be a sentence.
const LONGEST_NAME: usize = 4;

/// The longest part behind the `@`, in characters (RFC 5321, 4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;

/// The address that begins here.
pub(crate) fn find(cursor: &mut Cursor<'_>, _: &str, last: Option<char>, rules: Rules) -> Option<Match> {
    let first = cursor.peek()?.ch;
    let starts = is_chinese(first) || is_local(first) && !last.is_some_and(is_local);
    if !rules.contains(Rule::Email) || !starts || first == '.' {
        return None;
    }
    let start = cursor.at();
    let (mut chars, mut names) = (0, 0);
    loop {
        let atom = cursor.next()?;
        if atom.ch == '@' {
            break;
        }
        // Nothing but a name, or none: in `找li.wei@…` another word stands before the address.
        let fits = if is_chinese(first) { is_chinese(atom.ch) } else { is_local(atom.ch) };
        names += usize::from(is_chinese(atom.ch));
        chars += 1;
        if !fits || names > LONGEST_NAME || chars > LONGEST_LOCAL {
            return None;
        }
    }
    cursor.set(start);
    let mut canonical = String::new();
    while !canonical.ends_with('@') {
        push_small(&mut canonical, cursor.next()?.ch);
    }
    let at = canonical.len();
    let end = domain(cursor, &mut canonical)?;
    cursor.set(end);
    if is_version(&canonical[at..]) || is_path_or_call(cursor, &canonical, at) {
        return None;
    }
    let swallow = Swallow::Nothing;
    Some(Match { start, end, rule: Rule::Email, why: "mail address", canonical, swallow })
}

pub(super) fn is_local(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '%' | '+' | '-') || is_letter(ch)
}

/// A letter of Latin with a mark, or the mark for itself; of Greek or Cyrillic; and the few signs among them. In these
/// scripts blanks part words. All have two bytes.
fn is_letter(ch: char) -> bool {
    matches!(ch, '\u{c0}'..='\u{53f}')
}

/// Whether one of them begins with it.
pub(super) fn begins_letter(byte: u8) -> bool {
    matches!(byte, 0xc3..=0xd4)
}

fn push_small(text: &mut String, ch: char) {
    match ch.is_ascii() || is_chinese(ch) {
        true => text.push(ch.to_ascii_lowercase()),
        false => text.extend(ch.to_lowercase()),
    }
}

/// Labels with dots between them. The last one that can be a top-level domain ends it; its end.
fn domain(cursor: &mut Cursor<'_>, canonical: &mut String) -> Option<usize> {
    let mut end = None;
    let mut kept = canonical.len();
    let (mut label, mut labels, mut chars) = (String::new(), 0, 0);
    loop {
        // No top-level domain mixes the two: what follows in `a@b.com我` is the sentence.
        let is_over = |ch| {
            let is_other = |ch| is_chinese(ch) || ch >= '\u{370}' && is_letter(ch);
            labels > 0 && is_other(ch) && label.starts_with(|ch: char| ch.is_ascii()) && is_top(&label)
        };
        let atom = cursor.peek().filter(|atom| !is_over(atom.ch));
        let in_label = |ch: char| ch.is_ascii_alphanumeric() || ch == '-' || is_chinese(ch) || is_letter(ch);
        match atom {
            Some(atom) if in_label(atom.ch) && chars < LONGEST_DOMAIN => {
                push_small(&mut label, atom.ch);
                chars += 1;
                cursor.set(atom.end);
            }
            other => {
                labels += 1;
                if label.is_empty() {
                    break;
                }
                canonical.push_str(&label);
                if labels > 1 && is_top(&label) {
                    (end, kept) = (Some(cursor.at()), canonical.len());
                }
                label.clear();
                match other {
                    Some(dot) if dot.ch == '.' && chars < LONGEST_DOMAIN => {
                        canonical.push('.');
                        chars += 1;
                        cursor.set(dot.end);
                    }
                    _ => break,
                }
            }
        }
    }
    canonical.truncate(kept);
    end
}

/// Endings of files and of units of systemd. None of them is a top-level domain (IANA's list of 2026; `target`, `map`,
/// `zip`, `sh` and others are).
const NO_TOPS: [&str; 58] = [
    "automount",
    "avif",
    "bmp",
    "cfg",
    "cjs",
    "conf",
    "cpp",
    "css",
    "csv",
    "deb",
    "device",
    "dll",
    "exe",
    "gif",
    "gz",
    "heic",
    "hpp",
    "html",
    "ico",
    "ini",
    "jar",
    "jpeg",
    "jpg",
    "js",
    "json",
    "jsx",
    "less",
    "lock",
    "log",
    "mjs",
    "mount",
    "pdf",
    "png",
    "rpm",
    "scope",
    "scss",
    "service",
    "slice",
    "socket",
    "svg",
    "swap",
    "tar",
    "tgz",
    "tif",
    "tiff",
    "timer",
    "toml",
    "tsx",
    "ttf",
    "txt",
    "vue",
    "wasm",
    "webp",
    "whl",
    "woff",
    "xml",
    "yaml",
    "yml",
];

/// What is called of a matrix behind an operator for products: `Q@K.transpose(`.
const METHODS: [&str; 12] = [
    "astype",
    "conj",
    "detach",
    "dot",
    "float",
    "inverse",
    "mean",
    "numpy",
    "permute",
    "reshape",
    "transpose",
    "view",
];

/// Whether two labels in a row are figures, as in `react-dom@18.2.0.tgz`.
fn is_version(domain: &str) -> bool {
    let mut labels = domain.split('.').map(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let mut last = false;
    labels.any(|is_number| std::mem::replace(&mut last, is_number) && is_number)
}

/// Whether what follows tells that it is no address: `git@github.com:owner/repo.git`, or a call. The domain begins at
/// `at`.
fn is_path_or_call(cursor: &mut Cursor<'_>, canonical: &str, at: usize) -> bool {
    let is_git = || &canonical[..at] == "git@";
    let is_method = || METHODS.iter().any(|name| canonical[at..].rsplit('.').next() == Some(name));
    match cursor.next() {
        Some(atom) if atom.ch == ':' && is_git() => {
            cursor.next().is_some_and(|atom| atom.ch.is_alphanumeric() || matches!(atom.ch, '/' | '~' | '_'))
        }
        Some(atom) => atom.ch == '(' && !atom.disguised && is_method(),
        None => false,
    }
}

/// Whether a label can be a top-level domain: letters, or Punycode.
fn is_top(label: &str) -> bool {
    if NO_TOPS.binary_search(&label).is_ok() {
        return false;
    }
    let letters = label.chars().all(|ch| ch.is_ascii_alphabetic() || is_chinese(ch) || is_letter(ch));
    label.chars().count() >= 2 && (letters || label.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_with_marks_and_of_greek_and_cyrillic_are_letters() {
        let redactor = crate::Redactor::new();
        for (text, address) in [
            ("an jürgen.groß@example.de, bitte", "jürgen.groß@example.de"),
            ("ANNA@MÜLLER.DE", "ANNA@MÜLLER.DE"),
            ("à françois.léger@orange.fr.", "françois.léger@orange.fr"),
            ("<über@grüne.example>", "über@grüne.example"),
            ("пишите на иван@почта.рф", "иван@почта.рф"),
            ("γ@παράδειγμα.ελ", "γ@παράδειγμα.ελ"),
            ("u\u{308}ber@example.de", "u\u{308}ber@example.de"),
            (r#""j\u00fcrgen@example.de""#, r"j\u00fcrgen@example.de"),
            ("admin@mail.ruи", "admin@mail.ru"),
        ] {
            let found = redactor.find(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(&text[found[0].range.clone()], address, "{text}");
        }
        for text in ["a×b@c", "é@", "größe @ müller.de", "@müller.de", "и@я"] {
            assert_eq!(redactor.redact(text), text);
        }
        let [one, other] = ["Jürgen@MÜLLER.de", "jürgen@müller.de"].map(|text| redactor.find(text).remove(0));
        assert_eq!(one.canonical, other.canonical);
    }

    #[test]
    fn an_address_ends_where_a_sentence_goes_on() {
        for behind in ["", "时84.260ms", "了2次", "我把", "。", ".", "中.我"] {
            let text = format!("a@mail.example.org{behind}");
            let mut cursor = Cursor::new(&text, 0, true);
            let found = find(&mut cursor, "", None, Rules::of(&[Rule::Email]))
                .map(|found| (found.end, found.canonical));
            assert_eq!(found, Some((18, "a@mail.example.org".into())), "{text}");
        }
        for text in [
            "user@1000.service",
            "getty@tty1.service",
            "dbus@system.socket",
            "foo@2x.png",
            "AppIcon-60@3x.png",
            "a@1x.jpg 1x",
            "react-dom@18.2.0.tgz",
            "d3@7.8.5.min.js",
            "net@v0.17.0.info",
            "Q@K.transpose(-2,-1)",
            "x@self.w.view(1)",
            "git@github.com:owner/repo.git",
        ] {
            let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
            assert_eq!(found, None, "{text}");
        }
        for (text, end) in [
            ("li@163.com", 10),
            ("a@x.dev.html", 7),
            ("li@example.com(home)", 14),
            ("li@example.com（家）", 14),
            ("a@b.zip", 7),
            ("git@example.com: hello", 15),
            ("git@example.com:", 15),
            ("bigit@example.com:x", 17),
            ("li@example.com:x", 14),
            ("a@4.example.org", 15),
            ("a@b.target", 10),
        ] {
            let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
            assert_eq!(found.map(|found| found.end), Some(end), "{text}");
        }
        assert!(NO_TOPS.is_sorted());
        let text = "a@почта.рф и";
        let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
        assert_eq!(found.map(|found| found.end), Some(text.len() - " и".len()));
        let text = "a@邮箱.中国";
        let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
        assert_eq!(found.map(|found| found.end), Some(text.len()));
    }
}
