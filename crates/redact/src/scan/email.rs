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
    let end = domain(cursor, &mut canonical)?;
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

/// Whether a label can be a top-level domain: letters, or Punycode.
fn is_top(label: &str) -> bool {
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
        let text = "a@почта.рф и";
        let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
        assert_eq!(found.map(|found| found.end), Some(text.len() - " и".len()));
        let text = "a@邮箱.中国";
        let found = find(&mut Cursor::new(text, 0, true), "", None, Rules::of(&[Rule::Email]));
        assert_eq!(found.map(|found| found.end), Some(text.len()));
    }
}
