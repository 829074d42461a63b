//! `gateway redact`: standard input to standard output.

use std::io::{self, BufRead, Read, Write};

use lastbyte::redact::Redactor;

use crate::cli::RedactArgs;
use crate::config::{Redact, Style, rules};

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// The longest line of JSON, in bytes: it is held until it ends.
const LONGEST_LINE: u64 = 16 << 20;

/// What redacts, as the flags say it.
pub(crate) fn redactor(args: &RedactArgs) -> Result<Redactor, String> {
    let mut redact = Redact::default();
    if !args.rules.is_empty() {
        let names = args.rules.iter().map(String::as_str).filter(|name| !name.trim().is_empty());
        let read = rules(names);
        redact.rules = read.map_err(|why| format!("--rules: {why}"))?;
    }
    if args.style == "pseudonym" {
        redact.style = Style::Pseudonym;
    }
    redact.redactor()
}

/// Passes a text on as it comes, to its end. What is no UTF-8 becomes `U+FFFD`.
pub(crate) fn text(redactor: &Redactor, mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let (mut stream, mut out) = (redactor.stream(), String::new());
    let mut piece = vec![0; PIECE];
    loop {
        let read = input.read(&mut piece)?;
        match read {
            0 => stream.finish(&mut out),
            read => stream.push_bytes(&piece[..read], &mut out),
        }
        output.write_all(out.as_bytes())?;
        output.flush()?;
        if read == 0 {
            return Ok(());
        }
        out.clear();
    }
}

/// The same for lines of JSON, each of which is held until it ends.
pub(crate) fn json(redactor: &Redactor, input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(PIECE, input);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            return Err(io::Error::other(format!(
                "a line is longer than {LONGEST_LINE} bytes; it and all behind it is not written; is it JSON in lines?"
            )));
        }
        output.write_all(redactor.redact_json(&String::from_utf8_lossy(&line)).as_bytes())?;
        output.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn characters_that_come_in_pieces_are_whole_and_others_are_marked() {
        for input in ["电话13812345678。\n".as_bytes(), b"a\xffb \xe4\xb8", b""] {
            let mut out = Vec::new();
            text(&Redactor::new(), Slowly(input), &mut out).unwrap();
            let expected = Redactor::new().redact(&String::from_utf8_lossy(input)).into_owned();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn json_stays_json_and_a_line_has_a_bound() {
        let mut out = Vec::new();
        json(&Redactor::new(), &b"{\"card\":4111111111111111}\n{\"a\":1}"[..], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"card\":\"[CARD]\"}\n{\"a\":1}");
        let error = json(&Redactor::new(), io::repeat(b'1'), io::sink()).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
}
