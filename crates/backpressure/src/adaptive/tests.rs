//! The limit by hand, and in a simulated world: how much it gets done, against the best limit that is fixed.

mod bench;
mod goodput;
mod laws;
mod sim;
