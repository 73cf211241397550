use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::table::{Full, Table};
use super::*;
use crate::audit::Context;
use crate::id::{SessionId, SubjectId, TenantId};
use crate::store::{Answer, StoreErrorKind};
use crate::testing::{ManualClock, Recorder};
use crate::time::{Clock, Timestamp};

const SECOND: Duration = Duration::from_secs(1);
const ISSUER: &str = "https://accounts.example.com";
const LIFE: TokenLife = TokenLife::new(Duration::from_secs(600));

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn anywhere() -> &'static Context {
    static ANYWHERE: LazyLock<Context> = LazyLock::new(Context::default);
    &ANYWHERE
}

/// A store that can be out of reach.
#[derive(Clone, Debug, Default)]
struct Shaky {
    store: Arc<Mutex<MemoryStore>>,
    down: Arc<AtomicBool>,
    slow: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
}

impl Shaky {
    fn works(&self) -> Result<MemoryStore, crate::store::StoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreErrorKind::Unavailable.into()),
            false => Ok(self.store.lock().unwrap().clone()),
        }
    }
}

impl RevocationStore for Shaky {
    fn add<'a>(&'a self, revocation: &'a Revocation, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            if self.slow.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            self.works()?.add(revocation, now).await
        })
    }

    fn changes(&self, after: Cursor, now: Timestamp) -> Answer<'_, Changes> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { self.works()?.changes(after, now).await })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        Box::pin(async move { self.works()?.purge(now, limit).await })
    }
}

fn capacity(entries: usize) -> NonZeroUsize {
    NonZeroUsize::new(entries).unwrap()
}

fn ann() -> (TenantId, SubjectId) {
    (id("acme"), id("ann"))
}

fn of_ann(epoch: u64) -> Marks {
    let (tenant, subject) = ann();
    Marks::default().subject(&tenant, &subject, epoch)
}

#[test]
fn what_differs_in_anything_is_another() {
    let marks = [
        Marks::default().token("a", "bc").token,
        Marks::default().token("ab", "c").token,
        Marks::default().token("a", "").token,
        Marks::default().foreign_session("a", "bc").foreign_session,
        Marks::default()
            .subject(&id("a"), &id("bc"), 0)
            .subject
            .map(|(mark, _)| mark),
    ];
    let different = marks
        .iter()
        .flatten()
        .collect::<std::collections::HashSet<_>>();
    assert_eq!(different.len(), marks.len());
}

#[test]
fn what_is_kept_is_read_as_it_was() {
    let until = Timestamp::MAX;
    let (tenant, subject) = ann();
    for revocation in [
        Revocation::session(SessionId::generate(), until),
        Revocation::token(ISSUER, "9f1c", until),
        Revocation::subject(&tenant, &subject, 0, until),
        Revocation::subject(&tenant, &subject, u64::MAX, until),
    ] {
        let bytes = revocation.to_bytes();
        assert_eq!(Revocation::from_bytes(&bytes, until), Some(revocation));
        for wrong in [&bytes[1..], &[&bytes[..], &[0]].concat()] {
            assert_eq!(Revocation::from_bytes(wrong, until), None);
        }
        let mut wrong = bytes;
        wrong[0] = 2;
        assert_eq!(Revocation::from_bytes(&wrong, until), None);
    }
}

#[tokio::test]
async fn tokens_end_by_session_by_subject_and_one_by_one() {
    let events = Recorder::default();
    let clock = ManualClock::default();
    let builder = Revocations::builder(LIFE).audit(events.clone());
    let revocations = builder.clock(clock.clone()).local();
    let now = clock.now();
    let session = SessionId::generate();
    let token = |session, jti, epoch| of_ann(epoch).session(session).token(ISSUER, jti);
    let check = |marks: &Marks| revocations.check(marks, now);

    revocations
        .revoke_session(session, anywhere())
        .await
        .unwrap();
    assert_eq!(check(&token(session, "a", 1)), Err(Refused::Revoked));
    let other = SessionId::generate();
    assert_eq!(check(&token(other, "a", 1)), Ok(()));

    let end = now.plus(60 * SECOND);
    revocations
        .revoke_token(ISSUER, "a", end, anywhere())
        .await
        .unwrap();
    assert_eq!(check(&token(other, "a", 1)), Err(Refused::Revoked));
    assert_eq!(check(&token(other, "b", 1)), Ok(()));
    assert_eq!(
        check(&Marks::default().token("https://other.example", "a")),
        Ok(())
    );

    let (tenant, subject) = ann();
    let revoked = revocations.revoke_subject(&tenant, &subject, 2, anywhere());
    revoked.await.unwrap();
    // An older one that comes late takes nothing back.
    let revoked = revocations.revoke_subject(&tenant, &subject, 1, anywhere());
    revoked.await.unwrap();
    assert_eq!(check(&token(other, "b", 1)), Err(Refused::Revoked));
    assert_eq!(check(&token(other, "b", 2)), Ok(()));
    assert_eq!(
        check(&Marks::default().subject(&id("globex"), &subject, 1)),
        Ok(())
    );

    let logout = revocations.revoke_foreign_session(ISSUER, "kc-1", anywhere());
    logout.await.unwrap();
    let foreign = Marks::default().foreign_session(ISSUER, "kc-1");
    assert_eq!(check(&foreign), Err(Refused::Revoked));
    assert_eq!(check(&foreign.session(other)), Err(Refused::Revoked));

    let events = events.take();
    let told = events
        .iter()
        .map(|event| (event.kind().as_str(), event.reason_ref()));
    let expected = ["session", "token", "subject", "subject", "foreign_session"];
    let expected = expected.map(|reason| ("authn_token_revoked", Some(reason)));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(events[0].session_ref(), Some(session));
}

#[tokio::test]
async fn a_revocation_outlives_all_that_it_is_about() {
    let clock = ManualClock::default();
    let revocations = Revocations::builder(LIFE).clock(clock.clone()).local();
    let session = SessionId::generate();
    revocations
        .revoke_session(session, anywhere())
        .await
        .unwrap();
    // A token that was issued in the same moment, by a clock that is ahead by the leeway.
    let expires = clock.now().plus(30 * SECOND).plus(600 * SECOND);
    let accepted_until = expires.plus(30 * SECOND).minus(Duration::from_millis(1));
    let marks = Marks::default().session(session);
    assert_eq!(
        revocations.check(&marks, accepted_until),
        Err(Refused::Revoked)
    );
    assert_eq!(revocations.check(&marks, expires.plus(30 * SECOND)), Ok(()));

    // Not at the token's end, but when the last verifier does not accept it any more.
    let ends = clock.now().plus(SECOND);
    revocations
        .revoke_token(ISSUER, "a", ends, anywhere())
        .await
        .unwrap();
    let marks = Marks::default().token(ISSUER, "a");
    let last = ends.plus(30 * SECOND).minus(Duration::from_millis(1));
    assert_eq!(revocations.check(&marks, last), Err(Refused::Revoked));
}

// How long a revocation is remembered had nothing to do with how long tokens are valid: of an hour, all but eleven minutes came
// back.
#[cfg(feature = "jwt")]
#[tokio::test]
async fn what_is_revoked_stays_so_for_as_long_as_anybody_would_accept_it() {
    use crate::jwt::{
        Algorithm, Algorithms, Issuer, NewToken, Profile, SigningKey, SigningRing, TokenIssuer,
        TokenKind, Verifier,
    };

    let (clock, hour) = (ManualClock::default(), 3600 * SECOND);
    let policy = portcullis_secrets::rotate::RingPolicy::settings(24 * hour, 300 * SECOND);
    let ring = SigningRing::new("access_token", policy.build().unwrap(), Algorithms::own());
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    ring.publish(key, clock.now()).unwrap();
    let issuer = TokenIssuer::settings(ISSUER, "api", ring.clone());
    let issuer = issuer.lifetime(TokenKind::Access, hour).build().unwrap();
    let own = Verifier::new(issuer.issuer(TokenKind::Access)).unwrap();
    let generous = Issuer::settings(ISSUER, "api", Profile::Own(TokenKind::Access), ring)
        .leeway(300 * SECOND)
        .max_lifetime(2 * hour);
    let generous = Verifier::new([generous.build().unwrap()]).unwrap();

    let session = SessionId::generate();
    let (acme, ann) = ann();
    let token = NewToken::access(&ann, &acme, &id("web"), session);
    // By a clock that is ahead.
    let token = issuer.issue(&token, clock.now().plus(30 * SECOND)).unwrap();
    for (life, verifier) in [
        (TokenLife::from(&issuer), &own),
        (TokenLife::from(&own), &own),
        (TokenLife::from(&generous), &generous),
    ] {
        let revocations = Revocations::builder(life).clock(clock.clone()).local();
        let revoked = revocations.revoke_session(session, anywhere());
        revoked.await.unwrap();
        let marks = Marks::default().session(session);
        let mut now = clock.now();
        while verifier.verify(token.token.expose_secret(), now).is_ok() {
            let judged = revocations.check(&marks, now);
            assert_eq!(judged, Err(Refused::Revoked), "{life:?} {now:?}");
            now = now.plus(SECOND);
        }
        assert!(now >= clock.now().plus(hour), "{now:?}");
    }
}

#[tokio::test]
async fn what_one_instance_revokes_others_learn_with_their_next_look() {
    let (store, clock) = (MemoryStore::new(), ManualClock::default());
    let instance = || {
        Revocations::builder(LIFE)
            .clock(clock.clone())
            .shared(store.clone())
    };
    let (a, b) = (instance(), instance());
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    let session = SessionId::generate();
    let marks = Marks::default().session(session);
    a.revoke_session(session, anywhere()).await.unwrap();
    assert_eq!(a.check(&marks, clock.now()), Err(Refused::Revoked));
    assert_eq!(b.check(&marks, clock.now()), Ok(()));
    b.sync().await.unwrap();
    assert_eq!(b.check(&marks, clock.now()), Err(Refused::Revoked));
    // So does an instance that starts afterwards, before it accepts anything.
    let c = instance();
    assert_eq!(
        c.check(&Marks::default(), clock.now()),
        Err(Refused::Unavailable)
    );
    c.sync().await.unwrap();
    assert_eq!(c.check(&marks, clock.now()), Err(Refused::Revoked));
    assert_eq!(c.check(&Marks::default(), clock.now()), Ok(()));
}

#[tokio::test]
async fn without_an_answer_for_30_seconds_nothing_is_accepted() {
    let (store, clock) = (Shaky::default(), ManualClock::default());
    let revocations = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(store.clone());
    revocations.sync().await.unwrap();
    let (good, bad) = (SessionId::generate(), SessionId::generate());
    store.down.store(true, Ordering::SeqCst);
    // It ends here although nobody else can be told, and who asked learns of that.
    let error = revocations
        .revoke_session(bad, anywhere())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let check = |session| {
        let marks = Marks::default().session(session);
        revocations.check(&marks, clock.now())
    };
    assert_eq!((check(good), check(bad)), (Ok(()), Err(Refused::Revoked)));
    clock.advance(30 * SECOND);
    assert!(revocations.sync().await.is_err());
    assert_eq!(check(good), Ok(()));
    assert_eq!(revocations.status(clock.now()).age, Some(30 * SECOND));
    clock.advance(Duration::from_millis(1));
    assert_eq!(check(good), Err(Refused::Unavailable));
    // What is known is still known.
    assert_eq!(check(bad), Err(Refused::Revoked));
    store.down.store(false, Ordering::SeqCst);
    revocations.sync().await.unwrap();
    assert_eq!(check(good), Ok(()));
}

/// A store that takes twenty seconds to answer.
#[derive(Debug)]
struct Late(ManualClock);

impl RevocationStore for Late {
    fn add<'a>(&'a self, _: &'a Revocation, _: Timestamp) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn changes(&self, after: Cursor, _: Timestamp) -> Answer<'_, Changes> {
        Box::pin(async move {
            self.0.advance(20 * SECOND);
            Ok(Changes {
                revocations: Vec::new(),
                cursor: after,
                more: false,
            })
        })
    }

    fn purge(&self, _: Timestamp, _: u32) -> Answer<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}

#[tokio::test]
async fn an_answer_is_as_old_as_its_question() {
    let clock = ManualClock::default();
    let revocations = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(Late(clock.clone()));
    revocations.sync().await.unwrap();
    assert_eq!(revocations.status(clock.now()).age, Some(20 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn what_others_could_not_be_told_they_are_told_later() {
    let (store, clock) = (Shaky::default(), ManualClock::default());
    let instance = || {
        Revocations::builder(LIFE)
            .clock(clock.clone())
            .shared(store.clone())
    };
    let (a, b) = (instance(), instance());
    a.sync().await.unwrap();
    let sessions = [(); 3].map(|()| SessionId::generate());
    store.down.store(true, Ordering::SeqCst);
    for session in &sessions[..2] {
        a.revoke_session(*session, anywhere()).await.unwrap_err();
    }
    store.down.store(false, Ordering::SeqCst);
    // Whoever asked for this one hung up before the store answered.
    store.slow.store(true, Ordering::SeqCst);
    let mut asked = Box::pin(a.revoke_session(sessions[2], anywhere()));
    let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx)));
    assert!(begun.await.is_pending());
    drop(asked);
    store.slow.store(false, Ordering::SeqCst);

    let is_known = |session| {
        let marks = Marks::default().session(session);
        b.check(&marks, clock.now()) == Err(Refused::Revoked)
    };
    b.sync().await.unwrap();
    assert_eq!(sessions.map(is_known), [false; 3]);
    let following = tokio::spawn(a.clone().follow());
    tokio::time::sleep(Duration::from_millis(100)).await;
    b.sync().await.unwrap();
    assert_eq!(sessions.map(is_known), [true; 3]);
    // Once is enough.
    tokio::time::sleep(20 * SECOND).await;
    following.abort();
    let list = store.changes(Cursor::default(), clock.now()).await.unwrap();
    assert_eq!(list.revocations.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn as_much_is_deleted_as_is_over() {
    let (store, clock) = (Shaky::default(), ManualClock::default());
    let revocations = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(store.clone());
    let over = Revocation::session(SessionId::generate(), clock.now());
    for _ in 0..2500 {
        store.add(&over, clock.now()).await.unwrap();
    }
    let following = tokio::spawn(revocations.follow());
    tokio::time::sleep(11 * SECOND).await;
    following.abort();
    let list = store.changes(Cursor::default(), clock.now()).await.unwrap();
    assert_eq!(list.revocations.len(), 0);
}

#[tokio::test]
async fn a_store_that_comes_back_from_a_copy_is_read_from_the_beginning() {
    let (store, clock) = (Shaky::default(), ManualClock::default());
    let revocations = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(store.clone());
    let until = clock.now().plus(60 * SECOND);
    for _ in 0..10 {
        let revocation = Revocation::session(SessionId::generate(), until);
        store.add(&revocation, clock.now()).await.unwrap();
    }
    revocations.sync().await.unwrap();
    assert_eq!(revocations.status(clock.now()).revocations, 10);

    // The copy has less, and what is added to it takes places that were read before.
    store.down.store(true, Ordering::SeqCst);
    assert!(revocations.sync().await.is_err());
    *store.store.lock().unwrap() = MemoryStore::new();
    store.down.store(false, Ordering::SeqCst);
    let session = SessionId::generate();
    let revocation = Revocation::session(session, until);
    store.add(&revocation, clock.now()).await.unwrap();
    revocations.sync().await.unwrap();
    let marks = Marks::default().session(session);
    assert_eq!(
        revocations.check(&marks, clock.now()),
        Err(Refused::Revoked)
    );
}

#[tokio::test]
async fn at_the_limit_nothing_is_forgotten_and_nothing_is_let_in() {
    let clock = ManualClock::default();
    let builder = Revocations::builder(LIFE)
        .clock(clock.clone())
        .capacity(capacity(2));
    let local = builder.clone().local();
    let sessions = std::array::from_fn::<_, 3, _>(|_| SessionId::generate());
    let marks = sessions.map(|session| Marks::default().session(session));
    for session in &sessions[..2] {
        local.revoke_session(*session, anywhere()).await.unwrap();
    }
    let full = local
        .revoke_session(sessions[2], anywhere())
        .await
        .unwrap_err();
    assert_eq!(full.kind(), StoreErrorKind::Full);
    assert_eq!(local.check(&marks[0], clock.now()), Err(Refused::Revoked));
    assert_eq!(local.check(&marks[1], clock.now()), Err(Refused::Revoked));
    // What is there already can be revoked again.
    local.revoke_session(sessions[0], anywhere()).await.unwrap();
    // What is over makes room.
    clock.advance(660 * SECOND);
    local.revoke_session(sessions[2], anywhere()).await.unwrap();
    assert_eq!(local.status(clock.now()).revocations, 1);

    // An instance that cannot hold what others revoked does not guess.
    let store = MemoryStore::new();
    let large = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(store.clone());
    for session in sessions {
        large.revoke_session(session, anywhere()).await.unwrap();
    }
    let small = builder.shared(store);
    assert_eq!(small.sync().await.unwrap_err().kind(), StoreErrorKind::Full);
    let other = Marks::default().session(SessionId::generate());
    assert_eq!(small.check(&other, clock.now()), Err(Refused::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn following_reads_every_5_seconds_and_every_second_while_it_fails() {
    let (store, clock) = (Shaky::default(), ManualClock::default());
    let revocations = Revocations::builder(LIFE)
        .clock(clock.clone())
        .shared(store.clone());
    let following = tokio::spawn(revocations.clone().follow());
    let wait = async |duration| tokio::time::sleep(duration).await;
    wait(Duration::from_millis(100)).await;
    assert_eq!(revocations.check(&Marks::default(), clock.now()), Ok(()));
    assert_eq!(store.reads.swap(0, Ordering::SeqCst), 1);
    wait(15 * SECOND).await;
    assert_eq!(store.reads.swap(0, Ordering::SeqCst), 3);
    store.down.store(true, Ordering::SeqCst);
    wait(5 * SECOND).await;
    store.reads.store(0, Ordering::SeqCst);
    wait(10 * SECOND).await;
    assert_eq!(store.reads.swap(0, Ordering::SeqCst), 10);
    store.down.store(false, Ordering::SeqCst);

    // What is over is deleted from the store, once a minute.
    let over = Revocation::session(SessionId::generate(), clock.now());
    store.add(&over, clock.now()).await.unwrap();
    clock.advance(60 * SECOND);
    wait(6 * SECOND).await;
    let left = store.changes(Cursor::default(), clock.now()).await.unwrap();
    assert_eq!(left.revocations, []);
    following.abort();
    // Alone there is nobody to follow.
    Revocations::builder(LIFE).local().follow().await;
}

#[test]
fn services_are_shared_between_threads_and_take_stores_of_any_kind() {
    let store: Arc<dyn RevocationStore> = Arc::new(MemoryStore::new());
    let _revocations = Revocations::builder(LIFE).shared(store);
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Revocations>();
    shared::<Marks>();
    fn sent<T: Send>(_: T) {}
    sent(Revocations::builder(LIFE).local().follow());
}

proptest! {
    #[test]
    fn a_table_agrees_with_a_list(
        steps in proptest::collection::vec((any::<bool>(), 0..4_u8, 0..4_u64, 0..200_i64, 0..30_i64), 0..40),
        asked in proptest::collection::vec((0..4_u8, 0..4_u8, 0..5_u64, 0..60_i64), 1..20),
    ) {
        let moment = |second| Timestamp::from_secs(second).unwrap();
        let session = |n: u8| SessionId::from_bytes([n; 16]);
        let subject = |n: u8| id::<SubjectId>(&format!("u{n}"));
        let tenant = id::<TenantId>("acme");
        let (mut table, mut now) = (Table::new(100), 0);
        for (is_session, which, epoch, until, later) in &steps {
            let until = moment(*until);
            let revocation = if *is_session {
                Revocation::session(session(*which), until)
            } else {
                Revocation::subject(&tenant, &subject(*which), *epoch, until)
            };
            prop_assert_eq!(table.add(&revocation, moment(now)), Ok(()));
            now += later;
        }
        for (of_session, of_subject, epoch, later) in asked {
            let at = now + later;
            let ended = steps.iter().any(|(is_session, which, _, until, _)| {
                *is_session && *which == of_session && at < *until
            });
            let marks = Marks::default().session(session(of_session));
            prop_assert_eq!(table.is_revoked(&marks, moment(at)), ended);

            // Epochs only rise, so one that is over may count for as long as a later one does; none that is not may be lost.
            let own = || steps.iter().filter(|step| !step.0 && step.1 == of_subject);
            let must = own().any(|(_, _, least, until, _)| epoch < *least && at < *until);
            let may = own().any(|step| epoch < step.2) && own().any(|step| at < step.3);
            let marks = Marks::default().subject(&tenant, &subject(of_subject), epoch);
            let is = table.is_revoked(&marks, moment(at));
            prop_assert!((!must || is) && (!is || may), "{must} {is} {may}");
        }
    }

    #[test]
    fn a_table_never_has_more_than_its_capacity(
        steps in proptest::collection::vec((any::<u8>(), 1..50_i64, 0..5_i64), 0..60),
    ) {
        let (mut table, mut now) = (Table::new(8), 0);
        for (which, lasts, later) in steps {
            let at = |second| Timestamp::from_secs(second).unwrap();
            let revocation = Revocation::session(SessionId::from_bytes([which; 16]), at(now + lasts));
            let added = table.add(&revocation, at(now));
            let marks = Marks::default().session(SessionId::from_bytes([which; 16]));
            prop_assert!(table.len() <= 8);
            prop_assert_eq!(added == Err(Full), !table.is_revoked(&marks, at(now)));
            now += later;
        }
    }
}
