//! Which values sign and verify, and who is told of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::time::sleep;

use super::desk::{Desk, rotation, seconds};
use crate::rotate::{Rejected, Reload, Rotation, Which};
use crate::source::SourceErrorKind;

#[tokio::test(start_paused = true)]
async fn the_current_value_signs_and_both_verify_until_the_deadline() {
    let desk = Desk::new("one");
    let secret = rotation(&desk)
        .keep_previous(seconds(600))
        .start()
        .await
        .unwrap();
    let which = |text: &str| secret.verify(|value| value.ct_matches(text));
    assert_eq!(which("one"), Some(Which::Current));
    assert_eq!(secret.reload().await.unwrap(), Reload::Unchanged);

    desk.put("two");
    let Reload::Rotated(version) = secret.reload().await.unwrap() else {
        panic!("the new value was not seen");
    };
    assert_eq!(secret.status().version, Some(version));
    assert!(secret.sign(|value| value.ct_matches("two")).unwrap());
    assert_eq!(
        (which("two"), which("one"), which("three")),
        (Some(Which::Current), Some(Which::Previous), None)
    );

    // Loads that bring nothing new do not prolong it.
    sleep(seconds(599)).await;
    assert_eq!(secret.reload().await.unwrap(), Reload::Unchanged);
    assert_eq!(which("one"), Some(Which::Previous));
    sleep(seconds(1)).await;
    assert_eq!(which("one"), None);

    // Back to the old value: it is the current one again, and not the previous one as well.
    desk.rotate(&secret, "one").await;
    assert_eq!(
        (which("one"), which("two")),
        (Some(Which::Current), Some(Which::Previous))
    );
    assert_eq!(secret.status().rotations, 2);
}

#[tokio::test(start_paused = true)]
async fn verifying_tries_the_current_value_first() {
    let desk = Desk::new("one");
    let secret = rotation(&desk)
        .keep_previous(seconds(60))
        .start()
        .await
        .unwrap();
    desk.rotate(&secret, "two").await;
    let mut tried = Vec::new();
    secret.verify(|value| {
        tried.push(value.expose(str::to_owned));
        false
    });
    assert_eq!(tried, ["two", "one"]);
}

#[tokio::test(start_paused = true)]
async fn an_announced_value_verifies_and_does_not_sign() {
    let (desk, next) = (Desk::new("one"), Desk::new("two"));
    let secret = rotation(&desk)
        .next(next.clone())
        .keep_previous(seconds(60))
        .start()
        .await
        .unwrap();
    let which = |text: &str| secret.verify(|value| value.ct_matches(text));
    assert_eq!(which("two"), Some(Which::Next));
    assert!(secret.sign(|value| value.ct_matches("one")).unwrap());
    desk.put("two");
    next.fail(SourceErrorKind::NotFound);
    secret.reload().await.unwrap();
    assert_eq!(
        (which("two"), which("one")),
        (Some(Which::Current), Some(Which::Previous))
    );
    next.put("three");
    assert_eq!(secret.reload().await.unwrap(), Reload::Unchanged);
    assert_eq!(which("three"), Some(Which::Next));
    // A load is taken over as a whole.
    desk.put("four");
    next.fail(SourceErrorKind::Unavailable);
    secret.reload().await.unwrap_err();
    assert_eq!((which("four"), which("three")), (None, Some(Which::Next)));
}

#[cfg(feature = "redact")]
#[tokio::test(start_paused = true)]
async fn old_and_new_values_are_known_to_the_redactor() {
    use crate::redact::{KnownSecrets, Redactor};

    let desk = Desk::new("vK8#qd/Lm2x7Zp");
    let known = KnownSecrets::new();
    let redactor = Redactor::builder().known_secrets(known.clone());
    let redactor = redactor.build().unwrap();
    let secret = rotation(&desk)
        .known_to(known.clone(), |text| text.expose_secret().as_bytes())
        .start()
        .await
        .unwrap();
    desk.rotate(&secret, "Qw4%tZ8!rP1&kS").await;
    let line = "vK8#qd/Lm2x7Zp, Qw4%tZ8!rP1&kS";
    assert_eq!(redactor.redact(line), "[REDACTED], [REDACTED]");
    // It would be found in ordinary text, and is a secret all the same.
    desk.rotate(&secret, "hunter2").await;
    assert_eq!(redactor.redact("hunter2"), "hunter2");
    assert_eq!(known.len(), 2);
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn the_numbers_of_each_secret_are_shown_until_it_is_gone() {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    let desk = Desk::new("one");
    desk.lease("one", 60, 60);
    let one = rotation(&desk).start().await.unwrap();
    let other = Rotation::new("other", Desk::new("x"))
        .start()
        .await
        .unwrap();
    let collector = crate::rotate::SecretCollector::new();
    let collector = collector.secret(&one).secret(&one).secret(&other);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let shown = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    desk.lease("two", 60, 60);
    one.reload().await.unwrap();
    desk.fail(SourceErrorKind::Unavailable);
    one.reload().await.unwrap_err();
    tokio::time::advance(seconds(60)).await;
    assert_eq!(
        shown(),
        [
            r#"secret_age_seconds{secret="token_key"} 60.0"#,
            r#"secret_age_seconds{secret="other"} 60.0"#,
            r#"secret_in_force{secret="token_key"} 0"#,
            r#"secret_in_force{secret="other"} 1"#,
            r#"secret_rotations_total{secret="token_key"} 1"#,
            r#"secret_rotations_total{secret="other"} 0"#,
            r#"secret_load_failures_total{secret="token_key"} 1"#,
            r#"secret_load_failures_total{secret="other"} 0"#,
        ]
    );
    drop((one, other));
    assert_eq!(shown(), [""; 0]);
}

#[test]
fn readers_never_see_half_a_change_or_an_older_value() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let desk = Desk::new("0 0");
    let rotation = Rotation::new("pair", desk.clone())
        .parse(|bytes| {
            let text =
                str::from_utf8(bytes.expose_secret()).map_err(|_| Rejected::from("no text"))?;
            let (one, other) = text.split_once(' ').ok_or(Rejected::from("no pair"))?;
            Ok([one, other].map(|number| number.parse::<u64>().unwrap()))
        })
        .keep_previous(seconds(60))
        .without_polling();
    let pair = runtime.block_on(rotation.start()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while !done.load(Ordering::SeqCst) {
                    let [one, other] = pair.sign(|pair| *pair).unwrap();
                    assert_eq!(one, other);
                    assert!(one >= newest, "{one} after {newest}");
                    newest = one;
                    let mut tried = Vec::new();
                    pair.verify(|[one, _]| {
                        tried.push(*one);
                        false
                    });
                    assert!(tried[0] >= newest);
                    assert!(
                        tried.get(1).is_none_or(|previous| previous + 1 == tried[0]),
                        "{tried:?}"
                    );
                }
            });
        }
        runtime.block_on(async {
            for n in 1..=500 {
                desk.put(&format!("{n} {n}"));
                pair.reload().await.unwrap();
            }
        });
        done.store(true, Ordering::SeqCst);
    });
}
