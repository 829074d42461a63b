//! See the crate's documentation in its modules.
