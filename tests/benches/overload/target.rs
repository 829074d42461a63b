//! What the gateway is to keep, and whether it did.

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) kept: bool,
}

impl Target {
    /// A value that has to be at most `most`; one that there is none of is a miss.
    pub(crate) fn at_most(
        what: String,
        value: Option<f64>,
        most: f64,
        shown: impl Fn(f64) -> String,
    ) -> Self {
        let measured = value.map_or("never".to_owned(), shown);
        Self { what, measured, kept: value.is_some_and(|value| value <= most) }
    }

    pub(crate) fn verdict(&self) -> String {
        if self.kept { "kept".to_owned() } else { "**missed**".to_owned() }
    }
}
