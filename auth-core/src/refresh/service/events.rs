use std::sync::Arc;

use crate::audit::{AuditSink, Context, Event, EventKind};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::refresh::{Expiry, Family, Outcome, RevokeReason, Rotate, Rotation};
use crate::time::Timestamp;

/// What is told of sessions: each change once, by the call that made it, after it was stored.
#[derive(Clone, Debug)]
pub(super) struct Events(pub(super) Arc<dyn AuditSink>);

impl Events {
    pub(super) fn login(
        &self,
        family: &Family,
        evicted: &[SessionId],
        now: Timestamp,
        context: &Context,
    ) {
        let created = event(EventKind::SessionCreated, family, now, context);
        self.0.record(&created.method(family.amr.as_str()));
        for session in evicted {
            let excess = event(EventKind::ExcessSessions, family, now, context);
            self.0.record(&excess.session(*session));
        }
    }

    /// A token that says nothing about whom it is of, at least nothing to be believed.
    pub(super) fn invalid(&self, reason: &'static str, now: Timestamp, context: &Context) {
        let event = Event::new(EventKind::RefreshInvalid, now);
        self.0.record(&event.reason(reason).context(context));
    }

    pub(super) fn mismatch(&self, family: &Family, now: Timestamp, context: &Context) {
        let kind = EventKind::RefreshClientMismatch;
        self.0.record(&event(kind, family, now, context));
    }

    pub(super) fn rotation(
        &self,
        rotate: &Rotate,
        rotation: &Rotation,
        now: Timestamp,
        context: &Context,
    ) {
        let family = &**rotate.token().family();
        let told = |kind| event(kind, family, now, context);
        let said = match rotation.outcome {
            Outcome::Rotated => told(EventKind::SessionRenewed),
            Outcome::GraceReplay => told(EventKind::RefreshGraceReplay),
            Outcome::FastForwarded => told(EventKind::RefreshAhead).reason("accepted"),
            Outcome::Ahead => told(EventKind::RefreshAhead),
            Outcome::ClientMismatch => return self.mismatch(family, now, context),
            Outcome::TooMany => told(EventKind::ExcessRateLimit).reason("grace_uses"),
            Outcome::Expired(Expiry::Absolute) => {
                told(EventKind::SessionExpired).reason("absolute")
            }
            Outcome::Expired(Expiry::Idle) => told(EventKind::SessionExpired).reason("idle"),
            Outcome::Revoked => {
                let revoked = rotation.state.revoked;
                let reason = revoked.map_or("epoch", |revoked| revoked.reason.as_str());
                told(EventKind::SessionUseAfterExpire).reason(reason)
            }
            Outcome::Reuse => {
                self.0.record(&told(EventKind::TokenReuse));
                let reason = RevokeReason::Reuse;
                return self.ended(family, reason, now, context);
            }
        };
        self.0.record(&said);
    }

    pub(super) fn ended(
        &self,
        family: &Family,
        reason: RevokeReason,
        now: Timestamp,
        context: &Context,
    ) {
        let kind = match reason {
            RevokeReason::Logout => EventKind::SessionLogout,
            RevokeReason::Token => EventKind::TokenRevoked,
            _ => EventKind::FamilyRevoked,
        };
        let event = event(kind, family, now, context).reason(reason.as_str());
        self.0.record(&event.count(1));
    }

    pub(super) fn ended_all(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        reason: RevokeReason,
        sessions: usize,
        now: Timestamp,
        context: &Context,
    ) {
        let event = Event::new(EventKind::FamilyRevoked, now)
            .tenant(tenant)
            .subject(subject)
            .reason(reason.as_str())
            .count(sessions as u64)
            .context(context);
        self.0.record(&event);
    }
}

fn event(kind: EventKind, family: &Family, now: Timestamp, context: &Context) -> Event {
    Event::new(kind, now)
        .tenant(&family.tenant)
        .subject(&family.subject)
        .session(family.id)
        .client(&family.client)
        .context(context)
}
