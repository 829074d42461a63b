//! placeholder
mod adaptive;
mod admission;
mod gate;
mod held;
mod memory;
mod queue;
mod sync;
mod watchdog;
pub use admission::{Admission, AdmissionLayer, Occupancy, ResponseBody, ResponseFuture};
pub use held::Held;
pub use memory::{Charge, MemoryBudget};
pub use watchdog::{Watchdog, WatchdogBody, WatchdogFuture, WatchdogLayer};
