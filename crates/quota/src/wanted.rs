use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Extensions;
use lastbyte_core::Dialect;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

mod simple;

use simple::Simple;

use crate::tokens::{ATTACHMENT, Counter};

/// The longest name of a model that is looked at, in bytes: names are short, and what is learnt is kept by them.
const MAX_MODEL: usize = 256;

/// What a message takes beyond its texts, and what begins the answer: as OpenAI's cookbook counts them, for all
/// models since `gpt-3.5-turbo-0613`.
const PER_MESSAGE: u64 = 3;

/// What a request wants, as far as it costs tokens. Put into a request's extensions by who has read its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    model: Option<Arc<str>>,
    prompt: u64,
    cap: Option<u64>,
    choices: u32,
}

impl Wanted {
    /// What the body of a request asks for, in the wire format of the answer; `None`: not a chat call. The work
    /// is linear in its length.
    ///
    /// Where a cap is given more than once, or as both `max_tokens` and `max_completion_tokens`, the larger counts:
    /// an API may follow either. What is no JSON object is estimated by its length alone.
    pub fn read(dialect: Option<Dialect>, body: &[u8]) -> Self {
        let mut facts = Facts { dialect, model: None, cap: None, choices: 1 };
        if read(body, &mut facts).is_none() {
            return Self::of_length(body.len() as u64);
        }
        let mut texts = Texts { counter: Counter::new(facts.model.as_deref().unwrap_or_default()) };
        if read(body, &mut texts).is_none() {
            return Self::of_length(body.len() as u64);
        }
        texts.counter.add(PER_MESSAGE);
        let Facts { model, cap, choices, .. } = facts;
        Self { model: model.map(Arc::from), prompt: texts.counter.tokens(), cap, choices }
    }

    /// What can be said of a body that nobody has read: a token for each four bytes.
    pub fn of_length(bytes: u64) -> Self {
        Self { model: None, prompt: bytes.div_ceil(4), cap: None, choices: 1 }
    }

    /// What these extensions hold.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The model that it asks for.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    pub(crate) fn model_name(&self) -> Option<Arc<str>> {
        self.model.clone()
    }

    /// How many tokens its prompt is taken to be.
    pub fn prompt(&self) -> u64 {
        self.prompt
    }

    /// How many tokens each answer may have at most, as far as it says.
    pub fn cap(&self) -> Option<u64> {
        self.cap
    }

    /// How many answers it asks for, one at least.
    pub fn choices(&self) -> u32 {
        self.choices
    }
}

/// Shows each field of the object that `body` is to `fields`.
fn read(body: &[u8], fields: &mut impl Fields) -> Option<()> {
    let mut json = serde_json::Deserializer::from_slice(body);
    json.deserialize_map(Object(fields)).ok()?;
    json.end().ok()
}

/// Who looks at the fields of a request.
trait Fields {
    /// Reads the value of that field.
    fn field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error>;
}

struct Object<'a, F>(&'a mut F);

impl<'de, F: Fields> Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Name(name)) = map.next_key()? {
            self.0.field(&name, &mut map)?;
        }
        Ok(())
    }
}

/// A field's name. Borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What has to be known before its texts can be counted.
#[derive(Debug)]
struct Facts {
    dialect: Option<Dialect>,
    model: Option<String>,
    cap: Option<u64>,
    choices: u32,
}

impl Facts {
    /// Whether a field of that name limits the answer.
    fn is_cap(&self, name: &str) -> bool {
        match self.dialect {
            Some(Dialect::OpenAiResponses) => name == "max_output_tokens",
            Some(Dialect::Anthropic) => name == "max_tokens",
            Some(Dialect::OpenAiChat) | None => matches!(name, "max_tokens" | "max_completion_tokens"),
        }
    }

    /// Whether a field of that name asks for several answers.
    fn is_choices(&self, name: &str) -> bool {
        match self.dialect {
            Some(Dialect::OpenAiResponses | Dialect::Anthropic) => false,
            Some(Dialect::OpenAiChat) => name == "n",
            None => matches!(name, "n" | "best_of"),
        }
    }
}

impl Fields for Facts {
    fn field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error> {
        if name == "model" {
            if let Simple::Text(model) = map.next_value()? {
                self.model = Some(model).filter(|model| model.len() <= MAX_MODEL).map(Cow::into_owned);
            }
        } else if self.is_cap(name) {
            self.cap = self.cap.max(map.next_value::<Simple<'_>>()?.number());
        } else if self.is_choices(name) {
            let choices = map.next_value::<Simple<'_>>()?.number().unwrap_or(1);
            self.choices = self.choices.max(u32::try_from(choices).unwrap_or(u32::MAX));
        } else {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The texts that are the prompt.
struct Texts {
    counter: Counter,
}

impl Fields for Texts {
    fn field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error> {
        let counter = &mut self.counter;
        match name {
            "messages" | "input" => map.next_value_seed(Text { counter, part: Part::Messages }),
            "system" | "instructions" | "prompt" => {
                map.next_value_seed(Text { counter, part: Part::Content })
            }
            "tools" | "functions" | "response_format" | "text" => {
                map.next_value_seed(Text { counter, part: Part::Schema })
            }
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

/// Where in the prompt a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The list of messages.
    Messages,
    /// What a message says.
    Content,
    /// What a tool or a form of answer looks like: names count, too.
    Schema,
}

struct Text<'a> {
    counter: &'a mut Counter,
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.counter.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let part = match self.part {
            Part::Messages => Part::Content,
            part => part,
        };
        let mut next = || list.next_element_seed(Text { counter: &mut *self.counter, part });
        let mut many = 0;
        while next()?.is_some() {
            many += 1;
        }
        if self.part == Part::Messages {
            self.counter.add(PER_MESSAGE * many);
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match (self.part, &*name) {
                (Part::Schema, name) => {
                    self.counter.text(name);
                    map.next_value_seed(Text { counter: &mut *self.counter, part: self.part })?;
                }
                // What a tool was called with.
                (_, "input" | "arguments") => {
                    map.next_value_seed(Text { counter: &mut *self.counter, part: Part::Schema })?;
                }
                (_, "source") => map.next_value_seed(Source { counter: &mut *self.counter })?,
                // Not its bytes: an image is a megabyte of text and a thousand tokens.
                (_, "image_url" | "input_audio" | "file" | "file_data" | "file_url" | "file_id") => {
                    map.next_value::<IgnoredAny>()?;
                    self.counter.add(ATTACHMENT);
                }
                // What says how to read the rest, and is not read.
                (_, "type" | "id" | "cache_control" | "detail" | "filename") => {
                    map.next_value::<IgnoredAny>()?;
                }
                (part, _) => map.next_value_seed(Text { counter: &mut *self.counter, part })?,
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Where an image or a document of Anthropic's format comes from.
struct Source<'a> {
    counter: &'a mut Counter,
}

impl<'de> DeserializeSeed<'de> for Source<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Source<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let (mut kind, mut data) = (Simple::Other, Simple::Other);
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "type" => kind = map.next_value()?,
                "data" => data = map.next_value()?,
                "content" => {
                    map.next_value_seed(Text { counter: &mut *self.counter, part: Part::Content })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match (kind, data) {
            (Simple::Text(kind), Simple::Text(text)) if kind == "text" => self.counter.text(&text),
            (Simple::Text(kind), _) if kind == "content" => {}
            _ => self.counter.add(ATTACHMENT),
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "wanted/tests.rs"]
mod tests;
