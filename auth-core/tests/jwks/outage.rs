//! What is answered while the issuer does not answer.

use portcullis_auth_core::jwks::{FetchErrorKind, MAX_DOCUMENT_BYTES};
use portcullis_auth_core::jwt::{JwtErrorKind, KeySource, Lookup};

use crate::support::{Answer, Ours, PLACE, Server, Theirs, advance, key, seconds, set, settle};

const FAILED: &str = "jwks_refresh_failed";
const HOUR: u64 = 60 * 60;

// AUTH case 26
#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_down_known_keys_pass_and_unknown_ones_do_not() {
    let server = Server::default();
    let clock = crate::support::Paused::start();
    let now = portcullis_auth_core::time::Clock::now(&clock);
    let (theirs, others) = (Theirs::new(now), Theirs::new(now));
    server.set(PLACE, Answer::Serve(theirs.jwks(now)));
    let ours = Ours::loaded(&server).await;
    let verifier = ours.verifier();
    server.set(PLACE, Answer::Fail(FetchErrorKind::Unreachable));
    for _ in 0..HOUR / 10 {
        advance(seconds(10)).await;
        let now = ours.now();
        // Without waiting.
        assert!(verifier.verify(&theirs.token(now), now).is_ok());
        let refused = verifier.verify_or_refresh(&others.token(now), now).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), JwtErrorKind::UnknownKey);
        assert!(!refused.is_unavailable());
    }
    let asked = server.asked().len();
    assert!((50..=130).contains(&asked), "{asked}");
    let status = ours.keys.status(ours.now());
    assert!(status.stale);
    assert_eq!((status.keys, status.age), (1, Some(seconds(HOUR))));
    assert_eq!(
        (status.refreshed, status.failed),
        (1, asked.try_into().unwrap())
    );

    // And as soon as it is back, others' new key is known without anybody asking for it.
    server.set(PLACE, Answer::Serve(others.jwks(ours.now())));
    advance(seconds(60)).await;
    let now = ours.now();
    assert!(verifier.verify(&others.token(now), now).is_ok());
    assert!(!ours.keys.status(now).stale);
}

// AUTH case 26
#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_said_of_any_token() {
    let server = Server::new(Answer::Hang);
    let ours = Ours::new(&server);
    let verifier = ours.verifier();
    let theirs = Theirs::new(ours.now());
    // It waits for the first answer, and when that does not come says so and not that the token is bad.
    let now = ours.now();
    let token = theirs.token(now);
    let unjudged = verifier.verify_or_refresh(&token, now).await.unwrap_err();
    assert!(unjudged.is_unavailable());
    assert_eq!(ours.now().since(now), seconds(5));
    assert!(unjudged.retry_after().unwrap() >= seconds(1));
    assert_eq!(ours.told(), [(FAILED, Some("timeout"))]);
    // Then nobody waits any more, and it is tried again without anybody asking.
    for _ in 0..100 {
        advance(seconds(1)).await;
        let now = ours.now();
        let unjudged = verifier.verify(&token, now).unwrap_err();
        let wait = unjudged.retry_after().unwrap();
        assert!((seconds(1)..=seconds(60)).contains(&wait), "{wait:?}");
    }
    server.set(PLACE, Answer::Serve(theirs.jwks(now)));
    // The fetch that is under way, and the longest wait.
    for _ in 0..5 + 60 {
        advance(seconds(1)).await;
    }
    assert!(verifier.verify(&token, ours.now()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_first_tokens_wait_for_the_first_answer() {
    let server = Server::default();
    let ours = Ours::new(&server);
    let theirs = Theirs::new(ours.now());
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let jwks = theirs.jwks(ours.now());
    server.set(PLACE, Answer::Gate(gate.clone(), jwks));
    let (verifier, now) = (ours.verifier(), ours.now());
    let token = theirs.token(now);
    let waiting = tokio::spawn(async move { verifier.verify_or_refresh(&token, now).await });
    settle().await;
    assert!(!waiting.is_finished());
    gate.add_permits(1);
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stale_keys_are_used_for_a_day_and_no_longer() {
    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Ours::loaded(&server).await;
    server.set(PLACE, Answer::Fail(FetchErrorKind::Status(503)));
    let version = ours.keys.version();
    advance(seconds(600)).await;
    let mut told = ours.told();
    told.retain(|(name, _)| *name != FAILED);
    assert_eq!(told, [("jwks_stale", Some("stale"))]);

    advance(seconds(24 * HOUR - 1)).await;
    assert!(ours.finds(&known));
    assert_eq!(ours.keys.version(), version);
    advance(seconds(1)).await;
    assert!(matches!(ours.find(known.id()), Lookup::Unavailable(_)));
    // The task drops them when it has failed once more: what was cached on their word is forgotten.
    advance(seconds(60)).await;
    assert_ne!(ours.keys.version(), version);
    assert_eq!(ours.keys.status(ours.now()).keys, 0);
    let mut told = ours.told();
    told.retain(|(name, _)| *name != FAILED);
    assert_eq!(told, [("jwks_stale", Some("unusable"))]);

    server.set(PLACE, Answer::Serve(set(&[&known])));
    advance(seconds(60)).await;
    assert!(ours.finds(&known));
}

#[tokio::test(start_paused = true)]
async fn how_long_stale_keys_are_used_can_be_less() {
    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Ours::with(&server, |settings| settings.max_stale(seconds(0)));
    assert!(ours.keys.loaded().await);
    server.set(PLACE, Answer::Hang);
    advance(seconds(599)).await;
    assert!(ours.finds(&known));
    advance(seconds(1)).await;
    assert!(!ours.finds(&known));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_set_of_keys_leaves_the_old_one() {
    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Ours::loaded(&server).await;
    let version = ours.keys.version();
    let mut large = set(&[&key()]);
    large.push_str(&" ".repeat(MAX_DOCUMENT_BYTES + 1 - large.len()));
    for (body, reason) in [
        (r#"{"keys":[]}"#, "no_usable_key"),
        (
            r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#,
            "no_usable_key",
        ),
        (r#"{"keys":{}}"#, "malformed"),
        ("{}", "malformed"),
        ("", "malformed"),
        ("<html>please sign in</html>", "malformed"),
        (&large, "too_large"),
    ] {
        server.set(PLACE, Answer::Serve(body.to_owned()));
        ours.events.take();
        advance(seconds(480)).await;
        assert!(ours.told().contains(&(FAILED, Some(reason))), "{reason}");
        assert!(ours.finds(&known), "{reason}");
    }
    assert_eq!(ours.keys.version(), version);
    // One byte less is a set.
    assert_eq!(large.pop(), Some(' '));
    server.set(PLACE, Answer::Serve(large));
    advance(seconds(60)).await;
    assert!(!ours.finds(&known));
}

#[tokio::test(start_paused = true)]
async fn after_a_long_sleep_the_first_token_wakes_the_task() {
    use portcullis_auth_core::jwks::{Endpoint, Jwks};
    use portcullis_auth_core::jwt::Algorithm;
    use portcullis_auth_core::testing::ManualClock;
    use portcullis_auth_core::time::Clock;

    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let clock = ManualClock::default();
    let place = Endpoint::https(PLACE).unwrap();
    let keys = Jwks::at("https://id.example", &place, server.clone());
    let keys = keys.clock(clock.clone()).start().unwrap();
    assert!(keys.loaded().await);
    settle().await;
    assert_eq!(server.asked().len(), 1);
    // Timers do not run while a machine is suspended.
    clock.advance(seconds(HOUR));
    settle().await;
    assert_eq!(server.asked().len(), 0);
    for _ in 0..3 {
        let found = keys.find(Some(known.id()), Algorithm::EdDsa, clock.now());
        assert!(matches!(found, Lookup::Found(_)));
    }
    settle().await;
    assert_eq!(server.asked().len(), 1);
    assert!(!keys.status(clock.now()).stale);
}
