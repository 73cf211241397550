//! What is loaded, when, and what becomes of loads that fail.

use std::sync::{Arc, Mutex};

use tokio::time::{Instant, sleep};

use super::desk::{Desk, rotation, seconds};
use crate::rotate::{Reload, RotateErrorKind, Rotating, Rotation};
use crate::source::SourceErrorKind;

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

    desk.rotate(&secret, "good 2").await;
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
    desk.permit(10);
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
    desk.permit(1);
    assert!(matches!(secret.reload().await.unwrap(), Reload::Rotated(_)));
}
