use std::borrow::Cow;

use super::super::json::{Edit, Members, for_each_element, is_filled, number, quoted, text};
use super::super::shown::Shown;
use super::super::transcript::{Kind, Part};
use super::super::{Joined, Mismatch, block};
use super::{ARGUMENTS, Chat, FUNCTION, Member, NAME, bit};

impl Chat {
    /// Joins a chunk of another attempt to what was shown.
    pub(in crate::splice) fn join(
        &mut self,
        shown: &mut Shown,
        name: &[u8],
        data: &[u8],
    ) -> Result<Joined, Mismatch> {
        let mut chunk = Members::read(data).ok_or(Mismatch::Unread)?;
        if let Some(usage) = chunk.filled("usage") {
            shown.usage.tell(usage);
        }
        let mut changed = false;
        match chunk.filled("choices") {
            Some(choices) => {
                let mut kept = Vec::new();
                for raw in elements(choices)? {
                    kept.extend(self.join_choice(shown, raw, &mut changed)?);
                }
                if kept.is_empty() {
                    return Ok(Joined::Drop);
                }
                if changed {
                    let choices = format!("[{}]", kept.join(","));
                    chunk.set("choices", choices);
                }
            }
            // Usage comes behind the end; before the seam such a chunk was shown already.
            None if !shown.is_finished() && !shown.is_joined => return Ok(Joined::Drop),
            None => {}
        }
        shown.is_joined = true;
        for (key, own) in [("id", &mut self.id), ("model", &mut self.model), ("created", &mut self.created)] {
            match own {
                Some(own) => changed |= chunk.set(key, own.to_string()),
                None => *own = chunk.value(key).map(Into::into),
            }
        }
        if chunk.filled("usage").is_some()
            && let Some(total) = shown.usage.total()
        {
            changed |= chunk.set("usage", total.into_owned());
        }
        Ok(if changed { Joined::Rewritten(block(name, &chunk.write())) } else { Joined::Pass })
    }

    /// What is new of a choice's chunk.
    fn join_choice<'a>(
        &mut self,
        shown: &mut Shown,
        raw: &'a str,
        changed: &mut bool,
    ) -> Result<Option<Cow<'a, str>>, Mismatch> {
        let mut choice = Members::read(raw.as_bytes()).ok_or(Mismatch::Unread)?;
        let index = choice.value("index").and_then(number).unwrap_or(0);
        if shown.is_continued() && index != 0 {
            return Err(Mismatch::Choice);
        }
        shown.begin(index);
        let mut news = News::default();
        let mut edited = false;
        if let Some(raw_delta) = choice.filled("delta") {
            let mut delta = Members::read(raw_delta.as_bytes()).ok_or(Mismatch::Unread)?;
            edited = delta.edit(|key, value| self.join_member(shown, index, key, value, &mut news))?;
            let delta = edited.then(|| delta.write());
            if let Some(delta) = delta {
                choice.set("delta", delta);
            }
        }
        if choice.filled("logprobs").is_some() {
            // They belong to the text beside them.
            news.has_other |= news.is_cut;
        }
        if news.has_other {
            if news.is_cut {
                return Err(Mismatch::Unread);
            }
            let went_with_text = news.has_old && !news.is_new && shown.is_continued();
            news.is_new |= !went_with_text && shown.take_other(index);
        }
        if choice.filled("finish_reason").is_some() {
            if shown.finish(index)? {
                news.is_new = true;
            } else {
                edited |= choice.set("finish_reason", "null");
            }
        }
        if !news.is_new {
            *changed = true;
            return Ok(None);
        }
        *changed |= edited;
        Ok(Some(if edited { choice.write().into() } else { raw.into() }))
    }

    fn join_member(
        &mut self,
        shown: &mut Shown,
        choice: u64,
        key: &str,
        value: &str,
        news: &mut News,
    ) -> Result<Edit, Mismatch> {
        match Member::of(key) {
            _ if !is_filled(value) => {}
            // One role for each choice: openai-python would put two of them together.
            Member::Role if self.roles & bit(choice) != 0 => return Ok(Edit::Remove),
            Member::Role => {
                self.roles |= bit(choice);
                news.is_new = true;
            }
            Member::Text(part, lane) => return news.text(shown, choice, part, lane, value),
            Member::Calls => {
                let mut kept = Vec::new();
                let mut edited = false;
                for call in elements(value)? {
                    kept.extend(join_call(shown, choice, call, news, &mut edited)?);
                }
                return Ok(match kept.is_empty() {
                    true => Edit::Remove,
                    false if edited => Edit::Set(format!("[{}]", kept.join(","))),
                    false => Edit::Keep,
                });
            }
            Member::Function => {
                let mut function = Members::read(value.as_bytes()).ok_or(Mismatch::Unread)?;
                let edited = join_function(shown, choice, FUNCTION, &mut function, news)?;
                let is_empty = !function.iter().any(|(_, value)| is_filled(value));
                return Ok(match edited {
                    _ if is_empty => Edit::Remove,
                    true => Edit::Set(function.write()),
                    false => Edit::Keep,
                });
            }
            Member::Audio => {
                shown.audio = true;
                news.has_other = true;
            }
            Member::Other => news.has_other = true,
        }
        Ok(Edit::Keep)
    }
}

/// What a delta of another attempt brings.
#[derive(Default)]
struct News {
    is_new: bool,
    has_old: bool,
    /// Some of a text is new and some is not.
    is_cut: bool,
    has_other: bool,
}

impl News {
    fn text(
        &mut self,
        shown: &mut Shown,
        choice: u64,
        part: Part,
        lane: usize,
        literal: &str,
    ) -> Result<Edit, Mismatch> {
        let text = text(literal).ok_or(Mismatch::Unread)?;
        let old = shown.take(choice, part, lane, &text)?;
        let new = text.get(old..).unwrap_or_default();
        self.has_old |= old > 0;
        if new.is_empty() {
            return Ok(Edit::Remove);
        }
        self.is_new = true;
        if old == 0 {
            return Ok(Edit::Keep);
        }
        self.is_cut = true;
        Ok(Edit::Set(quoted(new)))
    }
}

fn elements(raw: &str) -> Result<Vec<&str>, Mismatch> {
    let mut elements = Vec::new();
    for_each_element(raw, |element| elements.push(element.get())).ok_or(Mismatch::Unread)?;
    Ok(elements)
}

fn join_call<'a>(
    shown: &mut Shown,
    choice: u64,
    raw: &'a str,
    news: &mut News,
    edited: &mut bool,
) -> Result<Option<Cow<'a, str>>, Mismatch> {
    let mut call = Members::read(raw.as_bytes()).ok_or(Mismatch::Unread)?;
    let index = call.value("index").and_then(number).unwrap_or(0);
    let part = Part { kind: Kind::Call, index };
    // The first answer's id is the one the reader has.
    let has_begun = shown.transcript.runs(choice).iter().any(|run| run.part == part);
    let mut changed = has_begun && (call.remove("id") | call.remove("type"));
    let mut is_empty = has_begun;
    if let Some(raw_function) = call.filled("function") {
        let mut function = Members::read(raw_function.as_bytes()).ok_or(Mismatch::Unread)?;
        let cut = join_function(shown, choice, part, &mut function, news)?;
        is_empty &= !function.iter().any(|(_, value)| is_filled(value));
        let function = cut.then(|| function.write());
        if let Some(function) = function {
            call.set("function", function);
            changed = true;
        }
    }
    if is_empty {
        *edited = true;
        return Ok(None);
    }
    news.is_new = true;
    *edited |= changed;
    Ok(Some(if changed { call.write().into() } else { raw.into() }))
}

fn join_function(
    shown: &mut Shown,
    choice: u64,
    part: Part,
    function: &mut Members<'_>,
    news: &mut News,
) -> Result<bool, Mismatch> {
    function.edit(|key, value| {
        let lane = match key {
            "name" => NAME,
            "arguments" => ARGUMENTS,
            _ => return Ok(Edit::Keep),
        };
        if is_filled(value) { news.text(shown, choice, part, lane, value) } else { Ok(Edit::Keep) }
    })
}
