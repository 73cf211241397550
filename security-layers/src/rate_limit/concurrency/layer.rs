use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Response, request};
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::super::audit::Audit;
use super::super::callback::Callback;
use super::super::error::RateLimitedKind;
use super::super::key::{Key, MissingKey, Selector};
use super::super::policy::PolicyName;
use super::super::scope::Scope;
use super::error::TooManyInFlight;
use super::permits::{ConcurrencyStats, Permit, Permits};
use super::service::ConcurrencyLimit;
use crate::paths::Paths;
use crate::refusals::{Counters, Refusals};

/// Applies [`ConcurrencyLimit`]: lets each key have so many requests under way at once and no more.
///
/// A request is under way from when it is let in until its response body ends or is dropped, or its
/// future is. What is over the limit is refused with `429` and not queued.
///
/// Every service that one layer makes counts in the same table, and so does every clone of the layer.
///
/// ```
/// use std::convert::Infallible;
/// use std::num::NonZeroU32;
/// use http::{Request, Response, StatusCode};
/// use portcullis_security_layers::rate_limit::{ConcurrencyLimitLayer, Key};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # async fn handler(_: Request<String>) -> Result<Response<String>, Infallible> { Ok(Response::default()) }
/// # let get = || Request::new(String::new());
/// let mut service = ServiceBuilder::new()
///     .layer(ConcurrencyLimitLayer::new(NonZeroU32::MIN, Key::global()))
///     .service_fn(handler);
/// let first = service.ready().await?.call(get()).await?;
/// assert_eq!(first.status(), StatusCode::OK);
///
/// let second = service.ready().await?.call(get()).await?;
/// assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
///
/// drop(first);
/// let third = service.ready().await?.call(get()).await?;
/// assert_eq!(third.status(), StatusCode::OK);
/// # Ok::<_, Infallible>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct ConcurrencyLimitLayer<R = Negotiated> {
    pub(super) settings: Arc<Settings>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    name: PolicyName,
    key: Key,
    missing: MissingKey,
    scope: Scope,
    max: NonZeroU32,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    permits: Arc<Permits>,
    selector: Selector,
    audit: Audit,
    start: Instant,
}

impl State {
    fn new(max: NonZeroU32, capacity: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self {
            permits: Permits::new(max, capacity),
            selector: Selector::new(),
            audit: Audit::new(),
            start: Instant::now(),
        })
    }
}

impl ConcurrencyLimitLayer {
    /// 65,536 keys.
    const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 16) - 1);

    /// Lets each `key` have `max` requests under way.
    ///
    /// The defaults: the name is `concurrency`, requests without the key share one count, no forwarded
    /// header is believed, nobody is exempt, 65,536 keys can have requests under way at once, and
    /// refusals are negotiated.
    pub fn new(max: NonZeroU32, key: Key) -> Self {
        Self {
            settings: Arc::new(Settings {
                name: PolicyName::concurrency(),
                key,
                missing: MissingKey::default(),
                scope: Scope::default(),
                max,
                state: State::new(max, Self::CAPACITY),
            }),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl<R> ConcurrencyLimitLayer<R> {
    /// Sets the name, which refusals and audit events carry.
    pub fn name(self, name: PolicyName) -> Self {
        self.set(|settings| settings.name = name)
    }

    /// Sets what happens to requests without the key.
    pub fn missing_key(self, missing: MissingKey) -> Self {
        self.set(|settings| settings.missing = missing)
    }

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

    /// Sets how many keys can have requests under way at once; about 20 bytes each while they do. Keys
    /// beyond share one count per sixteenth of the table. Starts counting anew.
    pub fn capacity(self, keys: NonZeroUsize) -> Self {
        self.set(|settings| settings.state = State::new(settings.max, keys))
    }

    /// Answers refused requests with the response that `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> ConcurrencyLimitLayer<RejectFn<F>>
    where
        F: Fn(&TooManyInFlight, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        ConcurrencyLimitLayer {
            settings: self.settings,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// What is under way, and what was refused so far.
    #[must_use]
    pub fn stats(&self) -> ConcurrencyStats {
        self.settings.state.permits.stats()
    }

    /// As [`stats`](Self::stats), for later and without the layer.
    #[cfg(feature = "metrics")]
    pub(in super::super) fn reader(&self) -> impl Fn() -> ConcurrencyStats + Send + Sync + 'static {
        let state = Arc::clone(&self.settings.state);
        move || state.permits.stats()
    }

    /// Counts refused requests, as layer `concurrency_limit`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<TooManyInFlight>(refusals);
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, R: Clone> Layer<S> for ConcurrencyLimitLayer<R> {
    type Service = ConcurrencyLimit<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        ConcurrencyLimit { inner, layer }
    }
}

impl Settings {
    /// The permit of a request that may go on, if it needs one.
    pub(super) fn check(&self, parts: &request::Parts) -> Result<Option<Permit>, TooManyInFlight> {
        let subject = self.scope.subject(parts);
        if self.scope.exempts(&subject) {
            return Ok(None);
        }
        let state = &*self.state;
        let selected = state.selector.select(0, &self.key, &subject);
        state.audit.client(&subject);
        let key = match (selected, self.missing) {
            (Some(key), _) => key,
            (None, MissingKey::Shared) => state.selector.shared(0),
            (None, MissingKey::Skip) => return Ok(None),
            (None, MissingKey::BadRequest) => {
                return Err(self.refused(RateLimitedKind::BadRequest));
            }
            (None, MissingKey::Forbidden) => return Err(self.refused(RateLimitedKind::Forbidden)),
        };
        if let Some(permit) = state.permits.acquire(key) {
            return Ok(Some(permit));
        }
        let now = u64::try_from(state.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        state.audit.exceeded(key, now, &self.name, true, &subject);
        Err(self.refused(RateLimitedKind::QuotaExceeded))
    }

    fn refused(&self, kind: RateLimitedKind) -> TooManyInFlight {
        let policy = self.name.clone();
        TooManyInFlight { kind, policy }
    }
}
