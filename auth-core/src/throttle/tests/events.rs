use super::*;

#[tokio::test]
async fn attempts_that_are_held_back_are_told_once_a_minute() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    let fail = (EventKind::LoginFail, Some("wrong_password"), None);
    let last = (EventKind::LoginFailMax, Some("identifier"), Some(5));
    assert_eq!(drain(&world.events), [fail, fail, fail, fail, fail, last]);
    for _ in 0..10 {
        assert!(world.fail(&ann).await.is_err());
    }
    let lock = |count| (EventKind::LoginLock, Some("identifier"), Some(count));
    assert_eq!(drain(&world.events), [lock(1)]);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.fail(&ann).await, Ok(()));
    world.clock.advance(Duration::from_secs(30));
    assert!(world.fail(&ann).await.is_err());
    assert_eq!(drain(&world.events), [fail, lock(10)]);
}

#[tokio::test]
async fn events_do_not_tell_what_was_typed_as_a_name() {
    let world = world();
    let typed = "correct horse battery staple";
    let attempt = Attempt::password(&world.tenant, typed);
    assert_eq!(world.fail(&attempt).await, Ok(()));
    let events = world.events.take();
    let subject = events[0].subject_ref().unwrap();
    assert!(
        subject.starts_with("id:") && subject.len() == 19,
        "{subject}"
    );
    assert!(!format!("{events:?} {:?}", world.gate).contains("staple"));
}

#[test]
fn debug_shows_neither_names_nor_cookies() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "my-password-by-mistake");
    let shown = format!("{:?} {:?}", ann.device(Some("the-cookie")), world.gate);
    assert!(shown.contains("acme"), "{shown}");
    for secret in ["my-password-by-mistake", "the-cookie"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_services_hold_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static + std::fmt::Debug>() {}
    shared::<AuthGate>();
    shared::<Policy>();
}
