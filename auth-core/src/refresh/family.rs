use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use portcullis_secrets::zeroize::Zeroizing;

use crate::id::{ClientId, SessionId, SubjectId, TenantId};
use crate::roles::Scopes;
use crate::time::Timestamp;

use super::RefreshPolicy;

/// What a login granted. Nothing of it ever changes, so it can be read without a lock; what does change is its [`State`].
///
/// Public, so that stores can be written elsewhere: they keep it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The session: the claim `sid` of all access tokens that come of it.
    pub id: SessionId,
    /// Whose data it gives access to.
    pub tenant: TenantId,
    /// Who signed in.
    pub subject: SubjectId,
    /// The program that they signed in with.
    pub client: ClientId,
    /// The key that authenticates its tokens.
    pub key_id: u8,
    /// What its tokens cannot be made without, beside the key.
    pub nonce: Nonce,
    /// When they signed in with this client.
    pub created_at: Timestamp,
    /// The end that no refresh moves.
    pub expires_at: Timestamp,
    /// The most that its access tokens may be used for.
    pub scopes: Scopes,
    /// By which methods they signed in (RFC 8176): words without spaces, as scopes are.
    pub amr: Scopes,
    /// How sure that was (`acr`, OpenID Connect Core 2).
    pub acr: Option<Arc<str>>,
    /// When they last proved who they are.
    pub auth_time: Timestamp,
    /// The thumbprint of the key that its tokens are bound to (RFC 9449 5).
    pub dpop_jkt: Option<Arc<str>>,
    /// What the client called itself when they signed in.
    pub user_agent: Option<Arc<str>>,
    /// From where they signed in.
    pub ip: Option<IpAddr>,
}

/// What changes about a [`Family`]. Stores change it in single atomic steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The number of the token that is good now. The first is 0.
    pub generation: u32,
    /// When that took the place of its predecessor; none for the first.
    pub rotated_at: Option<Timestamp>,
    /// When the session ends if nobody refreshes it; never later than [`Family::expires_at`].
    pub idle_expires_at: Timestamp,
    /// The epoch of its subject. Behind the present one, the family has ended.
    pub epoch: u64,
    /// How many times the predecessor, or the young token itself, was answered with what is good now.
    pub grace_uses: u16,
    /// When and why it was ended, if it was.
    pub revoked: Option<Revoked>,
}

/// When and why a family was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevokeReason,
}

impl State {
    /// That of a family that begins.
    #[must_use]
    pub fn new(family: &Family, epoch: u64, policy: &RefreshPolicy) -> Self {
        Self {
            generation: 0,
            rotated_at: None,
            idle_expires_at: policy.idle_end(family, family.created_at),
            epoch,
            grace_uses: 0,
            revoked: None,
        }
    }

    /// Whether the current token would be accepted at `now`, with the subject's epoch being `epoch`.
    #[must_use]
    pub fn is_live(&self, family: &Family, epoch: u64, now: Timestamp) -> bool {
        self.revoked.is_none()
            && self.epoch >= epoch
            && now < family.expires_at
            && now < self.idle_expires_at
    }

    /// When it was last refreshed or, if it never was, made.
    #[must_use]
    pub fn refreshed_at(&self, family: &Family) -> Timestamp {
        self.rotated_at.unwrap_or(family.created_at)
    }
}

/// 32 random bytes of a family, without which the key alone forges none of its tokens. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Zeroizing<[u8; 32]>);

impl Nonce {
    /// The one with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for a store to keep.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce([REDACTED])")
    }
}

macro_rules! reasons {
    ($($(#[$docs:meta])* $reason:ident = $name:literal;)*) => {
        /// Why a family was ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RevokeReason {
            $($(#[$docs])* $reason,)*
        }

        impl RevokeReason {
            /// As events and stores write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$reason => $name,)* }
            }
        }

        impl FromStr for RevokeReason {
            type Err = UnknownReason;

            fn from_str(name: &str) -> Result<Self, UnknownReason> {
                match name {
                    $($name => Ok(Self::$reason),)*
                    _ => Err(UnknownReason(())),
                }
            }
        }
    };
}

reasons! {
    /// A token that had been replaced came back: somebody has a copy.
    Reuse = "reuse";
    /// Its owner signed out.
    Logout = "logout";
    /// The client gave its token back (RFC 7009).
    Token = "token_revoked";
    /// Its owner ended it from another session.
    Owner = "owner";
    /// The password, or another proof, was changed.
    CredentialChange = "credential_change";
    /// The subject had too many sessions, and this was the least recently refreshed.
    Evicted = "evicted";
    /// An administrator ended it, or the account.
    Administrator = "administrator";
}

/// A text that is no [`RevokeReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason(());

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a family has ended for a reason that this version does not know")
    }
}

impl std::error::Error for UnknownReason {}
