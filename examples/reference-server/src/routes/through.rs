//! Changes that are seen through once they were begun.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::task::JoinError;
use tracing::Instrument as _;

use crate::problem::Problem;

/// Goes on also when the client hangs up: a change that is stored must end the access tokens from before it and be told to the
/// audit trail, whoever waits for the answer.
pub(super) async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match joined(tokio::spawn(next.run(request).in_current_span()).await) {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// What a task came to. A panic stays one, for the layer that answers and reports panics.
pub(super) fn joined<T>(done: Result<T, JoinError>) -> Result<T, Problem> {
    done.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Problem::failed(error),
    })
}
