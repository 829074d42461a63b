//! How long the disk takes to keep what it was given: what no store that keeps its word can be faster than.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use tokio::time::Instant;

use crate::support::Done;

/// What is written before each flush: a page, as SQLite writes them.
const PAGE: [u8; 4096] = [7; 4096];

/// Times so many flushes of a file that grows, in `folder`. In seconds.
pub(crate) fn measure(folder: &Path, count: usize) -> Done<Vec<f64>> {
    let mut file = File::create(folder.join("flushed"))?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&PAGE)?;
        let begun = Instant::now();
        file.sync_all()?;
        took.push(begun.elapsed().as_secs_f64());
    }
    Ok(took)
}
