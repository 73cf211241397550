//! What somebody holds who has passed the first factor, and how many tries that is good for.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{SecretBytes, SecretError, SecretString};
use sha2::{Digest as _, Sha256};

use super::{Factor, Owner};
use crate::id::ClientId;
use crate::time::Timestamp;

/// How long a challenge is open: five minutes.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How many tries a challenge has, of either kind of [`Proof`].
pub const TRIES_PER_CHALLENGE: u32 = 5;

/// How many wrong codes a subject has per hour, over all challenges, sessions and factors. The hour begins with the first.
pub const TRIES_PER_HOUR: u32 = 10;

/// After how many wrong codes in a row no code counts any more: half of what NIST SP 800-63B-4 3.2.2 allows.
pub const TRIES_IN_A_ROW: u32 = 50;

const HOUR: Duration = Duration::from_secs(60 * 60);

const PREFIX: &str = "mfa_";

/// The SHA-256 of a token or of a recovery code, which is all that stores see of it.
pub type Hash = [u8; 32];

/// The proof that somebody has passed the first factor: `mfa_` and 256 random bits in base64url (RFC 4648 5), opaque, good for
/// one success.
pub struct MfaToken(SecretString);

impl MfaToken {
    pub(super) fn generate() -> Result<Self, SecretError> {
        let random = SecretBytes::generate(32)?.to_base64url();
        let mut text = String::with_capacity(PREFIX.len() + random.expose(str::len));
        text.push_str(PREFIX);
        text.push_str(random.expose_secret());
        Ok(Self(text.into()))
    }

    /// The token, to be given to the client and to nobody else.
    pub fn to_text(&self) -> &SecretString {
        &self.0
    }

    /// The hash of a token that somebody presents; none if it has another form.
    pub(super) fn hash(presented: &str) -> Option<Hash> {
        let random = presented.strip_prefix(PREFIX)?;
        if random.len() != 43 {
            return None;
        }
        let mut bytes = Zeroizing::new([0; 33]);
        let len = URL_SAFE_NO_PAD.decode_slice(random, &mut *bytes).ok()?;
        let mut hash = Sha256::new();
        hash.update(b"auth-core/mfa/v1");
        hash.update(&bytes[..len]);
        Some(hash.finalize().into())
    }
}

impl fmt::Debug for MfaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MfaToken([REDACTED])")
    }
}

/// A challenge as stores keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The hash of its token.
    pub hash: Hash,
    /// Whose second factor is asked for.
    pub owner: Owner,
    /// Who may answer.
    pub client: ClientId,
    /// The subject's epoch when the first factor was passed: the session must not start with another.
    pub epoch: u64,
    /// When it is over.
    pub expires_at: Timestamp,
    /// How often it was tried, up to [`TRIES_PER_CHALLENGE`].
    pub tries: u32,
    /// When it was passed; none before.
    pub used_at: Option<Timestamp>,
}

/// The wrong codes of a subject, and the tries under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Within the hour, up to [`TRIES_PER_HOUR`].
    pub count: u32,
    /// Since when the hour runs.
    pub since: Timestamp,
    /// In a row, up to [`TRIES_IN_A_ROW`].
    pub in_a_row: u32,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            count: 0,
            since: Timestamp::MIN,
            in_a_row: 0,
        }
    }
}

/// With what somebody answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A code of six digits, at which one can guess.
    Code,
    /// A recovery code, at which one cannot: neither the hour nor the row counts, or whoever has frozen a factor would have
    /// shut the way out too.
    RecoveryCode,
}

/// What a store says to a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// It was counted as a failure, and stays one unless it is [accepted](super::TotpStore::accept).
    Granted {
        /// The challenge, this try included.
        challenge: Challenge,
        /// The tries of the subject, this one included.
        tries: Tries,
        /// The active factors of the subject.
        factors: Vec<Factor>,
    },
    /// There is no such challenge for this client, or it is over.
    Invalid,
    /// The challenge has no tries left.
    Exhausted(Owner),
    /// The subject has no tries left for as long as this.
    Limited(Owner, Duration),
    /// The subject has no tries left until a recovery.
    Frozen(Owner),
}

/// What [`Challenge::decide`] says: an [`Attempted`] without what only a store knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// There was a try left, and it is counted.
    Granted,
    /// It is not this client's, was passed, or is over.
    Invalid,
    /// The challenge has no tries left.
    Exhausted,
    /// The subject has no tries left for as long as this.
    Limited(Duration),
    /// The subject has no tries left until a recovery.
    Frozen,
}

impl Challenge {
    /// Counts a try, in the challenge and in the `tries` of its owner, if there is one left: all that a store has to decide
    /// upon an [`attempt`](super::TotpStore::attempt). Whoever calls this must hold both from the reading to the writing.
    ///
    /// ```
    /// # use portcullis_auth_core::time::{Clock, SystemClock};
    /// # use portcullis_auth_core::totp::{CHALLENGE_LIFETIME, Challenge, Decided, Owner, Proof, Tries};
    /// # let (client, now) = ("app".parse()?, SystemClock.now());
    /// let mut challenge = Challenge {
    ///     hash: [7; 32],
    ///     owner: Owner::new(&"acme".parse()?, &"u-17".parse()?),
    ///     client: "app".parse()?,
    ///     epoch: 0,
    ///     expires_at: now.plus(CHALLENGE_LIFETIME),
    ///     tries: 0,
    ///     used_at: None,
    /// };
    /// let mut tries = Tries::default();
    /// for _ in 0..5 {
    ///     assert_eq!(challenge.decide(&mut tries, &client, Proof::Code, now), Decided::Granted);
    /// }
    /// assert_eq!((challenge.tries, tries.count), (5, 5));
    /// assert_eq!(challenge.decide(&mut tries, &client, Proof::Code, now), Decided::Exhausted);
    /// # Ok::<_, portcullis_auth_core::id::InvalidId>(())
    /// ```
    pub fn decide(
        &mut self,
        tries: &mut Tries,
        client: &ClientId,
        proof: Proof,
        now: Timestamp,
    ) -> Decided {
        if self.client != *client || self.used_at.is_some() || now >= self.expires_at {
            return Decided::Invalid;
        }
        if self.tries >= TRIES_PER_CHALLENGE {
            return Decided::Exhausted;
        }
        if proof == Proof::Code {
            if tries.in_a_row >= TRIES_IN_A_ROW {
                return Decided::Frozen;
            }
            let ends = tries.since.plus(HOUR);
            if now >= ends {
                (tries.count, tries.since) = (0, now);
            } else if tries.count >= TRIES_PER_HOUR {
                return Decided::Limited(ends.since(now));
            }
            tries.count += 1;
            tries.in_a_row += 1;
        }
        self.tries += 1;
        Decided::Granted
    }
}

impl Decided {
    /// The same with what a store knows: the challenge and the tries as they are now, and the active factors of the owner,
    /// which count if the try was granted.
    #[must_use]
    pub fn told(self, challenge: Challenge, tries: Tries, factors: Vec<Factor>) -> Attempted {
        match self {
            Self::Granted => Attempted::Granted {
                challenge,
                tries,
                factors,
            },
            Self::Invalid => Attempted::Invalid,
            Self::Exhausted => Attempted::Exhausted(challenge.owner),
            Self::Limited(wait) => Attempted::Limited(challenge.owner, wait),
            Self::Frozen => Attempted::Frozen(challenge.owner),
        }
    }
}

impl Tries {
    /// After a right code: its own try is taken back, and the row ends.
    pub fn succeeded(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_form() {
        let token = MfaToken::generate().unwrap();
        let text = token.to_text().expose_secret();
        assert_eq!(text.len(), 47);
        assert_eq!(format!("{token:?}"), "MfaToken([REDACTED])");
        let hash = MfaToken::hash(text).unwrap();
        for changed in [
            &text[1..],
            &text[..46],
            &format!("{text}A"),
            &format!("{text}="),
            &format!("MFA_{}", &text[4..]),
            &text.replace("mfa_", "mfb_"),
            &format!("{} ", &text[..46]),
            "",
        ] {
            assert_eq!(MfaToken::hash(changed), None, "{changed}");
        }
        let other = MfaToken::generate().unwrap();
        assert_ne!(MfaToken::hash(other.to_text().expose_secret()), Some(hash));
    }

    #[test]
    fn tries_are_counted_by_challenge_by_hour_and_in_a_row() {
        let start = Timestamp::from_secs(1_790_000_000).unwrap();
        let client: ClientId = "app".parse().unwrap();
        let other: ClientId = "other".parse().unwrap();
        let fresh = Challenge {
            hash: [0; 32],
            owner: Owner::new(&"acme".parse().unwrap(), &"ann".parse().unwrap()),
            client: client.clone(),
            epoch: 0,
            expires_at: start.plus(CHALLENGE_LIFETIME),
            tries: 0,
            used_at: None,
        };
        let later = |seconds| start.plus(Duration::from_secs(seconds));
        let used = Challenge {
            used_at: Some(start),
            ..fresh.clone()
        };
        let tried = Challenge {
            tries: 5,
            ..fresh.clone()
        };
        let tries = |count, in_a_row| Tries {
            count,
            since: start,
            in_a_row,
        };
        let (code, recovery) = (Proof::Code, Proof::RecoveryCode);
        let wait = Decided::Limited(Duration::from_secs(3600 - 299));
        for (challenge, before, client, proof, now, expected, after) in [
            (
                &fresh,
                tries(0, 0),
                &client,
                code,
                start,
                Decided::Granted,
                tries(1, 1),
            ),
            (
                &fresh,
                tries(9, 49),
                &client,
                code,
                later(299),
                Decided::Granted,
                tries(10, 50),
            ),
            (
                &fresh,
                tries(0, 0),
                &client,
                code,
                later(300),
                Decided::Invalid,
                tries(0, 0),
            ),
            (
                &fresh,
                tries(0, 0),
                &other,
                code,
                start,
                Decided::Invalid,
                tries(0, 0),
            ),
            (
                &used,
                tries(0, 0),
                &client,
                code,
                start,
                Decided::Invalid,
                tries(0, 0),
            ),
            (
                &tried,
                tries(0, 0),
                &client,
                code,
                start,
                Decided::Exhausted,
                tries(0, 0),
            ),
            (
                &tried,
                tries(0, 0),
                &client,
                recovery,
                start,
                Decided::Exhausted,
                tries(0, 0),
            ),
            (
                &fresh,
                tries(10, 10),
                &client,
                code,
                later(299),
                wait,
                tries(10, 10),
            ),
            (
                &fresh,
                tries(10, 50),
                &client,
                code,
                start,
                Decided::Frozen,
                tries(10, 50),
            ),
            (
                &fresh,
                tries(10, 50),
                &client,
                recovery,
                start,
                Decided::Granted,
                tries(10, 50),
            ),
        ] {
            let (mut challenge, mut tries) = (challenge.clone(), before);
            let before = challenge.tries;
            let decided = challenge.decide(&mut tries, client, proof, now);
            assert_eq!((decided, tries), (expected, after));
            let more = u32::from(expected == Decided::Granted);
            assert_eq!(challenge.tries, before + more);
        }
        // The hour begins with the first wrong code in it.
        let (mut challenge, mut tries) = (fresh, tries(10, 10));
        tries.since = start.minus(HOUR);
        let decided = challenge.decide(&mut tries, &client, code, start);
        assert_eq!(decided, Decided::Granted);
        assert_eq!((tries.count, tries.since, tries.in_a_row), (1, start, 11));
        tries.succeeded();
        assert_eq!((tries.count, tries.in_a_row), (0, 0));
    }
}
