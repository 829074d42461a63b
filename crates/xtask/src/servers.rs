//! The servers that tests start for themselves, on ports of their own: they have to be installed.

use crate::debian::{self, Need};
use crate::tools::{Done, output, program};

const NEEDS: [Need; 1] = [Need {
    what: "redis-server and redis-cli, 7.0 or newer",
    is_there: || {
        output(program("redis-server").arg("--version")).is_ok_and(|version| major(&version) >= Some(7))
            && output(program("redis-cli").arg("--version")).is_ok()
    },
    debian: &["redis-server"],
}];

/// Installs what is missing.
pub(crate) fn install() -> Done {
    debian::provide(&NEEDS, "the tests of the store", "")
}

/// `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64` is of the major version 7.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().find_map(|word| word.strip_prefix("v="))?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_redis_is_read() {
        assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some(7));
        assert_eq!(major("Redis server v=10.1 sha=0"), Some(10));
        assert_eq!(major("redis-cli 7.0.15"), None);
    }
}
