use super::Seen;
use super::cursor::{Cursor, Malformed};
use super::json::{UpstreamError, error_of, is_filled, word};
use crate::Finish;

/// One event of a stream, or a whole answer: what of it counts.
#[derive(Default)]
struct Event<'a> {
    kind: Option<&'a str>,
    /// Whether a delta or the whole answer holds content.
    content: bool,
    /// Whether a block of a tool call begins.
    tool: bool,
    stop_reason: &'a str,
    error: Option<&'a str>,
    /// The input is counted at the start, the output at the end; the last number of each holds.
    input: Option<u64>,
    /// Of the input, what was written to a cache or read from one: it is not in `input_tokens`.
    cached: [Option<u64>; 2],
    output: Option<u64>,
}

impl<'a> Event<'a> {
    fn read(json: &'a [u8]) -> Result<Self, Malformed> {
        Cursor::read(json, |cursor| {
            let mut event = Self::default();
            cursor.object(|cursor, key| match key {
                // A message that begins is not one that is whole: only its count is of use.
                "message" => cursor.object(|cursor, key| match key {
                    "usage" => event.count(cursor),
                    _ => cursor.skip(),
                }),
                "delta" => cursor.object(|cursor, key| match key {
                    "text" | "thinking" | "partial_json" => event.fill(cursor),
                    "stop_reason" => event.stop(cursor),
                    _ => cursor.skip(),
                }),
                "content_block" => cursor.object(|cursor, key| {
                    let value = cursor.value()?;
                    // A tool call begins with its name; a text block begins empty.
                    event.tool |= key == "type" && value.contains("tool");
                    Ok(())
                }),
                "type" => {
                    event.kind = cursor.some()?.map(word);
                    Ok(())
                }
                "error" => {
                    event.error = cursor.some()?;
                    Ok(())
                }
                "content" => event.fill(cursor),
                "stop_reason" => event.stop(cursor),
                "usage" => event.count(cursor),
                _ => cursor.skip(),
            })?;
            Ok(event)
        })
    }

    fn fill(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        self.content |= is_filled(cursor.value()?);
        Ok(())
    }

    fn stop(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        self.stop_reason = word(cursor.value()?);
        Ok(())
    }

    fn count(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        cursor.object(|cursor, key| {
            let tokens = cursor.value()?.parse().ok();
            match key {
                "input_tokens" => self.input = tokens.or(self.input),
                "cache_creation_input_tokens" => self.cached[0] = tokens.or(self.cached[0]),
                "cache_read_input_tokens" => self.cached[1] = tokens.or(self.cached[1]),
                "output_tokens" => self.output = tokens.or(self.output),
                _ => {}
            }
            Ok(())
        })
    }

    fn apply_usage(&self, seen: &mut Seen) {
        if self.input.or(self.output).is_some() {
            let usage = seen.usage.get_or_insert_default();
            let cached = self.cached.iter().flatten().fold(0_u64, |sum, tokens| sum.saturating_add(*tokens));
            usage.input = self.input.map_or(usage.input, |input| input.saturating_add(cached));
            usage.output = self.output.unwrap_or(usage.output);
        }
    }
}

pub(super) fn event(seen: &mut Seen, name: &[u8], data: &[u8]) {
    let Ok(event) = Event::read(data) else {
        if name == b"error" {
            seen.error = Some(UpstreamError::unread(data));
        } else {
            seen.garbage = true;
        }
        return;
    };
    let kind = event.kind.map_or(name, str::as_bytes);
    if kind == b"error" || name == b"error" {
        seen.error = error_of(event.error).or_else(|| Some(UpstreamError::named("unknown")));
        return;
    }
    event.apply_usage(seen);
    match kind {
        b"content_block_delta" => seen.content |= event.content,
        b"content_block_start" => seen.content |= event.tool,
        b"message_delta" if !event.stop_reason.is_empty() => {
            seen.finish = Some(Finish::new(event.stop_reason));
            seen.content = true;
        }
        b"message_stop" => {
            if seen.finish.is_none() {
                seen.finish = Some(Finish::new("end_turn"));
            }
            seen.content = true;
        }
        _ => {}
    }
}

pub(super) fn whole(seen: &mut Seen, body: &[u8]) -> bool {
    let Ok(message) = Event::read(body) else { return false };
    match message.kind.unwrap_or_default() {
        "error" => {
            seen.error = error_of(message.error).or_else(|| Some(UpstreamError::named("unknown")));
        }
        "message" => {
            seen.content |= message.content;
            let reason = message.stop_reason;
            seen.finish = (!reason.is_empty()).then(|| Finish::new(reason));
            message.apply_usage(seen);
        }
        _ => match error_of(message.error) {
            Some(error) => seen.error = Some(error),
            None => return false,
        },
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Usage;

    #[test]
    fn what_was_cached_is_a_part_of_the_prompt() {
        let mut seen = Seen::default();
        let mut event = |data: &str| {
            super::event(&mut seen, b"", data.as_bytes());
            seen.usage
        };
        let begun = event(
            "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\
             \"cache_creation_input_tokens\":1000,\"cache_read_input_tokens\":20,\"output_tokens\":1}}}",
        );
        assert_eq!(begun, Some(Usage { input: 1_023, output: 1 }));
        let ended = event("{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":50}}");
        assert_eq!(ended, Some(Usage { input: 1_023, output: 50 }));
    }
}
