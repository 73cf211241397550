//! Finds out whom a request comes from, and lets it through by what they may do.
//!
//! [`AuthLayer`] looks for a credential, has a [`Scheme`] check it, and puts [`Authenticated`] into the request;
//! [`RequireLayer`] further in asks for permissions, roles, scopes, a tenant, or a level of authentication.
//!
#![cfg_attr(feature = "bearer", doc = "```")]
#![cfg_attr(not(feature = "bearer"), doc = "```ignore")]
//! use std::time::Duration;
//!
//! use http::{Request, Response, StatusCode, header::AUTHORIZATION};
//! use portcullis_auth_core::id::SessionId;
//! use portcullis_auth_core::jwt::{
//!     Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
//! };
//! use portcullis_auth_core::roles::{Role, Roles};
//! use portcullis_auth_core::time::{Clock, SystemClock};
//! use portcullis_secrets::rotate::RingPolicy;
//! use portcullis_security_layers::auth::{Authenticated, Bearer, BearerLayer, RequireLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # let now = SystemClock.now();
//! # let policy = RingPolicy::settings(Duration::from_secs(86_400), Duration::from_secs(30)).build()?;
//! # let ring = SigningRing::new("access_token", policy, Algorithms::own());
//! # ring.publish(SigningKey::generate(Algorithm::EdDsa)?, now)?;
//! // See `portcullis_auth_core::jwt` for where the keys come from.
//! let issuer = TokenIssuer::settings("https://id.example", "https://api.example", ring).build()?;
//! let verifier = Verifier::new(issuer.issuer(TokenKind::Access))?;
//! let roles = Roles::builder()
//!     .permissions(["orders:read", "orders:write"])
//!     .role(Role::new("viewer").allows(["orders:read"]))
//!     .build()?;
//!
//! let orders = ServiceBuilder::new()
//!     .layer(BearerLayer::required(Bearer::new(verifier).roles(roles.clone())))
//!     .layer(RequireLayer::new(roles.require("orders:read")?))
//!     .service(service_fn(async |request: Request<()>| {
//!         let caller = request.extensions().get::<Authenticated>().map(|caller| caller.subject_ref().as_str());
//!         assert_eq!(caller, Some("u-17"));
//!         Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
//!     }));
//!
//! let (subject, tenant, client) = ("u-17".parse()?, "acme".parse()?, "web".parse()?);
//! let token = NewToken::access(&subject, &tenant, &client, SessionId::generate());
//! let with = |token: NewToken| -> Result<_, Box<dyn std::error::Error>> {
//!     let token = issuer.issue(&token, now)?.token;
//!     Ok(Request::get("/orders").header(AUTHORIZATION, format!("Bearer {}", token.expose_secret())).body(())?)
//! };
//! let viewer = with(token.clone().roles(["viewer"]))?;
//! assert_eq!(orders.clone().oneshot(viewer).await?.status(), StatusCode::OK);
//! let somebody = with(token)?;
//! assert_eq!(orders.clone().oneshot(somebody).await?.status(), StatusCode::FORBIDDEN);
//! let nobody = Request::get("/orders").body(())?;
//! assert_eq!(orders.oneshot(nobody).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
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
//! router; [`assert_routes_protected`] tells in a test which routes are open. A [`RequireLayer`] that finds no [`AuthLayer`]
//! around it refuses everything with 500, so that a route which was added too late is seen in the first test.
//!
//! A proxy in front that authenticates by itself tells the service by a header such as `X-Forwarded-User`. This layer takes
//! such headers off: they are only worth something behind a proxy that is the only way in, and then it is not needed.
//!
//! [`Router::layer`]: https://docs.rs/axum/latest/axum/struct.Router.html#method.layer

#[cfg(feature = "api-key")]
mod api_key;
#[cfg(feature = "bearer")]
mod bearer;
#[cfg(feature = "bearer")]
mod cache;
mod challenge;
mod credential;
mod error;
mod future;
mod layer;
mod protected;
mod require;
mod scheme;
mod service;
#[cfg(any(feature = "api-key", feature = "bearer"))]
mod tally;
#[cfg(test)]
mod tests;

#[cfg(feature = "api-key")]
pub use self::api_key::{ApiKeyLayer, ApiKeyScheme};
#[cfg(feature = "bearer")]
pub use self::bearer::{Bearer, BearerLayer};
pub use self::challenge::{InvalidRealm, Realm, SchemeName};
pub use self::credential::Presented;
pub use self::error::{AuthRefused, AuthRefusedKind};
#[cfg(feature = "token-endpoints")]
pub(crate) use self::error::{problem, refusal};
pub use self::future::ResponseFuture;
pub use self::layer::AuthLayer;
pub use self::protected::{UnprotectedRoutes, assert_routes_protected};
pub use self::require::{RequestTenant, Require, RequireLayer};
pub use self::scheme::{Authenticated, Knock, Later, Scheme, Verdict};
pub use self::service::Auth;
#[cfg(any(feature = "api-key", feature = "bearer"))]
pub use self::tally::Tally;
