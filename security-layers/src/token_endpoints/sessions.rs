//! The sessions of whoever asks.

use http::StatusCode;
use http::request::Parts;
use portcullis_auth_core::id::{SessionId, TenantId};
use portcullis_auth_core::refresh::{RevokeReason, SessionInfo};
use portcullis_auth_core::roles::Requirement;
use portcullis_auth_core::time::Timestamp;
use serde::Serialize;
use time::macros::format_description;

use super::endpoint::{Done, Refused, empty, json};
use super::error::Fault;
use super::settings::Settings;
use crate::auth::{AuthRefusedKind, Authenticated};

impl Settings {
    pub(super) async fn list(&self, parts: &Parts) -> Done {
        let who = self.owner(parts)?;
        let sessions = self
            .service
            .sessions(&who.tenant, who.caller.subject_ref(), Some(who.session))
            .await?;
        let items: Vec<_> = sessions.iter().map(Listed::from).collect();
        Ok(json(StatusCode::OK, &List { items }))
    }

    pub(super) async fn show(&self, parts: &Parts, session: SessionId) -> Done {
        let who = self.owner(parts)?;
        let sessions = self
            .service
            .sessions(&who.tenant, who.caller.subject_ref(), Some(who.session))
            .await?;
        let found = sessions.iter().find(|own| own.id() == session);
        let found = found.ok_or(Fault::NoSession)?;
        Ok(json(StatusCode::OK, &Listed::from(found)))
    }

    pub(super) async fn end(&self, parts: &Parts, session: SessionId) -> Done {
        let who = self.owner(parts)?;
        let reason = if session == who.session {
            RevokeReason::Logout
        } else {
            self.require_recent(&who)?;
            RevokeReason::Owner
        };
        let (context, subject) = (self.context(parts), who.caller.subject_ref());
        let ended = self
            .service
            .end(&who.tenant, subject, session, reason, &context);
        if !ended.await? {
            return Err(Fault::NoSession.into());
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Ends all sessions of the caller but the one that asks, and all sign-ins that are under way: one of them may be a thief's.
    pub(super) async fn end_others(&self, parts: &Parts) -> Done {
        let who = self.owner(parts)?;
        self.require_recent(&who)?;
        let (context, subject) = (self.context(parts), who.caller.subject_ref());
        let (except, reason) = (Some(who.session), RevokeReason::Owner);
        let ended = self
            .service
            .end_all(&who.tenant, subject, except, reason, &context);
        ended.await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Who ends other sessions has signed in a moment ago: whoever found an open laptop must not lock its owner out.
    fn require_recent(&self, who: &Owner<'_>) -> Result<(), Refused> {
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let recent = Requirement::default().max_age(max_age);
        let judged = recent.check(who.caller, None, self.clock.now());
        judged.map_err(|shortfall| Refused::Auth(shortfall.into()))
    }

    fn owner<'p>(&self, parts: &'p Parts) -> Result<Owner<'p>, Refused> {
        let missing = Refused::Auth(AuthRefusedKind::Missing);
        let caller = parts.extensions.get::<Authenticated>().ok_or(missing)?;
        let rights = || Refused::Auth(AuthRefusedKind::Rights { scope: None });
        // A key has no sessions, and one that was stolen must not list or end those of its owner.
        let session = caller.session_ref().ok_or_else(rights)?;
        // Somebody of another issuer may have the same name, and even an id that looks like that of a session.
        if caller.issuer_ref() != self.tokens.issuer() {
            return Err(rights());
        }
        let tenant = caller.tenant_ref().cloned();
        let tenant = tenant.ok_or(Refused::Auth(AuthRefusedKind::Tenant))?;
        Ok(Owner {
            caller,
            tenant,
            session,
        })
    }
}

/// Whose sessions a request is about.
struct Owner<'p> {
    caller: &'p Authenticated,
    tenant: TenantId,
    session: SessionId,
}

#[derive(Serialize)]
struct List<'a> {
    items: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: String,
    client_id: &'a str,
    created_at: String,
    last_refreshed_at: String,
    expires_at: String,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    current: bool,
}

impl<'a> From<&'a SessionInfo> for Listed<'a> {
    fn from(session: &'a SessionInfo) -> Self {
        Self {
            id: session.id().to_string(),
            client_id: session.client().as_str(),
            created_at: rfc3339(session.created_at()),
            last_refreshed_at: rfc3339(session.refreshed_at()),
            expires_at: rfc3339(session.expires_at()),
            ip: session.ip().map(|ip| ip.to_string()),
            user_agent: session.user_agent(),
            current: session.is_current(),
        }
    }
}

/// Milliseconds that are always there sort as texts.
fn rfc3339(moment: Timestamp) -> String {
    let nanos = i128::from(moment.as_millis()) * 1_000_000;
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanos);
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // A timestamp is within the years that can be written.
    time.ok()
        .and_then(|time| time.format(form).ok())
        .unwrap_or_default()
}
