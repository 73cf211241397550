//! `/.well-known/openid-configuration`: the parts of OpenID Connect Discovery that there are.

use axum::extract::State;
use axum::response::Response;
use portcullis_auth_core::jwt::{DiscoveryDocument, TokenKind};

use super::App;
use super::extract::If;
use super::reply;
use crate::accounts::{REFRESH, REVOKE};
use crate::domain::etag::{Digest, ETag};
use crate::problem::Problem;

pub(super) async fn read(State(app): State<App>, If(conditions): If) -> Result<Response, Problem> {
    let tokens = &app.accounts.issuer;
    let ring = tokens.ring(TokenKind::Access);
    let ring = ring.ok_or_else(|| Problem::failed("there is no key for access tokens"))?;
    let name = tokens.name();
    let at = |path: &str| format!("{name}{path}");
    let document = DiscoveryDocument::new(name, &at("/.well-known/jwks.json"), ring.algorithms())
        .endpoint("token_endpoint", &at(REFRESH))
        .endpoint("revocation_endpoint", &at(REVOKE))
        .endpoint("service_documentation", &at("/docs"))
        .list("grant_types_supported", ["refresh_token"])
        // Clients are known by the tokens that they have.
        .list("token_endpoint_auth_methods_supported", ["none"])
        .list("revocation_endpoint_auth_methods_supported", ["none"])
        .json();
    let etag = ETag::of_content(&Digest::of(document.as_bytes()));
    reply::text(&conditions, &etag, document)
}
