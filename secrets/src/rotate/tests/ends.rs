//! When values end, and that they are wiped then.

use std::time::Duration;

use tokio::time::sleep;

use super::desk::{Desk, Wiped, rotation, seconds};
use crate::rotate::{LeaseEnded, Reload, RotateErrorKind, Rotating, Which};
use crate::source::SourceErrorKind;

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
    desk.rotate(&secret, "two").await;
    sleep(Duration::from_millis(599_999)).await;
    assert_eq!(wiped.names(), [""; 0]);
    // The timer has a resolution of a millisecond.
    sleep(Duration::from_millis(2)).await;
    assert_eq!(wiped.names(), ["one"]);

    desk.rotate(&secret, "three").await;
    desk.rotate(&secret, "four").await;
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
    desk.rotate(&secret, "two").await;
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
    desk.rotate(&secret, "two").await;
    assert_eq!(wiped.names(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_keeps_what_it_has_loaded() {
    let desk = Desk::new("one");
    let wiped = Wiped::default();
    let secret = wiped.watch(&desk).start().await.unwrap();
    let reader = secret.load().unwrap();
    desk.rotate(&secret, "two").await;
    assert_eq!(wiped.names(), [""; 0]);
    assert_eq!(reader.expose(|marked| marked.name.clone()), "one");
    drop(reader);
    assert_eq!(wiped.names(), ["one"]);
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
    desk.rotate(&secret, "two").await;
    let which = |text: &str| secret.verify(|value| value.ct_matches(text));
    sleep(seconds(59)).await;
    assert_eq!(which("one"), Some(Which::Previous));
    sleep(seconds(1)).await;
    assert_eq!(which("one"), None);
}
