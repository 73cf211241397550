//! Reads the keys of other issuers, and keeps them up to date without ever making a known key wait for the network.
//!
//! ```
//! use portcullis_auth_core::jwks::{Document, Endpoint, Fetch, Fetching, Jwks};
//! use portcullis_auth_core::jwt::{Issuer, JwtErrorKind, Profile, Verifier};
//! # use std::time::Duration;
//! # use portcullis_auth_core::id::SessionId;
//! # use portcullis_auth_core::jwt::{Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind};
//! # use portcullis_auth_core::time::{Clock, SystemClock};
//! # use portcullis_secrets::rotate::RingPolicy;
//! #
//! # fn ring() -> Result<SigningRing, Box<dyn std::error::Error>> {
//! #     let longest = Duration::from_secs(24 * 60 * 60);
//! #     let policy = RingPolicy::settings(longest, Duration::from_secs(30)).build()?;
//! #     let ring = SigningRing::new("access_token", policy, Algorithms::own());
//! #     ring.publish(SigningKey::generate(Algorithm::EdDsa)?, SystemClock.now())?;
//! #     Ok(ring)
//! # }
//! # fn token(ring: &SigningRing) -> Result<String, Box<dyn std::error::Error>> {
//! #     let issuer = TokenIssuer::settings("https://id.example", "https://api.example", ring.clone()).build()?;
//! #     let (subject, tenant, client) = ("u-17".parse()?, "acme".parse()?, "web".parse()?);
//! #     let token = NewToken::access(&subject, &tenant, &client, SessionId::generate());
//! #     Ok(issuer.issue(&token, SystemClock.now())?.token.expose_secret().to_owned())
//! # }
//!
//! // Over the network this is a `ReqwestFetch`, of the feature `jwks-reqwest`.
//! #[derive(Debug)]
//! struct Served(String);
//!
//! impl Fetch for Served {
//!     fn fetch<'a>(&'a self, _from: &'a Endpoint) -> Fetching<'a> {
//!         let document = Document::new(self.0.as_str()).cache_control("max-age=300");
//!         Box::pin(std::future::ready(Ok(document)))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (theirs, others) = (ring()?, ring()?);
//! # let now = SystemClock.now();
//! # let (theirs_token, others_token) = (token(&theirs)?, token(&others)?);
//! # let served = Served(theirs.jwks(now).json().to_owned());
//! let place = Endpoint::https("https://id.example/jwks.json")?;
//! let keys = Jwks::at("https://id.example", &place, served).start()?;
//! assert!(keys.loaded().await);
//!
//! # let profile = Profile::Own(TokenKind::Access);
//! let issuer = Issuer::settings("https://id.example", "https://api.example", profile, keys).build()?;
//! let verifier = Verifier::new([issuer])?;
//! assert!(verifier.verify_or_refresh(&theirs_token, now).await.is_ok());
//!
//! // Nor is it known after the keys were read once more.
//! let refused = verifier.verify_or_refresh(&others_token, now).await.unwrap_err();
//! assert_eq!(refused.kind(), JwtErrorKind::UnknownKey);
//! # Ok(())
//! # }
//! ```
//!
//! [`Jwks`] is a [`KeySource`](crate::jwt::KeySource) for one issuer. A task reads the set of keys when the client is started
//! and then again when four fifths of its time are over: 10 minutes, or what the server's `Cache-Control` says between one
//! minute and one day. Whoever looks for a key that is in the set never waits, whatever the network does. What the set is
//! good for is decided by [`KeySet`](crate::jwt::KeySet): one bad key never spoils the others.
//!
//! # A key that is not there
//!
//! A token with a key that is not in the set makes the task read the set at once, so that a new key works from its first token
//! on. Its id is the sender's to choose, so:
//!
//! - there is one fetch at a time, and all who wait share it;
//! - after it nobody can cause another one for 30 seconds, and there are never more than 10 in a row and then one in 6
//!   seconds, whatever they are for;
//! - an id that the issuer was seen not to have is not asked for again for a minute, or until the set was read once more. Up
//!   to 1,024 are remembered; when there are more, the others find the bounds above;
//! - the id is compared with those in the set. It is never sent anywhere, and nothing that a token says decides what is read.
//!
//! A key that is gone from the set verifies nothing from then on, and
//! [`version`](crate::jwt::KeySource::version) changes, by which caches of accepted tokens know.
//!
//! # When the issuer does not answer
//!
//! An answer without a key that can be used counts as none. After an error it is tried again, first in 1 to 2 seconds and then
//! in twice that, until every 30 to 60 seconds, at random so that instances do not come together. Keys that were read are used
//! for up to 24 hours more, also where the server says `must-revalidate`: somebody who can keep us from its answer must not be
//! able to lock everybody out. Tokens with other keys are invalid meanwhile (`401`). If there never were keys, or they are
//! too old, nothing can be said of any token: the first ones wait for the fetch that is under way, and once that has failed
//! they are answered with `503` and after how long to come again.
//!
//! # Events
//!
//! `jwks_refreshed` with the number of keys; `jwks_refresh_failed` with the [reason](FetchErrorKind); `jwks_stale` when keys
//! could not be read in time (`stale`) and when they are not used any more (`unusable`), once for each time that the issuer
//! is away; `discovery_issuer_mismatch`. The issuer is their subject. [`Jwks::status`] has the numbers.
//!
//! # What it does not do
//!
//! It reads public keys and nothing else: no tokens are introspected, and no certificates in keys (`x5c`) are looked at. Whom
//! to trust is configured: an issuer that a token names is not made one by that.
//!
//! # Where it belongs
//!
//! In an [`Issuer`](crate::jwt::Issuer), one client for each, started before the service listens. A proxy in front of the
//! service changes nothing. Through a proxy on the way out goes only what is told to.

mod client;
mod discovery;
mod driver;
mod endpoint;
mod fetch;
mod freshness;
#[cfg(feature = "jwks-reqwest")]
mod reqwest;
mod schedule;
mod settings;
mod shared;
#[cfg(test)]
mod tests;

pub use client::{Jwks, Status};
pub use discovery::discover;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use fetch::{
    CONNECT_TIMEOUT, Document, FETCH_TIMEOUT, Fetch, FetchError, FetchErrorKind, Fetching,
    MAX_DOCUMENT_BYTES,
};
#[cfg(feature = "jwks-reqwest")]
pub use reqwest::{ReqwestFetch, ReqwestFetchError, ReqwestFetchSettings};
pub use settings::{JwksError, JwksSettings};
