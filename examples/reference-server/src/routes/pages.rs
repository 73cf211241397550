//! `/`, `/docs` and `/openapi.json`: for people, without anything from elsewhere. The only script is that of `/`, which signs in.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, Response};
use axum::routing::get;
use portcullis_observability_layers::health::Status;
use portcullis_security_layers::headers::{CspNonce, SecurityHeadersLayer};

use super::extract::If;
use super::{App, docs, reply};
use crate::domain::etag::{Digest, ETag};
use crate::problem::Problem;

/// The description of the API, written by hand and held to the routes by a test.
pub(super) const OPENAPI: &str = include_str!("../../openapi.json");

/// A page in pieces, between which the response's nonce goes.
struct Page(Vec<String>);

impl Page {
    fn new(title: &str, main: &str) -> Self {
        let html = include_str!("../../pages/page.html").replace("{title}", title);
        let html = html.replace("{main}", main);
        Self(html.split("{nonce}").map(ToOwned::to_owned).collect())
    }

    fn fill(&self, request: &Request) -> Html<String> {
        let nonce = CspNonce::of(request).map_or("", CspNonce::as_str);
        Html(self.0.join(nonce))
    }
}

/// With headers for pages in place of the API's: the layer outside keeps what it finds set.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(status))
        .route("/docs", get(docs))
        .layer(SecurityHeadersLayer::web())
        .route("/openapi.json", get(openapi))
}

async fn status(State(app): State<App>, request: Request) -> Html<String> {
    let status = match app.health.snapshot().overall() {
        Status::Pass => "All is well.",
        Status::Warn => "It works, and something that it can do without does not.",
        _ => "It is not ready for requests.",
    };
    let main = include_str!("../../pages/home.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{status}", status)
        .replace("{script}", include_str!("../../pages/home.js"));
    Page::new("Portcullis reference server", &main).fill(&request)
}

async fn docs(request: Request) -> Html<String> {
    static DOCS: LazyLock<Page> = LazyLock::new(|| {
        let main =
            serde_json::from_str(OPENAPI).map_or_else(|_| String::new(), |api| docs::main(&api));
        Page::new("API of the Portcullis reference server", &main)
    });
    DOCS.fill(&request)
}

async fn openapi(If(conditions): If) -> Result<Response, Problem> {
    static ETAG: LazyLock<ETag> =
        LazyLock::new(|| ETag::of_content(&Digest::of(OPENAPI.as_bytes())));
    reply::text(&conditions, &ETAG, OPENAPI.to_owned())
}
