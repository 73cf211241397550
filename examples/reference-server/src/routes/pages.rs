//! `/`, `/docs` and `/openapi.json`: for people, without scripts and without anything from elsewhere.

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

/// A page with a gap where the response's nonce goes.
struct Page {
    before: String,
    after: String,
}

impl Page {
    fn new(title: &str, main: &str) -> Self {
        let html = include_str!("../../pages/page.html");
        // The nonce's gap comes first in the page, and so is found whatever the rest holds.
        let (before, after) = html.split_once("{nonce}").unwrap_or((html, ""));
        Self {
            before: before.replace("{title}", title),
            after: after.replace("{main}", main),
        }
    }

    fn fill(&self, request: &Request) -> Html<String> {
        let nonce = CspNonce::of(request).map_or("", CspNonce::as_str);
        Html([self.before.as_str(), nonce, self.after.as_str()].concat())
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
    let main = format!(
        "<h1>Portcullis reference server</h1>\n<p>Version {}. {status}</p>\n\
         <ul>\n<li><a href=\"/docs\">What it can do</a>, \
         also as <a href=\"/openapi.json\">OpenAPI</a></li>\n\
         <li><a href=\"/health\">Health</a> and <a href=\"/metrics\">metrics</a></li>\n</ul>\n",
        env!("CARGO_PKG_VERSION"),
    );
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
