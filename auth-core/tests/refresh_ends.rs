//! Sessions that end with their access tokens, also when the store does not say whether they have.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use portcullis_auth_core::audit::{Context, EventKind};
use portcullis_auth_core::id::{SessionId, SubjectId, TenantId};
use portcullis_auth_core::refresh::{
    Created, Family, Issued, MemoryStore, RefreshErrorKind, RefreshKeys, RefreshPolicy,
    RefreshRequest, RefreshService, RefreshStore, RevokeReason, Rotate, Rotation, State,
    SubjectRevoked,
};
use portcullis_auth_core::revocation::{
    Changes, Cursor, Marks, Refused, Revocation, RevocationStore, Revocations, TokenLife,
};
use portcullis_auth_core::store::{Answer, StoreErrorKind};
use portcullis_auth_core::time::{Clock as _, Timestamp};
use portcullis_secrets::SecretBytes;

use refresh_support::{World, text};

const ANSWERS: u8 = 0;
/// What is asked for is done, and the answer is lost.
const LOSES_ANSWERS: u8 = 1;
/// Nothing is done.
const DOWN: u8 = 2;
/// Sessions have begun that were not there when they were listed.
const LISTS_NONE: u8 = 3;

/// A store that is far away.
#[derive(Debug)]
struct Far(MemoryStore, Arc<AtomicU8>);

impl Far {
    fn change<'a, T, F>(&'a self, change: F) -> Answer<'a, T>
    where
        T: Send + 'a,
        F: FnOnce() -> Answer<'a, T> + Send + 'a,
    {
        Box::pin(async move {
            match self.1.load(Ordering::SeqCst) {
                ANSWERS | LISTS_NONE => change().await,
                LOSES_ANSWERS => {
                    change().await?;
                    Err(StoreErrorKind::Unavailable.into())
                }
                _ => Err(StoreErrorKind::Unavailable.into()),
            }
        })
    }
}

impl RefreshStore for Far {
    fn epoch<'a>(&'a self, tenant: &'a TenantId, subject: &'a SubjectId) -> Answer<'a, u64> {
        self.0.epoch(tenant, subject)
    }

    fn create<'a>(
        &'a self,
        family: &'a Family,
        state: &'a State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Answer<'a, Created> {
        self.change(move || self.0.create(family, state, max_sessions, now))
    }

    fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>> {
        self.0.find(id)
    }

    fn rotate<'a>(&'a self, request: &'a Rotate, now: Timestamp) -> Answer<'a, Option<Rotation>> {
        self.change(move || self.0.rotate(request, now))
    }

    fn revoke<'a>(
        &'a self,
        family: &'a Family,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, bool> {
        self.change(move || self.0.revoke(family, reason, now))
    }

    fn revoke_subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, SubjectRevoked> {
        self.change(move || self.0.revoke_subject(tenant, subject, except, reason, now))
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        now: Timestamp,
    ) -> Answer<'a, Vec<(Arc<Family>, State)>> {
        if self.1.load(Ordering::SeqCst) == LISTS_NONE {
            return Box::pin(async { Ok(Vec::new()) });
        }
        self.0.list(tenant, subject, now)
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        self.0.purge(now, limit)
    }

    fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>> {
        self.0.count_by_key(now)
    }
}

/// A list of revocations that others share, and that is down.
#[derive(Debug)]
struct Unreachable;

impl RevocationStore for Unreachable {
    fn add<'a>(&'a self, _: &'a Revocation, _: Timestamp) -> Answer<'a, ()> {
        Box::pin(async { Err(StoreErrorKind::Unavailable.into()) })
    }

    fn changes(&self, after: Cursor, _: Timestamp) -> Answer<'_, Changes> {
        Box::pin(async move {
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

/// A [`World`] whose sessions take their access tokens along.
struct Ends {
    world: World,
    store: Arc<AtomicU8>,
    revocations: Revocations,
}

impl Ends {
    async fn new() -> Self {
        Self::with(RefreshPolicy::default(), None).await
    }

    async fn with(policy: RefreshPolicy, shared: Option<Unreachable>) -> Self {
        let store = Arc::new(AtomicU8::new(ANSWERS));
        let far = Far(
            MemoryStore::new(NonZeroUsize::MIN.saturating_add(99)),
            store.clone(),
        );
        let far = Arc::new(far);
        let keys = RefreshKeys::new(1, &SecretBytes::generate(32).unwrap()).unwrap();
        let mut world = World::of(far.clone(), keys.clone(), policy).await;
        let life = TokenLife::new(Duration::from_secs(600));
        let revocations = Revocations::builder(life)
            .clock(world.clock.clone())
            .audit(world.events.clone());
        let revocations = match shared {
            Some(store) => revocations.shared(store),
            None => revocations.local(),
        };
        revocations.sync().await.unwrap();
        world.service = RefreshService::builder(far, keys)
            .policy(policy)
            .clock(Arc::new(world.clock.clone()))
            .audit(Arc::new(world.events.clone()))
            .revocations(revocations.clone())
            .start()
            .await
            .unwrap();
        Self {
            world,
            store,
            revocations,
        }
    }

    fn store_is(&self, how: u8) {
        self.store.store(how, Ordering::SeqCst);
    }

    /// Whether access tokens of the session are accepted.
    fn has_tokens(&self, session: &Issued) -> bool {
        let marks = Marks::default().session(session.session());
        let judged = self.revocations.check(&marks, self.world.clock.now());
        assert!(matches!(judged, Ok(()) | Err(Refused::Revoked)));
        judged.is_ok()
    }

    async fn end(&self, session: &Issued) -> Result<bool, StoreErrorKind> {
        let World {
            tenant, subject, ..
        } = &self.world;
        let (reason, context) = (RevokeReason::Owner, Context::default());
        let service = &self.world.service;
        let ended = service.end(tenant, subject, session.session(), reason, &context);
        ended.await.map_err(|error| error.kind())
    }

    async fn end_all(&self, except: Option<&Issued>) -> Result<Vec<SessionId>, StoreErrorKind> {
        let World {
            tenant, subject, ..
        } = &self.world;
        let (reason, context) = (RevokeReason::CredentialChange, Context::default());
        let except = except.map(Issued::session);
        let service = &self.world.service;
        let ended = service.end_all(tenant, subject, except, reason, &context);
        ended.await.map_err(|error| error.kind())
    }

    async fn refused(&self, session: &Issued) -> RefreshErrorKind {
        self.world.refused(&text(session)).await
    }
}

const UNAVAILABLE: StoreErrorKind = StoreErrorKind::Unavailable;

#[tokio::test]
async fn a_session_takes_its_access_tokens_along_whichever_way_it_ends() {
    let ends = Ends::new().await;
    let (one, other) = (ends.world.login().await, ends.world.login().await);
    assert_eq!(ends.end(&one).await, Ok(true));
    assert_eq!(
        (ends.has_tokens(&one), ends.has_tokens(&other)),
        (false, true)
    );
    assert_eq!(
        ends.world.revoke(&text(&other)).await,
        Some(other.session())
    );
    assert!(!ends.has_tokens(&other));

    let copied = ends.world.login().await;
    ends.world.refresh(&text(&copied)).await.unwrap();
    ends.world.clock.advance(Duration::from_secs(11));
    assert!(ends.has_tokens(&copied));
    assert_eq!(ends.refused(&copied).await, RefreshErrorKind::Reuse);
    assert!(!ends.has_tokens(&copied));

    let (acting, other) = (ends.world.login().await, ends.world.login().await);
    assert_eq!(ends.end_all(Some(&acting)).await, Ok(vec![other.session()]));
    assert_eq!(
        (ends.has_tokens(&acting), ends.has_tokens(&other)),
        (true, false)
    );
    let World {
        tenant, subject, ..
    } = &ends.world;
    let of_before = Marks::default().subject(tenant, subject, acting.epoch());
    let judged = || ends.revocations.check(&of_before, ends.world.clock.now());
    assert_eq!(judged(), Ok(()), "the session that acts has such a token");
    // All: also what is left of sessions that are not there any more.
    assert_eq!(ends.end_all(None).await, Ok(vec![acting.session()]));
    assert_eq!(judged(), Err(Refused::Revoked));
}

#[tokio::test]
async fn a_session_that_begins_while_all_are_ended_takes_its_access_tokens_along() {
    let ends = Ends::new().await;
    let (acting, other) = (ends.world.login().await, ends.world.login().await);
    ends.store_is(LISTS_NONE);
    assert_eq!(ends.end_all(Some(&acting)).await, Ok(vec![other.session()]));
    assert_eq!(
        (ends.has_tokens(&acting), ends.has_tokens(&other)),
        (true, false)
    );
}

#[tokio::test]
async fn a_session_that_makes_room_for_another_takes_its_access_tokens_along() {
    let policy = RefreshPolicy::settings().max_sessions(NonZeroU32::MIN);
    let ends = Ends::with(policy.build().unwrap(), None).await;
    let (first, second) = (ends.world.login().await, ends.world.login().await);
    assert_eq!(second.evicted(), [first.session()]);
    assert_eq!(
        (ends.has_tokens(&first), ends.has_tokens(&second)),
        (false, true)
    );
}

// The access tokens were ended after the session, by whoever had got an answer: of one that was lost, they lived on, also after
// another try, which was told that there was nothing to end.
#[tokio::test]
async fn an_answer_that_is_lost_leaves_no_access_token_behind() {
    let ends = Ends::new().await;
    let (one, two) = (ends.world.login().await, ends.world.login().await);
    let (acting, three) = (ends.world.login().await, ends.world.login().await);
    ends.store_is(LOSES_ANSWERS);
    assert_eq!(ends.end(&one).await, Err(UNAVAILABLE));
    let request = text(&two);
    let request = RefreshRequest::new(&request, &ends.world.tenant, &ends.world.client);
    let context = Context::default();
    let revoked = ends.world.service.revoke(&request, &context);
    let error = revoked.await.unwrap_err();
    assert_eq!(error.kind(), RefreshErrorKind::Unavailable);
    assert_eq!(ends.end_all(Some(&acting)).await, Err(UNAVAILABLE));
    for session in [&one, &two, &three] {
        assert!(!ends.has_tokens(session));
    }
    assert!(ends.has_tokens(&acting));

    ends.store_is(ANSWERS);
    assert_eq!(ends.end(&one).await, Ok(false));
    assert_eq!(ends.world.revoke(&text(&two)).await, Some(two.session()));
    assert_eq!(ends.end_all(Some(&acting)).await, Ok(vec![]));
    for session in [&one, &two, &three] {
        assert!(!ends.has_tokens(session));
        assert_eq!(ends.refused(session).await, RefreshErrorKind::Revoked);
    }
    assert!(ends.world.refresh(&text(&acting)).await.is_ok());
}

#[tokio::test]
async fn a_theft_whose_answer_is_lost_is_found_by_whoever_comes_next() {
    let ends = Ends::new().await;
    let first = ends.world.login().await;
    let second = ends.world.refresh(&text(&first)).await.unwrap();
    ends.world.clock.advance(Duration::from_secs(11));
    ends.store_is(LOSES_ANSWERS);
    assert_eq!(ends.refused(&first).await, RefreshErrorKind::Unavailable);
    assert!(ends.has_tokens(&first), "nobody knows yet");
    ends.store_is(ANSWERS);
    // Be it the thief again, or the owner.
    assert_eq!(ends.refused(&second).await, RefreshErrorKind::Revoked);
    assert!(!ends.has_tokens(&first));
}

#[tokio::test]
async fn a_store_that_is_down_ends_access_tokens_all_the_same() {
    let ends = Ends::new().await;
    let (one, other) = (ends.world.login().await, ends.world.login().await);
    ends.store_is(DOWN);
    assert_eq!(ends.end(&one).await, Err(UNAVAILABLE));
    assert!(!ends.has_tokens(&one));
    assert_eq!(ends.end_all(None).await, Err(UNAVAILABLE));
    assert!(!ends.has_tokens(&other));
    ends.store_is(ANSWERS);
    assert_eq!(ends.end(&one).await, Ok(true));
    assert_eq!(ends.end_all(None).await, Ok(vec![other.session()]));
}

// Who tried again was taken for one who asks twice: the tokens of a session that had gone on meanwhile were accepted again as
// soon as the first try was forgotten.
#[tokio::test]
async fn another_try_ends_the_tokens_that_were_issued_since_the_first() {
    let ends = Ends::new().await;
    let session = ends.world.login().await;
    ends.store_is(DOWN);
    assert_eq!(ends.end(&session).await, Err(UNAVAILABLE));
    ends.store_is(ANSWERS);
    // 600 seconds and the leeways: the first try is about to be forgotten.
    ends.world.clock.advance(Duration::from_secs(659));
    let next = ends.world.refresh(&text(&session)).await.unwrap();
    assert_eq!(ends.end(&next).await, Ok(true));
    ends.world.clock.advance(Duration::from_secs(599));
    assert!(!ends.has_tokens(&next));
}

#[tokio::test]
async fn a_list_that_is_down_keeps_no_session_alive() {
    let ends = Ends::with(RefreshPolicy::default(), Some(Unreachable)).await;
    let (one, other) = (ends.world.login().await, ends.world.login().await);
    // Whoever asked learns that others may not know yet.
    assert_eq!(ends.end(&one).await, Err(UNAVAILABLE));
    assert_eq!(ends.end_all(None).await, Err(UNAVAILABLE));
    for session in [&one, &other] {
        assert!(!ends.has_tokens(session));
        assert_eq!(ends.refused(session).await, RefreshErrorKind::Revoked);
    }
    assert_eq!(ends.end(&one).await, Ok(false));
}

#[tokio::test]
async fn access_tokens_end_once_and_for_their_owner_only() {
    let ends = Ends::new().await;
    let session = ends.world.login().await;
    let token = text(&session);
    let bob: SubjectId = "bob".parse().unwrap();
    let (tenant, context) = (&ends.world.tenant, Context::default());
    let reason = RevokeReason::Owner;
    let service = &ends.world.service;
    let elsewhere: TenantId = "elsewhere".parse().unwrap();
    for (tenant, subject) in [(tenant, &bob), (&elsewhere, &ends.world.subject)] {
        let ended = service.end(tenant, subject, session.session(), reason, &context);
        assert!(!ended.await.unwrap());
    }
    let other = "other".parse().unwrap();
    for (tenant, client) in [(tenant, &other), (&elsewhere, &ends.world.client)] {
        let request = RefreshRequest::new(&token, tenant, client);
        assert_eq!(service.revoke(&request, &context).await.unwrap(), None);
    }
    assert!(ends.has_tokens(&session));

    ends.world.events.take();
    for _ in 0..100 {
        assert!(ends.world.revoke(&token).await.is_some());
    }
    assert_eq!(
        ends.revocations.status(ends.world.clock.now()).revocations,
        1
    );
    let told = [EventKind::TokenRevoked; 2];
    assert_eq!(
        ends.world.events.kinds(),
        told,
        "the access tokens, and the session"
    );
}
