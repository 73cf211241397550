//! What a service does around its store: keys, sessions, events.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis_auth_core::audit::{Context, EventKind, Severity};
use portcullis_auth_core::refresh::{
    LoginErrorKind, RefreshErrorKind, RefreshKeys, RefreshPolicy, RefreshRequest, RefreshService,
    RevokeReason, SessionInfo, StartErrorKind,
};
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::Clock as _;
use portcullis_secrets::SecretBytes;
use refresh_support::{Shared, World, text};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn memory() -> Shared {
    refresh_support::memory().await.unwrap().0
}

fn secret() -> SecretBytes {
    SecretBytes::generate(32).unwrap()
}

fn context() -> Context {
    let context = Context::default().ip("192.0.2.7".parse().unwrap());
    context.user_agent("curl/8.5").request_id("r-1")
}

#[tokio::test]
async fn a_service_does_not_start_without_a_key_that_sessions_need() {
    let store = memory().await;
    let (old, new) = (secret(), secret());
    let policy = RefreshPolicy::default();
    let before = World::of(store.clone(), RefreshKeys::new(1, &old).unwrap(), policy).await;
    let (first, _second) = (before.login().await, before.login().await);

    let without = RefreshKeys::new(2, &new).unwrap();
    let start = |clock: ManualClock| {
        RefreshService::builder(store.clone(), without.clone())
            .clock(Arc::new(clock))
            .start()
    };
    let error = start(before.clock.clone()).await.unwrap_err();
    let (key_id, sessions) = (1, 2);
    assert_eq!(
        error.kind(),
        StartErrorKind::MissingKey { key_id, sessions }
    );
    assert_eq!(
        error.to_string(),
        "2 sessions need the refresh token key 1, which is not configured"
    );
    // When the sessions are over nobody needs it any more.
    let later = ManualClock::default();
    later.advance(14 * DAY);
    start(later).await.unwrap();

    // With both, older sessions go on and new ones get the new key.
    let both = without.clone().and_older(1, &old).unwrap();
    let after = World::of(store.clone(), both, policy).await;
    let second = after.refresh(&text(&first)).await.unwrap();
    let newer = after.login().await;
    assert_eq!(
        store.count_by_key(after.clock.now()).await.unwrap(),
        [(1, 2), (2, 1)]
    );
    // A key that goes missing while a service runs is not the token's fault.
    let error = before.refresh(&text(&newer)).await.unwrap_err();
    assert_eq!(error.kind(), RefreshErrorKind::Unavailable);
    assert!(!error.kind().is_invalid_grant());
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "the refresh token key 2 is missing, and live sessions need it"
    );
    assert!(before.refresh(&text(&second)).await.is_ok());
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_key_only() {
    let world = World::new(memory().await).await;
    let bound = world.who().dpop_jkt("thumbprint");
    let epoch = world.service.epoch(&world.tenant, &world.subject).await;
    let login = world
        .service
        .login(&bound, epoch.unwrap(), &context())
        .await;
    let first = text(&login.unwrap());
    let plain = RefreshRequest::new(&first, &world.tenant, &world.client);
    for stolen in [plain, plain.dpop_jkt("another")] {
        let refused = world.service.refresh(&stolen, &context()).await;
        assert_eq!(
            refused.unwrap_err().kind(),
            RefreshErrorKind::ClientMismatch
        );
    }
    let own = plain.dpop_jkt("thumbprint");
    let issued = world.service.refresh(&own, &context()).await.unwrap();
    assert_eq!(issued.dpop_jkt(), Some("thumbprint"));
    assert!(!issued.is_replay());
}

#[tokio::test]
async fn where_tenants_share_an_endpoint_the_token_says_whose_it_is() {
    let world = World::new(memory().await).await;
    let epoch = world.service.epoch(&world.tenant, &world.subject).await;
    let login = world
        .service
        .login(&world.who(), epoch.unwrap(), &context())
        .await;
    let first = text(&login.unwrap());
    let elsewhere = "globex".parse().unwrap();
    let wrong = RefreshRequest::new(&first, &elsewhere, &world.client);
    let refused = world.service.refresh(&wrong, &context()).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        RefreshErrorKind::ClientMismatch
    );
    let shared = RefreshRequest::of_any_tenant(&first, &world.client);
    let issued = world.service.refresh(&shared, &context()).await.unwrap();
    assert_eq!(issued.tenant(), &world.tenant);

    // The client still has to be the token's own.
    let other = "other".parse().unwrap();
    let next = text(&issued);
    let stolen = RefreshRequest::of_any_tenant(&next, &other);
    let refused = world.service.refresh(&stolen, &context()).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        RefreshErrorKind::ClientMismatch
    );
    let given_back = RefreshRequest::of_any_tenant(&next, &world.client);
    let ended = world.service.revoke(&given_back, &context()).await.unwrap();
    assert_eq!(ended, Some(issued.session()));
}

#[tokio::test]
async fn a_session_is_what_its_login_was() {
    let world = World::new(memory().await).await;
    let moment = world.clock.now();
    let who = world.who().acr("aal2").auth_time(moment.minus(60 * SECOND));
    let epoch = world.service.epoch(&world.tenant, &world.subject).await;
    let login = world.service.login(&who, epoch.unwrap(), &context()).await;
    let login = login.unwrap();
    world.clock.advance(DAY);
    let issued = world.refresh(&text(&login)).await.unwrap();
    assert_eq!(issued.session(), login.session());
    assert_eq!(issued.subject(), &world.subject);
    assert_eq!(issued.tenant(), &world.tenant);
    assert_eq!(issued.client(), &world.client);
    assert_eq!(issued.acr(), Some("aal2"));
    assert_eq!(issued.amr().as_str(), "pwd otp");
    assert_eq!(issued.auth_time(), moment.minus(60 * SECOND));
    assert_eq!(issued.epoch(), epoch_of(&world).await);
    assert_eq!(issued.refresh_expires_at(), moment.plus(15 * DAY));
    assert_eq!(issued.session_expires_at(), moment.plus(30 * DAY));
}

async fn epoch_of(world: &World) -> u64 {
    let epoch = world.service.epoch(&world.tenant, &world.subject).await;
    epoch.unwrap()
}

#[tokio::test]
async fn owners_see_their_sessions_and_end_them() {
    let world = World::new(memory().await).await;
    let epoch = epoch_of(&world).await;
    let login = async || {
        world.clock.advance(SECOND);
        let login = world.service.login(&world.who(), epoch, &context()).await;
        login.unwrap()
    };
    let (phone, laptop, tablet) = (login().await, login().await, login().await);
    world.clock.advance(SECOND);
    let moment = world.clock.now();
    let phone = world.refresh(&text(&phone)).await.unwrap();
    let sessions = async || {
        let current = Some(phone.session());
        let list = world
            .service
            .sessions(&world.tenant, &world.subject, current);
        list.await.unwrap()
    };
    let list = sessions().await;
    let ids: Vec<_> = list.iter().map(SessionInfo::id).collect();
    assert_eq!(ids, [phone.session(), tablet.session(), laptop.session()]);
    assert_eq!(list[0].refreshed_at(), moment);
    assert_eq!(list[0].created_at(), moment.minus(3 * SECOND));
    assert_eq!(list[0].expires_at(), moment.plus(14 * DAY));
    assert_eq!(list[0].ip(), context().ip_ref());
    assert_eq!(list[0].user_agent(), Some("curl/8.5"));
    assert_eq!(list[0].client(), &world.client);
    let current: Vec<_> = list.iter().map(SessionInfo::is_current).collect();
    assert_eq!(current, [true, false, false]);

    let end = async |world: &World, session, reason| {
        let (tenant, subject) = (&world.tenant, &world.subject);
        let context = context();
        let ended = world
            .service
            .end(tenant, subject, session, reason, &context);
        ended.await.unwrap()
    };
    // Somebody else who knows the id.
    let stranger = World {
        subject: "u-2".parse().unwrap(),
        ..world.clone()
    };
    world.events.take();
    assert!(!end(&stranger, laptop.session(), RevokeReason::Owner).await);
    // Somebody of the same name, elsewhere.
    let namesake = World {
        tenant: "globex".parse().unwrap(),
        ..world.clone()
    };
    assert!(!end(&namesake, laptop.session(), RevokeReason::Owner).await);
    assert_eq!(world.events.kinds(), []);
    assert!(end(&world, laptop.session(), RevokeReason::Owner).await);
    assert!(!end(&world, laptop.session(), RevokeReason::Owner).await);
    assert_eq!(world.events.kinds(), [EventKind::FamilyRevoked]);
    assert!(end(&world, tablet.session(), RevokeReason::Logout).await);
    assert_eq!(world.events.kinds(), [EventKind::SessionLogout]);
    assert_eq!(sessions().await.len(), 1);
    for ended in [&laptop, &tablet] {
        assert_eq!(world.refused(&text(ended)).await, RefreshErrorKind::Revoked);
    }

    let other = login().await;
    world.events.take();
    let context = context();
    let ended = world.service.end_all(
        &world.tenant,
        &world.subject,
        Some(phone.session()),
        RevokeReason::Owner,
        &context,
    );
    assert_eq!(ended.await.unwrap(), [other.session()]);
    let told = world.events.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind(), EventKind::FamilyRevoked);
    assert_eq!(told[0].reason_ref(), Some("owner"));
    assert_eq!(told[0].count_ref(), Some(1));
    assert!(world.refresh(&text(&phone)).await.is_ok());
    // Whoever had read the epoch before is too late.
    let late = world.service.login(&world.who(), epoch, &context).await;
    assert_eq!(late.unwrap_err().kind(), LoginErrorKind::EpochMoved);
}

#[tokio::test]
async fn one_session_too_many_ends_another_and_is_told() {
    let two = NonZeroU32::new(2).unwrap();
    let policy = RefreshPolicy::settings().max_sessions(two).build();
    let world = World::with(memory().await, policy.unwrap()).await;
    let first = world.login().await;
    world.clock.advance(SECOND);
    world.login().await;
    world.clock.advance(SECOND);
    world.events.take();
    let third = world.login().await;
    let told = world.events.take();
    assert_eq!(told[0].kind(), EventKind::SessionCreated);
    assert_eq!(told[0].session_ref(), Some(third.session()));
    assert_eq!(third.evicted(), [first.session()]);
    assert!(first.evicted().is_empty());
    assert_eq!(told[0].method_ref(), Some("pwd otp"));
    assert_eq!(told[1].kind(), EventKind::ExcessSessions);
    assert_eq!(told[1].session_ref(), Some(first.session()));
    assert_eq!(told.len(), 2);
    assert_eq!(
        world.refused(&text(&first)).await,
        RefreshErrorKind::Revoked
    );
}

#[tokio::test]
async fn each_answer_is_told_once_with_who_it_was() {
    type Told = (EventKind, Severity, Option<&'static str>);
    let policy = RefreshPolicy::settings().fast_forward().build().unwrap();
    let (store, key) = (memory().await, secret());
    let keys = RefreshKeys::new(1, &key).unwrap();
    let world = World::of(store.clone(), keys.clone(), policy).await;
    let login = world.login().await;
    let told = world.events.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind(), EventKind::SessionCreated);

    let family = store.find(login.session()).await.unwrap().unwrap();
    let token = |generation| {
        let token = keys.token(&family, generation).unwrap();
        token.expose_secret().to_owned()
    };
    let steps: [(u64, u32, &[Told]); 8] = [
        (0, 0, &[(EventKind::SessionRenewed, Severity::Info, None)]),
        (
            0,
            0,
            &[(EventKind::RefreshGraceReplay, Severity::Info, None)],
        ),
        (0, 3, &[(EventKind::RefreshAhead, Severity::Critical, None)]),
        (
            0,
            2,
            &[(
                EventKind::RefreshAhead,
                Severity::Critical,
                Some("accepted"),
            )],
        ),
        (
            14 * 86_400,
            3,
            &[(EventKind::SessionExpired, Severity::Info, Some("idle"))],
        ),
        (
            16 * 86_400,
            3,
            &[(EventKind::SessionExpired, Severity::Info, Some("absolute"))],
        ),
        // Back to before the ends.
        (
            0,
            0,
            &[
                (EventKind::TokenReuse, Severity::Critical, None),
                (EventKind::FamilyRevoked, Severity::Warning, Some("reuse")),
            ],
        ),
        (
            0,
            3,
            &[(
                EventKind::SessionUseAfterExpire,
                Severity::Warning,
                Some("reuse"),
            )],
        ),
    ];
    let start = world.clock.now();
    for (seconds, generation, expected) in steps {
        world.clock.set(start.plus(Duration::from_secs(seconds)));
        if seconds == 16 * 86_400 {
            world.clock.set(login.session_expires_at());
        }
        let token = token(generation);
        let request = RefreshRequest::new(&token, &world.tenant, &world.client);
        // What comes of it is for the other tests.
        let _either = world.service.refresh(&request, &context()).await;
        let told = world.events.take();
        let found: Vec<_> = told
            .iter()
            .map(|event| (event.kind(), event.severity_ref(), event.reason_ref()))
            .collect();
        assert_eq!(found, expected);
        for event in told {
            assert_eq!(event.session_ref(), Some(login.session()));
            assert_eq!(event.subject_ref(), Some("u-1"));
            assert_eq!(event.tenant_ref(), Some(&world.tenant));
            assert_eq!(event.client_ref(), Some(&world.client));
            assert_eq!(event.context_ref(), &context());
            assert_eq!(event.at(), world.clock.now());
        }
    }
    for garbage in ["", "rt_garbage", &"x".repeat(10_000)] {
        assert_eq!(world.refused(garbage).await, RefreshErrorKind::Invalid);
        let told = world.events.take();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].kind(), EventKind::RefreshInvalid);
        assert_eq!(told[0].reason_ref(), Some("malformed"));
    }
}

#[tokio::test]
async fn what_is_over_is_deleted_in_batches() {
    let store = refresh_support::memory().await.unwrap().0;
    let many = NonZeroU32::new(5000).unwrap();
    let policy = RefreshPolicy::settings().max_sessions(many).build();
    let world = World::with(store, policy.unwrap()).await;
    for _ in 0..2500 {
        world.login().await;
    }
    world.clock.advance(31 * DAY);
    let living = world.login().await;
    assert_eq!(world.service.purge().await.unwrap(), 2500);
    assert_eq!(world.service.purge().await.unwrap(), 0);
    assert!(world.refresh(&text(&living)).await.is_ok());
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_token() {
    let world = World::new(memory().await).await;
    let login = world.login().await;
    let first = text(&login);
    let issued = world.refresh(&first).await.unwrap();
    let request = RefreshRequest::new(&first, &world.tenant, &world.client);
    let error = world.refresh("rt_garbage").await.unwrap_err();
    let events = world.events.take();
    let printed = format!("{world:?} {login:?} {issued:?} {request:?} {error:?} {events:?}");
    for secret in [&first[3..], &text(&issued)[3..], "rt_garbage"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
