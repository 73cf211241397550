use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use zeroize::Zeroize;

use crate::rotate::{LeaseEnded, Rejected, Reload, RotateErrorKind, Rotating, Rotation, Which};
use crate::source::{Lease, Loading, SecretSource, SourceError, SourceErrorKind, Versioned};
use crate::{Secret, SecretBytes};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A source that delivers what the test puts into it.
#[derive(Clone, Debug)]
struct Desk(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    content: Mutex<Result<(String, Option<Lease>), SourceErrorKind>>,
    loads: AtomicUsize,
    /// Each load takes one.
    permits: Semaphore,
}

impl Desk {
    fn new(content: &str) -> Self {
        Self(Arc::new(Inside {
            content: Mutex::new(Ok((content.to_owned(), None))),
            loads: AtomicUsize::new(0),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    fn put(&self, content: &str) {
        *self.0.content.lock().unwrap() = Ok((content.to_owned(), None));
    }

    fn lease(&self, content: &str, valid_for: u64, renew_after: u64) {
        let lease = Lease {
            valid_for: seconds(valid_for),
            renew_after: seconds(renew_after),
        };
        *self.0.content.lock().unwrap() = Ok((content.to_owned(), Some(lease)));
    }

    fn fail(&self, kind: SourceErrorKind) {
        *self.0.content.lock().unwrap() = Err(kind);
    }

    /// Lets no load end that is not permitted to.
    fn hold(&self) {
        let permits = self.0.permits.available_permits();
        self.0.permits.forget_permits(permits);
    }

    fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }
}

impl SecretSource for Desk {
    fn load(&self) -> Loading<'_> {
        Box::pin(async {
            self.0.loads.fetch_add(1, Ordering::SeqCst);
            let content = self.0.content.lock().unwrap().clone();
            self.0.permits.acquire().await.unwrap().forget();
            let (content, lease) = content.map_err(|kind| SourceError::new(kind, "desk"))?;
            Ok(Versioned::from(SecretBytes::from(content.as_bytes())).lease(lease))
        })
    }
}

fn rotation(desk: &Desk) -> Rotation<SecretBytes, crate::SecretString> {
    Rotation::new("token_key", desk.clone()).text()
}

/// Remembers which values have been wiped.
#[derive(Clone, Default)]
struct Wiped(Arc<Mutex<HashSet<String>>>);

struct Marked {
    name: String,
    wiped: Wiped,
}

impl Zeroize for Marked {
    fn zeroize(&mut self) {
        self.wiped.0.lock().unwrap().insert(self.name.clone());
    }
}

impl Wiped {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().unwrap().iter().cloned().collect();
        names.sort();
        names
    }

    fn watch(&self, desk: &Desk) -> Rotation<SecretBytes, Secret<Marked>> {
        let wiped = self.clone();
        Rotation::new("token_key", desk.clone()).parse(move |bytes| {
            let name = String::from_utf8(bytes.expose_secret().to_vec()).unwrap();
            let wiped = wiped.clone();
            Ok(Secret::new(Marked { name, wiped }))
        })
    }
}

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
    desk.put("one");
    secret.reload().await.unwrap();
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
    desk.put("two");
    secret.reload().await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn the_previous_value_is_wiped_at_its_deadline_without_traffic() {
    let desk = Desk::new("one");
    let wiped = Wiped::default();
    let secret = wiped
        .watch(&desk)
        .keep_previous(seconds(600))
        .without_polling()
        .start()
        .await
        .unwrap();
    desk.put("two");
    secret.reload().await.unwrap();
    sleep(Duration::from_millis(599_999)).await;
    assert_eq!(wiped.names(), [""; 0]);
    // The timer has a resolution of a millisecond.
    sleep(Duration::from_millis(2)).await;
    assert_eq!(wiped.names(), ["one"]);

    desk.put("three");
    secret.reload().await.unwrap();
    desk.put("four");
    secret.reload().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(wiped.names(), ["one", "two"], "there is one previous value");
    drop(secret);
    tokio::task::yield_now().await;
    assert_eq!(wiped.names(), ["four", "one", "three", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_load_does_not_keep_a_value_beyond_its_deadline() {
    let desk = Desk::new("one");
    let wiped = Wiped::default();
    let secret = wiped
        .watch(&desk)
        .keep_previous(seconds(10))
        .without_polling()
        .start()
        .await
        .unwrap();
    desk.put("two");
    secret.reload().await.unwrap();
    desk.hold();
    let reload = tokio::spawn({
        let secret = secret.clone();
        async move { secret.reload().await }
    });
    sleep(seconds(11)).await;
    assert_eq!(wiped.names(), ["one"]);
    assert_eq!(
        reload.await.unwrap().unwrap_err().kind(),
        RotateErrorKind::TimedOut
    );
}

#[tokio::test(start_paused = true)]
async fn by_default_the_old_value_is_wiped_at_once() {
    let desk = Desk::new("one");
    let wiped = Wiped::default();
    let secret = wiped.watch(&desk).start().await.unwrap();
    desk.put("two");
    secret.reload().await.unwrap();
    assert_eq!(wiped.names(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_keeps_what_it_has_loaded() {
    let desk = Desk::new("one");
    let wiped = Wiped::default();
    let secret = wiped.watch(&desk).start().await.unwrap();
    let reader = secret.load().unwrap();
    desk.put("two");
    secret.reload().await.unwrap();
    assert_eq!(wiped.names(), [""; 0]);
    assert_eq!(reader.expose(|marked| marked.name.clone()), "one");
    drop(reader);
    assert_eq!(wiped.names(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acceptable_is_not_taken_over() {
    let desk = Desk::new("good 1");
    let tried = Arc::new(Mutex::new(Vec::new()));
    let secret = Rotation::new("token_key", desk.clone())
        .text()
        .strength(|text| match text.expose(str::len) {
            0..6 => Err("it is too short".into()),
            _ => Ok(()),
        })
        .check(|text| match text.expose(|text| text.starts_with("good")) {
            true => Ok(()),
            false => Err("it is not good".into()),
        })
        .start_with({
            let tried = tried.clone();
            move |text| {
                let text = text.expose(str::to_owned);
                tried.lock().unwrap().push(text.clone());
                async move {
                    tokio::task::yield_now().await;
                    if text.ends_with('!') {
                        Err("the trial run failed".into())
                    } else {
                        Ok(())
                    }
                }
            }
        })
        .await
        .unwrap();
    let cases = [
        (
            "bad",
            RotateErrorKind::Weak,
            r#"secret "token_key" is too weak: it is too short"#,
        ),
        (
            "better",
            RotateErrorKind::Rejected,
            r#"secret "token_key" was not accepted: it is not good"#,
        ),
        (
            "good!!",
            RotateErrorKind::Rejected,
            r#"secret "token_key" was not accepted: the trial run failed"#,
        ),
    ];
    let count = cases.len() as u64;
    for (content, kind, text) in cases {
        desk.put(content);
        let error = secret.reload().await.unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, text.to_owned()));
        assert_eq!(secret.status().failing, Some(kind));
        assert!(secret.load().unwrap().ct_matches("good 1"));
    }
    desk.fail(SourceErrorKind::Unavailable);
    let error = secret.reload().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"secret "token_key" could not be loaded"#
    );
    assert_eq!(secret.status().failures, count + 1);

    desk.put("good 2");
    secret.reload().await.unwrap();
    secret.reload().await.unwrap();
    assert_eq!(
        *tried.lock().unwrap(),
        ["good 1", "good!!", "good 2"],
        "what is known is not tried again"
    );

    desk.put("bad");
    let error = rotation(&desk)
        .check(|_| Err("no".into()))
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RotateErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_panics_is_not_the_last() {
    let desk = Desk::new("one");
    let secret = rotation(&desk)
        .check(|text| match text.expose(|text| text == "panic") {
            true => panic!("on purpose"),
            false => Ok(()),
        })
        .start()
        .await
        .unwrap();
    desk.put("panic");
    sleep(seconds(31)).await;
    assert_eq!(secret.status().failing, Some(RotateErrorKind::Panicked));
    assert!(secret.load().unwrap().ct_matches("one"));
    let error = secret.reload().await.unwrap_err();
    assert_eq!(error.to_string(), r#"loading secret "token_key" panicked"#);

    desk.put("two");
    sleep(seconds(30)).await;
    assert!(secret.load().unwrap().ct_matches("two"));
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
    desk.put("Qw4%tZ8!rP1&kS");
    secret.reload().await.unwrap();
    let line = "vK8#qd/Lm2x7Zp, Qw4%tZ8!rP1&kS";
    assert_eq!(redactor.redact(line), "[REDACTED], [REDACTED]");
    // It would be found in ordinary text, and is a secret all the same.
    desk.put("hunter2");
    secret.reload().await.unwrap();
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
fn without_a_runtime_it_does_not_start() {
    let desk = Desk::new("one");
    let mut start = Box::pin(rotation(&desk).start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = start.as_mut().poll(&mut context) else {
        panic!("it started");
    };
    assert_eq!(error.kind(), RotateErrorKind::NoRuntime);
}

#[tokio::test(start_paused = true)]
async fn the_source_is_polled_until_the_last_clone_is_gone() {
    let desk = Desk::new("one");
    let secret = rotation(&desk)
        .poll_every(seconds(10))
        .start()
        .await
        .unwrap();
    assert_eq!(desk.loads(), 1);
    sleep(seconds(35)).await;
    assert_eq!(desk.loads(), 4);
    let clone = secret.clone();
    drop(secret);
    let mut versions = clone.subscribe();
    sleep(seconds(10)).await;
    assert_eq!(desk.loads(), 5);
    drop(clone);
    assert_eq!(versions.changed().await, None);
    sleep(seconds(100)).await;
    assert_eq!(desk.loads(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_value_whose_lease_ends_is_not_served_and_is_wiped() {
    let desk = Desk::new("");
    desk.lease("one", 60, 40);
    let wiped = Wiped::default();
    let secret: Rotating<_> = wiped
        .watch(&desk)
        .poll_every(seconds(3600))
        .start()
        .await
        .unwrap();
    // Renewed when the lease wants it, which is before the poll.
    sleep(seconds(41)).await;
    assert_eq!(desk.loads(), 2);
    sleep(seconds(30)).await;
    assert!(
        secret.load().is_ok(),
        "70 s after the first load, 30 s after the second"
    );
    assert_eq!(wiped.names(), [""; 0]);

    desk.fail(SourceErrorKind::Unavailable);
    sleep(seconds(28)).await;
    assert!(secret.load().is_ok());
    let version = secret.status().version;
    sleep(seconds(2)).await;
    assert_eq!(secret.load().unwrap_err(), LeaseEnded);
    assert_eq!(secret.sign(|_| ()).unwrap_err(), LeaseEnded);
    assert_eq!(secret.verify(|_| true), None);
    assert_eq!(secret.status().version, None);
    assert_eq!(wiped.names(), ["one"]);

    desk.lease("one", 60, 40);
    assert!(matches!(secret.reload().await, Ok(Reload::Rotated(again)) if Some(again) == version));
    assert!(secret.load().is_ok());
}

#[tokio::test(start_paused = true)]
async fn being_superseded_does_not_prolong_a_lease() {
    let desk = Desk::new("");
    desk.lease("one", 60, 40);
    let secret = rotation(&desk)
        .keep_previous(seconds(600))
        .without_polling()
        .start()
        .await
        .unwrap();
    desk.put("two");
    secret.reload().await.unwrap();
    let which = |text: &str| secret.verify(|value| value.ct_matches(text));
    sleep(seconds(59)).await;
    assert_eq!(which("one"), Some(Which::Previous));
    sleep(seconds(1)).await;
    assert_eq!(which("one"), None);
}

#[tokio::test(start_paused = true)]
async fn one_load_runs_and_one_follows_for_all_who_came_meanwhile() {
    let desk = Desk::new("one");
    let secret = rotation(&desk).without_polling().start().await.unwrap();
    desk.hold();
    let spawn = |secret: &Rotating<_>| {
        let secret = secret.clone();
        tokio::spawn(async move { secret.reload().await })
    };
    let first = spawn(&secret);
    tokio::task::yield_now().await;
    assert_eq!(desk.loads(), 2);
    // Too late for the first load, which has its answer already.
    desk.put("two");
    let others: Vec<_> = (0..20).map(|_| spawn(&secret)).collect();
    tokio::task::yield_now().await;
    desk.0.permits.add_permits(10);
    assert_eq!(first.await.unwrap().unwrap(), Reload::Unchanged);
    for other in others {
        assert!(matches!(other.await.unwrap().unwrap(), Reload::Rotated(_)));
    }
    assert_eq!(desk.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_given_up_or_hangs_blocks_nobody() {
    let desk = Desk::new("one");
    let secret = rotation(&desk)
        .without_polling()
        .deadline(seconds(5))
        .start()
        .await
        .unwrap();
    desk.hold();
    desk.put("two");
    let given_up = tokio::time::timeout(seconds(1), secret.reload()).await;
    assert!(given_up.is_err());
    let before = Instant::now();
    assert_eq!(
        secret.reload().await.unwrap_err().kind(),
        RotateErrorKind::TimedOut
    );
    assert_eq!(before.elapsed(), seconds(5));
    desk.0.permits.add_permits(1);
    assert!(matches!(secret.reload().await.unwrap(), Reload::Rotated(_)));
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
