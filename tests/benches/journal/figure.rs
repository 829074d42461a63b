//! One figure of several rounds.

/// What it was in each round; nothing where a round or a store has no such figure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure(Vec<f64>);

impl FromIterator<Option<f64>> for Figure {
    fn from_iter<T: IntoIterator<Item = Option<f64>>>(values: T) -> Self {
        let values: Option<Vec<f64>> = values.into_iter().collect();
        let mut values = values.unwrap_or_default();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl Figure {
    /// Of an odd number of rounds the one in the middle; else the mean of the two there.
    pub(crate) fn median(&self) -> Option<f64> {
        let (low, high) = (self.0.get(self.0.len().checked_sub(1)? / 2)?, self.0.get(self.0.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// In another unit.
    pub(crate) fn by(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|value| value * factor).collect())
    }

    /// The median, and in brackets the least and the most where they are not shown alike.
    pub(crate) fn show(&self, digits: usize) -> String {
        let shown = |value: f64| format!("{value:.digits$}").replace('-', "−");
        let (Some(median), Some(least), Some(most)) = (self.median(), self.0.first(), self.0.last()) else {
            return "–".into();
        };
        let (median, least, most) = (shown(median), shown(*least), shown(*most));
        if least == most { median } else { format!("{median} ({least} to {most})") }
    }
}
