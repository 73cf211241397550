use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Request, StatusCode};
use portcullis_layer_core::origin::{HostPort, OriginPolicy};
use portcullis_layer_core::refusal::{Reason, Refusal};

use crate::allowed_hosts::AllowedHosts;
use crate::paths::Paths;
use crate::refusals::Counted;

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) hosts: AllowedHosts,
    pub(super) origin: OriginPolicy,
    pub(super) exempt: Paths,
}

impl Policy {
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), HostRefused> {
        if self.exempt.contains(request.uri().path()) {
            return Ok(());
        }
        let authority = self.origin.authority(request);
        let host = authority
            .as_deref()
            .and_then(|authority| HostPort::parse(authority.as_bytes()))
            .ok_or(HostRefused::Invalid)?;
        // A host that a proxy reported replaces the one by which it called us, whatever that was.
        let target = request.uri().authority().map(Authority::as_str);
        if target == Some(host.as_str()) && contradicts(request.headers(), host.as_str()) {
            return Err(HostRefused::Invalid);
        }
        if !self.hosts.allows(host, self.origin.scheme(request)) {
            return Err(HostRefused::NotAllowed);
        }
        Ok(())
    }
}

/// Whether a `Host` header says anything else than the target's authority. Over HTTP/2 there is mostly none.
fn contradicts(headers: &HeaderMap, target: &str) -> bool {
    let mut lines = headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => false,
        (Some(line), None) => !line.as_bytes().eq_ignore_ascii_case(target.as_bytes()),
        (Some(_), Some(_)) => true,
    }
}

/// Why a request was refused for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostRefused {
    /// It names no host, several, or something that is none: 400.
    Invalid,
    /// It names one that the service does not have: 421.
    NotAllowed,
}

impl Reason for HostRefused {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Invalid => Refusal::new(
                StatusCode::BAD_REQUEST,
                "urn:problem-type:portcullis:invalid-host",
                "the request has to name exactly one host",
            ),
            Self::NotAllowed => Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                "urn:problem-type:portcullis:unknown-host",
                "the service does not answer for this host",
            ),
        }
    }
}

impl Counted for HostRefused {
    const LAYER: &'static str = "host";
    const REASONS: &'static [&'static str] = &["invalid_host", "unknown_host"];

    fn index(&self) -> usize {
        match self {
            Self::Invalid => 0,
            Self::NotAllowed => 1,
        }
    }
}
