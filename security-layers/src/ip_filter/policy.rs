use std::net::IpAddr;

use http::StatusCode;
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};
use portcullis_layer_core::refusal::{Reason, Refusal};

use crate::refusals::Counted;

#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    pub(super) allow: Option<IpRanges>,
    pub(super) deny: IpRanges,
    pub(super) allow_unknown: bool,
    pub(super) origin: OriginPolicy,
}

impl Policy {
    pub(super) fn check(&self, client: Option<IpAddr>) -> Result<(), IpRefused> {
        let Some(client) = client else {
            let unknown = Err(IpRefused::Unknown);
            return if self.allow_unknown { Ok(()) } else { unknown };
        };
        if self.deny.contains(client) {
            return Err(IpRefused::Denied);
        }
        match &self.allow {
            Some(allowed) if !allowed.contains(client) => Err(IpRefused::NotAllowed),
            _ => Ok(()),
        }
    }
}

/// Why a client was refused. The answer that it gets does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpRefused {
    /// Nobody recorded its address, or it has none.
    Unknown,
    /// Its address is denied.
    Denied,
    /// Its address is not among those that are allowed.
    NotAllowed,
}

impl IpRefused {
    pub(super) const fn as_str(self) -> &'static str {
        Self::REASONS[self as usize]
    }
}

impl Reason for IpRefused {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "urn:problem-type:portcullis:client-address-refused",
            "the service is not open to this client",
        )
    }
}

impl Counted for IpRefused {
    const LAYER: &'static str = "ip_filter";
    const REASONS: &'static [&'static str] = &["ip_unknown", "ip_denied", "ip_not_allowed"];

    fn index(&self) -> usize {
        *self as usize
    }
}
