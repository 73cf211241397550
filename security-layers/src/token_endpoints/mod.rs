//! Serves what clients do with their sessions: refresh them, give their tokens back, list and end them; and the keys that
//! others verify tokens with.
//!
//! ```
//! # use std::num::NonZeroUsize;
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use bytes::Bytes;
//! # use http::{Request, StatusCode};
//! # use http_body_util::Full;
//! # use portcullis_auth_core::audit::Context;
//! # use portcullis_auth_core::refresh::{Issued, Login, MemoryStore, RefreshKeys, RefreshService};
//! # use portcullis_auth_core::store::Answer;
//! # use portcullis_layer_core::endpoint::EndpointService;
//! # use portcullis_secrets::SecretBytes;
//! # use portcullis_security_layers::token_endpoints::{AccessToken, AccessTokens, TokenEndpoints};
//! # use tower::ServiceExt as _;
//! #[derive(Debug)]
//! struct Accounts;
//!
//! impl AccessTokens for Accounts {
//!     fn issuer(&self) -> &str {
//!         "https://accounts.example"
//!     }
//!
//!     fn issue<'a>(&'a self, session: &'a Issued) -> Answer<'a, Option<AccessToken>> {
//!         Box::pin(async move {
//!             // ... the account of `session.subject()` is read, and a token signed for it ...
//! #           let token = format!("token of {}", session.subject()).into();
//!             let lifetime = Duration::from_secs(600);
//!             Ok(Some(AccessToken { token, lifetime }))
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = Arc::new(MemoryStore::new(NonZeroUsize::MIN));
//! # let keys = RefreshKeys::new(1, &SecretBytes::generate(32)?)?;
//! let sessions = RefreshService::builder(store, keys).start().await?;
//! let endpoints = TokenEndpoints::new(sessions.clone(), Accounts, "acme".parse()?, "web".parse()?);
//! let service = EndpointService::new(endpoints);
//! let refresh = |token: &str| {
//!     Request::post("/auth/refresh")
//!         .header("content-type", "application/json")
//!         .body(Full::<Bytes>::from(format!(r#"{{"refresh_token":"{token}"}}"#)))
//! };
//!
//! // ... the password is checked ...
//! # let (acme, ann) = ("acme".parse()?, "ann".parse()?);
//! # let epoch = sessions.epoch(&acme, &ann).await?;
//! # let login = Login::new(acme, ann, "web".parse()?);
//! let first = sessions.login(&login, epoch, &Context::default()).await?;
//! let token = first.refresh_token().expose_secret();
//! let response = service.clone().oneshot(refresh(token)?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! let response = service.oneshot(refresh("rt_made_up")?).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `POST /auth/refresh` with `refresh_token`, or with the cookie | 200 with the next tokens; 401 `invalid_grant` |
//! | `POST /auth/revoke` with `token`, or with the cookie | 200, whatever the token (RFC 7009); its session ends |
//! | `GET /auth/sessions` | the caller's sessions: where and when they began, and which one is asking |
//! | `GET /auth/sessions/{id}` | one of them; 404 if the caller has no such session |
//! | `DELETE /auth/sessions/{id}` | 204; 404 if the caller has no such session. To sign out, their own |
//! | `DELETE /auth/sessions` | 204: all but the one that is asking have ended, and no sign-in that had begun comes through |
//! | `GET /.well-known/jwks.json` | the public keys (RFC 7517), for 5 minutes |
//!
//! Bodies are JSON or the form of RFC 6749: `grant_type`, `refresh_token`, `client_id`, `scope`; `token` and
//! `token_type_hint` for a revocation. The answer has `access_token`, `token_type`, `expires_in`, `refresh_token`,
//! `refresh_expires_in`, `session_id` and `scope`.
//!
//! Errors are problems (RFC 9457) with the member `error` of RFC 6749; `invalid_grant` is a 401, so that a client which knows
//! nothing of OAuth signs in again, and 503 means that the token is as good as before. Members that are wrong or not known
//! are a 422, which points at each. Who sent a form is answered as RFC 6749 5.2 has it, by a 400 with `error` and
//! `error_description`, and its parameters that are not known are ignored, as section 3.1 asks for.
//!
//! A client that hangs up does not stop what it began: on a tokio runtime, requests that change something are tasks of their
//! own. So a session that ends takes its access tokens along, if its service has
//! [revocations](portcullis_auth_core::refresh::RefreshServiceBuilder::revocations), and is told of.
//!
//! # Cookies
//!
//! With [`TokenEndpoints::cookie`] a browser keeps the refresh token where no script can read it. A cookie goes with
//! requests that other sites make, so it counts on those of our own pages only: `Sec-Fetch-Site` must say `same-origin` or
//! `none`, or where a browser does not send it, `Origin` must be known. Clients that are no browsers send the token in the
//! body. A request with both is refused, and so is one with two cookies of the name: a sibling host may have set one.
//!
//! # What it does not do
//!
//! It signs nobody in and knows no accounts: [`AccessTokens`] reads them at each refresh. It does not limit how often somebody
//! tries: put a rate limit around it. It waits for a body as long as the layers around it do
//! (`BodyDeadlineLayer` of `limits`). It does not set the first cookie: that is for the sign-in, with
//! [`TokenEndpoints::set_cookie`]. All clients are public ones, known by the `client_id` that they send; tokens that are bound
//! to a key (DPoP) are refused. It reads no access tokens: one that is given back ends its session if
//! [`AccessTokens::session_of`] says which that is, and lives on without.
//!
//! # In a stack
//!
//! ```text
//! EndpointLayer::new(endpoints)          // inside of
//! AuthLayer::optional(bearer)            // which finds out whose sessions are listed
//!     .exempt("/auth/refresh, /auth/revoke, /.well-known/jwks.json".parse()?)
//! ```
//!
//! Refreshing needs no access token: it has usually expired, and clients attach it all the same. So the layer around must be
//! an optional one, and must not look at the other paths; the list answers 401 by itself. Behind a proxy that ends TLS nothing changes; cookies are `Secure` in any case.

mod cookie;
mod endpoint;
mod error;
mod form;
mod grant;
mod key_set;
mod sessions;
mod settings;
mod site;
#[cfg(test)]
mod tests;

use self::cookie::RefreshCookie;
pub use self::settings::{
    AccessToken, AccessTokens, CookieScope, InvalidEndpoint, TokenEndpoints, TokenSession,
};
