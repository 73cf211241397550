use std::borrow::Cow;
use std::future::{Ready, ready};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use portcullis_layer_core::endpoint::{Endpoint, is_read, method_not_allowed};
use portcullis_layer_core::refusal::Caller;

use super::{Format, Metrics};
use crate::path::{self, InvalidPath};

/// Answers `GET /metrics`, in the format that the scraper prefers. Made by [`Metrics::endpoint`].
///
/// Put it on an admin listener with
/// [`EndpointService`](portcullis_layer_core::endpoint::EndpointService), or before the service with
/// [`EndpointLayer`](portcullis_layer_core::endpoint::EndpointLayer).
#[derive(Clone, Debug)]
pub struct MetricsEndpoint {
    metrics: Metrics,
    path: Cow<'static, str>,
}

impl MetricsEndpoint {
    pub(super) const fn new(metrics: Metrics) -> Self {
        let path = Cow::Borrowed("/metrics");
        Self { metrics, path }
    }

    /// The path to answer, instead of `/metrics`.
    ///
    /// # Errors
    ///
    /// If `path` does not start with a slash, or holds what a path cannot.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, InvalidPath> {
        self.path = path::parse(path.into())?;
        Ok(self)
    }
}

impl<B> Endpoint<B> for MetricsEndpoint {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        path == self.path
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        if !is_read(request.method()) {
            return ready(method_not_allowed("GET, HEAD", &Caller::of(&request)));
        }
        let format = Format::negotiate(request.headers());
        let mut response = Response::new(Bytes::from(self.metrics.encode(format)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, format.content_type());
        ready(response)
    }
}
