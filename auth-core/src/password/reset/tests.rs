use std::num::NonZeroUsize;

use super::*;
use crate::store::StoreErrorKind;

fn account(subject: &str) -> Account {
    Account {
        tenant: "acme".parse().unwrap(),
        subject: subject.parse().unwrap(),
    }
}

#[test]
fn a_token_is_recognised_as_it_was_made_and_in_no_other_way() {
    let (token, digest) = ResetToken::generate().unwrap();
    let text = token.expose_secret();
    assert_eq!(text.len(), 47);
    assert_eq!(presented(&SecretString::from(text)), Some(digest));
    let body = text.strip_prefix("rst_").unwrap();
    for other in [
        String::new(),
        "rst_".into(),
        body.into(),
        format!("RST_{body}"),
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        text[..46].into(),
        format!("rst_{}", "+".repeat(43)),
    ] {
        assert_eq!(
            presented(&SecretString::from(other.as_str())),
            None,
            "{other}"
        );
    }
    // The last character has two bits to spare, which must not make other tokens of the same bytes.
    let last = |char: char| format!("{}{char}", &text[..46]);
    let twins = ('A'..='Z').chain('a'..='z').map(last);
    assert!(
        twins
            .filter(|twin| presented(&SecretString::from(twin.as_str())) == Some(digest))
            .count()
            <= 1
    );
    assert_eq!(format!("{token:?}"), "ResetToken([REDACTED])");
    assert_ne!(ResetToken::generate().unwrap().1, digest);
}

#[tokio::test]
async fn the_memory_store_is_bounded_and_pushes_nobody_out() {
    let store = MemoryResetStore::new(NonZeroUsize::new(2).unwrap());
    let now = Timestamp::MIN;
    let soon = now.plus(LIFETIME);
    for (subject, digest) in [("a", [1; 32]), ("b", [2; 32]), ("a", [3; 32])] {
        store
            .put(&account(subject), &digest, soon, now)
            .await
            .unwrap();
    }
    let full = store
        .put(&account("c"), &[4; 32], soon, now)
        .await
        .unwrap_err();
    assert_eq!(full.kind(), StoreErrorKind::Full);
    assert_eq!(store.find(&[1; 32], now).await.unwrap(), None, "replaced");
    assert_eq!(store.find(&[2; 32], now).await.unwrap(), Some(account("b")));
    assert_eq!(store.find(&[3; 32], now).await.unwrap(), Some(account("a")));
    let later = soon.plus(LIFETIME);
    store
        .put(&account("c"), &[4; 32], later, soon)
        .await
        .unwrap();
    assert_eq!(store.find(&[2; 32], soon).await.unwrap(), None);
    assert_eq!(
        store.take(&[4; 32], soon).await.unwrap(),
        Some(account("c"))
    );
    assert_eq!(store.take(&[4; 32], soon).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_is_good_for_20_minutes_to_the_millisecond() {
    let store = MemoryResetStore::new(NonZeroUsize::MIN);
    let now = Timestamp::MIN;
    let end = now.plus(Duration::from_secs(20 * 60));
    store
        .put(&account("a"), &[1; 32], now.plus(LIFETIME), now)
        .await
        .unwrap();
    let before = end.minus(Duration::from_millis(1));
    assert!(store.find(&[1; 32], before).await.unwrap().is_some());
    assert_eq!(store.find(&[1; 32], end).await.unwrap(), None);
    assert_eq!(store.take(&[1; 32], end).await.unwrap(), None);
}
