use http::{Method, Request};
use portcullis_layer_core::origin::{HostPort, OriginPolicy, Scheme};
use portcullis_layer_core::refusal::Protocol;

use super::error::{HttpsRequired, Verdict};
use super::location::Redirect;
use crate::paths::Paths;

/// All settings but the responder, and the decision.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    // `None` refuses.
    pub(super) redirect: Option<Redirect>,
    pub(super) origin: OriginPolicy,
    pub(super) exempt: Paths,
}

impl Policy {
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Verdict> {
        if self.origin.scheme(request) == Scheme::Https
            || self.exempt.contains(request.uri().path())
        {
            return Ok(());
        }
        let redirect = self.redirect.as_ref().ok_or(HttpsRequired::Insecure)?;
        if Protocol::of(request).is_grpc() || request.method() == Method::CONNECT {
            return Err(HttpsRequired::Insecure.into());
        }
        let target = request.uri().path_and_query();
        // `OPTIONS *` asks about the server as a whole, for which there is no URI.
        let target = target.filter(|target| target.as_str().starts_with(['/', '?']));
        let target = target.ok_or(HttpsRequired::Insecure)?;

        let authority = self
            .origin
            .authority(request)
            .ok_or(HttpsRequired::InvalidHost)?;
        let host = HostPort::parse(authority.as_bytes()).ok_or(HttpsRequired::InvalidHost)?;
        let location = redirect.location(host, target)?;
        Err(Verdict::Redirect(redirect.code(), location))
    }
}
