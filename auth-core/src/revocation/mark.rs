use sha2::{Digest as _, Sha256};

use crate::id::{SessionId, SubjectId, TenantId};
use crate::time::Timestamp;

/// What a session, a token or a subject is known by: 16 bytes, which say nothing of an identifier that was hashed.
pub(super) type Mark = [u8; 16];

/// By what an access token can be revoked. Made once, when the token is verified; a check is then a few looks into a table.
///
/// ```
/// use portcullis_auth_core::id::SessionId;
/// use portcullis_auth_core::revocation::Marks;
///
/// let marks = Marks::default()
///     .session(SessionId::generate())
///     .token("https://accounts.example.com", "9f1c")
///     .subject(&"acme".parse()?, &"u-17".parse()?, 3);
/// # Ok::<_, portcullis_auth_core::id::InvalidId>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "marks do nothing until they are checked"]
pub struct Marks {
    pub(super) session: Option<Mark>,
    pub(super) foreign_session: Option<Mark>,
    pub(super) token: Option<Mark>,
    pub(super) subject: Option<(Mark, u64)>,
}

impl Marks {
    /// The login that the token comes of (`sid`).
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(*session.as_bytes());
        self
    }

    /// The login at another issuer, whose `sid` is any text, also one that looks like ours.
    pub fn foreign_session(mut self, issuer: &str, session: &str) -> Self {
        self.foreign_session = Some(foreign_session(issuer, session));
        self
    }

    /// The token itself (`jti`).
    pub fn token(mut self, issuer: &str, id: &str) -> Self {
        self.token = Some(token(issuer, id));
        self
    }

    /// The subject, and their epoch when the token was issued (`sep`). A token that has none is one of epoch 0.
    pub fn subject(mut self, tenant: &TenantId, subject: &SubjectId, epoch: u64) -> Self {
        self.subject = Some((subject_mark(tenant, subject), epoch));
        self
    }
}

/// That tokens have ended before they expire, and until when that must be remembered.
///
/// That is until the last of these tokens would not be accepted any more for its age, by any verifier's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revocation {
    pub(super) what: What,
    pub(super) until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A token, or all tokens of a session.
    Ended(Mark),
    /// All tokens of a subject with an epoch below this one.
    Below(Mark, u64),
}

impl Revocation {
    /// Ends all tokens of a session.
    #[must_use]
    pub fn session(session: SessionId, until: Timestamp) -> Self {
        let what = What::Ended(*session.as_bytes());
        Self { what, until }
    }

    /// Ends all tokens of a session of another issuer, as a back-channel logout asks for.
    #[must_use]
    pub fn foreign_session(issuer: &str, session: &str, until: Timestamp) -> Self {
        let what = What::Ended(foreign_session(issuer, session));
        Self { what, until }
    }

    /// Ends one token.
    #[must_use]
    pub fn token(issuer: &str, id: &str, until: Timestamp) -> Self {
        let what = What::Ended(token(issuer, id));
        Self { what, until }
    }

    /// Ends all tokens of a subject that were issued in an epoch before this one.
    #[must_use]
    pub fn subject(tenant: &TenantId, subject: &SubjectId, epoch: u64, until: Timestamp) -> Self {
        let what = What::Below(subject_mark(tenant, subject), epoch);
        Self { what, until }
    }

    /// Until when it must be remembered.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// What stores keep of it, beside the time.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 25] {
        let (kind, mark, epoch) = match self.what {
            What::Ended(mark) => (0, mark, 0),
            What::Below(mark, epoch) => (1, mark, epoch),
        };
        let mut bytes = [0; 25];
        bytes[0] = kind;
        bytes[1..17].copy_from_slice(&mark);
        bytes[17..].copy_from_slice(&epoch.to_be_bytes());
        bytes
    }

    /// The reverse of [`to_bytes`](Self::to_bytes); none for bytes that it never gives.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], until: Timestamp) -> Option<Self> {
        let bytes = <&[u8; 25]>::try_from(bytes).ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (mark, epoch) = rest.split_first_chunk::<16>()?;
        let epoch = u64::from_be_bytes(epoch.try_into().ok()?);
        let what = match (kind, epoch) {
            (0, 0) => What::Ended(*mark),
            (1, _) => What::Below(*mark, epoch),
            _ => return None,
        };
        Some(Self { what, until })
    }
}

fn foreign_session(issuer: &str, session: &str) -> Mark {
    hash("session", issuer, session)
}

fn token(issuer: &str, id: &str) -> Mark {
    hash("token", issuer, id)
}

fn subject_mark(tenant: &TenantId, subject: &SubjectId) -> Mark {
    hash("subject", tenant.as_str(), subject.as_str())
}

/// With the lengths, so that no two pairs are written alike.
fn hash(kind: &str, within: &str, id: &str) -> Mark {
    let mut hash = Sha256::new();
    for part in [kind, within, id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let (mark, _) = hash.split_first_chunk::<16>().expect("16 is less than 32");
    *mark
}
