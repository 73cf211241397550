use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::policy::Policy;
use super::{IpFilter, IpRefused};
use crate::refusals::{Counters, Refusals};

/// Lets requests through by the address of their client. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct IpFilterLayer<R = Negotiated> {
    pub(super) policy: Arc<Policy>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

impl IpFilterLayer {
    /// Lets every client through whose address is known. No proxy is believed.
    pub fn new() -> Self {
        Self {
            policy: Arc::default(),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl Default for IpFilterLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> IpFilterLayer<R> {
    /// Lets only clients in `ranges` through: with an empty set, nobody. The last call counts.
    pub fn allow(mut self, ranges: IpRanges) -> Self {
        Arc::make_mut(&mut self.policy).allow = Some(ranges);
        self
    }

    /// Refuses clients in `ranges`, also those in a range that is allowed. The last call counts.
    pub fn deny(mut self, ranges: IpRanges) -> Self {
        Arc::make_mut(&mut self.policy).deny = ranges;
        self
    }

    /// Lets clients through whose address is not known, such as the peers of a Unix socket.
    pub fn allow_unknown(mut self) -> Self {
        Arc::make_mut(&mut self.policy).allow_unknown = true;
        self
    }

    /// Says which proxies may report the client. Counts where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) stands further out.
    pub fn origin(mut self, origin: OriginPolicy) -> Self {
        Arc::make_mut(&mut self.policy).origin = origin;
        self
    }

    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> IpFilterLayer<RejectFn<F>>
    where
        F: Fn(&IpRefused, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        IpFilterLayer {
            policy: self.policy,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `ip_filter` with the reasons `ip_unknown`, `ip_denied` and `ip_not_allowed`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<IpRefused>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for IpFilterLayer<R> {
    type Service = IpFilter<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        IpFilter { inner, layer }
    }
}
