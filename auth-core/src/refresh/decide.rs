use std::cmp::Ordering;
use std::sync::Arc;

use super::{Authentic, RefreshPolicy, RevokeReason, Revoked, State};
use crate::id::{ClientId, TenantId};
use crate::time::Timestamp;

/// A token that wants to be exchanged, and by whom.
#[derive(Clone, Debug)]
pub struct Rotate {
    pub(super) token: Authentic,
    pub(super) tenant: TenantId,
    pub(super) client: ClientId,
    pub(super) dpop_jkt: Option<Arc<str>>,
    pub(super) policy: RefreshPolicy,
}

/// What becomes of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was good, and has a successor now.
    Rotated,
    /// It was good a moment ago: it gets what its first presentation got.
    GraceReplay,
    /// It was one rotation ahead of a store that loses writes, and has a successor now.
    FastForwarded,
    /// Another client, tenant or key presents it than it was made for. Nothing changes.
    ClientMismatch,
    /// Its family was ended.
    Revoked,
    /// Its family is over.
    Expired(Expiry),
    /// It came more often than any client does. Nothing changes.
    TooMany,
    /// It had been replaced long since: two hold copies, and the family ends with this answer.
    Reuse,
    /// It is newer than the store knows of: the store went back in time. Nothing changes.
    Ahead,
}

/// Which end a family has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The one that no refresh moves.
    Absolute,
    /// Nobody refreshed it for too long.
    Idle,
}

impl Rotate {
    /// An exchange of `token` for `client` of `tenant`, under `policy`.
    #[must_use]
    pub fn new(
        token: Authentic,
        tenant: TenantId,
        client: ClientId,
        policy: RefreshPolicy,
    ) -> Self {
        Self {
            token,
            tenant,
            client,
            dpop_jkt: None,
            policy,
        }
    }

    /// Sets the thumbprint of the key that the client has proved to hold (RFC 9449).
    #[must_use]
    pub fn dpop_jkt(mut self, thumbprint: Option<Arc<str>>) -> Self {
        self.dpop_jkt = thumbprint;
        self
    }

    /// The token, with the family that it is of.
    #[must_use]
    pub fn token(&self) -> &Authentic {
        &self.token
    }

    /// The policy that it is judged by.
    #[must_use]
    pub fn policy(&self) -> &RefreshPolicy {
        &self.policy
    }

    /// Whether the token was made for others than those who present it.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        let family = self.token.family();
        let bound = family.dpop_jkt.is_some();
        self.tenant != family.tenant
            || self.client != family.client
            || (bound && self.dpop_jkt != family.dpop_jkt)
    }

    /// The whole decision. `epoch` is the subject's present one. The first that fits is the answer.
    ///
    /// That the token is authentic and that its family exists is given here: [`Authentic`] says the one, `state` the other.
    #[must_use]
    pub fn decide(&self, state: &State, epoch: u64, now: Timestamp) -> Outcome {
        let family = self.token.family();
        let policy = &self.policy;
        if self.is_mismatch() {
            return Outcome::ClientMismatch;
        }
        // Before the grace: a token that was just ended must not pass for one that was just replaced.
        if state.revoked.is_some() || state.epoch < epoch {
            return Outcome::Revoked;
        }
        if now >= family.expires_at {
            return Outcome::Expired(Expiry::Absolute);
        }
        if now >= state.idle_expires_at {
            return Outcome::Expired(Expiry::Idle);
        }
        // Zero where the clock of whoever rotated it is ahead of ours.
        let age = now.since(state.refreshed_at(family));
        let exhausted = state.grace_uses >= policy.max_grace_uses.get();
        let presented = self.token.generation();
        match presented.cmp(&state.generation) {
            Ordering::Equal if age < policy.coalesce_within && !exhausted => Outcome::GraceReplay,
            // Has no successor. A thousand refreshes each second come here after 50 days.
            Ordering::Equal | Ordering::Greater if presented == u32::MAX => {
                Outcome::Expired(Expiry::Absolute)
            }
            Ordering::Equal => Outcome::Rotated,
            Ordering::Greater if policy.fast_forward && presented - state.generation == 1 => {
                Outcome::FastForwarded
            }
            Ordering::Greater => Outcome::Ahead,
            // The current one was never used, or it would not be the current one. In the very millisecond of a rotation
            // the age is zero: without a grace there must be no window at all, not one of zero.
            Ordering::Less
                if state.generation - presented == 1
                    && policy.replay_window().is_some_and(|window| age <= window) =>
            {
                if exhausted {
                    Outcome::TooMany
                } else {
                    Outcome::GraceReplay
                }
            }
            Ordering::Less => Outcome::Reuse,
        }
    }

    /// [Decides](Self::decide) and changes `state` accordingly: what a store does in one atomic step.
    pub fn step(&self, state: &mut State, epoch: u64, now: Timestamp) -> Outcome {
        let outcome = self.decide(state, epoch, now);
        match outcome {
            Outcome::Rotated | Outcome::FastForwarded => {
                state.generation = self.token.generation() + 1;
                state.rotated_at = Some(now);
                state.idle_expires_at = self.policy.idle_end(self.token.family(), now);
                state.grace_uses = 0;
            }
            Outcome::GraceReplay => state.grace_uses += 1,
            Outcome::Reuse => {
                let (at, reason) = (now, RevokeReason::Reuse);
                state.revoked = Some(Revoked { at, reason });
            }
            Outcome::ClientMismatch
            | Outcome::Revoked
            | Outcome::Expired(_)
            | Outcome::TooMany
            | Outcome::Ahead => {}
        }
        outcome
    }
}

impl Outcome {
    /// Whether the state was changed.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Self::Rotated | Self::FastForwarded | Self::GraceReplay | Self::Reuse
        )
    }
}
