//! The end of sessions, in one step with what ends them.

use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::password::Account;
use portcullis_auth_core::refresh::RevokeReason;
use portcullis_auth_core::refresh::sqlite::{BEGIN, SqliteStore as Families};
use portcullis_auth_core::revocation::{Revocation, SqliteStore as Revocations};
use portcullis_auth_core::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Result, Store};

/// How the sessions of an account end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// The one that goes on.
    pub(crate) except: Option<SessionId>,
    pub(crate) reason: RevokeReason,
    pub(crate) now: Timestamp,
    /// When the last of their access tokens expires.
    pub(crate) until: Timestamp,
}

impl Store {
    /// Ends sessions, their access tokens and all logins that are under way. Returns which were ended.
    pub(crate) async fn end_sessions(
        &self,
        account: &Account,
        ending: &Ending,
    ) -> Result<Vec<SessionId>> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let ended = end_sessions(&mut transaction, account, ending).await?;
        transaction.commit().await?;
        Ok(ended)
    }
}

/// The same within a transaction that has begun with [`BEGIN`]: no crash leaves an old token with what it was good for before.
pub(super) async fn end_sessions(
    connection: &mut SqliteConnection,
    account: &Account,
    ending: &Ending,
) -> Result<Vec<SessionId>> {
    let Account { tenant, subject } = account;
    let Ending {
        except,
        reason,
        now,
        until,
    } = *ending;
    let revoked =
        Families::revoke_subject_within(connection, tenant, subject, except, reason, now).await?;
    let revocations = match except {
        Some(_) => {
            let ended = revoked.ended.iter();
            ended.map(|id| Revocation::session(*id, until)).collect()
        }
        // Also of sessions that had ended before, of which an access token may be left.
        None => vec![Revocation::subject(tenant, subject, revoked.epoch, until)],
    };
    for revocation in &revocations {
        Revocations::add_within(connection, revocation).await?;
    }
    Ok(revoked.ended)
}
