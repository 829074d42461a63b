use std::fmt;
use std::sync::Arc;

use http::Extensions;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
    /// What the body of a request to Chat Completions, Responses or Messages asks for. The work is linear in
    /// its length.
    ///
    /// Where a cap is given more than once, or as more than one of `max_tokens`, `max_completion_tokens` and
    /// `max_output_tokens`, the largest counts: an API may follow any of them. What is no JSON object is
    /// estimated by its length alone.
    pub fn read(body: &[u8]) -> Self {
        let mut facts = Facts::default();
        if read(body, &mut facts).is_none() {
            return Self::of_length(body.len() as u64);
        }
        let mut texts = Texts { counter: Counter::new(facts.model.as_deref().unwrap_or_default()) };
        if read(body, &mut texts).is_none() {
            return Self::of_length(body.len() as u64);
        }
        texts.counter.add(PER_MESSAGE);
        let Facts { model, cap, choices } = facts;
        Self { model: model.map(Arc::from), prompt: texts.counter.tokens(), cap, choices: choices.max(1) }
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
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// What has to be known before its texts can be counted.
#[derive(Debug, Default)]
struct Facts {
    model: Option<String>,
    cap: Option<u64>,
    choices: u32,
}

impl Fields for Facts {
    fn field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error> {
        match name {
            "model" => {
                if let Simple::Text(model) = map.next_value()? {
                    self.model = Some(model).filter(|model| model.len() <= MAX_MODEL);
                }
            }
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                if let Simple::Number(cap) = map.next_value()? {
                    self.cap = self.cap.max(Some(cap));
                }
            }
            "n" | "best_of" => {
                if let Simple::Number(choices) = map.next_value()? {
                    self.choices = self.choices.max(u32::try_from(choices).unwrap_or(u32::MAX));
                }
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// A value of which only some kinds matter. What is of another is the API's to refuse.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Simple {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
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
                // Not its bytes: an image is a megabyte of text and a thousand tokens.
                (
                    _,
                    "image_url" | "source" | "input_audio" | "file" | "file_data" | "file_url" | "file_id",
                ) => {
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

#[cfg(test)]
#[path = "wanted/tests.rs"]
mod tests;
