use std::cell::Cell;
use std::net::IpAddr;

use http::request;
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};

use super::callback::Callback;
use crate::paths::Paths;

/// Which requests a layer looks at, and how it finds their client.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) origin: OriginPolicy,
    pub(super) exempt_paths: Paths,
    pub(super) exempt_clients: IpRanges,
    pub(super) exempt: Option<Callback<ExemptFn>>,
}

pub(super) type ExemptFn = dyn Fn(&request::Parts) -> bool + Send + Sync;

impl Scope {
    /// The request to decide on; `None` if it is exempt.
    pub(super) fn subject<'a>(&'a self, parts: &'a request::Parts) -> Option<Subject<'a>> {
        let subject = Subject {
            parts,
            origin: &self.origin,
            client: Cell::new(Client::NotAsked),
        };
        let exempt = self.exempt_paths.contain(parts.uri.path())
            || (!self.exempt_clients.is_empty() && self.lists(&subject))
            || self.exempt.as_ref().is_some_and(|exempt| exempt(parts));
        (!exempt).then_some(subject)
    }

    fn lists(&self, subject: &Subject<'_>) -> bool {
        let client = subject.client();
        client.is_some_and(|ip| self.exempt_clients.contains(ip))
    }
}

/// A request as keys and exemptions see it. The client is looked for at most once.
pub(super) struct Subject<'a> {
    pub(super) parts: &'a request::Parts,
    origin: &'a OriginPolicy,
    client: Cell<Client>,
}

/// What is known about the client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    NotAsked,
    Unknown,
    Known(IpAddr),
}

impl Subject<'_> {
    pub(super) fn client(&self) -> Option<IpAddr> {
        match self.client.get() {
            Client::Known(ip) => Some(ip),
            Client::Unknown => None,
            Client::NotAsked => {
                let ip = self.origin.client_ip(self.parts);
                self.client.set(ip.map_or(Client::Unknown, Client::Known));
                ip
            }
        }
    }

    /// What has come out so far, without looking.
    pub(super) fn client_so_far(&self) -> Client {
        self.client.get()
    }
}
