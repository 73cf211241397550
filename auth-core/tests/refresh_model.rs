//! Random histories, against a model that knows nothing of generations: it keeps every token that was ever given out.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::num::NonZeroU32;
use std::time::Duration;

use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SessionId, SubjectId};
use portcullis_auth_core::refresh::{RefreshErrorKind, RefreshPolicy, RevokeReason, SessionInfo};
use portcullis_auth_core::time::{Clock as _, Timestamp};
use proptest::prelude::*;
use refresh_support::{Shared, World, text};

const GRACE: u64 = 10_000;
const IDLE: u64 = 60_000;
const ABSOLUTE: u64 = 200_000;
const MAX_SESSIONS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Login(usize),
    /// Of the sessions there ever were, one, and of its tokens the one so many before the last.
    Refresh(usize, usize),
    Advance(u64),
    Revoke(usize, usize),
    RevokeAll(usize, Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let advance = prop_oneof![
        Just(0),
        Just(1),
        Just(GRACE - 1),
        Just(GRACE),
        Just(GRACE + 1),
        Just(IDLE - 1),
        Just(IDLE),
        0..2 * GRACE,
    ];
    prop_oneof![
        2 => (0..2_usize).prop_map(Step::Login),
        12 => (0..8_usize, 0..4_usize).prop_map(|(session, back)| Step::Refresh(session, back / 2)),
        3 => (0..8_usize, 0..4_usize).prop_map(|(session, back)| Step::Refresh(session, back)),
        4 => advance.prop_map(Step::Advance),
        1 => (0..8_usize, 0..4_usize).prop_map(|(session, back)| Step::Revoke(session, back)),
        1 => (0..2_usize, proptest::option::of(0..8_usize)).prop_map(|(who, kept)| Step::RevokeAll(who, kept)),
    ]
}

struct Session {
    id: SessionId,
    who: usize,
    began: Timestamp,
    ended: bool,
    /// Each token, and when it was first given out.
    tokens: Vec<(String, Timestamp)>,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Token(String),
    New,
    Refused(RefreshErrorKind),
}

impl Session {
    fn last(&self) -> Timestamp {
        self.tokens[self.tokens.len() - 1].1
    }

    fn end(&self) -> Timestamp {
        let idle = self.last().plus(Duration::from_millis(IDLE));
        idle.min(self.began.plus(Duration::from_millis(ABSOLUTE)))
    }

    fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.end()
    }

    /// What the token at `index` should get at `now`.
    fn present(&mut self, index: usize, now: Timestamp) -> Answer {
        if self.ended {
            return Answer::Refused(RefreshErrorKind::Revoked);
        }
        if now >= self.end() {
            return Answer::Refused(RefreshErrorKind::Expired);
        }
        let newer = self.tokens.len() - 1 - index;
        let (current, since) = &self.tokens[self.tokens.len() - 1];
        match newer {
            0 => Answer::New,
            1 if now <= since.plus(Duration::from_millis(GRACE)) => Answer::Token(current.clone()),
            _ => {
                self.ended = true;
                Answer::Refused(RefreshErrorKind::Reuse)
            }
        }
    }
}

fn at(sessions: &mut [Session], session: usize, back: usize) -> Option<(&mut Session, usize)> {
    let count = sessions.len();
    let session = sessions.get_mut(session % count.max(1))?;
    let index = session.tokens.len().saturating_sub(1 + back);
    Some((session, index))
}

async fn follow(store: Shared, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let max = NonZeroU32::new(u32::try_from(MAX_SESSIONS).unwrap()).unwrap();
    let policy = RefreshPolicy::settings()
        .grace(Duration::from_millis(GRACE))
        .idle_lifetime(Duration::from_millis(IDLE))
        .absolute_lifetime(Duration::from_millis(ABSOLUTE))
        .max_sessions(max)
        .build();
    let world = World::with(store, policy.unwrap()).await;
    let people = ["u-0", "u-1"].map(|who| World {
        subject: who.parse::<SubjectId>().unwrap(),
        ..world.clone()
    });
    let context = Context::default();
    let mut sessions: Vec<Session> = Vec::new();
    for step in steps {
        let now = world.clock.now();
        match step {
            Step::Advance(millis) => world.clock.advance(Duration::from_millis(millis)),
            Step::Login(who) => {
                let issued = people[who].login().await;
                let mut others: Vec<_> = sessions
                    .iter_mut()
                    .filter(|session| session.who == who && session.is_live(now))
                    .collect();
                others.sort_by_key(|session| std::cmp::Reverse((session.last(), session.id)));
                for session in others.into_iter().skip(MAX_SESSIONS - 1) {
                    session.ended = true;
                }
                sessions.push(Session {
                    id: issued.session(),
                    who,
                    began: now,
                    ended: false,
                    tokens: vec![(text(&issued), now)],
                });
            }
            Step::Refresh(session, back) => {
                let Some((session, index)) = at(&mut sessions, session, back) else {
                    continue;
                };
                let token = session.tokens[index].0.clone();
                let found = match world.refresh(&token).await {
                    Ok(issued) if issued.is_replay() => Answer::Token(text(&issued)),
                    Ok(issued) => {
                        let fresh = text(&issued);
                        prop_assert!(session.tokens.iter().all(|(old, _)| *old != fresh));
                        prop_assert_eq!(session.present(index, now), Answer::New);
                        session.tokens.push((fresh, now));
                        continue;
                    }
                    Err(error) => Answer::Refused(error.kind()),
                };
                prop_assert_eq!(found, session.present(index, now));
            }
            Step::Revoke(session, back) => {
                let Some((session, index)) = at(&mut sessions, session, back) else {
                    continue;
                };
                let revoked = world.revoke(&session.tokens[index].0).await;
                prop_assert_eq!(revoked, Some(session.id));
                session.ended = true;
            }
            Step::RevokeAll(who, kept) => {
                let count = sessions.len().max(1);
                let kept = kept.and_then(|kept| sessions.get(kept % count).map(|kept| kept.id));
                let reason = RevokeReason::Administrator;
                let (tenant, subject) = (&world.tenant, &people[who].subject);
                let ended = world
                    .service
                    .end_all(tenant, subject, kept, reason, &context);
                let mut ended = ended.await.unwrap();
                ended.sort_unstable();
                let mut expected = Vec::new();
                for session in &mut sessions {
                    if session.who == who && Some(session.id) != kept {
                        if session.is_live(now) {
                            expected.push(session.id);
                        }
                        session.ended = true;
                    }
                }
                expected.sort_unstable();
                prop_assert_eq!(ended, expected);
            }
        }
        let now = world.clock.now();
        for (who, person) in people.iter().enumerate() {
            let listed = world
                .service
                .sessions(&world.tenant, &person.subject, None)
                .await;
            let listed: Vec<_> = listed.unwrap().iter().map(SessionInfo::id).collect();
            let mut live: Vec<_> = sessions
                .iter()
                .filter(|session| session.who == who && session.is_live(now))
                .collect();
            live.sort_by_key(|session| std::cmp::Reverse((session.last(), session.id)));
            let live: Vec<_> = live.iter().map(|session| session.id).collect();
            prop_assert_eq!(listed, live);
        }
    }
    Ok(())
}

fn histories<G>(cases: u32, store: impl AsyncFn() -> Option<(Shared, G)>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let steps = prop::collection::vec(step(), 1..60);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let result = runner.run(&steps, |steps| {
        runtime.block_on(async {
            match store().await {
                Some((store, _guard)) => follow(store, steps).await,
                None => Ok(()),
            }
        })
    });
    result.unwrap();
}

#[test]
fn memory_does_as_the_model() {
    histories(500, refresh_support::memory);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_does_as_the_model() {
    histories(60, async || Some(refresh_support::sqlite_in_memory().await));
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_does_as_the_model() {
    histories(10, refresh_support::postgres);
}

#[cfg(feature = "redis")]
#[test]
fn redis_does_as_the_model() {
    histories(60, refresh_support::redis);
}
