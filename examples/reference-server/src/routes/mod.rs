//! The HTTP side of the configuration service.
//!
//! [`router`] is the whole API, with its own answers for unknown paths and methods; everything around it
//! (identity, limits, headers, metrics) is the stack's.

mod change;
mod configs;
mod docs;
mod extract;
mod pages;
mod projects;
mod reply;
mod schemas;
mod versions;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};

use crate::problem::{self, Problem};
use crate::store::Store;
use portcullis_observability_layers::health::Health;

/// What the handlers share. Accounts and their keys will stand beside the store.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) health: Health,
}

/// Every path of the API, under which metrics and logs know it, and what answers there.
fn api() -> [(&'static str, MethodRouter<App>); 8] {
    [
        (
            "/api/v1/projects",
            get(projects::list).post(projects::create),
        ),
        (
            "/api/v1/projects/{project}",
            get(projects::read).delete(projects::delete),
        ),
        ("/api/v1/projects/{project}/configs", get(configs::list)),
        (
            "/api/v1/projects/{project}/configs/{config}",
            get(configs::read)
                .put(configs::write)
                .delete(configs::delete),
        ),
        (
            "/api/v1/projects/{project}/configs/{config}/schema",
            get(schemas::read)
                .put(schemas::write)
                .delete(schemas::delete),
        ),
        (
            "/api/v1/projects/{project}/configs/{config}/versions",
            get(versions::list).post(versions::append),
        ),
        (
            "/api/v1/projects/{project}/configs/{config}/versions/{version}",
            get(versions::read),
        ),
        (
            "/api/v1/projects/{project}/configs/{config}/versions/{version}/restore",
            post(versions::restore),
        ),
    ]
}

/// The API and the pages, each with its own answers for what it does not know.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for (path, methods) in api() {
        router = router.route(path, methods);
    }
    router
        .merge(pages::router())
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn(problem::answer))
        .with_state(app)
}

/// Runs what would keep a connection's thread busy on another one.
async fn aside<T, F>(work: F) -> Result<T, Problem>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        // A panic stays one, for the layer that answers and reports panics.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Problem::failed(error)),
        },
    }
}
