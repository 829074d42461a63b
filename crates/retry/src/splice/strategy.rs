use http::{HeaderMap, HeaderName};

/// What a reader declares to understand, as a comma-separated list; `restart` is the one that is known.
pub const ACCEPT: HeaderName = HeaderName::from_static("x-lastbyte-accept");

/// Whether the reader declares that it understands `event: restart`.
pub fn reads_restart(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("restart"))
}

/// What to do where an answer breaks after some of it was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Continue where the upstream has a way to and the answer allows it, else restart where the reader
    /// understands that, else fail.
    #[default]
    Auto,
    /// Let the model go on from the text so far.
    Continue,
    /// Ask again from the start and leave out what was shown already. Right for upstreams that give equal
    /// answers to equal requests; from any other the answers part ways at once, and the strategy fails.
    Replay,
    /// Tell the reader to drop what it has, and begin again.
    Restart,
    /// Let it break.
    Fail,
}

impl Strategy {
    /// The strategy of this name, as configurations spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::Continue, Self::Replay, Self::Restart, Self::Fail]
            .into_iter()
            .find(|strategy| strategy.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Continue => "continue",
            Self::Replay => "replay",
            Self::Restart => "restart",
            Self::Fail => "fail",
        }
    }
}

/// The upstream's way of going on from the beginning of an answer. It is configured, never guessed: an
/// upstream without one takes the same request for a new question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Continuation {
    /// It has none: OpenAI, Claude from 4.6 on.
    #[default]
    None,
    /// `add_generation_prompt: false` and `continue_final_message: true` (vLLM's chat request fields).
    Vllm,
    /// `continue_final_message: true` (SGLang's chat request fields).
    Sglang,
    /// `prefix: true` on the last message, at DeepSeek's beta address.
    Deepseek,
    /// `prefix: true` on the last message; the answer repeats it (Mistral).
    Mistral,
    /// A last message of the assistant (Claude up to 4.5), in Anthropic's own format and in OpenAI's.
    Anthropic,
    /// A last message of the assistant, passed on to the model behind (OpenRouter).
    Openrouter,
}

impl Continuation {
    /// The continuation of this name, as configurations spell it.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::None,
            Self::Vllm,
            Self::Sglang,
            Self::Deepseek,
            Self::Mistral,
            Self::Anthropic,
            Self::Openrouter,
        ]
        .into_iter()
        .find(|way| way.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Deepseek => "deepseek",
            Self::Mistral => "mistral",
            Self::Anthropic => "anthropic",
            Self::Openrouter => "openrouter",
        }
    }
}

/// How a new attempt joins what was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// It goes on behind it.
    Continue,
    /// It begins from the start, and what was shown is left out.
    Replay,
    /// It begins from the start, and the reader is told to drop what it has.
    Restart,
}

/// How answers are spliced.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What to do.
    pub strategy: Strategy,
    /// The upstream's way of going on.
    pub continuation: Continuation,
    /// How many bytes are kept of what an answer has shown; an answer that shows more is not spliced.
    /// 256 KiB: some 60,000 tokens, above the output limit of most models, and as much as a thousand
    /// usual answers of some hundred words.
    pub max_kept: usize,
    /// How large the request for a continuation may be, in bytes. 4 MiB, what a request may have.
    pub max_request: usize,
    /// How large one event may be, in bytes. 1 MiB, as everywhere.
    pub max_event: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            continuation: Continuation::default(),
            max_kept: 256 << 10,
            max_request: 4 << 20,
            max_event: 1 << 20,
        }
    }
}

impl Settings {
    /// Whether a broken answer could go on at all, for a reader that understands a restart or does not. If
    /// not, there is no need of a [`Splice`](super::Splice).
    pub fn is_of_use(&self, restarts: bool) -> bool {
        self.compares() || restarts && matches!(self.strategy, Strategy::Auto | Strategy::Restart)
    }

    /// Whether what is shown has to be kept: a restart needs none of it.
    pub(super) fn compares(&self) -> bool {
        match self.strategy {
            Strategy::Auto | Strategy::Continue => self.continuation != Continuation::None,
            Strategy::Replay => true,
            Strategy::Restart | Strategy::Fail => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_declares_restart_among_other_words() {
        let mut headers = HeaderMap::new();
        assert!(!reads_restart(&headers));
        headers.append(ACCEPT, "later".parse().unwrap());
        assert!(!reads_restart(&headers));
        headers.append(ACCEPT, "resume , Restart".parse().unwrap());
        assert!(reads_restart(&headers));
    }

    #[test]
    fn without_a_way_that_could_be_taken_it_is_of_no_use() {
        let of = |strategy, continuation| Settings { strategy, continuation, ..Settings::default() };
        let uses = |settings: Settings| [false, true].map(|restarts| settings.is_of_use(restarts));
        assert_eq!(uses(of(Strategy::Auto, Continuation::None)), [false, true]);
        assert_eq!(uses(of(Strategy::Auto, Continuation::Vllm)), [true, true]);
        assert_eq!(uses(of(Strategy::Continue, Continuation::None)), [false, false]);
        assert_eq!(uses(of(Strategy::Replay, Continuation::None)), [true, true]);
        assert_eq!(uses(of(Strategy::Restart, Continuation::Vllm)), [false, true]);
        assert_eq!(uses(of(Strategy::Fail, Continuation::Vllm)), [false, false]);
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for name in ["auto", "continue", "replay", "restart", "fail"] {
            assert_eq!(Strategy::from_name(name).map(Strategy::as_str), Some(name));
        }
        for name in ["none", "vllm", "sglang", "deepseek", "mistral", "anthropic", "openrouter"] {
            assert_eq!(Continuation::from_name(name).map(Continuation::as_str), Some(name));
        }
        assert_eq!((Strategy::from_name("Auto"), Continuation::from_name("openai")), (None, None));
    }
}
