use super::undecided::Entrant;
use super::{Admission, Attempt, AuthGate, Charge, Grant, Key, Scope, Settlement};
use crate::audit::{Context, Event, EventKind};
use crate::id::{ClientId, SessionId, SubjectId, TenantId};
use crate::time::Timestamp;

/// The right to check one proof. It was charged already: dropped, or never told how it went, it counts as a failure.
#[derive(Debug)]
#[must_use = "a permit that is dropped counts as a failure"]
pub struct Permit {
    pub(super) gate: AuthGate,
    pub(super) charge: Charge,
    pub(super) admission: Admission,
    pub(super) counted: Counted,
    pub(super) about: Box<About>,
    pub(super) entrant: Entrant,
}

/// Where an attempt was charged, and is settled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    InStore,
    /// In this process, while the store is out of reach.
    Here,
    /// By a gate without limits.
    Nowhere,
}

impl Permit {
    /// Whether a trusted device vouches for the attempt.
    #[must_use]
    pub fn trusted_device(&self) -> bool {
        self.admission.trusted
    }

    /// The proof was right, and a session starts: failures of identifier and device are forgotten, address and network get
    /// their charge back.
    pub async fn succeeded(mut self, subject: &SubjectId, session: Option<SessionId>) {
        self.settle(Settlement::Succeeded).await;
        let kind = if self.admission.total > 1 {
            EventKind::LoginSuccessAfterFail
        } else {
            EventKind::LoginSuccess
        };
        let mut event = self.event(kind).subject(subject);
        if let Some(session) = session {
            event = event.session(session);
        }
        self.gate.record(&event);
    }

    /// The proof was right, but there is no session yet, since a second factor has to follow: counts as
    /// [`succeeded`](Self::succeeded) does, and is no event.
    pub async fn first_factor(mut self) {
        self.settle(Settlement::Succeeded).await;
    }

    /// The proof was wrong, or is of no use: the account does not exist, is disabled, is not verified. `reason` is for the
    /// operator; the client gets the same answer for all of them.
    pub fn failed(self, reason: &'static str, subject: Option<&SubjectId>) {
        let about = |event: Event| match subject {
            Some(subject) => event.subject(subject),
            None => event,
        };
        let event = self.event(EventKind::LoginFail).reason(reason);
        self.gate.record(&about(event));
        if let Some(scope) = self.admission.is_last(self.gate.policy_ref()) {
            let event = self.event(EventKind::LoginFailMax).reason(scope.as_str());
            let total = u64::from(self.admission.total);
            self.gate.record(&about(event.count(total)));
        }
    }

    /// Nothing was checked, since a store or the hashing was out of reach: the charge is given back.
    pub async fn withdrawn(mut self) {
        self.settle(Settlement::Withdrawn).await;
    }

    async fn settle(&mut self, settlement: Settlement) {
        self.gate.settle(self, settlement).await;
        self.entrant.give_back();
    }

    fn event(&self, kind: EventKind) -> Event {
        self.about.event(kind, self.gate.now())
    }
}

/// What events tell of an attempt.
#[derive(Debug)]
pub(super) struct About {
    tenant: TenantId,
    grant: Grant,
    identifier: Option<Key>,
    client: Option<ClientId>,
    context: Context,
}

impl About {
    pub(super) fn new(attempt: &Attempt<'_>, charge: &Charge) -> Self {
        let mut slots = charge.slots().iter();
        Self {
            tenant: attempt.tenant.clone(),
            grant: attempt.grant,
            identifier: slots
                .find_map(|(scope, key)| (*scope == Scope::Identifier).then_some(*key)),
            client: attempt.client.cloned(),
            context: attempt.context.cloned().unwrap_or_default(),
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn event(&self, kind: EventKind, now: Timestamp) -> Event {
        let mut event = Event::new(kind, now)
            .tenant(&self.tenant)
            .method(self.grant.as_str())
            .context(&self.context);
        if let Some(identifier) = &self.identifier {
            event = event.unknown_subject(identifier);
        }
        if let Some(client) = &self.client {
            event = event.client(client);
        }
        event
    }
}
