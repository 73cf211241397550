//! A source that a test serves, and values that tell when they are wiped.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use zeroize::Zeroize;

use crate::rotate::{Reload, Rotating, Rotation};
use crate::source::{Lease, Loading, SecretSource, SourceError, SourceErrorKind, Versioned};
use crate::{Secret, SecretBytes};

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A source that delivers what the test puts into it.
#[derive(Clone, Debug)]
pub(super) struct Desk(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    content: Mutex<Result<(String, Option<Lease>), SourceErrorKind>>,
    loads: AtomicUsize,
    /// Each load takes one.
    permits: Semaphore,
}

impl Desk {
    pub(super) fn new(content: &str) -> Self {
        Self(Arc::new(Inside {
            content: Mutex::new(Ok((content.to_owned(), None))),
            loads: AtomicUsize::new(0),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    pub(super) fn put(&self, content: &str) {
        *self.0.content.lock().unwrap() = Ok((content.to_owned(), None));
    }

    pub(super) fn lease(&self, content: &str, valid_for: u64, renew_after: u64) {
        let lease = Lease {
            valid_for: seconds(valid_for),
            renew_after: seconds(renew_after),
        };
        *self.0.content.lock().unwrap() = Ok((content.to_owned(), Some(lease)));
    }

    pub(super) fn fail(&self, kind: SourceErrorKind) {
        *self.0.content.lock().unwrap() = Err(kind);
    }

    /// Lets no load end that is not permitted to.
    pub(super) fn hold(&self) {
        let permits = self.0.permits.available_permits();
        self.0.permits.forget_permits(permits);
    }

    /// Lets `loads` of those end that are held.
    pub(super) fn permit(&self, loads: usize) {
        self.0.permits.add_permits(loads);
    }

    /// Puts it there, and has it taken over.
    pub(super) async fn rotate<T>(&self, secret: &Rotating<T>, content: &str)
    where
        T: Send + Sync + 'static,
    {
        self.put(content);
        let reloaded = secret.reload().await.unwrap();
        assert!(matches!(reloaded, Reload::Rotated(_)), "{reloaded:?}");
    }

    pub(super) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }
}

impl SecretSource for Desk {
    fn load(&self) -> Loading<'_> {
        Box::pin(async {
            self.0.loads.fetch_add(1, Ordering::SeqCst);
            let content = self.0.content.lock().unwrap().clone();
            self.0.permits.acquire().await.unwrap().forget();
            let (content, lease) = content.map_err(|kind| SourceError::new(kind, "desk"))?;
            Ok(Versioned::from(SecretBytes::from(content.as_bytes())).lease(lease))
        })
    }
}

pub(super) fn rotation(desk: &Desk) -> Rotation<SecretBytes, crate::SecretString> {
    Rotation::new("token_key", desk.clone()).text()
}

/// Remembers which values have been wiped.
#[derive(Clone, Default)]
pub(super) struct Wiped(Arc<Mutex<HashSet<String>>>);

pub(super) struct Marked {
    pub(super) name: String,
    wiped: Wiped,
}

impl Zeroize for Marked {
    fn zeroize(&mut self) {
        self.wiped.0.lock().unwrap().insert(self.name.clone());
    }
}

impl Wiped {
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().unwrap().iter().cloned().collect();
        names.sort();
        names
    }

    pub(super) fn watch(&self, desk: &Desk) -> Rotation<SecretBytes, Secret<Marked>> {
        let wiped = self.clone();
        Rotation::new("token_key", desk.clone()).parse(move |bytes| {
            let name = String::from_utf8(bytes.expose_secret().to_vec()).unwrap();
            let wiped = wiped.clone();
            Ok(Secret::new(Marked { name, wiped }))
        })
    }
}
