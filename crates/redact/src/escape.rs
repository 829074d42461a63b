//! Values as they stand in a line. None of them can begin another line, or tell a terminal what to do.

use std::fmt::Write as _;

/// Where a text stands.
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "lines for people are written by the layer"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Inside of a JSON string.
    Json,
    /// In a line for people, inside of quotes.
    Quoted,
    /// In a line for people, without quotes.
    Bare,
}

/// What ends a line or changes how a terminal shows one, besides ASCII: the other control characters, line and
/// paragraph separators, and what turns the direction of writing ("Trojan Source", CVE-2021-42574).
fn is_unseen(ch: char) -> bool {
    matches!(ch, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends a text.
pub(crate) fn escape(text: &str, how: Escape, out: &mut String) {
    let bytes = text.as_bytes();
    // Nearly all texts.
    let stands = |byte: u8| (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\');
    if bytes.iter().fold(true, |all, byte| all & stands(*byte)) {
        return out.push_str(text);
    }
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let stands = match byte {
            b'"' | b'\\' => how == Escape::Bare,
            // The first bytes of what `is_unseen`.
            0..=0x1f | 0x7f | 0xc2 | 0xd8 | 0xe2 => false,
            _ => true,
        };
        if stands {
            at += 1;
            continue;
        }
        let ch = text[at..].chars().next().unwrap_or_default();
        let end = at + ch.len_utf8();
        if ch.is_ascii() || is_unseen(ch) {
            out.push_str(&text[from..at]);
            escape_char(ch, how, out);
            from = end;
        }
        at = end;
    }
    out.push_str(&text[from..]);
}

fn escape_char(ch: char, how: Escape, out: &mut String) {
    let _ = match ch {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        // None of them lies beyond the characters that four digits can name.
        _ if how == Escape::Json => write!(out, "\\u{:04x}", u32::from(ch)),
        _ => write!(out, "\\u{{{:x}}}", u32::from(ch)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, how: Escape) -> String {
        let mut out = String::new();
        escape(text, how, &mut out);
        out
    }

    #[test]
    fn nothing_leaves_its_line() {
        for code in (0..0x1_0000).filter_map(char::from_u32) {
            let text = format!("a{code}é");
            let json = format!("\"{}\"", escaped(&text, Escape::Json));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            for how in [Escape::Json, Escape::Quoted, Escape::Bare] {
                let out = escaped(&text, how);
                assert!(!out.chars().any(|ch| ch.is_control() || is_unseen(ch)), "{out:?}");
            }
        }
    }

    #[test]
    fn what_is_seen_stays() {
        assert_eq!(escaped("“é” 中文 \"a\\b\"", Escape::Bare), "“é” 中文 \"a\\b\"");
        assert_eq!(escaped("\u{1b}[31m\n\"", Escape::Quoted), "\\u{1b}[31m\\n\\\"");
        assert_eq!(escaped("\u{1b}\u{202e}", Escape::Json), "\\u001b\\u202e");
    }
}
