//! Finds out whom a request comes from, and lets it through by what they may do.
//!
//! [`AuthLayer`] looks for a credential, has a [`Scheme`] check it, and puts [`Authenticated`] into the request;
//! [`RequireLayer`] further in asks for permissions, roles, scopes, a tenant, or a level of authentication.
//!
//! | the request | the answer | `WWW-Authenticate` |
//! |---|---|---|
//! | has no credential | 401 | the realm, and no error (RFC 6750 3.1) |
//! | has two, or one that cannot be read, or one in the URL | 400 | `invalid_request` |
//! | has one that is not valid, whatever the fault | 401 | `invalid_token` |
//! | may not do this | 403 | `insufficient_scope`, with the scope that is needed |
//! | needs a stronger or more recent sign-in | 401 | `insufficient_user_authentication` (RFC 9470) |
//! | is of another tenant, or from an address that the key excludes | 403 | |
//! | comes while nobody can tell: keys or stores do not answer | 503, with `Retry-After` | |
//!
//! gRPC callers get `UNAUTHENTICATED`, `PERMISSION_DENIED` and `UNAVAILABLE` for these.
//!
//! # What it does not do
//!
//! It does not sign anybody in, and it knows kinds of resources, not single ones: whether this order is of this customer is
//! for the handler to check. It never inserts a principal when in doubt, and there is no anonymous one.
//!
//! # In a stack
//!
//! Outside of the handlers, inside of logs, headers and probes, and inside of CORS: a browser's preflight request carries
//! no credentials, so the CORS layer has to answer it first. An `OPTIONS` request is no exception here: a handler that
//! answers every method would be open to everybody who writes the headers of a preflight.
//!
//! On axum, [`Router::layer`] wraps only the routes that were added before it: add the layer last, or around the whole
//! router. A [`RequireLayer`] that finds no [`AuthLayer`] around it refuses everything with 500, so that a route which was
//! added too late is seen in the first test.
//!
//! A proxy in front that authenticates by itself tells the service by a header such as `X-Forwarded-User`. This layer takes
//! such headers off: they are only worth something behind a proxy that is the only way in, and then it is not needed.
//!
//! [`Router::layer`]: https://docs.rs/axum/latest/axum/struct.Router.html#method.layer

#[cfg(feature = "api-key")]
mod api_key;
mod challenge;
mod credential;
mod error;
mod future;
mod layer;
mod require;
mod scheme;
mod service;
#[cfg(feature = "api-key")]
mod tally;
#[cfg(test)]
mod tests;

#[cfg(feature = "api-key")]
pub use self::api_key::{ApiKeyLayer, ApiKeyScheme};
pub use self::challenge::{InvalidRealm, Realm, SchemeName};
pub use self::credential::Presented;
pub use self::error::{AuthRefused, AuthRefusedKind};
pub use self::future::ResponseFuture;
pub use self::layer::AuthLayer;
pub use self::require::{RequestTenant, Require, RequireLayer};
pub use self::scheme::{Authenticated, Knock, Later, Scheme, Verdict};
pub use self::service::Auth;
#[cfg(feature = "api-key")]
pub use self::tally::Tally;
