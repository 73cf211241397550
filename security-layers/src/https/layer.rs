use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use portcullis_layer_core::origin::OriginPolicy;
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::error::{HttpsRequired, Verdict};
use super::location::Redirect;
use super::policy::Policy;
use super::service::Https;
use crate::paths::Paths;
use crate::refusals::{Counters, Refusals};

/// Redirects or refuses plain http. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct HttpsLayer<R = Negotiated> {
    pub(super) policy: Arc<Policy>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

impl HttpsLayer {
    /// Redirects requests in the clear: for pages that people visit with a browser.
    pub fn redirect(redirect: Redirect) -> Self {
        Self::new(Some(redirect))
    }

    /// Refuses requests in the clear with 403: for APIs.
    pub fn refuse() -> Self {
        Self::new(None)
    }

    fn new(redirect: Option<Redirect>) -> Self {
        let policy = Policy {
            redirect,
            origin: OriginPolicy::default(),
            exempt: Self::probes(),
        };
        Self {
            policy: Arc::new(policy),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }

    /// The paths that are exempt unless [`exempt`](HttpsLayer::exempt) says otherwise: `/health`, `/live`, `/ready`,
    /// `/metrics`, the methods of gRPC's health service, and ACME's `/.well-known/acme-challenge/*`.
    ///
    /// Orchestrators and scrapers come by plain http from the same network, and a certificate authority asks
    /// for a challenge by http before there can be a certificate (RFC 8555, 8.3).
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "the list is fixed, and built in each test"
    )]
    pub fn probes() -> Paths {
        Paths::new([
            "/health",
            "/live",
            "/ready",
            "/metrics",
            "/grpc.health.v1.Health/Check",
            "/grpc.health.v1.Health/Watch",
            "/.well-known/acme-challenge/*",
        ])
        .expect("each of them is a path")
    }
}

impl<R> HttpsLayer<R> {
    /// Lets plain http through for these paths, and for no others. [`probes`](HttpsLayer::probes) are the default.
    pub fn exempt(mut self, paths: Paths) -> Self {
        Arc::make_mut(&mut self.policy).exempt = paths;
        self
    }

    /// Finds scheme and host by this policy, where no [`OriginLayer`] stands further out. By default nobody's
    /// report is believed and connections are plain http.
    ///
    /// [`OriginLayer`]: portcullis_layer_core::origin::OriginLayer
    pub fn origin(mut self, origin: OriginPolicy) -> Self {
        Arc::make_mut(&mut self.policy).origin = origin;
        self
    }

    /// Answers refused requests with what `f` builds from the reason and the caller. Redirects stay as they are.
    pub fn reject_with<F, B>(self, f: F) -> HttpsLayer<RejectFn<F>>
    where
        F: Fn(&HttpsRequired, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        HttpsLayer {
            policy: self.policy,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused and redirected requests, as layer `https`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<Verdict>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for HttpsLayer<R> {
    type Service = Https<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Https { inner, layer }
    }
}
