//! What every [`RefreshStore`] has to keep to, as tests that the author of a store can run.
//!
//! ```no_run
//! # use std::num::NonZeroUsize;
//! # use std::sync::Arc;
//! use portcullis_auth_core::refresh::{MemoryStore, RefreshStore};
//!
//! /// An empty store, for each test another, and what has to live as long, such as its folder; none where the database is
//! /// not there.
//! async fn store() -> Option<(Arc<dyn RefreshStore>, ())> {
//!     Some((Arc::new(MemoryStore::new(NonZeroUsize::new(10_000)?)), ()))
//! }
//!
//! portcullis_auth_core::store_conformance!(store);
//! ```
//!
//! The macro writes tests for `tokio`, which the crate that uses it has to have with `macros` and `rt-multi-thread`. Each is a
//! function of this module as well.
#![expect(
    clippy::missing_panics_doc,
    reason = "a test that fails panics, and that is all it does"
)]

mod fleet;
mod races;
mod rules;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;

use super::{
    Authentic, Created, Family, Nonce, RefreshKeys, RefreshPolicy, RefreshStore, RefreshToken,
    Rotate, State,
};
use crate::id::{SessionId, SubjectId};
use crate::time::Timestamp;

pub use fleet::Fleet;
pub use races::{
    no_login_outlives_what_ended_all_sessions, no_refresh_outlives_a_revocation,
    of_many_logins_no_more_than_allowed_stay, of_many_who_present_a_token_one_rotates,
    without_a_grace_the_second_ends_the_family,
};
pub use rules::{
    ended_families_stay_until_nobody_can_ask, every_answer_is_the_decision,
    families_are_kept_as_they_are, keys_are_counted_by_live_families,
    one_session_can_be_kept_when_all_end, only_the_living_are_listed,
    the_last_generation_has_no_successor, the_least_recently_refreshed_is_evicted,
    what_is_not_there_is_no_error,
};

/// Tests of a store: see the [module](crate::refresh::testing).
///
/// The argument is a function `async fn() -> Option<(Arc<dyn RefreshStore>, T)>`; `T` is dropped when the test is over.
#[macro_export]
macro_rules! store_conformance {
    ($factory:expr) => {
        $crate::store_conformance! {
            $factory =>
            ended_families_stay_until_nobody_can_ask
            every_answer_is_the_decision
            families_are_kept_as_they_are
            keys_are_counted_by_live_families
            no_login_outlives_what_ended_all_sessions
            no_refresh_outlives_a_revocation
            of_many_logins_no_more_than_allowed_stay
            of_many_who_present_a_token_one_rotates
            one_session_can_be_kept_when_all_end
            only_the_living_are_listed
            the_last_generation_has_no_successor
            the_least_recently_refreshed_is_evicted
            what_is_not_there_is_no_error
            without_a_grace_the_second_ends_the_family
        }
    };
    ($factory:expr => $($test:ident)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                if let ::std::option::Option::Some((store, _guard)) = $factory().await {
                    $crate::refresh::testing::$test(store).await;
                }
            }
        )*
    };
}

/// A subject with a store, and a clock that only the test moves.
#[derive(Clone, Debug)]
struct Kit {
    store: Arc<dyn RefreshStore>,
    keys: RefreshKeys,
    policy: RefreshPolicy,
    subject: SubjectId,
    now: Timestamp,
}

impl Kit {
    fn new(store: Arc<dyn RefreshStore>) -> Self {
        let key = SecretBytes::generate(32).unwrap_or_else(fail);
        Self {
            store,
            keys: RefreshKeys::new(7, &key).unwrap_or_else(fail),
            policy: RefreshPolicy::default(),
            subject: "u-1".parse().unwrap_or_else(fail),
            now: Timestamp::MIN.plus(Duration::from_secs(1_790_000_000)),
        }
    }

    fn policy(mut self, settings: super::RefreshSettings) -> Self {
        self.policy = settings.build().unwrap_or_else(fail);
        self
    }

    fn subject(mut self, subject: &str) -> Self {
        self.subject = subject.parse().unwrap_or_else(fail);
        self
    }

    /// A family that begins now, not kept yet.
    fn family(&self) -> Family {
        let nonce = SecretBytes::generate(32).unwrap_or_else(fail);
        let nonce = nonce.expose(|nonce| nonce.try_into().unwrap_or_else(fail));
        Family {
            id: SessionId::generate(),
            tenant: "acme".parse().unwrap_or_else(fail),
            subject: self.subject.clone(),
            client: "web".parse().unwrap_or_else(fail),
            key_id: 7,
            nonce: Nonce::from_bytes(nonce),
            created_at: self.now,
            expires_at: self.now.plus(self.policy.absolute),
            scopes: "orders:read openid".parse().unwrap_or_else(fail),
            amr: "pwd otp".parse().unwrap_or_else(fail),
            acr: None,
            auth_time: self.now,
            dpop_jkt: None,
            user_agent: None,
            ip: None,
        }
    }

    async fn epoch(&self) -> u64 {
        let family = self.family();
        let epoch = self.store.epoch(&family.tenant, &family.subject).await;
        epoch.unwrap_or_else(fail)
    }

    /// A login whose password was checked while the epoch was `epoch`.
    async fn login_at(&self, epoch: u64) -> (Arc<Family>, Created) {
        let family = Arc::new(self.family());
        let state = State::new(&family, epoch, &self.policy);
        let limit = self.policy.max_sessions;
        let created = self.store.create(&family, &state, limit, self.now).await;
        (family, created.unwrap_or_else(fail))
    }

    async fn login(&self) -> Arc<Family> {
        let (family, created) = self.login_at(self.epoch().await).await;
        assert!(matches!(created, Created::Kept { .. }), "{created:?}");
        family
    }

    fn token(&self, family: &Arc<Family>, generation: u32) -> Authentic {
        let text = self.keys.token(family, generation).unwrap_or_else(fail);
        let token = text.expose(RefreshToken::parse).unwrap_or_else(fail);
        let authentic = self.keys.verify(&token, family.clone());
        let authentic = authentic.unwrap_or_else(fail);
        authentic.unwrap_or_else(|| panic!("our own token is not authentic"))
    }

    fn request(&self, family: &Arc<Family>, generation: u32) -> Rotate {
        let token = self.token(family, generation);
        let (tenant, client) = (family.tenant.clone(), family.client.clone());
        Rotate::new(token, tenant, client, self.policy)
    }

    async fn rotate(&self, family: &Arc<Family>, generation: u32) -> super::Rotation {
        let request = self.request(family, generation);
        let rotation = self.store.rotate(&request, self.now).await;
        let rotation = rotation.unwrap_or_else(fail);
        rotation.unwrap_or_else(|| panic!("the family is gone"))
    }
}

/// In a suite of tests an error is a failed test.
#[track_caller]
fn fail<T>(error: impl fmt::Debug) -> T {
    panic!("{error:?}")
}
