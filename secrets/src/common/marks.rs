//! What stands for what is not shown.

/// What stands for a value of which nothing is shown.
pub const REDACTED: &str = "[REDACTED]";

/// What stands for the hidden part of a value of which something is shown.
pub const HIDDEN: &str = "***";
