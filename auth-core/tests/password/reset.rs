use super::*;

#[tokio::test]
async fn a_reset_token_is_good_once_and_not_for_a_bad_password() {
    let world = World::new().await;
    let token = world.reset_token().await;
    let told = [("authn_token_created", Some("reset"))];
    assert_eq!(world.journal.take(), told);
    assert_eq!(
        world.reset(&token, "short").await,
        Err(PasswordErrorKind::Refused)
    );
    assert_eq!(
        world.reset(&token, BREACHED).await,
        Err(PasswordErrorKind::Refused)
    );
    assert_eq!(
        world.reset(&token, OLD).await,
        Err(PasswordErrorKind::Refused),
        "the old one"
    );
    assert!(world.login(OLD).await.is_some());
    world.journal.take();

    assert_eq!(world.reset(&token, NEW).await, Ok(()));
    assert_eq!(
        world.journal.take(),
        [("authn_password_change", Some("reset"))]
    );
    assert!(world.login(NEW).await.is_some());
    assert_eq!(world.table.row(&world.account).epoch, 1);
    assert_eq!(
        world.reset(&token, OLD).await,
        Err(PasswordErrorKind::ResetToken)
    );
}

#[tokio::test]
async fn of_two_resets_with_one_token_one_succeeds() {
    let world = World::new().await;
    let token = world.reset_token().await;
    let other = "ten lazy clouds over the harbour";
    let both = tokio::join!(world.reset(&token, NEW), world.reset(&token, other));
    let (winner, loser) = match both {
        (Ok(()), Err(error)) => (NEW, error),
        (Err(error), Ok(())) => (other, error),
        both => panic!("{both:?}"),
    };
    assert_eq!(loser, PasswordErrorKind::ResetToken);
    assert!(world.login(winner).await.is_some());
    assert_eq!(world.table.row(&world.account).epoch, 1);
}

#[tokio::test]
async fn a_reset_token_ends_after_20_minutes_and_with_the_next_one() {
    let world = World::new().await;
    let first = world.reset_token().await;
    let second = world.reset_token().await;
    assert_eq!(
        world.reset(&first, NEW).await,
        Err(PasswordErrorKind::ResetToken)
    );
    world.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(
        world.reset(&second, NEW).await,
        Err(PasswordErrorKind::ResetToken)
    );
    let third = world.reset_token().await;
    world
        .clock
        .advance(Duration::from_millis(20 * 60 * 1000 - 1));
    assert_eq!(world.reset(&third, NEW).await, Ok(()));
}
