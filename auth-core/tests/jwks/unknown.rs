//! Keys that are not in the set: one fetch for all who ask, and no more than bounds allow.

use std::sync::Arc;

use portcullis_auth_core::audit::EventKind;
use portcullis_auth_core::jwks::{Endpoint, FetchErrorKind, Jwks};
use portcullis_auth_core::jwt::{Algorithm, KeySource, Lookup};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::support::{Answer, ISSUER, Ours, PLACE, Server, advance, key, seconds, set, settle};

// AUTH case 25
#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_keys_cause_two_fetches_at_most_and_no_known_key_waits() {
    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Arc::new(Ours::loaded(&server).await);
    server.set(PLACE, Answer::Hang);
    let mut waiting = Vec::new();
    for id in 0..1000 {
        let id = format!("random-{id}");
        if let Lookup::Stale = ours.find(&id) {
            let ours = ours.clone();
            waiting.push(tokio::spawn(async move { ours.look(&id).await }));
        }
        tokio::time::advance(seconds(1) / 1000).await;
        // No `await`: it cannot wait, and the fetch hangs.
        assert!(ours.finds(&known));
    }
    assert_eq!(waiting.len(), 1000);
    assert_eq!(server.asked().len(), 1);
    for task in waiting {
        assert!(matches!(task.await.unwrap(), Lookup::Unknown));
    }
    // Whatever comes later is not worth a wait.
    for id in 0..1000 {
        assert!(matches!(ours.find(&format!("other-{id}")), Lookup::Unknown));
    }
    assert!(ours.finds(&known));
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(server.most_under_way(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_race_share_one_fetch() {
    // A key was unknown for whoever looked between the end of the fetch and the change of the set: in one of a hundred rounds.
    let (known, new) = (key(), key());
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::new(Answer::Serve(set(&[&known])));
    for _ in 0..200 {
        server.set(PLACE, Answer::Serve(set(&[&known])));
        let ours = Arc::new(Ours::loaded(&server).await);
        server.set(PLACE, Answer::Gate(gate.clone(), set(&[&known, &new])));
        let start = Arc::new(tokio::sync::Barrier::new(32));
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let (ours, start) = (ours.clone(), start.clone());
                let id = match task % 2 {
                    0 => new.id().to_owned(),
                    _ => format!("random-{task}"),
                };
                tokio::spawn(async move {
                    start.wait().await;
                    (task, ours.look(&id).await)
                })
            })
            .collect();
        gate.add_permits(1);
        for task in tasks {
            let (task, answer) = task.await.unwrap();
            match answer {
                Lookup::Found(_) => assert_eq!(task % 2, 0),
                Lookup::Unknown => assert_eq!(task % 2, 1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(server.asked().len(), 1);
        assert_eq!(server.most_under_way(), 1);
        assert_eq!(gate.available_permits(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_leaves_the_fetch_to_the_others() {
    let (known, new) = (key(), key());
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Ours::loaded(&server).await;
    server.set(PLACE, Answer::Gate(gate.clone(), set(&[&known, &new])));
    let (first, second) = (ours.look(new.id()), ours.look(new.id()));
    assert!(timeout(seconds(1), first).await.is_err());
    gate.add_permits(1);
    assert!(matches!(second.await, Lookup::Found(_)));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_seen_to_be_absent_is_not_asked_for_again_for_a_minute() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    let ours = Ours::loaded(&server).await;
    assert!(matches!(ours.look("absent").await, Lookup::Unknown));
    assert_eq!(server.asked().len(), 1);
    assert_eq!(ours.keys.status(ours.now()).absent, 1);
    // The cooldown is over, but not the minute.
    advance(seconds(31)).await;
    assert!(matches!(ours.look("absent").await, Lookup::Unknown));
    assert_eq!(server.asked().len(), 0);
    // Another's fetch forgets it.
    assert!(matches!(ours.look("other").await, Lookup::Unknown));
    assert_eq!(server.asked().len(), 1);
    advance(seconds(31)).await;
    assert!(matches!(ours.look("absent").await, Lookup::Unknown));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_cannot_make_us_ask_more_than_twice_a_minute() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    let ours = Ours::loaded(&server).await;
    for id in 0..600 {
        assert!(matches!(
            ours.look(&format!("random-{id}")).await,
            Lookup::Unknown
        ));
        advance(seconds(1)).await;
    }
    assert_eq!(server.asked().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn with_a_short_cooldown_ten_fetches_a_minute_are_the_bound() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    let ours = Ours::with(&server, |settings| settings.cooldown(seconds(1)));
    for id in 0..600 {
        ours.look(&format!("random-{id}")).await;
        advance(seconds(1)).await;
    }
    let asked = server.asked().len();
    assert!((100..=110).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_token_without_an_id_finds_the_only_key_of_its_algorithm() {
    let (one, other) = (key(), key());
    let server = Server::new(Answer::Serve(set(&[&one])));
    let ours = Ours::loaded(&server).await;
    let find = |algorithm| ours.keys.find(None, algorithm, ours.now());
    assert!(matches!(find(Algorithm::EdDsa), Lookup::Found(found) if found.id() == Some(one.id())));
    // There may be one by now.
    assert!(matches!(find(Algorithm::Es256), Lookup::Stale));

    server.set(PLACE, Answer::Serve(set(&[&one, &other])));
    ours.keys.refresh(None, ours.now()).await;
    // Newer keys would not tell which of the two it is.
    advance(seconds(61)).await;
    assert!(matches!(
        ours.keys.find(None, Algorithm::EdDsa, ours.now()),
        Lookup::Unknown
    ));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_found_for_its_own_algorithm_only() {
    let known = key();
    let server = Server::new(Answer::Serve(set(&[&known])));
    let ours = Ours::loaded(&server).await;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256] {
        let found = ours.keys.find(Some(known.id()), algorithm, ours.now());
        assert!(!matches!(found, Lookup::Found(_)), "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_panics_costs_one_fetch() {
    let known = key();
    let server = Server::new(Answer::Panic);
    let ours = Ours::new(&server);
    assert!(!ours.keys.loaded().await);
    assert_eq!(
        ours.told(),
        [(
            EventKind::JwksRefreshFailed.as_str(),
            Some(FetchErrorKind::Aborted.as_str())
        )]
    );
    server.set(PLACE, Answer::Serve(set(&[&known])));
    advance(seconds(2)).await;
    assert!(ours.finds(&known));
}

#[tokio::test(start_paused = true)]
async fn the_last_client_that_is_dropped_ends_the_task() {
    for answer in [Answer::Serve(set(&[&key()])), Answer::Hang] {
        let server = Server::new(answer);
        let ours = Ours::new(&server);
        settle().await;
        let clone = ours.keys.clone();
        drop(ours);
        settle().await;
        assert!(server.holders() > 1);
        drop(clone);
        settle().await;
        assert_eq!(server.holders(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_work_are_refused() {
    let place = Endpoint::https(PLACE).unwrap();
    let settings = || Jwks::at(ISSUER, &place, Server::default());
    assert!(settings().start().is_ok());
    for (settings, text) in [
        (
            settings().lifetime(seconds(59)),
            "keys are fresh for a minute to a day",
        ),
        (
            settings().lifetime(seconds(86_401)),
            "keys are fresh for a minute to a day",
        ),
        (
            settings().max_stale(seconds(86_401)),
            "stale keys are used for a day at most",
        ),
        (
            settings().cooldown(seconds(0)),
            "a cooldown takes a second to 10 minutes",
        ),
        (
            settings().cooldown(seconds(601)),
            "a cooldown takes a second to 10 minutes",
        ),
        (
            Jwks::at("", &place, Server::default()),
            "the name of an issuer is a text of 1 to 255 bytes",
        ),
        (
            Jwks::discover(
                &Endpoint::https("https://id.example?a=b").unwrap(),
                Server::default(),
            ),
            "an issuer has no query",
        ),
    ] {
        assert_eq!(settings.start().unwrap_err().to_string(), text);
    }
}

#[test]
fn without_a_runtime_nothing_is_started() {
    let place = Endpoint::https(PLACE).unwrap();
    let refused = Jwks::at(ISSUER, &place, Server::default()).start();
    assert_eq!(
        refused.unwrap_err().to_string(),
        "keys are read in a runtime of tokio, and there is none"
    );
}

#[test]
fn it_can_be_shared_and_shows_no_more_than_it_should() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    shared::<Jwks>();
}
