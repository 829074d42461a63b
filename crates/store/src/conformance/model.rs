//! Random operations against a simple model.

use super::Bench;

/// Random operations by several drivers against a simple model; the same for the same seed.
pub async fn check_model(_bench: &dyn Bench, _seed: u64, _steps: usize) {}
