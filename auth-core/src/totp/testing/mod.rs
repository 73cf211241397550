//! What every [`TotpStore`] must do, as tests that any store can be put to.

mod races;
mod rules;

use std::sync::Arc;

use portcullis_secrets::SecretBytes;

use super::{
    Acceptance, Accepted, Attempted, CHALLENGE_LIFETIME, Challenge, Factor, FactorId, Hash, Owner,
    Proof, Sealed, TotpStore,
};
use crate::id::ClientId;
use crate::testing::ManualClock;
use crate::time::{Clock as _, Timestamp};

type Shared = Arc<dyn TotpStore>;

/// Puts a store to the test.
///
/// It needs a runtime with its timer on, and should have several threads. What others keep in the same store does not
/// matter, unless it is purged.
///
/// # Panics
///
/// When the store fails, or does not do what it should.
pub async fn store_conformance(store: Arc<dyn TotpStore>) {
    rules::factors_are_pending_then_active_then_gone(&store).await;
    races::of_parallel_codes_of_one_step_one_is_accepted(&store).await;
    races::of_parallel_tries_no_more_are_granted_than_there_are(&store).await;
    rules::a_challenge_is_for_one_client_and_one_success(&store).await;
    rules::wrong_codes_are_counted_over_all_challenges(&store).await;
    rules::recovery_codes_work_once_and_thaw(&store).await;
    races::of_parallel_uses_of_a_recovery_code_one_succeeds(&store).await;
    races::parallel_regenerations_leave_one_set(&store).await;
    rules::owners_are_kept_apart_and_forgotten_whole(&store).await;
    rules::what_is_over_is_purged(&store).await;
}

fn now() -> Timestamp {
    ManualClock::default().now()
}

fn client() -> ClientId {
    "app".parse().expect("it is an identifier")
}

fn random() -> Hash {
    let bytes = SecretBytes::generate(32).expect("there is randomness");
    let mut hash = [0; 32];
    hash.copy_from_slice(bytes.expose_secret());
    hash
}

fn owner() -> Owner {
    let name = SecretBytes::from(&random()[..16]).to_hex();
    let name = name.expose_secret();
    let tenant = name.parse().expect("it is an identifier");
    Owner::new(&tenant, &"ann".parse().expect("it is an identifier"))
}

fn factor(now: Timestamp) -> Factor {
    let sealed = Sealed {
        key_id: 200,
        bytes: random().to_vec(),
    };
    Factor::pending(FactorId::generate(), sealed, now)
}

/// An owner with an active factor, of which step 100 was used.
async fn enrolled(store: &Shared) -> (Owner, FactorId) {
    let (owner, factor) = (owner(), factor(now()));
    assert!(store.enrol(&owner, &factor).await.expect("it answers"));
    let active = store.activate(&owner, factor.id, 100, 0, now()).await;
    assert!(active.expect("it answers"));
    (owner, factor.id)
}

async fn challenge(store: &Shared, owner: &Owner, now: Timestamp) -> Hash {
    let challenge = Challenge {
        hash: random(),
        owner: owner.clone(),
        client: client(),
        epoch: 7,
        expires_at: now.plus(CHALLENGE_LIFETIME),
        tries: 0,
        used_at: None,
    };
    store.open(&challenge).await.expect("it answers");
    challenge.hash
}

async fn attempt(store: &Shared, hash: &Hash, proof: Proof, now: Timestamp) -> Attempted {
    let attempted = store.attempt(hash, &client(), proof, now).await;
    attempted.expect("it answers")
}

fn is_granted(attempted: &Attempted) -> bool {
    matches!(attempted, Attempted::Granted { .. })
}

fn acceptance(challenge: Hash, owner: &Owner, factor: FactorId, step: i64) -> Acceptance {
    Acceptance {
        challenge,
        owner: owner.clone(),
        factor,
        step,
        drift: -1,
        resealed: None,
    }
}

async fn accept(store: &Shared, acceptance: &Acceptance) -> Accepted {
    store.accept(acceptance, now()).await.expect("it answers")
}
