//! How a redactor is made.

use std::sync::Arc;

use crate::redactor::Settings;
use crate::scan::Rules;
use crate::{Own, OwnError, Redactor, Rule, Style};

/// Makes a [`Redactor`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) settings: Settings,
}

impl Builder {
    /// Looks for these, instead of [`Rule::DEFAULT`]. Rules of one's own are added with [`own`](Self::own).
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        let set = Rules::of(&rules.into_iter().collect::<Vec<_>>());
        self.settings.set = if self.settings.own.is_some() { set.with_own() } else { set };
        self
    }

    /// Looks for these too, before all others. Where two fit, the one that was added first is taken.
    ///
    /// # Errors
    ///
    /// [`OwnError::Taken`] where there is one of the same label, [`OwnError::TooMany`] beyond [`Own::MOST`].
    pub fn own(mut self, rule: Own) -> Result<Self, OwnError> {
        let set = Arc::make_mut(self.settings.own.get_or_insert_default());
        if set.rules().iter().any(|other| other.label == rule.label) {
            return Err(OwnError::Taken(rule.label().to_owned()));
        }
        if set.rules().len() >= Own::MOST {
            return Err(OwnError::TooMany);
        }
        set.push(rule);
        self.settings.set = self.settings.set.with_own();
        Ok(self)
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
