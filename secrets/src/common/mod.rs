//! What `mask` and `redact` have in common, so that what one hides the other hides too.

pub(crate) mod header;
pub(crate) mod issuers;
pub(crate) mod luhn;
pub(crate) mod marks;
pub(crate) mod names;
pub(crate) mod percent;
pub(crate) mod userinfo;
