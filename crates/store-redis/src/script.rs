use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $($file:literal)+;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Step> = LazyLock::new(|| Step::new(concat!($(include_str!($file)),+)));
        )*
    };
}

/// One step, which Redis takes as a whole or not at all: a script.
pub(crate) struct Step {
    pub(crate) source: &'static str,
    hash: Script,
}

impl Step {
    fn new(source: &'static str) -> Self {
        Self { source, hash: Script::new(source) }
    }

    /// What Redis knows it by, once it has seen it.
    pub(crate) fn hash(&self) -> &str {
        self.hash.get_hash()
    }
}

scripts! {
    OPEN = "lua/common.lua" "lua/open.lua";
    WRITE = "lua/common.lua" "lua/write.lua";
    HOLD = "lua/common.lua" "lua/hold.lua";
    CLAIM = "lua/common.lua" "lua/claim.lua";
    LOOK = "lua/common.lua" "lua/look.lua";
    READ = "lua/common.lua" "lua/read.lua";
    PEEK = "lua/common.lua" "lua/peek.lua";
    ATTEND = "lua/common.lua" "lua/attend.lua";
    MARK = "lua/mark.lua";
    UNMARK = "lua/unmark.lua";
    DUE = "lua/due.lua";
    TAKE = "lua/bucket.lua" "lua/take.lua";
    SETTLE = "lua/bucket.lua" "lua/settle.lua";
}
