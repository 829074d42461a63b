//! The primitives, in one place: the model checker puts others here.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
