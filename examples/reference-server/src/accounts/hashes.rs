//! Where passwords are put, each in one step with the end of what the one before it has begun.

use std::sync::OnceLock;

use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::password::{Account, PasswordHash, PasswordStore};
use portcullis_auth_core::refresh::RevokeReason;
use portcullis_auth_core::revocation::Revocations;
use portcullis_auth_core::store::Answer;
use portcullis_auth_core::time::{Clock as _, SystemClock};

use crate::store::{Ending, Store};

#[derive(Debug)]
pub(super) struct Hashes {
    store: Store,
    revocations: Revocations,
    /// The session in which somebody changes their password: the one that goes on.
    acting: Option<SessionId>,
    /// By the first change: there is one for each request that makes one.
    ended: OnceLock<Vec<SessionId>>,
}

impl Hashes {
    pub(super) fn new(store: Store, revocations: Revocations, acting: Option<SessionId>) -> Self {
        let ended = OnceLock::new();
        Self {
            store,
            revocations,
            acting,
            ended,
        }
    }

    /// The sessions that a change has ended.
    pub(super) fn ended(&self) -> Option<&[SessionId]> {
        self.ended.get().map(Vec::as_slice)
    }
}

impl PasswordStore for Hashes {
    fn rehash<'a>(
        &'a self,
        account: &'a Account,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.store.rehash(account, old, new).await?) })
    }

    fn change<'a>(
        &'a self,
        account: &'a Account,
        old: Option<&'a PasswordHash>,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let now = SystemClock.now();
            let ending = Ending {
                except: self.acting,
                reason: RevokeReason::CredentialChange,
                now,
                until: self.revocations.remembered_until(now),
            };
            let ended = self
                .store
                .change_password(account, old, new, &ending)
                .await?;
            let changed = ended.is_some();
            if let Some(ended) = ended {
                self.ended.get_or_init(|| ended);
            }
            Ok(changed)
        })
    }
}
