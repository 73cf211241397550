use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request};
use portcullis_layer_core::clock::{Clock, SystemClock};
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::callback::Callback;
use super::error::RateLimited;
use super::fields::{self, Fields};
use super::limiter::RateLimiter;
use super::policy::Rule;
use super::scope::Scope;
use super::service::RateLimit;
use super::settle::Charges;
use crate::paths::Paths;
use crate::refusals::{Counters, Refusals};

/// Applies [`RateLimit`]. See the [module docs](super) for an example.
///
/// Every service that one layer makes counts in the same buckets, and so does every clone of the
/// layer: frameworks that wrap each route, or each connection, anew do not multiply the limit.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RateLimitLayer<R = Negotiated, C = SystemClock> {
    pub(super) settings: Arc<Settings<C>>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

#[derive(Clone, Debug)]
pub(super) struct Settings<C> {
    limiter: RateLimiter<C>,
    scope: Scope,
    standard_fields: bool,
    legacy_fields: bool,
}

impl RateLimitLayer {
    /// Enforces one rule, with a limiter of its own.
    ///
    /// The defaults: no forwarded header is believed, nobody is exempt, responses carry
    /// `RateLimit-Policy` and `RateLimit`, and refusals are negotiated.
    pub fn new(rule: Rule) -> Self {
        Self::from_shared(rule.into())
    }
}

impl<C: Clock> RateLimitLayer<Negotiated, C> {
    /// Enforces the rules of `limiter`, in the same buckets as all other layers that have a clone of it.
    pub fn from_shared(limiter: RateLimiter<C>) -> Self {
        Self {
            settings: Arc::new(Settings {
                limiter,
                scope: Scope::default(),
                standard_fields: true,
                legacy_fields: false,
            }),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl<R, C: Clock> RateLimitLayer<R, C> {
    /// Sets whom to believe about the client's address, where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) has found it already.
    pub fn origin(self, policy: OriginPolicy) -> Self {
        self.set(|settings| settings.scope.origin = policy)
    }

    /// Lets requests for these paths pass uncounted, such as probes.
    pub fn exempt(self, paths: Paths) -> Self {
        self.set(|settings| settings.scope.exempt().paths = paths)
    }

    /// Lets clients in these ranges pass uncounted.
    pub fn exempt_clients(self, ranges: IpRanges) -> Self {
        self.set(|settings| settings.scope.exempt().clients = ranges)
    }

    /// Lets requests pass uncounted for which `f` says so.
    pub fn exempt_with<F>(self, f: F) -> Self
    where
        F: Fn(&request::Parts) -> bool + Send + Sync + 'static,
    {
        self.set(|settings| settings.scope.exempt().asked = Some(Callback(Arc::new(f))))
    }

    /// Sets whether responses carry `RateLimit-Policy` and `RateLimit`; see the [module docs](super)
    /// for what they mean. The default is that they do.
    pub fn rate_limit_fields(self, sent: bool) -> Self {
        self.set(|settings| settings.standard_fields = sent)
    }

    /// Sets whether responses carry `X-RateLimit-Limit`, `-Remaining` and `-Reset`, for clients that
    /// know nothing else: `q` and `r` of the rule with the least left, and the *seconds* until all of
    /// it is back (not a Unix time, which some services send). The default is that they do not.
    pub fn x_rate_limit_fields(self, sent: bool) -> Self {
        self.set(|settings| settings.legacy_fields = sent)
    }

    /// Answers refused requests with the response that `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> RateLimitLayer<RejectFn<F>, C>
    where
        F: Fn(&RateLimited, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        RateLimitLayer {
            settings: self.settings,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `rate_limit`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<RateLimited>(refusals);
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings<C>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, R: Clone, C: Clone> Layer<S> for RateLimitLayer<R, C> {
    type Service = RateLimit<S, R, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        RateLimit { inner, layer }
    }
}

impl<C: Clock> Settings<C> {
    /// Decides on a request, and prepares the fields of its response.
    pub(super) fn check(
        &self,
        parts: &request::Parts,
        fields: &mut Option<Box<Fields>>,
    ) -> Result<(), RateLimited> {
        let subject = self.scope.subject(parts);
        if self.scope.exempts(&subject) {
            return Ok(());
        }
        let detailed = self.standard_fields || self.legacy_fields;
        let mut charges = Charges::default();
        let decision = self.limiter.decide(&subject, &mut charges, detailed);
        if detailed {
            *fields = Some(Box::new(self.fields(&charges, decision.is_err())));
        }
        decision
    }

    fn fields(&self, charges: &Charges, refused: bool) -> Fields {
        let (limiter, rules) = (&self.limiter, self.limiter.rules());
        let policy = limiter.policy_field().filter(|_| self.standard_fields);
        let standing = policy.and_then(|_| fields::standing(rules, charges, refused));
        let legacy = self.legacy_fields.then(|| fields::legacy(rules, charges));
        Fields {
            standard: policy.cloned().zip(standing),
            legacy: legacy.flatten(),
        }
    }
}
