use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::{EventKind, Outcome, Severity};
use crate::id::{ClientId, SessionId, SubjectId, TenantId, forges_lines};
use crate::time::Timestamp;

/// The most bytes that are kept of what a client says of itself.
const MAX_FOREIGN: usize = 256;

/// From where and in which request something was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    ip: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    request_id: Option<Arc<str>>,
}

impl Context {
    /// The client's address, after trusted proxies were seen through.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// The header `User-Agent`. What could forge a line is escaped, and 256 bytes are kept.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = Some(printable(user_agent));
        self
    }

    /// The request's id. Escaped and cut like [`user_agent`](Self::user_agent).
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        self.request_id = Some(printable(id));
        self
    }

    /// The client's address.
    #[must_use]
    pub fn ip_ref(&self) -> Option<IpAddr> {
        self.ip
    }

    /// What the client calls itself, escaped.
    #[must_use]
    pub fn user_agent_ref(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The request's id.
    #[must_use]
    pub fn request_id_ref(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// `text` with what can forge a line escaped, cut to what is kept of foreign texts.
fn printable(text: &str) -> Arc<str> {
    if text.len() <= MAX_FOREIGN && !text.chars().any(forges_lines) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len().min(MAX_FOREIGN));
    for char in text.chars() {
        let before = kept.len();
        if forges_lines(char) {
            kept.extend(char.escape_default());
        } else {
            kept.push(char);
        }
        if kept.len() > MAX_FOREIGN {
            kept.truncate(before);
            break;
        }
    }
    kept.into()
}

/// Who did it, where that is not the subject itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// A person, by the id of their account.
    User(SubjectId),
    /// A program, by the id of its API key.
    ApiKey(Arc<str>),
    /// The service itself: a sweep, a rotation.
    System,
}

impl Actor {
    /// `user`, `api_key` or `system`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::System => "system",
        }
    }

    /// Which one; none for the service itself.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id.as_str()),
            Self::ApiKey(id) => Some(id),
            Self::System => None,
        }
    }
}

/// One thing that happened. Made by [`Event::new`]; setters add what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    id: Uuid,
    at: Timestamp,
    kind: EventKind,
    outcome: Outcome,
    severity: Severity,
    tenant: Option<TenantId>,
    actor: Option<Actor>,
    subject: Option<Arc<str>>,
    session: Option<SessionId>,
    client: Option<ClientId>,
    key_id: Option<Arc<str>>,
    reason: Option<&'static str>,
    method: Option<Arc<str>>,
    count: Option<u64>,
    context: Context,
}

impl Event {
    /// An event with the outcome and the severity that are usual for its kind, and a fresh id (a UUID of version 7).
    #[must_use]
    pub fn new(kind: EventKind, at: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            at,
            kind,
            outcome: kind.outcome(),
            severity: kind.severity(),
            tenant: None,
            actor: None,
            subject: None,
            session: None,
            client: None,
            key_id: None,
            reason: None,
            method: None,
            count: None,
            context: Context::default(),
        }
    }

    /// Sets how it ended, where that is not what is usual for the kind.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Sets how much it matters, where that is not what is usual for the kind.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets whose data it was about.
    #[must_use]
    pub fn tenant(mut self, tenant: &TenantId) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Sets who did it, if that was not the subject.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Sets whom it was about.
    #[must_use]
    pub fn subject(mut self, subject: &SubjectId) -> Self {
        self.subject = Some(subject.as_str().into());
        self
    }

    /// Sets whom it was about where that is no account: `id:` and the first 8 bytes of a keyed hash of what was typed, in
    /// hexadecimal digits.
    #[must_use]
    pub fn unknown_subject(mut self, keyed_hash: &[u8]) -> Self {
        let mut text = String::from("id:");
        for byte in keyed_hash.iter().take(8) {
            // Writing to a `String` does not fail.
            let _infallible = write!(text, "{byte:02x}");
        }
        self.subject = Some(text.into());
        self
    }

    /// Sets the login that it belongs to.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the program that acted.
    #[must_use]
    pub fn client(mut self, client: &ClientId) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Sets the public id of a key, an API key or a token (`jti`). Escaped and cut to 256 bytes: it may come from a stranger.
    #[must_use]
    pub fn key_id(mut self, id: &str) -> Self {
        self.key_id = Some(printable(id));
        self
    }

    /// Sets why, as one word of a closed list.
    #[must_use]
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets by which proof, as in the claim `amr` (RFC 8176): `pwd`, `otp`, or several with spaces between.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(printable(method));
        self
    }

    /// Sets of how many it tells: of tries, keys or sessions, as the kind says; after folding, of events like it.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Sets from where it was asked.
    #[must_use]
    pub fn context(mut self, context: &Context) -> Self {
        self.context = context.clone();
        self
    }

    /// The event's own id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// How it ended.
    #[must_use]
    pub fn outcome_ref(&self) -> Outcome {
        self.outcome
    }

    /// How much it matters.
    #[must_use]
    pub fn severity_ref(&self) -> Severity {
        self.severity
    }

    /// Whose data it was about.
    #[must_use]
    pub fn tenant_ref(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// Who did it, if that was not the subject.
    #[must_use]
    pub fn actor_ref(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// Whom it was about.
    #[must_use]
    pub fn subject_ref(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The login that it belongs to.
    #[must_use]
    pub fn session_ref(&self) -> Option<SessionId> {
        self.session
    }

    /// The program that acted.
    #[must_use]
    pub fn client_ref(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// The public id of the key or token.
    #[must_use]
    pub fn key_id_ref(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Why.
    #[must_use]
    pub fn reason_ref(&self) -> Option<&'static str> {
        self.reason
    }

    /// By which proof.
    #[must_use]
    pub fn method_ref(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// Of how many it tells.
    #[must_use]
    pub fn count_ref(&self) -> Option<u64> {
        self.count
    }

    /// From where it was asked.
    #[must_use]
    pub fn context_ref(&self) -> &Context {
        &self.context
    }

    /// What the client calls itself, escaped.
    #[must_use]
    pub fn user_agent_ref(&self) -> Option<&str> {
        self.context.user_agent_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_cannot_forge_a_line_nor_fill_the_log() {
        for (given, kept) in [
            ("curl/8.5", "curl/8.5"),
            ("a\r\nb\tc\u{1b}[31m", r"a\r\nb\tc\u{1b}[31m"),
            ("a\u{2028}b\u{85}c", r"a\u{2028}b\u{85}c"),
            (
                "a\u{202e}b\u{2066}c\u{200f}d",
                r"a\u{202e}b\u{2066}c\u{200f}d",
            ),
            ("Zoë 🔑", "Zoë 🔑"),
        ] {
            assert_eq!(&*printable(given), kept);
        }
        assert_eq!(printable(&"x".repeat(1000)).len(), 256);
        // Neither a character nor an escape is cut in two.
        assert_eq!(printable(&format!("{}é", "x".repeat(255))).len(), 255);
        assert_eq!(printable(&format!("{}\n", "x".repeat(255))).len(), 255);
    }

    #[test]
    fn what_was_typed_by_nobody_we_know_is_told_by_a_hash() {
        let event = Event::new(EventKind::LoginFail, Timestamp::MIN);
        let event = event.unknown_subject(&[0xab, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(event.subject_ref(), Some("id:ab00010203040506"));
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        let names = EventKind::ALL.iter().map(|kind| kind.as_str());
        let unique = names.collect::<std::collections::HashSet<_>>();
        assert_eq!(unique.len(), EventKind::ALL.len());
    }
}
