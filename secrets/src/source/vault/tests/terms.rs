//! How long tokens and leases are used, and when they are renewed or replaced.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::fake::{Fake, Instead, LOGIN, MAKE, READ, RENEW, RENEW_LEASE, pass, seconds, text};
use crate::SecretBytes;
use crate::source::SourceErrorKind::{Denied, Malformed, Unavailable};
use crate::source::vault::lease::{Step, Term};
use crate::source::vault::{Login, Vault};
use crate::source::{FileSource, Lease, SecretSource, Versioned};

#[tokio::test]
async fn a_token_is_renewed_after_two_thirds_and_replaced_when_it_gets_no_longer() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    // Of 3600 s, two thirds are 2400; a tenth of that earlier or later.
    pass(2150).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ, READ]);
    pass(500).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, READ]);
    // Close to `max_ttl`, Vault grants only what is left.
    fake.set(|state| state.renewal = 1700);
    pass(2650).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, LOGIN, READ]);
    fake.set(|state| state.token = (3600, false));
    pass(3600).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ]);
    // Not renewable.
    pass(2650).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ]);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_now_is_used_to_its_end_and_not_beyond() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    pass(2650).await;
    fake.log();
    fake.set(|state| state.instead = [Instead::Status(503)].into());
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, READ]);
    pass(1000).await;
    fake.set(|state| state.instead = [Instead::Status(503)].into());
    assert_eq!(text(&source).await, Err(Unavailable));
    assert_eq!(fake.log(), [LOGIN]);
    text(&source).await.unwrap();
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    fake.log();
    // Revoked behind our back.
    fake.set(|state| state.good = 99);
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [READ, LOGIN, READ]);
    fake.set(|state| {
        state.instead = [Instead::Status(403)].into();
        state.token.0 = 0;
    });
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [READ, LOGIN, READ]);

    // A policy that forbids it is not a matter of the token. One round, not a loop.
    let answers = |log: &[&str]| log.len();
    fake.set(|state| state.instead = [Instead::Status(403), Instead::Status(400)].into());
    assert_eq!(text(&source).await, Err(Denied));
    assert_eq!(fake.log().len(), answers(&[READ, LOGIN]));
}

#[tokio::test]
async fn a_token_from_a_file_is_looked_up_and_read_again_when_it_is_refused() {
    let fake = Fake::start();
    let file = NamedTempFile::new().unwrap();
    let write = |token: &str| fs::write(file.path(), token).unwrap();
    let vault = Vault::new(&fake.url, Login::token(FileSource::new(file.path()))).unwrap();
    let source = vault
        .namespace("team-a")
        .unwrap()
        .kv2("secret", "app")
        .unwrap();
    write("hvs.token-1\n");
    fake.set(|state| state.good = 1);
    text(&source).await.unwrap();
    assert_eq!(fake.log(), ["GET auth/token/lookup-self", READ]);
    fake.set(|state| state.good = 2);
    assert_eq!(text(&source).await, Err(Denied));
    write("hvs.token-2\n");
    text(&source).await.unwrap();
    write("not\r\na: token");
    fake.set(|state| state.good = 3);
    assert_eq!(text(&source).await, Err(Malformed));
}

#[tokio::test]
async fn leased_credentials_are_renewed_and_made_anew_near_their_end() {
    let fake = Fake::start();
    let source = fake.vault().credentials("database/creds/app").unwrap();
    let load = async || source.load().await.unwrap();
    let user = |loaded: &Versioned<SecretBytes>| {
        let all: Value = serde_json::from_slice(loaded.value().expose_secret()).unwrap();
        all["username"].as_str().unwrap().to_owned()
    };
    let first = load().await;
    assert_eq!(user(&first), "app-1");
    let lease = first.lease_ref().unwrap();
    // Whatever the real time that has passed meanwhile.
    assert!(
        lease.valid_for <= seconds(600) && lease.valid_for > seconds(590),
        "{lease:?}"
    );
    assert!(
        lease.renew_after <= seconds(440) && lease.renew_after > seconds(350),
        "{lease:?}"
    );
    fake.log();
    pass(300).await;
    let again = load().await;
    assert_eq!(
        (user(&again), again.version()),
        ("app-1".into(), first.version())
    );
    assert!(again.lease_ref().unwrap().valid_for <= seconds(300));
    assert_eq!(
        fake.log(),
        [""; 0],
        "nothing is asked while the lease lasts"
    );

    pass(141).await;
    let renewed = load().await;
    assert_eq!(user(&renewed), "app-1");
    assert!(renewed.lease_ref().unwrap().valid_for > seconds(590));
    assert_eq!(fake.log(), [RENEW_LEASE]);

    // Near `max_ttl`.
    fake.set(|state| state.lease_renewal = 299);
    pass(441).await;
    assert_eq!(user(&load().await), "app-2");
    assert_eq!(fake.log(), [RENEW_LEASE, MAKE]);
    // Not known any more.
    fake.set(|state| state.made = 50);
    pass(441).await;
    assert_eq!(user(&load().await), "app-51");
    assert_eq!(fake.log(), [RENEW_LEASE, MAKE]);
    // Not renewable.
    fake.set(|state| state.lease.1 = false);
    pass(441).await;
    load().await;
    fake.log();
    pass(441).await;
    assert_eq!(user(&load().await), "app-53");
}

#[tokio::test]
async fn credentials_end_with_their_token() {
    let fake = Fake::start();
    fake.set(|state| {
        state.token = (300, false);
        state.lease = (6000, true);
    });
    let source = fake.vault().credentials("database/creds/app").unwrap();
    let lease = source.load().await.unwrap().lease_ref().unwrap();
    assert!(lease.valid_for <= seconds(300), "{lease:?}");
    pass(250).await;
    fake.log();
    source.load().await.unwrap();
    assert_eq!(fake.log(), [LOGIN, MAKE]);
}

#[cfg(feature = "rotate")]
#[tokio::test]
async fn rotation_keeps_leased_credentials_until_their_end_and_then_fails_closed() {
    use crate::rotate::{LeaseEnded, Rotation};

    // The client's time and the rotation's are the same clock; polling is off, so that only this test loads.
    let fake = Fake::start();
    let source = fake.vault().credentials("database/creds/app").unwrap();
    let rotation = Rotation::new("database", source).without_polling();
    let credentials = rotation.start().await.unwrap();
    fake.set(|state| state.instead = vec![Instead::Status(500); 9].into());
    pass(441).await;
    credentials.reload().await.unwrap_err();
    assert!(credentials.load().is_ok());
    pass(160).await;
    credentials.reload().await.unwrap_err();
    assert_eq!(credentials.load().unwrap_err(), LeaseEnded);
    fake.set(|state| state.instead.clear());
    credentials.reload().await.unwrap();
    assert!(credentials.load().is_ok());
}

#[test]
fn a_term_is_renewed_after_two_thirds_give_or_take_a_tenth() {
    let now = Instant::now();
    let granted = seconds(9000);
    let renew_after = |jitter| {
        Term::new(now, granted, true, jitter)
            .unwrap()
            .left(now)
            .renew_after
            .as_secs_f64()
    };
    assert!((renew_after(0) - 5400.0).abs() < 0.001);
    assert!((renew_after(u32::MAX / 2) - 6000.0).abs() < 0.001);
    assert!((renew_after(u32::MAX) - 6600.0).abs() < 0.001);

    assert_eq!(Term::new(now, Duration::ZERO, true, 0), None, "no end");
    let term = Term::new(now, granted, true, u32::MAX / 2).unwrap();
    let fixed = Term::new(now, granted, false, u32::MAX / 2).unwrap();
    let cases = [
        (0, Step::Keep, Step::Keep, false),
        (5999, Step::Keep, Step::Keep, false),
        (6001, Step::Renew, Step::Replace, false),
        (8999, Step::Renew, Step::Replace, false),
        (9000, Step::Replace, Step::Replace, true),
    ];
    for (after, step, step_of_fixed, ended) in cases {
        let then = now + seconds(after);
        assert_eq!(
            (term.step(then), fixed.step(then), term.ended(then)),
            (step, step_of_fixed, ended),
            "{after}"
        );
    }
    let then = now + seconds(6001);
    assert!(term.renewed(then, seconds(4500), true, 0).is_some());
    assert_eq!(term.renewed(then, seconds(4499), true, 0), None);
    // Measured by the first grant, or it would shrink by half again and again.
    let shorter = term.renewed(then, seconds(5000), true, 0).unwrap();
    assert_eq!(shorter.renewed(then, seconds(4000), true, 0), None);
    let left = shorter.left(then + seconds(9999));
    assert_eq!(
        left,
        Lease {
            valid_for: Duration::ZERO,
            renew_after: Duration::ZERO
        }
    );
}
