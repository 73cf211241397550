//! Shows of a value what helps to recognise it, and hides the rest.
//!
//! ```
//! use portcullis_secrets::mask;
//!
//! assert_eq!(mask::password("correct horse"), "[REDACTED]");
//! assert_eq!(mask::authorization("Bearer 9f86d081884c7d65"), "Bearer ***");
//! assert_eq!(mask::email("joanna@example.com"), "j***@example.com");
//! assert_eq!(mask::email("not an address"), "[REDACTED]");
//! assert_eq!(
//!     mask::url("https://joanna:pa55@example.com/orders?page=2&api_key=9f86d081#top"),
//!     "https://***@example.com/orders?page=2&api_key=***",
//! );
//! ```
//!
//! | function | keeps | of what is not of that kind |
//! |---|---|---|
//! | [`password`] (also OTPs, PINs, private keys) | nothing | |
//! | [`api_key`] | the public id of a key of this family, or the prefix that names its issuer | as `token` |
//! | [`token`] | the first 4 of at least 24 characters | nothing |
//! | [`jwt`], [`jwt_ids`] | that it is one; with `jwt_ids` its `kid` and `jti` | as `token` |
//! | [`email`], [`email_and_domain`] | the first character and the domain, or the domain's first and last part | nothing |
//! | [`url`] | all but user info, sensitive parameters and the fragment | the scheme |
//! | [`connection_string`] | all but user info and sensitive parameters | the scheme |
//! | [`card`], [`phone`] | the last 4 or 2 digits | nothing |
//! | [`ip`] | the /24 or /48 | nothing |
//! | [`authorization`], [`cookie`], [`set_cookie`] | the scheme; the names; the name and the attributes | nothing |
//!
//! [`LogKey`] replaces a token by a tag instead, so that the lines about one token can be found.
//!
//! Each function can be applied to its own result and changes nothing then; for that a value that looks like a result,
//! such as `abcd***`, is taken for one. What is shown never depends on the length of what is hidden, fits on one line, and
//! has the user's characters whole or not at all, however many code points one of them has.
//!
//! The caller says what kind a value is. Finding secrets in text is not done here.

mod connection;
mod credential;
mod person;
#[cfg(test)]
mod tests;
mod url;

pub use connection::connection_string;
pub use credential::{LogKey, api_key, jwt, jwt_ids, password, token};
pub use person::{card, email, email_and_domain, ip, phone};
pub use url::url;

pub use crate::common::header::{authorization, cookie, set_cookie};
pub use crate::common::marks::{HIDDEN, REDACTED};
use crate::common::names::{self, Place};
use crate::common::percent;

/// Whether the value of a parameter of this name is hidden. The name may be percent-encoded.
fn is_sensitive(name: &str) -> bool {
    names::is_sensitive(&percent::decoded(name), Place::Query, &[])
}
