use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use portcullis_layer_core::origin::OriginPolicy;
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::policy::Policy;
use super::{Host, HostRefused};
use crate::allowed_hosts::AllowedHosts;
use crate::paths::Paths;
use crate::refusals::{Counters, Refusals};

/// Refuses requests for other hosts than those in a list. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct HostLayer<R = Negotiated> {
    pub(super) policy: Arc<Policy>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

impl HostLayer {
    /// Lets requests for `hosts` through. No path is exempt, and no proxy is believed.
    pub fn new(hosts: AllowedHosts) -> Self {
        let policy = Policy {
            hosts,
            origin: OriginPolicy::default(),
            exempt: Paths::default(),
        };
        Self {
            policy: Arc::new(policy),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl<R> HostLayer<R> {
    /// Says which proxies may report the host and the scheme (which matters to entries with a port). Counts where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) stands further out.
    pub fn origin(mut self, origin: OriginPolicy) -> Self {
        Arc::make_mut(&mut self.policy).origin = origin;
        self
    }

    /// Lets requests for these paths through, whatever their host: probes, which name an address.
    pub fn exempt(mut self, paths: Paths) -> Self {
        Arc::make_mut(&mut self.policy).exempt = paths;
        self
    }

    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> HostLayer<RejectFn<F>>
    where
        F: Fn(&HostRefused, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        HostLayer {
            policy: self.policy,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `host` with the reasons `invalid_host` and `unknown_host`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<HostRefused>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for HostLayer<R> {
    type Service = Host<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Host { inner, layer }
    }
}
