//! Keys that come and go.

use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, JwtErrorKind, KeySource, Lookup, SigningKey,
};
use serde_json::{Value, json};

use crate::support::{Answer, Ours, PLACE, Server, Theirs, advance, key, seconds, set};

// AUTH case 27
#[tokio::test(start_paused = true)]
async fn a_new_key_works_from_its_first_token_on() {
    let (old, new) = (key(), key());
    let server = Server::new(Answer::Serve(set(&[&old])));
    let ours = Ours::loaded(&server).await;
    advance(seconds(1)).await;
    server.set(PLACE, Answer::Serve(set(&[&old, &new])));
    assert!(matches!(ours.look(new.id()).await, Lookup::Found(_)));
    assert_eq!(server.asked().len(), 1);
    assert!(ours.finds(&old));
    assert_eq!(ours.told(), [("jwks_refreshed", None)]);
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_again_when_four_fifths_of_their_time_are_over() {
    let (old, new) = (key(), key());
    for (cache_control, refresh) in [
        ("public", 480),
        ("max-age=300", 240),
        ("max-age=5", 48),
        ("no-store", 48),
        ("max-age=31536000, must-revalidate", 69_120),
    ] {
        let server = Server::new(Answer::ServeFor(set(&[&old]), cache_control));
        let ours = Ours::loaded(&server).await;
        server.set(PLACE, Answer::Serve(set(&[&old, &new])));
        advance(seconds(refresh - 1)).await;
        assert_eq!(server.asked().len(), 0, "{cache_control}");
        advance(seconds(1)).await;
        assert_eq!(server.asked().len(), 1, "{cache_control}");
        assert!(ours.finds(&new));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_verifies_nothing_from_then_on() {
    let (kept, revoked) = (key(), key());
    let server = Server::new(Answer::Serve(set(&[&kept, &revoked])));
    let ours = Ours::loaded(&server).await;
    let version = ours.keys.version();
    // The same keys once more, and one that is new.
    server.set(PLACE, Answer::Serve(set(&[&revoked, &kept, &key()])));
    advance(seconds(480)).await;
    assert_eq!(ours.keys.version(), version);

    server.set(PLACE, Answer::Serve(set(&[&kept])));
    advance(seconds(480)).await;
    assert!(!ours.finds(&revoked));
    assert!(ours.finds(&kept));
    assert_ne!(ours.keys.version(), version);
}

#[tokio::test(start_paused = true)]
async fn another_key_of_the_same_name_is_another_key() {
    let named = |key: &SigningKey| {
        let mut jwk: Value = serde_json::from_str(&key.verifying_key().to_jwk().unwrap()).unwrap();
        jwk["kid"] = json!("current");
        json!({"keys": [jwk]}).to_string()
    };
    let server = Server::new(Answer::Serve(named(&key())));
    let ours = Ours::loaded(&server).await;
    let version = ours.keys.version();
    server.set(PLACE, Answer::Serve(named(&key())));
    advance(seconds(480)).await;
    assert_ne!(ours.keys.version(), version);
}

// AUTH case 28
#[tokio::test(start_paused = true)]
async fn of_a_mixed_set_the_good_keys_are_used() {
    let good = SigningKey::generate(Algorithm::Es256).unwrap();
    let good_jwk: Value = serde_json::from_str(&good.verifying_key().to_jwk().unwrap()).unwrap();
    let mut for_encryption = good_jwk.clone();
    for_encryption["use"] = json!("enc");
    for_encryption["kid"] = json!("enc");
    let short = "0123456789abcdef".repeat(10) + "0123456789A";
    let keys = json!({"keys": [
        {"kty": "oct", "kid": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
        {"kty": "RSA", "kid": "rsa-1024", "alg": "RS256", "n": short, "e": "AQAB"},
        {"kty": "LATTICE", "kid": "unknown", "x": "AA"},
        for_encryption,
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        "no key at all",
        good_jwk,
    ]});
    let server = Server::new(Answer::Serve(keys.to_string()));
    let every = Algorithm::ALL
        .iter()
        .copied()
        .filter(|alg| !alg.is_symmetric());
    let every = Algorithms::new(every).unwrap();
    let ours = Ours::with(&server, |settings| settings.algorithms(every));
    assert!(ours.keys.loaded().await);
    let status = ours.keys.status(ours.now());
    assert_eq!((status.keys, status.skipped), (1, 6));
    let find = |id, algorithm| ours.keys.find(Some(id), algorithm, ours.now());
    assert!(matches!(
        find(good.id(), Algorithm::Es256),
        Lookup::Found(_)
    ));
    for algorithm in Algorithm::ALL {
        for id in ["oct", "rsa-1024", "unknown", "enc", "broken"] {
            assert!(!matches!(find(id, *algorithm), Lookup::Found(_)), "{id}");
        }
    }
}

// AUTH case 29
#[tokio::test(start_paused = true)]
async fn tokens_of_a_retired_key_are_good_until_they_expire() {
    const DAY: u64 = 24 * 60 * 60;
    let server = Server::default();
    let ours = Ours::new(&server);
    let theirs = Theirs::new(ours.now());
    let serve = || server.set(PLACE, Answer::Serve(theirs.jwks(ours.now())));
    serve();
    let verifier = ours.verifier();

    // The successor is published a day before it signs, and its tokens are known when they come.
    advance(seconds(29 * DAY)).await;
    theirs.publish(ours.now());
    serve();
    advance(seconds(DAY) - std::time::Duration::from_millis(1)).await;
    let old = theirs.ring.signing(ours.now()).unwrap();
    let issued = ours.now();
    let token = theirs.token(issued);
    advance(std::time::Duration::from_millis(1)).await;
    let new = theirs.ring.signing(ours.now()).unwrap();
    assert_ne!(old.id(), new.id());
    assert!(
        verifier
            .verify(&theirs.token(ours.now()), ours.now())
            .is_ok()
    );

    let end = issued.plus(seconds(600 + 30));
    while ours.now().plus(seconds(10)) < end {
        serve();
        advance(seconds(10)).await;
        assert!(verifier.verify(&token, ours.now()).is_ok());
    }
    advance(seconds(20)).await;
    let refused = verifier.verify(&token, ours.now()).unwrap_err();
    assert_eq!(refused.kind(), JwtErrorKind::Expired);

    for member in ["\"d\"", "\"p\"", "\"q\"", "\"k\""] {
        assert!(!theirs.jwks(ours.now()).contains(member));
    }
}
