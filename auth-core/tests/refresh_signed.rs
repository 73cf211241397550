//! Refresh tokens that are signed as well: what they are good for, and where not.
#![cfg(all(feature = "jwt", feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use portcullis_auth_core::audit::EventKind;
use portcullis_auth_core::jwt::{
    JwtErrorKind, NewToken, TokenIssuer, TokenIssuerSettings, TokenKind, Verifier,
};
use portcullis_auth_core::refresh::{
    MemoryStore, RefreshErrorKind, RefreshKeys, RefreshPolicy, RefreshService, StartErrorKind,
};
use portcullis_auth_core::time::Clock as _;
use portcullis_secrets::SecretBytes;
use refresh_support::signed::{issuer, ring, settings};
use refresh_support::{Shared, World, signed, text};

const SECOND: Duration = Duration::from_secs(1);

fn store() -> Shared {
    Arc::new(MemoryStore::new(NonZeroUsize::new(100).unwrap()))
}

fn keys() -> RefreshKeys {
    RefreshKeys::new(1, &SecretBytes::generate(32).unwrap()).unwrap()
}

/// Two services on one store: one whose tokens `issuer` signs, and one whose tokens nobody does.
async fn worlds(issuer: &TokenIssuer) -> (World, World) {
    let (store, keys, policy) = (store(), keys(), RefreshPolicy::default());
    let by = World::of(store.clone(), keys.clone(), policy);
    let by = signed::BY.scope(issuer.clone(), by).await;
    (by, World::of(store, keys, policy).await)
}

/// What the service makes of `token`, and what it tells of it.
async fn refused(world: &World, token: &str) -> (RefreshErrorKind, Vec<(EventKind, &'static str)>) {
    world.events.take();
    let kind = world.refused(token).await;
    let told = world.events.take();
    let told = told
        .iter()
        .map(|event| (event.kind(), event.reason_ref().unwrap()));
    (kind, told.collect())
}

fn invalid(reason: &'static str) -> (RefreshErrorKind, Vec<(EventKind, &'static str)>) {
    let told = vec![(EventKind::RefreshInvalid, reason)];
    (RefreshErrorKind::Invalid, told)
}

// AUTH case 20
#[tokio::test]
async fn a_refresh_token_opens_no_api_and_an_access_token_refreshes_nothing() {
    let issuer = issuer();
    let (world, _) = worlds(&issuer).await;
    let login = world.login().await;
    let token = text(&login);
    let api = Verifier::new(issuer.issuer(TokenKind::Access)).unwrap();
    let refused_there = api.verify(&token, world.clock.now()).unwrap_err();
    assert_eq!(refused_there.kind(), JwtErrorKind::Type);

    let access = NewToken::access(
        &world.subject,
        &world.tenant,
        &world.client,
        login.session(),
    );
    let access = issuer.issue(&access, world.clock.now()).unwrap().token;
    let wrong = refused(&world, access.expose_secret()).await;
    assert_eq!(wrong, invalid("type"));
    assert!(world.refresh(&token).await.is_ok());
}

#[tokio::test]
async fn whoever_has_the_public_keys_can_read_it() {
    let issuer = issuer();
    let (world, _) = worlds(&issuer).await;
    let login = world.login().await;
    world.clock.advance(90 * SECOND);
    let second = world.refresh(&text(&login)).await.unwrap();
    let verifier = Verifier::new(issuer.issuer(TokenKind::Refresh)).unwrap();
    let verified = verifier.verify(&text(&second), world.clock.now()).unwrap();
    let claims = verified.claims();
    assert_eq!(claims.audiences(), ["https://id.example#refresh"]);
    assert_eq!(claims.session(), Some(login.session()));
    assert_eq!(claims.generation(), Some(1));
    assert_eq!(claims.subject(), world.subject.as_str());
    assert_eq!(claims.tenant(), Some(world.tenant.as_str()));
    assert_eq!(claims.issued_at(), Some(world.clock.now()));
    // A repetition says the same, to the letter, also later.
    world.clock.advance(5 * SECOND);
    let again = world.refresh(&text(&login)).await.unwrap();
    assert_eq!(text(&again), text(&second));
    // It never says that it lasts for longer than its session.
    let mut token = text(&second);
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(9 * 24 * 60 * 60));
        token = text(&world.refresh(&token).await.unwrap());
    }
    let verified = verifier.verify(&token, world.clock.now()).unwrap();
    assert_eq!(verified.expires(), login.session_expires_at());
}

#[tokio::test]
async fn a_signature_is_not_enough() {
    let issuer = issuer();
    let (world, _) = worlds(&issuer).await;
    let login = world.login().await;
    let (first, now) = (text(&login), world.clock.now());
    let second = text(&world.refresh(&first).await.unwrap());
    world.clock.advance(11 * SECOND);

    // Somebody has the key that signs, and nothing else. An old generation would end the session.
    let forged = |session, generation| {
        let World {
            subject,
            tenant,
            client,
            ..
        } = &world;
        let token = NewToken::refresh(subject, tenant, client, session, generation);
        let token = issuer.issue(&token, now).unwrap().token;
        token.expose_secret().to_owned()
    };
    let random = forged(login.session(), 0);
    assert_eq!(refused(&world, &random).await, invalid("malformed"));
    // Somebody has changed what is signed, or has another key.
    let (head, signature) = first.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let (_, payload) = second.split_once('.').unwrap();
    let (payload, _) = payload.split_once('.').unwrap();
    let mixed = format!("{header}.{payload}.{signature}");
    assert_eq!(refused(&world, &mixed).await, invalid("signature"));
    let other = settings().refresh_ring(ring()).build().unwrap();
    let (stranger, _) = worlds(&other).await;
    let strange = text(&stranger.login().await);
    assert_eq!(refused(&world, &strange).await, invalid("unknown_key"));
    // The id of a token is in logs. It makes no opaque one either.
    let verifier = Verifier::new(issuer.issuer(TokenKind::Refresh)).unwrap();
    let verified = verifier.verify(&second, now).unwrap();
    let id = verified.claims().token_id().unwrap();
    assert_eq!(refused(&world, id).await, invalid("malformed"));
    assert!(!world.refresh(&second).await.unwrap().is_replay());
}

#[tokio::test]
async fn sessions_of_before_go_on_and_a_key_that_is_revoked_ends_those_that_it_signed() {
    let ring = ring();
    let issuer = settings().refresh_ring(ring.clone()).build().unwrap();
    let (world, opaque) = worlds(&issuer).await;
    let before = text(&opaque.login().await);
    assert!(before.starts_with("rt_"));
    let after = text(&world.refresh(&before).await.unwrap());
    assert!(after.starts_with("eyJ"));
    // The two forms of one generation are one token.
    assert!(world.refresh(&before).await.unwrap().is_replay());
    assert_eq!(refused(&opaque, &after).await, invalid("malformed"));

    let now = world.clock.now();
    let key = ring.signing(now).unwrap().id().to_owned();
    ring.revoke(&key, now).unwrap();
    assert_eq!(refused(&world, &after).await, invalid("unknown_key"));
    // Nothing signs now: that is not the token's fault, and nothing is lost.
    let error = world.refresh(&before).await.unwrap_err();
    assert_eq!(error.kind(), RefreshErrorKind::Unavailable);
}

#[tokio::test]
async fn a_service_does_not_start_whose_tokens_nobody_signs_or_that_end_too_soon() {
    let start = async |settings: TokenIssuerSettings| {
        let issuer = settings.build().unwrap();
        let builder = RefreshService::builder(store(), keys()).signed(issuer);
        builder
            .start()
            .await
            .map(drop)
            .map_err(|error| error.kind())
    };
    let day = Duration::from_secs(24 * 60 * 60);
    let short = settings().lifetime(TokenKind::Refresh, 14 * day - SECOND);
    assert_eq!(start(settings()).await, Err(StartErrorKind::Unsigned));
    let short = short.refresh_ring(ring());
    assert_eq!(start(short).await, Err(StartErrorKind::Unsigned));
    assert_eq!(start(settings().refresh_ring(ring())).await, Ok(()));
}
