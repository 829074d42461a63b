//! What is said of many measurements.

/// The value that a share `q` of `of` callers is at or below; `None` where fewer than that came at all.
pub(crate) fn quantile(sorted: &[f64], of: usize, q: f64) -> Option<f64> {
    let rank = ((q * of as f64 - 1e-9).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// One figure of several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<Option<f64>>);

impl FromIterator<Option<f64>> for Spread {
    fn from_iter<T: IntoIterator<Item = Option<f64>>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Spread {
    /// The mean, and in brackets the least and the most where they are not shown alike. `never` where a
    /// round has no such value.
    pub(crate) fn show(&self, shown: impl Fn(f64) -> String) -> String {
        let Some(values) = self.0.iter().copied().collect::<Option<Vec<f64>>>().filter(|it| !it.is_empty())
        else {
            return "never".into();
        };
        let mean = shown(values.iter().sum::<f64>() / values.len() as f64);
        let least = shown(values.iter().copied().fold(f64::INFINITY, f64::min));
        let most = shown(values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        if least == most { mean } else { format!("{mean} ({least}–{most})") }
    }
}
