use std::cell::Cell;
use std::net::IpAddr;

use http::request;
use portcullis_layer_core::origin::{IpRanges, OriginPolicy};

use super::callback::Callback;
use crate::paths::Paths;

/// How a layer finds the client of a request, and which requests it leaves alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) origin: OriginPolicy,
    /// `None` until something is exempt, so that nothing is looked up for nothing.
    exempt: Option<Exempt>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Exempt {
    pub(super) paths: Paths,
    pub(super) clients: IpRanges,
    pub(super) asked: Option<Callback<ExemptFn>>,
}

type ExemptFn = dyn Fn(&request::Parts) -> bool + Send + Sync;

impl Scope {
    pub(super) fn subject<'a>(&'a self, parts: &'a request::Parts) -> Subject<'a> {
        Subject {
            parts,
            origin: &self.origin,
            client: Cell::new(Client::NotAsked),
        }
    }

    pub(super) fn exempts(&self, subject: &Subject<'_>) -> bool {
        self.exempt.as_ref().is_some_and(|exempt| {
            let listed = |ip| exempt.clients.contains(ip);
            exempt.paths.contains(subject.parts.uri.path())
                || (!exempt.clients.is_empty() && subject.client().is_some_and(listed))
                || exempt.asked.as_ref().is_some_and(|f| f(subject.parts))
        })
    }

    pub(super) fn exempt(&mut self) -> &mut Exempt {
        self.exempt.get_or_insert_default()
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
