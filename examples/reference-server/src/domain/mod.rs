//! What the configuration service decides, free of HTTP frameworks, databases and clocks.
//!
//! - [`name`]: what a project or a configuration may be called.
//! - [`document`]: JSON text that is kept byte for byte, checked once when it comes in.
//! - [`schema`]: a JSON Schema that can neither reach out nor run away, and what violates it.
//! - [`etag`]: entity tags and the conditions of a request, as RFC 9110 section 13 evaluates them.
//! - [`page`]: bounds of a listing.
//! - [`project`]: which project of which tenant.
//! - [`email`]: addresses by which people sign in.

use crate::redaction::redactor;

pub(crate) mod document;
pub(crate) mod email;
pub(crate) mod etag;
pub(crate) mod name;
pub(crate) mod page;
pub(crate) mod project;
pub(crate) mod schema;

/// What a client is told of its own words, without what looks like a secret: who reads an answer,
/// or a log of answers, may not be who wrote the request. To be cut afterwards, if at all, because half a
/// secret is not recognised.
fn shown(text: &str) -> String {
    redactor().redact(text).into_owned()
}
