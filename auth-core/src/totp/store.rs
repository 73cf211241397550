use std::fmt;

use super::{Attempted, Challenge, Factor, FactorId, Hash, Owner, Proof, Sealed};
use crate::id::ClientId;
use crate::store::Answer;
use crate::time::Timestamp;

/// A code that was found to be right.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The challenge that it answers.
    pub challenge: Hash,
    /// Whose it is.
    pub owner: Owner,
    /// The factor that it is of.
    pub factor: FactorId,
    /// The step that it is of, counted as in [`Match::Fresh`](super::Match::Fresh).
    pub step: i64,
    /// How far the owner's clock is from ours, in steps: -1, 0 or 1.
    pub drift: i8,
    /// The secret under a newer key, if it has one.
    pub resealed: Option<Sealed>,
}

/// What a store says to a code that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was the first to come.
    Yes,
    /// A code of this step, or of a later one, was accepted before.
    Replayed,
    /// The challenge was passed by another in the meantime, or has expired.
    ChallengeOver,
}

/// What a store says to a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It was one, and so many are left.
    Yes(u32),
    /// It is none, or was used.
    Unknown,
    /// The challenge was passed by another in the meantime, or has expired.
    ChallengeOver,
}

/// Where the epochs of subjects are read: a `RefreshService`, for example.
pub trait Epochs: fmt::Debug + Send + Sync + 'static {
    /// The epoch of a subject at present.
    fn epoch<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u64>;
}

#[cfg(feature = "refresh")]
impl Epochs for crate::refresh::RefreshService {
    fn epoch<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u64> {
        Box::pin(self.epoch(owner.tenant(), owner.subject()))
    }
}

/// Where factors, challenges, tries and recovery codes are kept.
///
/// Each method is one atomic step. An error means that nobody knows, never that a code is wrong.
/// [`testing::store_conformance`](super::testing::store_conformance) tells whether a store keeps to this.
pub trait TotpStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a pending factor in place of any other pending one of its owner. False, and nothing is kept, if the owner has
    /// [`MAX_FACTORS`](super::MAX_FACTORS) active ones.
    fn enrol<'a>(&'a self, owner: &'a Owner, factor: &'a Factor) -> Answer<'a, bool>;

    /// All factors of an owner, the pending one included, in the order in which they were made.
    fn factors<'a>(&'a self, owner: &'a Owner) -> Answer<'a, Vec<Factor>>;

    /// Makes a factor active whose owner has shown a code of `step`. False if it does not [wait](Factor::is_pending) for that.
    fn activate<'a>(
        &'a self,
        owner: &'a Owner,
        factor: FactorId,
        step: i64,
        drift: i8,
        now: Timestamp,
    ) -> Answer<'a, bool>;

    /// Deletes a factor. False if there is none.
    fn remove<'a>(&'a self, owner: &'a Owner, factor: FactorId) -> Answer<'a, bool>;

    /// Keeps a challenge.
    fn open<'a>(&'a self, challenge: &'a Challenge) -> Answer<'a, ()>;

    /// Counts a try at a challenge, before anything is checked, or says why there is none: what [`Challenge::decide`] does.
    fn attempt<'a>(
        &'a self,
        challenge: &'a Hash,
        client: &'a ClientId,
        proof: Proof,
        now: Timestamp,
    ) -> Answer<'a, Attempted>;

    /// Uses up the challenge and all steps up to that of the code, and takes the try back as
    /// [`Tries::succeeded`](super::Tries::succeeded) does; or changes nothing.
    fn accept<'a>(&'a self, acceptance: &'a Acceptance, now: Timestamp) -> Answer<'a, Accepted>;

    /// Uses up the challenge and a recovery code, and ends the row of wrong codes; or changes nothing.
    fn redeem<'a>(
        &'a self,
        challenge: &'a Hash,
        owner: &'a Owner,
        code: &'a Hash,
        now: Timestamp,
    ) -> Answer<'a, Redeemed>;

    /// Keeps these recovery codes in place of all others of their owner.
    fn replace_recovery_codes<'a>(&'a self, owner: &'a Owner, codes: &'a [Hash]) -> Answer<'a, ()>;

    /// How many recovery codes of an owner are not used.
    fn recovery_codes_left<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u32>;

    /// Ends the row of wrong codes of an owner, and the hour.
    fn thaw<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()>;

    /// Deletes everything of an owner.
    fn forget<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()>;

    /// Deletes up to `limit` challenges that are over and as many factors that were pending for too long, and returns how
    /// many there were.
    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64>;
}
