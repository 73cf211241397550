//! Serves what clients do with their sessions: refresh them, give their tokens back, list and end them; and the keys that
//! others verify tokens with.
//!
//! | request | answer |
//! |---|---|
//! | `POST /auth/refresh` with `refresh_token`, or with the cookie | 200 with the next tokens; 401 `invalid_grant` |
//! | `POST /auth/revoke` with `token`, or with the cookie | 200, whatever the token (RFC 7009) |
//! | `GET /auth/sessions` | the caller's sessions: where and when they began, and which one is asking |
//! | `DELETE /auth/sessions/{id}` | 204; 404 if the caller has no such session. To sign out, their own |
//! | `DELETE /auth/sessions` | 204: all but the one that is asking have ended, and no sign-in that had begun comes through |
//! | `GET /.well-known/jwks.json` | the public keys (RFC 7517), for 5 minutes |
//!
//! Bodies are JSON or the form of RFC 6749: `grant_type`, `refresh_token`, `client_id`, `scope`. The answer has
//! `access_token`, `token_type`, `expires_in`, `refresh_token`, `refresh_expires_in`, `session_id` and `scope`. Errors are
//! problems (RFC 9457) with the member `error` of RFC 6749; `invalid_grant` is a 401, so that a client which knows nothing of
//! OAuth signs in again, and 503 means that the token is as good as before. Who sent a form is answered as RFC 6749 5.2 has
//! it: 400, and the media type `application/json`.
//!
//! A client that hangs up does not stop what it began: on a tokio runtime, requests that change something are tasks of their
//! own. So a session that ends takes its access tokens along, with [`TokenEndpoints::revocations`], and is told of.
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
//! to a key (DPoP) are refused. An access token that is given back lives on; its session is what ends.
//!
//! # In a stack
//!
//! ```text
//! EndpointLayer::new(endpoints)          // inside of
//! AuthLayer::optional(bearer)            // which finds out whose sessions are listed
//! ```
//!
//! Refreshing needs no access token: it has usually expired. So the layer around must be an optional one; the list answers
//! 401 by itself. Behind a proxy that ends TLS nothing changes; cookies are `Secure` in any case.

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
pub use self::settings::{AccessToken, AccessTokens, CookieScope, InvalidEndpoint, TokenEndpoints};
