//! TODO story

mod board;
mod clock;
mod disk;
mod error;
mod events;
mod file;
mod live;
mod op;
mod reader;
mod schema;
mod settings;
mod store;
mod stored;
mod sweep;
mod transaction;
mod writer;

pub use error::OpenError;
pub use settings::Settings;
pub use store::Sqlite;
