//! Asking for a second factor, and checking what comes.

use super::{
    Acceptance, Accepted, Attempted, CHALLENGE_LIFETIME, Challenge, Code, FEW_RECOVERY_CODES,
    Factor, Hash, Match, MfaToken, Owner, Proof, RecoveryCode, Redeemed, TRIES_IN_A_ROW, Totp,
    TotpError, TotpErrorKind, Tries,
};
use crate::audit::{Context, EventKind, Outcome};
use crate::id::ClientId;

/// The second factor was right: a session may start, with an id that did not exist before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    owner: Owner,
    epoch: u64,
    recovery_codes_left: Option<u32>,
}

impl Verified {
    /// Who it is.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The subject's epoch when the challenge was opened. A session must not start if it is another now: the password has
    /// changed in the meantime, or all sessions were ended.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many recovery codes are left, if it was one of them.
    #[must_use]
    pub fn recovery_codes_left(&self) -> Option<u32> {
        self.recovery_codes_left
    }

    /// Whether so few recovery codes are left that their owner should make new ones.
    #[must_use]
    pub fn has_few_recovery_codes(&self) -> bool {
        let left = self.recovery_codes_left;
        left.is_some_and(|left| left < FEW_RECOVERY_CODES)
    }
}

/// What a granted try is about.
struct Granted {
    challenge: Challenge,
    tries: Tries,
    factors: Vec<Factor>,
}

impl Totp {
    /// Opens a challenge for somebody who has just passed the first factor, and for nobody else: who can have challenges
    /// opened can have a factor frozen. None if there is no active factor, so that none is asked for.
    ///
    /// The token is good for five minutes, five tries and one success, from `client` alone. No other endpoint takes it.
    ///
    /// # Errors
    ///
    /// When store or randomness fail.
    pub async fn challenge(
        &self,
        owner: &Owner,
        client: &ClientId,
        epoch: u64,
    ) -> Result<Option<MfaToken>, TotpError> {
        if self.factors(owner).await?.is_empty() {
            return Ok(None);
        }
        let token = MfaToken::generate().map_err(|_| TotpErrorKind::NoRandomness)?;
        let hash = MfaToken::hash(token.to_text().expose_secret());
        let challenge = Challenge {
            hash: hash.ok_or(TotpErrorKind::NoRandomness)?,
            owner: owner.clone(),
            client: client.clone(),
            epoch,
            expires_at: self.now().plus(CHALLENGE_LIFETIME),
            tries: 0,
            used_at: None,
        };
        self.store().open(&challenge).await?;
        Ok(Some(token))
    }

    /// Checks a code of an authenticator. The try is counted before anything is compared.
    ///
    /// # Errors
    ///
    /// See [`TotpErrorKind`]: what is wrong with the code, with the challenge, and how many tries there were.
    pub async fn verify(
        &self,
        token: &str,
        client: &ClientId,
        code: &str,
        context: &Context,
    ) -> Result<Verified, TotpError> {
        let hash = MfaToken::hash(token).ok_or(TotpErrorKind::InvalidChallenge)?;
        let code = Code::parse(code).ok_or(TotpErrorKind::WrongCode)?;
        let granted = self.attempt(&hash, client, Proof::Code, context).await?;
        let owner = &granted.challenge.owner;
        let now = self.now();
        let (mut compared, mut replayed) = (granted.factors.is_empty(), false);
        let mut unreadable = None;
        for factor in &granted.factors {
            let secret = match self.open(owner, factor, context) {
                Ok(secret) => secret,
                // The code may be another factor's.
                Err(error) => {
                    unreadable = Some(error);
                    continue;
                }
            };
            compared = true;
            let (step, drift) = match secret.check(&code, now, self.window_ref(), factor.last_step)
            {
                Match::Fresh { step, drift } => (step, drift),
                Match::Replay => {
                    replayed = true;
                    continue;
                }
                Match::Nothing => continue,
            };
            let resealed = if self.keys().is_current(&factor.sealed) {
                None
            } else {
                Some(self.keys().seal(&secret, owner, factor.id)?)
            };
            let acceptance = Acceptance {
                challenge: hash,
                owner: owner.clone(),
                factor: factor.id,
                step,
                drift,
                resealed,
            };
            match self.store().accept(&acceptance, now).await? {
                Accepted::Yes => {
                    return Ok(Verified {
                        owner: owner.clone(),
                        epoch: granted.challenge.epoch,
                        recovery_codes_left: None,
                    });
                }
                Accepted::Replayed => replayed = true,
                Accepted::ChallengeOver => return Err(TotpErrorKind::InvalidChallenge.into()),
            }
        }
        if replayed {
            self.record(owner, EventKind::TotpReplay, context, |event| event);
        } else if compared {
            self.failed(&granted, "wrong_code", context);
        }
        self.frozen_now(&granted, context);
        Err(unreadable.unwrap_or_else(|| TotpErrorKind::WrongCode.into()))
    }

    /// Checks a recovery code in place of an authenticator's. It is used up, and wrong codes before it are forgotten.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    pub async fn recover(
        &self,
        token: &str,
        client: &ClientId,
        code: &str,
        context: &Context,
    ) -> Result<Verified, TotpError> {
        let hash = MfaToken::hash(token).ok_or(TotpErrorKind::InvalidChallenge)?;
        let code = RecoveryCode::parse(code).ok_or(TotpErrorKind::WrongCode)?;
        let granted = self
            .attempt(&hash, client, Proof::RecoveryCode, context)
            .await?;
        let owner = &granted.challenge.owner;
        let code = code.hash(owner);
        let redeemed = self.store().redeem(&hash, owner, &code, self.now());
        match redeemed.await? {
            Redeemed::Yes(left) => {
                self.record(owner, EventKind::RecoveryCodeUsed, context, |event| {
                    event.count(left.into())
                });
                Ok(Verified {
                    owner: owner.clone(),
                    epoch: granted.challenge.epoch,
                    recovery_codes_left: Some(left),
                })
            }
            Redeemed::Unknown => {
                self.failed(&granted, "wrong_recovery_code", context);
                Err(TotpErrorKind::WrongCode.into())
            }
            Redeemed::ChallengeOver => Err(TotpErrorKind::InvalidChallenge.into()),
        }
    }

    async fn attempt(
        &self,
        hash: &Hash,
        client: &ClientId,
        proof: Proof,
        context: &Context,
    ) -> Result<Granted, TotpError> {
        let attempted = self.store().attempt(hash, client, proof, self.now());
        let (owner, reason, error) = match attempted.await? {
            Attempted::Granted {
                challenge,
                tries,
                factors,
            } => {
                let epoch = match self.epochs_ref() {
                    Some(epochs) => epochs.epoch(&challenge.owner).await?,
                    None => challenge.epoch,
                };
                if epoch == challenge.epoch {
                    return Ok(Granted {
                        challenge,
                        tries,
                        factors,
                    });
                }
                let error = TotpErrorKind::InvalidChallenge.into();
                (challenge.owner, "epoch", error)
            }
            Attempted::Invalid => {
                self.tell(EventKind::MfaFail, context, |event| {
                    event.client(client).reason("unknown_challenge")
                });
                return Err(TotpErrorKind::InvalidChallenge.into());
            }
            Attempted::Exhausted(owner) => (owner, "challenge", TotpErrorKind::Exhausted.into()),
            Attempted::Limited(owner, wait) => (owner, "hour", TotpError::limited(wait)),
            Attempted::Frozen(owner) => (owner, "frozen", TotpErrorKind::Frozen.into()),
        };
        self.record(&owner, EventKind::MfaFail, context, |event| {
            event.outcome(Outcome::Blocked).reason(reason)
        });
        Err(error)
    }

    fn failed(&self, granted: &Granted, reason: &'static str, context: &Context) {
        let owner = &granted.challenge.owner;
        self.record(owner, EventKind::MfaFail, context, |event| {
            event.reason(reason).count(granted.tries.in_a_row.into())
        });
    }

    /// Tells of the try after which there is none.
    fn frozen_now(&self, granted: &Granted, context: &Context) {
        if granted.tries.in_a_row == TRIES_IN_A_ROW {
            let owner = &granted.challenge.owner;
            self.record(owner, EventKind::MfaFrozen, context, |event| {
                event.count(granted.tries.in_a_row.into())
            });
        }
    }
}
