use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Response};
use portcullis_auth_core::audit::{AuditSink, TracingSink};
use portcullis_auth_core::time::{Clock, SystemClock};
use portcullis_layer_core::origin::OriginPolicy;
use portcullis_layer_core::refusal::{Caller, Negotiated, RejectFn};
use tower_layer::Layer;

use super::challenge::{Realm, Space};
use super::{Auth, AuthRefused, Scheme};
use crate::paths::Paths;
use crate::refusals::{Counters, Refusals};

/// What clients may not say of themselves: headers by which gateways tell the services behind them who somebody is.
const IDENTITY: [HeaderName; 6] = [
    HeaderName::from_static("x-user"),
    HeaderName::from_static("x-user-id"),
    HeaderName::from_static("x-user-email"),
    HeaderName::from_static("x-user-roles"),
    HeaderName::from_static("x-forwarded-user"),
    HeaderName::from_static("x-remote-user"),
];

/// Finds out whom a request comes from, and refuses it if that cannot be proved. See the [module docs](super).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct AuthLayer<S, R = Negotiated> {
    pub(super) settings: Arc<Settings<S>>,
    pub(super) counters: Counters,
    pub(super) reject: R,
}

#[derive(Debug)]
pub(super) struct Settings<S> {
    pub(super) scheme: Arc<S>,
    pub(super) required: bool,
    pub(super) space: Space,
    pub(super) origin: OriginPolicy,
    pub(super) exempt: Paths,
    pub(super) strip: Names,
    pub(super) report_subject: bool,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
}

// Not derived: that would ask the scheme to be `Clone`.
impl<S> Clone for Settings<S> {
    fn clone(&self) -> Self {
        Self {
            scheme: Arc::clone(&self.scheme),
            required: self.required,
            space: self.space.clone(),
            origin: self.origin.clone(),
            exempt: self.exempt.clone(),
            strip: self.strip.clone(),
            report_subject: self.report_subject,
            audit: Arc::clone(&self.audit),
            clock: Arc::clone(&self.clock),
        }
    }
}

impl<S: Scheme> AuthLayer<S> {
    /// Lets nobody in without a credential that `scheme` believes.
    ///
    /// The realm is `api`; no proxy is believed; the headers `X-User`, `X-User-Id`, `X-User-Email`, `X-User-Roles`,
    /// `X-Forwarded-User` and `X-Remote-User` are taken off every request.
    ///
    /// # Panics
    ///
    /// Never: the realm is one.
    pub fn required(scheme: S) -> Self {
        let realm = "api".parse::<Realm>().expect("it is a realm");
        let space = Space::new(realm, scheme.names());
        Self {
            settings: Arc::new(Settings {
                scheme: Arc::new(scheme),
                required: true,
                space,
                origin: OriginPolicy::default(),
                exempt: Paths::default(),
                strip: IDENTITY.into_iter().collect(),
                report_subject: false,
                audit: Arc::new(TracingSink),
                clock: Arc::new(SystemClock),
            }),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }

    /// As [`required`](Self::required), but lets requests without a credential through, without a principal. One that is
    /// wrong is refused all the same: its sender believes to be somebody.
    pub fn optional(scheme: S) -> Self {
        Self::required(scheme).set(|settings| settings.required = false)
    }
}

impl<S, R> AuthLayer<S, R> {
    fn set(mut self, change: impl FnOnce(&mut Settings<S>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Sets the realm that challenges name; without, it is `api`.
    pub fn realm(self, realm: Realm) -> Self {
        self.set(|settings| settings.space = settings.space.clone().realm(realm))
    }

    /// Lets requests for these paths through without a look at their credentials, as if they had none.
    ///
    /// For endpoints that take another proof, such as a refresh token: clients attach an access token to every request, also
    /// the one that has just expired.
    pub fn exempt(self, paths: Paths) -> Self {
        self.set(|settings| settings.exempt = paths)
    }

    /// Says which proxies may report the client. Counts where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) stands further out.
    pub fn origin(self, origin: OriginPolicy) -> Self {
        self.set(|settings| settings.origin = origin)
    }

    /// Sets the headers that are taken off every request because only the service itself may say such things: these instead of
    /// those that [`required`](Self::required) lists. With none of them, none is taken off.
    pub fn strip_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|settings| settings.strip = names.into_iter().collect())
    }

    /// Puts a [`Subject`](portcullis_layer_core::subject::Subject) into the extensions of every answer to a principal, for
    /// the layers outside that log: they do not see what this layer adds to the request.
    pub fn report_subject(self) -> Self {
        self.set(|settings| settings.report_subject = true)
    }

    /// Sets where events go; without, they go to `tracing`.
    pub fn audit(self, sink: Arc<dyn AuditSink>) -> Self {
        self.set(|settings| settings.audit = sink)
    }

    /// Sets the clock of the events; without, it is that of the system.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.set(|settings| settings.clock = clock)
    }

    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> AuthLayer<S, RejectFn<F>>
    where
        F: Fn(&AuthRefused, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        AuthLayer {
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

/// Names of headers, and of how many bytes they are: most that are none of them are known by that.
#[derive(Clone, Debug)]
pub(super) struct Names {
    names: Arc<[HeaderName]>,
    lengths: u64,
}

impl Names {
    pub(super) fn contains(&self, name: &HeaderName) -> bool {
        self.lengths & length(name) != 0 && self.names.contains(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.iter()
    }
}

impl FromIterator<HeaderName> for Names {
    fn from_iter<I: IntoIterator<Item = HeaderName>>(names: I) -> Self {
        let names: Arc<[HeaderName]> = names.into_iter().collect();
        let lengths = names.iter().fold(0, |all, name| all | length(name));
        Self { names, lengths }
    }
}

/// A bit for each length up to 62, and one for all that are longer.
fn length(name: &HeaderName) -> u64 {
    1 << name.as_str().len().min(63)
}

impl<T, S, R: Clone> Layer<T> for AuthLayer<S, R> {
    type Service = Auth<T, S, R>;

    fn layer(&self, inner: T) -> Self::Service {
        let layer = AuthLayer {
            settings: Arc::clone(&self.settings),
            counters: self.counters.clone(),
            reject: self.reject.clone(),
        };
        Auth { inner, layer }
    }
}
