//! The service: what it stores, what it tells, and what it refuses, with a small table of accounts.
#![cfg(all(feature = "password", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod change;
mod reset;
mod sign_in;

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
