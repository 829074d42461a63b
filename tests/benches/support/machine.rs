//! Where and when something was measured.

use std::thread::available_parallelism;
use std::time::SystemTime;

/// One line: the day, the processor, the system.
pub(crate) fn describe() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let day = now.split('T').next().unwrap_or_default();
    let cores = available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    format!("{day}, {cores} cores of {model}, {}", std::env::consts::OS)
}

/// Sockets are files: a storm needs more of them than many systems allow at first.
pub(crate) fn raise_file_limit() {
    let _ = rlimit::increase_nofile_limit(16_384);
}
