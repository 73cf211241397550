use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, Request, Response};
use portcullis_auth_core::audit::{Event, EventKind};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use portcullis_layer_core::subject::Subject;
use tower_service::Service;

use super::challenge::Space;
use super::credential::{API_KEY, Malformed};
use super::future::{ResponseFuture, Waiting};
use super::{
    AuthLayer, AuthRefused, AuthRefusedKind, Authenticated, Knock, Presented, Scheme, Verdict,
};

/// Middleware that finds out whom requests come from. Built by [`AuthLayer`].
pub struct Auth<T, S, R = Negotiated> {
    pub(super) inner: T,
    pub(super) layer: AuthLayer<S, R>,
}

/// Extension of a request without a credential that an [`AuthLayer`] has let through: it tells layers further in that
/// somebody looked.
#[derive(Clone, Debug)]
pub(super) struct Checked(Space);

/// Where a request was let in; nowhere if no [`AuthLayer`] has looked at it.
pub(super) fn space_of(extensions: &Extensions) -> Space {
    let caller = extensions.get::<Authenticated>();
    let space = caller.and_then(Authenticated::space);
    let space = space.or_else(|| extensions.get().map(|Checked(space)| space));
    space.cloned().unwrap_or_else(Space::nowhere)
}

impl<T, S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Auth<T, S, R>
where
    T: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S: Scheme,
    R: Reject<AuthRefused> + Clone,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = T::Error;
    type Future = ResponseFuture<T, T::Future, S, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let verdict = self.layer.look(&request);
        self.layer.clean(request.headers_mut());
        match verdict {
            Ok(None) => {
                self.layer.mark(&mut request);
                ResponseFuture::inner(self.inner.call(request), None)
            }
            Ok(Some(Verdict::Now(Ok(principal)))) => {
                let subject = self.layer.admit(&mut request, principal);
                ResponseFuture::inner(self.inner.call(request), subject)
            }
            Ok(Some(Verdict::Now(Err(kind)))) | Err(kind) => {
                ResponseFuture::early(self.layer.refuse(kind, &request))
            }
            Ok(Some(Verdict::Later(verdict))) => {
                // The ready one goes with the request, and the clone will be asked whether it is.
                let inner = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, inner);
                let layer = self.layer.clone_shared();
                ResponseFuture::waiting(
                    verdict,
                    Waiting {
                        inner,
                        layer,
                        request,
                    },
                )
            }
        }
    }
}

impl<S, R> AuthLayer<S, R> {
    /// A request that had no credential and needs none goes on, known to have been looked at.
    fn mark<B>(&self, request: &mut Request<B>) {
        let checked = Checked(self.settings.space.clone());
        request.extensions_mut().insert(checked);
    }

    /// Whom the request comes from is known from here on.
    pub(super) fn admit<B>(
        &self,
        request: &mut Request<B>,
        principal: Authenticated,
    ) -> Option<Subject> {
        let subject = self.settings.report_subject.then(|| subject(&principal));
        let principal = principal.within(&self.settings.space);
        request.extensions_mut().insert(principal);
        subject
    }

    /// Takes off what only the service may say, and keeps the credentials out of what others print of the request.
    fn clean(&self, headers: &mut HeaderMap) {
        let strip = &self.settings.strip;
        // A look at each name that is there costs less than a search for each that is most likely not.
        let mut impostors = false;
        for (name, value) in headers.iter_mut() {
            if *name == AUTHORIZATION || *name == API_KEY {
                value.set_sensitive(true);
            }
            impostors |= strip.contains(name);
        }
        if impostors {
            for name in strip.iter() {
                headers.remove(name);
            }
        }
    }
}

impl<S, R: Reject<AuthRefused>> AuthLayer<S, R> {
    pub(super) fn refuse<B>(
        &self,
        kind: AuthRefusedKind,
        request: &Request<B>,
    ) -> Response<bytes::Bytes> {
        let caller = Caller::of(request);
        let reason = AuthRefused::new(kind, &self.settings.space);
        self.counters.record(&reason);
        refuse(&self.reject, reason, &caller)
    }
}

impl<S, R: Clone> AuthLayer<S, R> {
    fn clone_shared(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            counters: self.counters.clone(),
            reject: self.reject.clone(),
        }
    }
}

impl<S: Scheme, R> AuthLayer<S, R> {
    /// The verdict on the request's credential; none if it needs no one.
    fn look<B>(&self, request: &Request<B>) -> Result<Option<Verdict>, AuthRefusedKind> {
        let settings = &*self.settings;
        if settings.exempt.contains(request.uri().path()) {
            return Ok(None);
        }
        let knock = Knock::new(request.into(), &settings.origin);
        let presented = match Presented::find(request.headers(), request.uri()) {
            Ok(presented) => presented,
            Err(Malformed::InUrl) => {
                let event = Event::new(EventKind::CredentialInUrl, settings.clock.now());
                settings.audit.record(&event.context(&knock.context()));
                return Err(AuthRefusedKind::InUrl);
            }
            Err(Malformed::Header | Malformed::Two) => return Err(AuthRefusedKind::Malformed),
        };
        let Some(presented) = presented else {
            return if settings.required {
                Err(AuthRefusedKind::Missing)
            } else {
                Ok(None)
            };
        };
        match settings.scheme.check(presented, &knock) {
            Some(verdict) => Ok(Some(verdict)),
            // A credential of a kind that is not taken here is no reason to be somebody, nor to be nobody.
            None => Err(AuthRefusedKind::Invalid),
        }
    }
}

fn subject(principal: &Authenticated) -> Subject {
    let subject = Subject::new().with_user(principal.subject_ref().as_str());
    match principal.tenant_ref() {
        Some(tenant) => subject.with_tenant(tenant.as_str()),
        None => subject,
    }
}

impl<T: Clone, S, R: Clone> Clone for Auth<T, S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone_shared(),
        }
    }
}

impl<T: fmt::Debug, S: fmt::Debug, R: fmt::Debug> fmt::Debug for Auth<T, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}
