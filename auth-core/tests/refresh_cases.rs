//! What is done to sessions by accident and on purpose, on every store.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_auth_core::audit::{Context, EventKind, Severity};
use portcullis_auth_core::refresh::{
    LoginErrorKind, RefreshErrorKind, RefreshPolicy, RefreshRequest, RevokeReason, SessionInfo,
};
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::Clock as _;
use portcullis_secrets::SecretBytes;
use refresh_support::{Shared, World, text};
use tokio::task::JoinSet;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What 100 get who present `token` at once: the tokens, and the refusals by kind.
async fn hundred(world: &World, token: &str) -> (Vec<String>, Vec<RefreshErrorKind>) {
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (world, token) = (world.clone(), token.to_owned());
        tasks.spawn(async move { world.refresh(&token).await });
    }
    let (mut tokens, mut refusals) = (Vec::new(), Vec::new());
    for result in tasks.join_all().await {
        match result {
            Ok(issued) => tokens.push(text(&issued)),
            Err(error) => refusals.push(error.kind()),
        }
    }
    (tokens, refusals)
}

fn counts<T: std::hash::Hash + Eq>(items: impl IntoIterator<Item = T>) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

// AUTH case 1
async fn of_a_hundred_tabs_one_rotates_and_all_get_its_token(store: Shared) {
    let world = World::new(store).await;
    let first = world.login().await;
    world.events.take();
    let (tokens, refusals) = hundred(&world, &text(&first)).await;
    assert_eq!(refusals, []);
    assert_eq!(counts(&tokens), HashMap::from([(&tokens[0], 100)]));
    let told = counts(world.events.kinds());
    let expected = [
        (EventKind::SessionRenewed, 1),
        (EventKind::RefreshGraceReplay, 99),
    ];
    assert_eq!(told, HashMap::from(expected));
    // What they got is the second token, and good.
    assert!(!world.refresh(&tokens[0]).await.unwrap().is_replay());
}

// AUTH case 2
async fn without_a_grace_one_of_a_hundred_is_told_of_a_theft(store: Shared) {
    let policy = RefreshPolicy::settings().strict().build().unwrap();
    let world = World::with(store, policy).await;
    for _ in 0..5 {
        let first = world.login().await;
        world.events.take();
        let (tokens, refusals) = hundred(&world, &text(&first)).await;
        assert_eq!(tokens.len(), 1);
        let refusals = counts(refusals.iter().map(|kind| format!("{kind:?}")));
        let expected = [("Reuse".into(), 1), ("Revoked".into(), 98)];
        assert_eq!(refusals, HashMap::from(expected));
        let told = counts(world.events.kinds());
        assert_eq!(told[&EventKind::TokenReuse], 1);
        assert_eq!(told[&EventKind::FamilyRevoked], 1);
        assert!(!told.contains_key(&EventKind::RefreshGraceReplay));
        assert_eq!(world.refused(&tokens[0]).await, RefreshErrorKind::Revoked);
    }
}

// AUTH case 3
async fn the_one_before_the_predecessor_ends_the_session(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    world.clock.advance(SECOND);
    let second = text(&world.refresh(&first).await.unwrap());
    world.clock.advance(SECOND);
    let third = text(&world.refresh(&second).await.unwrap());
    let reuse = world.refresh(&first).await.unwrap_err();
    assert_eq!(reuse.kind(), RefreshErrorKind::Reuse);
    assert!(reuse.session().is_some());
    assert_eq!(world.refused(&third).await, RefreshErrorKind::Revoked);
    assert_eq!(world.refused(&second).await, RefreshErrorKind::Revoked);
    assert_eq!(world.refused(&first).await, RefreshErrorKind::Revoked);
}

// AUTH case 4
async fn the_grace_ends_to_the_millisecond(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    let second = text(&world.refresh(&first).await.unwrap());
    world.clock.advance(10 * SECOND);
    let replay = world.refresh(&first).await.unwrap();
    assert!(replay.is_replay());
    assert_eq!(text(&replay), second);
    world.clock.advance(MILLI);
    assert_eq!(world.refused(&first).await, RefreshErrorKind::Reuse);
}

// AUTH case 5
async fn an_ended_session_has_no_grace(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    world.clock.advance(SECOND);
    let second = text(&world.refresh(&first).await.unwrap());
    world.clock.advance(SECOND);
    let third = text(&world.refresh(&second).await.unwrap());
    assert_eq!(world.refused(&first).await, RefreshErrorKind::Reuse);
    world.clock.advance(SECOND);
    assert_eq!(world.refused(&third).await, RefreshErrorKind::Revoked);
    assert_eq!(world.refused(&second).await, RefreshErrorKind::Revoked);
}

// AUTH case 6
async fn no_refresh_survives_a_revocation(store: Shared) {
    let world = World::new(store).await;
    for _ in 0..1000 {
        let first = text(&world.login().await);
        let refresher = {
            let (world, first) = (world.clone(), first.clone());
            tokio::spawn(async move {
                let mut tokens = vec![first];
                while let Ok(issued) = world.refresh(&tokens[tokens.len() - 1]).await {
                    tokens.push(text(&issued));
                }
                tokens
            })
        };
        assert!(world.revoke(&first).await.is_some());
        // Also what was refreshed while the revocation was under way.
        for token in refresher.await.unwrap() {
            assert_eq!(world.refused(&token).await, RefreshErrorKind::Revoked);
        }
    }
}

// AUTH case 7
async fn an_old_token_still_revokes(store: Shared) {
    let world = World::new(store).await;
    let login = world.login().await;
    let first = text(&login);
    let second = text(&world.refresh(&first).await.unwrap());
    let third = text(&world.refresh(&second).await.unwrap());
    world.events.take();
    assert_eq!(world.revoke(&first).await, Some(login.session()));
    assert_eq!(world.events.kinds(), [EventKind::TokenRevoked]);
    assert_eq!(world.refused(&third).await, RefreshErrorKind::Revoked);
    // Once is enough, and no error. Which session it was is said again, for whom the first answer was lost.
    world.events.take();
    assert_eq!(world.revoke(&third).await, Some(login.session()));
    assert_eq!(world.revoke("rt_no_such_token").await, None);
    assert_eq!(world.events.kinds(), []);
}

// AUTH case 8
async fn a_forged_token_ends_nothing(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    let second = text(&world.refresh(&first).await.unwrap());
    let third = text(&world.refresh(&second).await.unwrap());
    let mut bytes = URL_SAFE_NO_PAD.decode(&third[3..]).unwrap();
    // The first generation, with a checksum that is right and the authentication of the third.
    bytes[18..22].copy_from_slice(&[0; 4]);
    let crc = crc32fast::hash(&bytes[..54]).to_be_bytes();
    bytes[54..].copy_from_slice(&crc);
    let forged = format!("rt_{}", URL_SAFE_NO_PAD.encode(bytes));
    world.events.take();
    assert_eq!(world.refused(&forged).await, RefreshErrorKind::Invalid);
    let told = world.events.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind(), EventKind::RefreshInvalid);
    assert_eq!(told[0].reason_ref(), Some("forged"));
    // Nothing in it is to be believed, so nothing of it is told.
    assert_eq!((told[0].session_ref(), told[0].subject_ref()), (None, None));
    assert_eq!(world.revoke(&forged).await, None);
    assert!(world.refresh(&third).await.is_ok());
}

// AUTH case 9
async fn a_token_of_another_client_is_refused_and_lives_on(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    world.events.take();
    let other = World {
        client: "other".parse().unwrap(),
        ..world.clone()
    };
    assert_eq!(
        other.refused(&first).await,
        RefreshErrorKind::ClientMismatch
    );
    assert!(RefreshErrorKind::ClientMismatch.is_invalid_grant());
    assert_eq!(other.revoke(&first).await, None);
    let elsewhere = World {
        tenant: "other".parse().unwrap(),
        ..world.clone()
    };
    let refused = elsewhere.refused(&first).await;
    assert_eq!(refused, RefreshErrorKind::ClientMismatch);
    assert_eq!(elsewhere.revoke(&first).await, None);
    let told = world.events.take();
    assert_eq!(told.len(), 4);
    for event in told {
        assert_eq!(event.kind(), EventKind::RefreshClientMismatch);
        assert_eq!(event.severity_ref(), Severity::High);
    }
    assert!(!world.refresh(&first).await.unwrap().is_replay());
}

// AUTH case 10
async fn a_session_ends_after_thirty_days_however_often_it_is_refreshed(store: Shared) {
    let world = World::new(store).await;
    let login = world.login().await;
    let end = login.session_expires_at();
    assert_eq!(end, world.clock.now().plus(30 * DAY));
    let mut token = text(&login);
    for _ in 1..30 {
        world.clock.advance(DAY);
        let issued = world.refresh(&token).await.unwrap();
        assert_eq!(issued.session_expires_at(), end);
        assert!(issued.refresh_expires_at() <= end);
        assert_eq!(issued.auth_time(), login.auth_time());
        assert_eq!(issued.amr(), login.amr());
        token = text(&issued);
    }
    world.clock.advance(DAY - MILLI);
    token = text(&world.refresh(&token).await.unwrap());
    world.clock.advance(MILLI);
    world.events.take();
    assert_eq!(world.refused(&token).await, RefreshErrorKind::Expired);
    let told = world.events.take();
    assert_eq!(told[0].kind(), EventKind::SessionExpired);
    assert_eq!(told[0].reason_ref(), Some("absolute"));
}

// AUTH case 12
async fn when_signing_fails_the_client_tries_again(store: Shared) {
    /// As the token endpoint does it: the exchange first, then the signature.
    async fn endpoint(world: &World, token: &str, signer_works: bool) -> Result<String, u16> {
        match world.refresh(token).await {
            Ok(issued) if signer_works => Ok(text(&issued)),
            Err(error) if error.kind().is_invalid_grant() => Err(401),
            Ok(_) | Err(_) => Err(503),
        }
    }
    let world = World::new(store).await;
    let first = text(&world.login().await);
    assert_eq!(endpoint(&world, &first, false).await, Err(503));
    world.clock.advance(SECOND);
    let second = endpoint(&world, &first, true).await.unwrap();
    // There is no second generation: all repetitions come to the same.
    assert_eq!(endpoint(&world, &first, true).await.unwrap(), second);
    let told = counts(world.events.kinds());
    assert_eq!(told[&EventKind::SessionRenewed], 1);
    assert!(endpoint(&world, &second, true).await.is_ok());
}

// AUTH case 15
async fn a_node_whose_clock_is_behind_sees_the_grace(store: Shared) {
    let key = SecretBytes::generate(32).unwrap();
    let keys = portcullis_auth_core::refresh::RefreshKeys::new(1, &key).unwrap();
    let policy = RefreshPolicy::default();
    let ahead = World::of(store.clone(), keys.clone(), policy).await;
    let behind = World::of(store, keys, policy).await;
    let moment = ManualClock::default().now().plus(DAY);
    ahead.clock.set(moment);
    behind.clock.set(moment.minus(5 * SECOND));
    let first = text(&ahead.login().await);
    let second = text(&ahead.refresh(&first).await.unwrap());
    let replay = behind.refresh(&first).await.unwrap();
    assert!(replay.is_replay());
    assert_eq!(text(&replay), second);
    // And it rotates what is current.
    assert!(!behind.refresh(&second).await.unwrap().is_replay());
}

// AUTH case 16
async fn logins_that_began_before_a_password_change_come_to_nothing(store: Shared) {
    let hundred = std::num::NonZeroU32::new(100).unwrap();
    let policy = RefreshPolicy::settings().max_sessions(hundred).build();
    let world = World::with(store, policy.unwrap()).await;
    for _ in 0..10 {
        let acting = world.login().await;
        let epoch = world.service.epoch(&world.tenant, &world.subject).await;
        let epoch = epoch.unwrap();
        let mut logins = JoinSet::new();
        for _ in 0..50 {
            let world = world.clone();
            logins.spawn(async move {
                let (who, context) = (world.who(), Context::default());
                world.service.login(&who, epoch, &context).await
            });
        }
        let context = Context::default();
        let ended = world.service.end_all(
            &world.tenant,
            &world.subject,
            Some(acting.session()),
            RevokeReason::CredentialChange,
            &context,
        );
        ended.await.unwrap();
        for login in logins.join_all().await {
            match login {
                Ok(issued) => {
                    let refused = world.refused(&text(&issued)).await;
                    assert_eq!(refused, RefreshErrorKind::Revoked);
                }
                Err(error) => assert_eq!(error.kind(), LoginErrorKind::EpochMoved),
            }
        }
        // The session that changed the password goes on, in the new epoch, and alone.
        let issued = world.refresh(&text(&acting)).await.unwrap();
        assert!(issued.epoch() > epoch);
        let left = world
            .service
            .sessions(&world.tenant, &world.subject, None)
            .await;
        let left: Vec<_> = left.unwrap().iter().map(SessionInfo::id).collect();
        assert_eq!(left, [acting.session()]);
        world.revoke(&text(&issued)).await.unwrap();
    }
}

// AUTH 1.4, row 6
async fn a_token_that_comes_all_the_time_is_held_back_and_ends_nothing(store: Shared) {
    let uses = std::num::NonZeroU16::new(2).unwrap();
    let policy = RefreshPolicy::settings().max_grace_uses(uses).build();
    let world = World::with(store, policy.unwrap()).await;
    let first = text(&world.login().await);
    for _ in 0..3 {
        world.refresh(&first).await.unwrap();
    }
    world.events.take();
    let refused = world.refused(&first).await;
    assert_eq!(refused, RefreshErrorKind::TooMany);
    assert!(!refused.is_invalid_grant());
    assert_eq!(world.events.kinds(), [EventKind::ExcessRateLimit]);
}

// AUTH 1.6: what narrows is the access token, never the session.
async fn scopes_narrow_for_one_token_only(store: Shared) {
    let world = World::new(store).await;
    let first = text(&world.login().await);
    let ask = async |token: &str, scopes: &str| {
        let scopes = scopes.parse().unwrap();
        let request = RefreshRequest::new(token, &world.tenant, &world.client).scopes(&scopes);
        world.service.refresh(&request, &Context::default()).await
    };
    let wide = ask(&first, "orders:read admin").await.unwrap_err();
    assert_eq!(wide.kind(), RefreshErrorKind::ScopeExceeded);
    // Somebody else finds out nothing by it.
    let (tenant, other) = (&world.tenant, "other".parse().unwrap());
    let scopes = "admin".parse().unwrap();
    let request = RefreshRequest::new(&first, tenant, &other).scopes(&scopes);
    let stolen = world.service.refresh(&request, &Context::default()).await;
    assert_eq!(stolen.unwrap_err().kind(), RefreshErrorKind::ClientMismatch);
    // The mistake cost nothing: the token is current still.
    let narrow = ask(&first, "orders:read").await.unwrap();
    assert!(!narrow.is_replay());
    assert_eq!(narrow.scopes().as_str(), "orders:read");
    let all = world.refresh(&text(&narrow)).await.unwrap();
    assert_eq!(all.scopes().as_str(), "orders:read orders:write");
}

/// With tokens that are signed as well, everything is as it is with those that are not.
#[cfg(feature = "jwt")]
async fn signed(case: impl Future<Output = ()>) {
    let issuer = refresh_support::signed::issuer();
    refresh_support::signed::BY.scope(issuer, case).await;
}

macro_rules! cases {
    ($name:ident: $store:expr;) => {
        cases! { $name: $store => std::convert::identity; a_forged_token_ends_nothing }
    };
    ($name:ident: $store:expr => $form:expr; $($forged:ident)?) => {
        cases! { $name $store, $form =>
            $($forged)?
            a_node_whose_clock_is_behind_sees_the_grace
            a_session_ends_after_thirty_days_however_often_it_is_refreshed
            a_token_of_another_client_is_refused_and_lives_on
            a_token_that_comes_all_the_time_is_held_back_and_ends_nothing
            an_ended_session_has_no_grace
            an_old_token_still_revokes
            logins_that_began_before_a_password_change_come_to_nothing
            no_refresh_survives_a_revocation
            of_a_hundred_tabs_one_rotates_and_all_get_its_token
            scopes_narrow_for_one_token_only
            the_grace_ends_to_the_millisecond
            the_one_before_the_predecessor_ends_the_session
            when_signing_fails_the_client_tries_again
            without_a_grace_one_of_a_hundred_is_told_of_a_theft
        }
    };
    ($name:ident $store:expr, $form:expr => $($test:ident)*) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    if let Some((store, _guard)) = $store.await {
                        $form(super::$test(store)).await;
                    }
                }
            )*
        }
    };
}

cases! { memory: crate::refresh_support::memory(); }
#[cfg(feature = "sqlite")]
cases! { sqlite: crate::refresh_support::sqlite(); }
#[cfg(feature = "postgres")]
cases! { postgres: crate::refresh_support::postgres(); }
#[cfg(feature = "redis")]
cases! { redis: crate::refresh_support::redis(); }

#[cfg(feature = "jwt")]
cases! { memory_signed: crate::refresh_support::memory() => super::signed; }
#[cfg(all(feature = "jwt", feature = "sqlite"))]
cases! { sqlite_signed: crate::refresh_support::sqlite() => super::signed; }
