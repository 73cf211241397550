//! Tells signed tokens (JWT, RFC 7519) that may be believed from all others, and issues some.
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis_auth_core::id::SessionId;
//! use portcullis_auth_core::jwt::{
//!     Algorithm, Algorithms, JwtErrorKind, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
//! };
//! use portcullis_auth_core::time::{Clock, SystemClock};
//! use portcullis_secrets::rotate::RingPolicy;
//!
//! // Keys sign for 30 days each, and verify until the last token that they signed has expired.
//! let now = SystemClock.now();
//! let longest = Duration::from_secs(24 * 60 * 60);
//! let policy = RingPolicy::settings(longest, Duration::from_secs(30)).build()?;
//! let ring = SigningRing::new("access_token", policy, Algorithms::own());
//! ring.publish(SigningKey::generate(Algorithm::EdDsa)?, now)?;
//!
//! let issuer = TokenIssuer::settings("https://id.example", "https://api.example", ring).build()?;
//! let verifier = Verifier::new(issuer.issuer(TokenKind::Access))?;
//!
//! let (subject, tenant, client) = ("u-17".parse()?, "acme".parse()?, "web".parse()?);
//! let token = NewToken::access(&subject, &tenant, &client, SessionId::generate()).scopes(["orders:read"]);
//! let token = issuer.issue(&token, now)?;
//! let verified = verifier.verify(token.token.expose_secret(), now)?;
//! assert_eq!(verified.claims().subject(), "u-17");
//!
//! // Ten minutes and a leeway of 30 s later it is not believed any more, and a token of another kind never was.
//! let late = token.expires.plus(Duration::from_secs(30));
//! let refused = verifier.verify(token.token.expose_secret(), late).unwrap_err();
//! assert_eq!(refused.kind(), JwtErrorKind::Expired);
//! let reset = issuer.issue(&NewToken::reset(&subject, &tenant), now)?;
//! let refused = verifier.verify(reset.token.expose_secret(), now).unwrap_err();
//! assert_eq!(refused.kind(), JwtErrorKind::Type);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Verifier`] takes tokens of one or several [`Issuer`]s, each by its own [`Profile`]. The rules are those of RFC 8725 and
//! RFC 9068, and nothing is believed that is not signed by a key of the very issuer that the token names. Whatever is wrong,
//! the one who sent the token hears the same; the operator reads the [reason](JwtErrorKind) in an event.
//!
//! Keys come from a [`KeySource`]: a [`KeySet`] that was configured, the [`SigningRing`] of our own tokens, or a client that
//! reads those of others. Each is bound to one [`Algorithm`] when it is read. Of a key that a token brings along only its
//! presence is noticed.
//!
//! # What it does not do
//!
//! It opens no encrypted tokens, and makes none. That a token was revoked is not to be seen in it. What its bearer may do is
//! for others to decide. It never asks a network.
//!
//! How long a refusal takes tells whether there is an issuer and a key of the names that the token gives: these are no
//! secrets. It does not tell how much of a signature was right.
//!
//! # Cryptography
//!
//! All signatures are those of `aws-lc-rs`, whatever features other crates of a tree ask `jsonwebtoken` or `rustls` for:
//! there is nothing to install and nothing that a second copy could contradict. Keys are parsed once, when they are read, and
//! the library wipes its memory when it frees it. HMAC is compared in constant time.
//!
//! # Behind a proxy
//!
//! A proxy that verifies tokens as well changes nothing here: what it found out is not taken over.

mod algorithm;
mod base64;
mod claims;
mod document;
mod error;
mod header;
mod issue;
mod issuer;
mod json;
mod jwk;
mod jws;
mod key;
mod key_set;
mod kind;
mod ring;
mod source;
#[cfg(test)]
mod tests;
mod verify;

pub use algorithm::{Algorithm, Algorithms, InvalidAlgorithms, UnknownAlgorithm};
pub use claims::Claims;
pub use document::{DiscoveryDocument, JwksDocument};
pub use error::{JwtError, JwtErrorKind};
pub use issue::{
    ClaimError, IssueError, IssueErrorKind, IssuedToken, NewToken, TokenIssuer, TokenIssuerSettings,
};
pub use issuer::{Issuer, IssuerError, IssuerSettings, Profile};
pub use jwk::Jwk;
pub use jws::Jws;
pub use key::{KeyError, KeyErrorKind, SigningKey, VerifyingKey};
pub use key_set::{KeySet, SkippedKey};
pub use kind::TokenKind;
pub use ring::{SigningRing, SigningRingError};
pub use source::{KeySource, Lookup, Refresh};
pub use verify::{VerifiedToken, Verifier};

/// The most bytes of a token. Ours have some hundred; what is larger does not fit into the headers of most servers.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
