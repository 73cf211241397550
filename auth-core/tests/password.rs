//! The service: what it stores, what it tells, and what it refuses, with a small table of accounts.
#![cfg(all(feature = "password", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind, Severity};
use portcullis_auth_core::password::{
    Account, BreachChecker, BreachFilter, Candidate, ContextWords, HashParams, Hasher,
    MemoryResetStore, PasswordErrorKind, PasswordHash, PasswordPolicy, PasswordStore, Passwords,
    Peppers, Precision, Reason, Stored, Verdict, Verified,
};
use portcullis_auth_core::store::{Answer, StoreErrorKind};
use portcullis_auth_core::testing::ManualClock;
use portcullis_secrets::{Password, SecretBytes, SecretString};

const OLD: &str = "correct horse battery stable";
const NEW: &str = "nine wobbly trees of tomorrow";
const BREACHED: &str = "seventeen candles burn slowly";

#[derive(Clone, Debug)]
struct Row {
    hash: PasswordHash,
    epoch: u64,
}

/// A table of accounts, whose every method is one statement.
#[derive(Debug, Default)]
struct Table {
    rows: Mutex<HashMap<Account, Row>>,
    down: AtomicBool,
}

impl Table {
    fn row(&self, account: &Account) -> Row {
        self.rows.lock().unwrap()[account].clone()
    }

    fn set(&self, account: &Account, hash: PasswordHash) {
        let row = Row { hash, epoch: 0 };
        self.rows.lock().unwrap().insert(account.clone(), row);
    }

    fn replace(
        &self,
        account: &Account,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        epochs: u64,
    ) -> Answer<'_, bool> {
        if self.down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreErrorKind::Unavailable.into()) });
        }
        let mut rows = self.rows.lock().unwrap();
        let row = rows.get_mut(account);
        let current = row.filter(|row| old.is_none_or(|old| row.hash == *old));
        let replaced = current.is_some();
        if let Some(row) = current {
            row.hash = new.clone();
            row.epoch += epochs;
        }
        Box::pin(async move { Ok(replaced) })
    }
}

impl PasswordStore for Table {
    fn rehash<'a>(
        &'a self,
        account: &'a Account,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        self.replace(account, Some(old), new, 0)
    }

    fn change<'a>(
        &'a self,
        account: &'a Account,
        old: Option<&'a PasswordHash>,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        self.replace(account, old, new, 1)
    }
}

#[derive(Debug, Default)]
struct Journal(Mutex<Vec<Event>>);

impl Journal {
    /// What happened since the last time it was asked.
    fn take(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        let told = events
            .iter()
            .map(|event| (event.kind().as_str(), event.reason_ref()));
        told.collect()
    }
}

impl AuditSink for Journal {
    fn record(&self, event: &Event) {
        for secret in [OLD, NEW, BREACHED, "argon2id", "rst_"] {
            assert!(!format!("{event:?}").contains(secret), "{event:?}");
        }
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A list of breaches that can be out of reach.
#[derive(Debug)]
struct Breaches(BreachFilter, AtomicBool);

impl BreachChecker for Breaches {
    fn is_breached<'a>(&'a self, sha1: &'a [u8; 20]) -> Answer<'a, bool> {
        if self.1.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreErrorKind::Unavailable.into()) });
        }
        self.0.is_breached(sha1)
    }
}

struct World {
    passwords: Passwords,
    hasher: Hasher,
    table: Arc<Table>,
    breaches: Arc<Breaches>,
    journal: Arc<Journal>,
    clock: ManualClock,
    account: Account,
    context: Context,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::default();
        let (table, journal) = (Arc::new(Table::default()), Arc::new(Journal::default()));
        let hasher = Hasher::settings(HashParams::danger_cheapest())
            .build()
            .unwrap();
        let filter = BreachFilter::build(BREACHES.as_bytes(), 1, Precision::Bits16).unwrap();
        let breaches = Arc::new(Breaches(filter, AtomicBool::new(false)));
        let passwords = Passwords::new(
            hasher.clone(),
            PasswordPolicy::single_factor(),
            table.clone(),
            Arc::new(MemoryResetStore::new(NonZeroUsize::new(10).unwrap())),
            Arc::new(clock.clone()),
            journal.clone(),
        );
        let account = account("u-1");
        table.set(&account, hasher.hash(&OLD.into()).await.unwrap());
        Self {
            passwords: passwords.breach_checker(breaches.clone()),
            hasher,
            table,
            breaches,
            journal,
            clock,
            account,
            context: Context::default().ip("192.0.2.7".parse().unwrap()),
        }
    }

    async fn login(&self, password: &str) -> Option<Verified> {
        let hash = self.table.row(&self.account).hash;
        let stored = Stored {
            account: &self.account,
            hash: &hash,
        };
        let password = Password::from(password);
        match self
            .passwords
            .verify(&password, Some(stored), &self.context)
            .await
            .unwrap()
        {
            Verdict::Right(verified) => Some(verified),
            Verdict::Wrong => None,
        }
    }

    async fn change(
        &self,
        current: &str,
        new: &str,
    ) -> Result<(), (PasswordErrorKind, Vec<Reason>)> {
        let hash = self.table.row(&self.account).hash;
        let stored = Stored {
            account: &self.account,
            hash: &hash,
        };
        let (current, new) = (Password::from(current), Password::from(new));
        let words = ContextWords::new().user("u-1");
        let candidate = Candidate {
            password: &new,
            words: &words,
        };
        let changed = self
            .passwords
            .change(stored, &current, candidate, &self.context)
            .await;
        changed.map_err(|error| {
            let reasons = error
                .rejection()
                .map(|rejection| rejection.reasons().to_vec());
            (error.kind(), reasons.unwrap_or_default())
        })
    }

    async fn reset(&self, token: &str, new: &str) -> Result<(), PasswordErrorKind> {
        let ticket = self
            .passwords
            .find_reset(&SecretString::from(token), &Context::default())
            .await;
        let ticket = ticket.map_err(|error| error.kind())?;
        assert_eq!(*ticket.account(), self.account);
        let hash = self.table.row(&self.account).hash;
        let (new, words) = (Password::from(new), ContextWords::new());
        let candidate = Candidate {
            password: &new,
            words: &words,
        };
        let reset = self
            .passwords
            .reset(&ticket, Some(&hash), candidate, &self.context)
            .await;
        reset.map_err(|error| error.kind())
    }

    async fn reset_token(&self) -> String {
        let token = self.passwords.issue_reset(&self.account).await.unwrap();
        token.expose_secret().into()
    }
}

fn account(subject: &str) -> Account {
    Account {
        tenant: "acme".parse().unwrap(),
        subject: subject.parse().unwrap(),
    }
}

/// As the downloader of Have I Been Pwned writes it.
const BREACHES: &str = "D153FFD384A0F6D0005010D94DBF2C2357F08FDA:2\r\n";

#[tokio::test]
async fn a_sign_in_says_right_or_wrong_and_nothing_else() {
    let world = World::new().await;
    let verified = world.login(OLD).await.unwrap();
    assert!(verified.rehash.is_none() && !verified.must_change);
    assert!(world.login(NEW).await.is_none());
    let unknown = world
        .passwords
        .verify(&OLD.into(), None, &world.context)
        .await;
    assert!(matches!(unknown, Ok(Verdict::Wrong)));
    assert_eq!(world.journal.take(), []);
}

#[tokio::test]
async fn an_imported_hash_is_made_anew_at_the_first_sign_in() {
    let world = World::new().await;
    // By Django, of the password above.
    world.table.set(
        &world.account,
        PasswordHash::new(
            "pbkdf2_sha256$1000$saltsalt01234567$ydj8UpZqgjQ8T73+/JkmtTHmmBlBXv0SHmPes08B5Xk=",
        ),
    );
    let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
    let replaced = world
        .passwords
        .rehash(&world.account, rehash, &world.context)
        .await;
    assert!(replaced.unwrap());
    let row = world.table.row(&world.account);
    assert!(row.hash.as_str().starts_with("$argon2id$"));
    assert_eq!(row.epoch, 0, "no session ends");
    assert!(world.login(OLD).await.unwrap().rehash.is_none());
    assert_eq!(world.journal.take(), [("password_rehashed", None)]);
}

// AUTH case 34
#[tokio::test]
async fn a_new_hash_of_the_old_password_never_undoes_a_change() {
    let world = World::new().await;
    let weak = "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rIpYFlGO+/zrry1Cpxg4oFMCUZeiJ70rSHl8mFlRUuA";
    for change_first in [true, false] {
        world.table.set(&world.account, PasswordHash::new(weak));
        let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
        let rehashed = world
            .passwords
            .rehash(&world.account, rehash, &world.context);
        if change_first {
            world.change(OLD, NEW).await.unwrap();
            assert!(!rehashed.await.unwrap());
        } else {
            let (rehashed, changed) = tokio::join!(rehashed, world.change(OLD, NEW));
            // Whoever comes second finds another hash than the one it had read, unless it read when the first was through.
            let rehashed = rehashed.unwrap();
            match changed {
                Ok(()) => {}
                Err(error) => {
                    assert!(rehashed);
                    assert_eq!(error, (PasswordErrorKind::Changed, vec![]));
                    world.change(OLD, NEW).await.unwrap();
                }
            }
        }
        assert!(world.login(NEW).await.is_some());
        assert!(world.login(OLD).await.is_none());
    }
}

#[tokio::test]
async fn a_change_that_was_overtaken_changes_nothing() {
    let world = World::new().await;
    let stale = world.table.row(&world.account).hash;
    world.change(OLD, NEW).await.unwrap();
    let stored = Stored {
        account: &world.account,
        hash: &stale,
    };
    let (third, words) = (
        Password::from("ten lazy clouds over the harbour"),
        ContextWords::new(),
    );
    let candidate = Candidate {
        password: &third,
        words: &words,
    };
    let overtaken = world
        .passwords
        .change(stored, &Password::from(OLD), candidate, &world.context)
        .await;
    assert_eq!(overtaken.unwrap_err().kind(), PasswordErrorKind::Changed);
    assert!(world.login(NEW).await.is_some());
    assert_eq!(world.table.row(&world.account).epoch, 1);
}

#[tokio::test]
async fn a_rehash_that_fails_leaves_the_old_hash_in_force() {
    let world = World::new().await;
    world.table.set(
        &world.account,
        PasswordHash::new(
            "pbkdf2_sha256$1000$saltsalt01234567$ydj8UpZqgjQ8T73+/JkmtTHmmBlBXv0SHmPes08B5Xk=",
        ),
    );
    let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
    world.table.down.store(true, Ordering::SeqCst);
    let error = world
        .passwords
        .rehash(&world.account, rehash, &world.context)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        PasswordErrorKind::Store(StoreErrorKind::Unavailable)
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(world.login(OLD).await.unwrap().rehash.is_some());
    assert_eq!(world.journal.take(), []);
}

#[tokio::test]
async fn a_breached_password_is_refused_when_it_is_chosen_and_must_be_changed_when_it_is_used() {
    let world = World::new().await;
    let refused = Err((PasswordErrorKind::Refused, vec![Reason::Breached]));
    assert_eq!(world.change(OLD, BREACHED).await, refused);
    let told = [
        ("password_breached", Some("change")),
        ("authn_password_change_fail", Some("refused")),
    ];
    assert_eq!(world.journal.take(), told);

    let (password, words) = (Password::from(BREACHED), ContextWords::new());
    let candidate = Candidate {
        password: &password,
        words: &words,
    };
    let error = world.passwords.choose(candidate).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().reasons(), [Reason::Breached]);

    // It was chosen before the breach was known.
    let hash = world.hasher.hash(&password).await.unwrap();
    world.table.set(&world.account, hash);
    assert!(world.login(BREACHED).await.unwrap().must_change);
    assert_eq!(world.journal.take(), [("password_breached", Some("login"))]);
    assert!(world.login(OLD).await.is_none());
    assert_eq!(
        world.journal.take(),
        [],
        "a wrong password is looked up nowhere"
    );
}

#[tokio::test]
async fn a_list_of_breaches_out_of_reach_keeps_nobody_out_and_lets_nothing_in() {
    let world = World::new().await;
    world.breaches.1.store(true, Ordering::SeqCst);
    assert!(!world.login(OLD).await.unwrap().must_change);
    let unavailable = PasswordErrorKind::Store(StoreErrorKind::Unavailable);
    assert_eq!(world.change(OLD, NEW).await, Err((unavailable, vec![])));
    assert!(world.login(OLD).await.is_some());
}

#[tokio::test]
async fn to_change_a_password_takes_the_current_one_and_ends_all_sessions() {
    let world = World::new().await;
    let token = world.reset_token().await;
    world.journal.take();
    for (current, new, expected) in [
        (
            NEW,
            NEW,
            (PasswordErrorKind::Refused, vec![Reason::Current]),
        ),
        (
            OLD,
            OLD,
            (PasswordErrorKind::Refused, vec![Reason::Current]),
        ),
        ("wrong", NEW, (PasswordErrorKind::WrongCurrent, vec![])),
        ("", NEW, (PasswordErrorKind::Length, vec![])),
        (
            OLD,
            "short",
            (
                PasswordErrorKind::Refused,
                vec![Reason::TooShort { min: 15 }],
            ),
        ),
    ] {
        let error = world.change(current, new).await.unwrap_err();
        assert_eq!(error.0, expected.0, "{current} {new}");
        assert!(expected.1.iter().all(|reason| error.1.contains(reason)));
    }
    let failures = world.journal.take();
    assert_eq!(failures.len(), 5);
    assert!(
        failures
            .iter()
            .all(|(event, _)| *event == "authn_password_change_fail")
    );
    assert_eq!(world.table.row(&world.account).epoch, 0);

    world.change(OLD, NEW).await.unwrap();
    assert_eq!(
        world.journal.take(),
        [("authn_password_change", Some("change"))]
    );
    assert_eq!(world.table.row(&world.account).epoch, 1);
    assert!(world.login(NEW).await.is_some());
    assert!(world.login(OLD).await.is_none());
    // A token that somebody had sent for before is void.
    world.journal.take();
    let refused = [("authn_password_change_fail", Some("reset_token"))];
    for token in [&token, "rst_", "made up"] {
        assert_eq!(
            world.reset(token, OLD).await,
            Err(PasswordErrorKind::ResetToken)
        );
        assert_eq!(world.journal.take(), refused);
    }
}

#[tokio::test]
async fn the_current_password_is_the_same_however_it_is_typed() {
    let world = World::new().await;
    let composed = "caf\u{e9} on nine wobbly trees";
    let hash = world.hasher.hash(&composed.into()).await.unwrap();
    world.table.set(&world.account, hash);
    let decomposed = "cafe\u{301} on nine wobbly trees";
    let refused = Err((PasswordErrorKind::Refused, vec![Reason::Current]));
    assert_eq!(world.change(composed, decomposed).await, refused);
}

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

#[tokio::test]
async fn a_hash_that_cannot_be_used_is_no_wrong_password_and_is_told_to_the_operator() {
    let world = World::new().await;
    let secret = SecretBytes::generate(32).unwrap();
    let peppered = Hasher::settings(HashParams::danger_cheapest())
        .peppers(Peppers::new("lost".parse().unwrap(), secret).unwrap())
        .build()
        .unwrap();
    let peppered = peppered.hash(&OLD.into()).await.unwrap();
    let good = world.table.row(&world.account).hash;
    let greedy = PasswordHash::new(good.as_str().replace("m=8", "m=4194304"));
    for (hash, kind, event, reason) in [
        (
            greedy,
            PasswordErrorKind::ParamsRejected,
            "hash_params_rejected",
            "params_rejected",
        ),
        (
            peppered,
            PasswordErrorKind::PepperUnknown,
            "pepper_unknown",
            "pepper_unknown",
        ),
        (
            PasswordHash::new("$1$x$y"),
            PasswordErrorKind::UnknownScheme,
            "hash_params_rejected",
            "unknown_scheme",
        ),
        (
            PasswordHash::new("$argon2id$"),
            PasswordErrorKind::Malformed,
            "hash_params_rejected",
            "malformed",
        ),
    ] {
        world.table.set(&world.account, hash.clone());
        let stored = Stored {
            account: &world.account,
            hash: &hash,
        };
        let verdict = world
            .passwords
            .verify(&OLD.into(), Some(stored), &world.context)
            .await;
        let error = verdict.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.retry_after(), None);
        {
            let events = world.journal.0.lock().unwrap();
            assert_eq!(events[0].subject_ref(), Some("u-1"));
            assert_eq!(events[0].context_ref(), &world.context);
            let critical = events[0].severity_ref() == Severity::Critical;
            assert_eq!(critical, events[0].kind() == EventKind::PepperUnknown);
            assert_eq!(events[0].key_id_ref().is_some(), critical);
        }
        assert_eq!(world.journal.take(), [(event, Some(reason))]);
        // The way out for the owner.
        let token = world.reset_token().await;
        assert_eq!(world.reset(&token, NEW).await, Ok(()));
        assert!(world.login(NEW).await.is_some());
        world.journal.take();
    }
}

#[tokio::test]
async fn the_service_can_be_shared_and_its_answers_awaited_anywhere() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let world = World::new().await;
    shared(&world.passwords);
    let (password, words) = (Password::from(NEW), ContextWords::new());
    let new = Candidate {
        password: &password,
        words: &words,
    };
    let hash = world.table.row(&world.account).hash;
    let stored = Stored {
        account: &world.account,
        hash: &hash,
    };
    let (passwords, context) = (&world.passwords, &world.context);
    sent(&passwords.verify(&password, Some(stored), context));
    sent(&passwords.change(stored, &password, new, context));
    sent(&passwords.choose(new));
    sent(&passwords.issue_reset(&world.account));
    assert!(!format!("{:?} {new:?} {stored:?}", world.passwords).contains(NEW));
}
