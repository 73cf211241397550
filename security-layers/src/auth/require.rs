//! Lets principals through by what they may do.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use portcullis_auth_core::audit::{Actor, AuditSink, Event, EventKind, TracingSink};
use portcullis_auth_core::id::TenantId;
use portcullis_auth_core::principal::Credential;
use portcullis_auth_core::roles::Requirement;
use portcullis_auth_core::time::{Clock, SystemClock};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::origin::OriginPolicy;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, RejectFn, refuse};
use tower_layer::Layer;
use tower_service::Service;

use super::service::{Checked, space_of};
use super::{AuthRefused, AuthRefusedKind, Authenticated, Knock};
use crate::refusals::{Counters, Refusals};

/// Extension of a request: the tenant that its path or host names, for a [`RequireLayer`] further in to compare.
///
/// Whoever puts it there must not take it from a header that any client can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTenant(pub TenantId);

type TenantOf = dyn Fn(&Parts) -> Option<TenantId> + Send + Sync;

/// Lets requests through whose principal meets a [`Requirement`]. See the [module docs](super) for an example.
///
/// Stands inside of an [`AuthLayer`](super::AuthLayer). Where there is none, every request is answered with `500`, and an
/// event says so: a forgotten layer must not look like an open door, nor like a client's fault.
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RequireLayer<R = Negotiated> {
    settings: Arc<Settings>,
    counters: Counters,
    reject: R,
}

#[derive(Clone)]
struct Settings {
    requirement: Requirement,
    tenant_of: Option<Arc<TenantOf>>,
    origin: OriginPolicy,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
}

impl RequireLayer {
    /// Asks for what `requirement` says, of the tenant that [`RequestTenant`] names, if the request has one.
    ///
    /// No proxy is believed, events go to `tracing`, and the time is that of the system.
    pub fn new(requirement: Requirement) -> Self {
        Self {
            settings: Arc::new(Settings {
                requirement,
                tenant_of: None,
                origin: OriginPolicy::default(),
                audit: Arc::new(TracingSink),
                clock: Arc::new(SystemClock),
            }),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl<R> RequireLayer<R> {
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Reads the tenant of a request from its path or host. A header is no authority: any client can write it.
    pub fn tenant_with<F>(self, f: F) -> Self
    where
        F: Fn(&Parts) -> Option<TenantId> + Send + Sync + 'static,
    {
        self.set(|settings| settings.tenant_of = Some(Arc::new(f)))
    }

    /// Says which proxies may report the client, for the events. Counts where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) stands further out.
    pub fn origin(self, origin: OriginPolicy) -> Self {
        self.set(|settings| settings.origin = origin)
    }

    /// Sets where events go; without, they go to `tracing`.
    pub fn audit(self, sink: Arc<dyn AuditSink>) -> Self {
        self.set(|settings| settings.audit = sink)
    }

    /// Sets the clock by which the age of a sign-in is measured; without, it is that of the system.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.set(|settings| settings.clock = clock)
    }

    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> RequireLayer<RejectFn<F>>
    where
        F: Fn(&AuthRefused, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        RequireLayer {
            settings: self.settings,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `auth` with the reasons of
    /// [`AuthRefusedKind::as_str`](super::AuthRefusedKind::as_str).
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<AuthRefused>(refusals);
        self
    }
}

impl Settings {
    fn check<B>(
        &self,
        request: &Request<B>,
        tenant: Option<&TenantId>,
    ) -> Result<(), AuthRefusedKind> {
        let extensions = request.extensions();
        let Some(principal) = extensions.get::<Authenticated>() else {
            let looked = extensions.get::<Checked>().is_some();
            return Err(if looked {
                AuthRefusedKind::Missing
            } else {
                let event = Event::new(EventKind::LayerMisconfigured, self.clock.now());
                self.audit.record(&event.reason("no_auth_layer"));
                tracing::error!(
                    "a RequireLayer stands without an AuthLayer around it, so it refuses every request"
                );
                AuthRefusedKind::Unguarded
            });
        };
        let tenant = tenant.or_else(|| extensions.get().map(|RequestTenant(tenant)| tenant));
        let now = self.clock.now();
        let Err(shortfall) = self.requirement.check(principal, tenant, now) else {
            return Ok(());
        };
        let knock = Knock::new(request.into(), &self.origin);
        let mut event = Event::new(EventKind::AuthzFail, now)
            .reason(shortfall.as_str())
            .subject(principal.subject_ref())
            .context(&knock.context());
        if let Some(tenant) = principal.tenant_ref() {
            event = event.tenant(tenant);
        }
        if let Some(session) = principal.session_ref() {
            event = event.session(session);
        }
        if let Credential::ApiKey(id) = principal.credential_ref() {
            event = event.actor(Actor::ApiKey(Arc::clone(id)));
        }
        self.audit.record(&event);
        Err(shortfall.into())
    }
}

impl<T, R: Clone> Layer<T> for RequireLayer<R> {
    type Service = Require<T, R>;

    fn layer(&self, inner: T) -> Self::Service {
        let layer = self.clone();
        Require { inner, layer }
    }
}

impl<R: fmt::Debug> fmt::Debug for RequireLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("requirement", &self.settings.requirement)
            .field("reject", &self.reject)
            .finish_non_exhaustive()
    }
}

/// Middleware that lets principals through by what they may do. Built by [`RequireLayer`].
#[derive(Clone, Debug)]
pub struct Require<T, R = Negotiated> {
    inner: T,
    layer: RequireLayer<R>,
}

impl<T, R, ReqBody, ResBody> Service<Request<ReqBody>> for Require<T, R>
where
    T: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<AuthRefused>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = T::Error;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let RequireLayer {
            settings,
            counters,
            reject,
        } = &self.layer;
        let mut tenant = None;
        if let Some(tenant_of) = &settings.tenant_of {
            // Taken apart, because closures are given the parts.
            let (parts, body) = request.into_parts();
            tenant = tenant_of(&parts);
            request = Request::from_parts(parts, body);
        }
        match settings.check(&request, tenant.as_ref()) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(kind) => {
                let reason = AuthRefused::new(kind, &space_of(request.extensions()));
                counters.record(&reason);
                let caller = Caller::of(&request);
                ResponseFuture::early(refuse(reject, reason, &caller))
            }
        }
    }
}
