//! What every store of revocations must do, as one function: see [`store_conformance`].

use std::sync::Arc;
use std::time::Duration;

use super::{BATCH, Cursor, Revocation, RevocationStore};
use crate::id::SessionId;
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

/// Calls the methods of an empty store and looks at what they answer.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis_auth_core::revocation::{MemoryStore, testing::store_conformance};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// store_conformance(Arc::new(MemoryStore::new())).await;
/// # }
/// ```
///
/// # Panics
///
/// At the first answer that is not what [`RevocationStore`] says.
pub async fn store_conformance(store: Arc<dyn RevocationStore>) {
    let now = Timestamp::from_secs(1_790_000_000).expect("a moment of this century");
    what_was_added_is_read_in_order_and_once(&*store, now).await;
    long_lists_are_read_in_parts(&*store, now).await;
    what_is_over_is_purged_and_nothing_else(&*store, now).await;
    who_reads_meanwhile_passes_over_nothing(&store, now).await;
}

async fn what_was_added_is_read_in_order_and_once(store: &dyn RevocationStore, now: Timestamp) {
    let (read, start) = read(store, Cursor::default(), now).await;
    assert_eq!(read, [], "the store is empty");
    let (tenant, subject) = ("acme".parse(), "ann".parse());
    let tenant = tenant.expect("an identifier");
    let subject = subject.expect("an identifier");
    let until = now.plus(MINUTE);
    let all = [
        session(until),
        Revocation::subject(&tenant, &subject, 0, until),
        Revocation::token("https://accounts.example.com", "9f1c", Timestamp::MAX),
        Revocation::subject(&tenant, &subject, u64::MAX, until.plus(MINUTE)),
        Revocation::foreign_session("https://accounts.example.com", "9f1c", until),
    ];
    let mut cursor = start;
    for (index, revocation) in all.iter().enumerate() {
        add(store, revocation, now).await;
        let (found, next) = self::read(store, cursor, now).await;
        assert_eq!(found, [*revocation]);
        cursor = next;
        let (found, again) = self::read(store, cursor, now).await;
        assert_eq!((found, again), (vec![], cursor));
        // Who starts now reads all.
        let (found, _) = self::read(store, Cursor::default(), now).await;
        assert_eq!(found, all[..=index]);
    }
}

async fn long_lists_are_read_in_parts(store: &dyn RevocationStore, now: Timestamp) {
    let (_, start) = read(store, Cursor::default(), now).await;
    let all = (0..usize::from(BATCH) + 7).map(|_| session(now.plus(MINUTE)));
    let all = all.collect::<Vec<_>>();
    for revocation in &all {
        add(store, revocation, now).await;
    }
    let first = store.changes(start, now).await.expect("the store answers");
    assert!(first.more && first.revocations.len() <= usize::from(BATCH));
    let (found, _) = read(store, start, now).await;
    assert_eq!(found, all);
}

async fn what_is_over_is_purged_and_nothing_else(store: &dyn RevocationStore, now: Timestamp) {
    let (_, start) = read(store, Cursor::default(), now).await;
    let kept = session(now.plus(2 * MINUTE));
    let gone = [session(now.plus(MINUTE)), session(now.plus(MINUTE))];
    for revocation in [&gone[0], &kept, &gone[1]] {
        add(store, revocation, now).await;
    }
    let later = now.plus(MINUTE);
    // All that was added before is over as well.
    let mut purged = 0;
    loop {
        match store.purge(later, 100).await.expect("the store answers") {
            0 => break,
            some => purged += some,
        }
        assert!(purged <= 10_000, "a purge finds the same again and again");
    }
    assert!(purged >= 2);
    let (found, cursor) = read(store, start, now).await;
    assert_eq!(found, [kept]);
    // Places are not given away a second time.
    let next = session(now.plus(2 * MINUTE));
    store
        .purge(Timestamp::MAX, 10_000)
        .await
        .expect("the store answers");
    add(store, &next, now).await;
    let (found, _) = read(store, cursor, now).await;
    assert_eq!(found, [next]);
}

async fn who_reads_meanwhile_passes_over_nothing(store: &Arc<dyn RevocationStore>, now: Timestamp) {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let (_, mut cursor) = read(&**store, Cursor::default(), now).await;
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                add(&*store, &session(now.plus(MINUTE)), now).await;
            }
        }));
    }
    let mut found = 0;
    loop {
        let written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let (some, next) = read(&**store, cursor, now).await;
        found += some.len();
        cursor = next;
        if written {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("the store answers");
    }
    assert_eq!(found, WRITERS * EACH);
}

async fn add(store: &dyn RevocationStore, revocation: &Revocation, now: Timestamp) {
    let added = store.add(revocation, now).await;
    added.expect("the store answers");
}

/// All that was added after `cursor`, and how far that is.
async fn read(
    store: &dyn RevocationStore,
    mut cursor: Cursor,
    now: Timestamp,
) -> (Vec<Revocation>, Cursor) {
    let mut all = Vec::new();
    loop {
        let changes = store.changes(cursor, now).await;
        let changes = changes.expect("the store answers");
        all.extend(changes.revocations);
        cursor = changes.cursor;
        if !changes.more {
            return (all, cursor);
        }
    }
}

fn session(until: Timestamp) -> Revocation {
    Revocation::session(SessionId::generate(), until)
}
