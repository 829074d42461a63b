/// In the extensions of a request whose answer may be paid for once and no more: an attempt that may have been
/// worked on is not made again, whatever is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidOnce;
