//! How a redactor is made.

use std::sync::Arc;

use crate::redactor::Settings;
use crate::scan::Rules;
use crate::{Redactor, Rule, Style};

/// Makes a [`Redactor`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) settings: Settings,
}

impl Builder {
    /// Looks for these, instead of [`Rule::DEFAULT`].
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.settings.set = Rules::of(&rules.into_iter().collect::<Vec<_>>());
        self
    }

    /// Puts this in a value's place, instead of [`Style::Label`].
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.settings.style = style;
        self
    }

    /// Makes it.
    #[must_use]
    pub fn build(self) -> Redactor {
        Redactor { settings: Arc::new(self.settings) }
    }
}
