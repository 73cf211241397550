mod audit;
mod fields;
mod gcra;
mod layer;
mod limiter;
#[cfg(feature = "metrics")]
mod metrics;
mod quota;
mod store;
mod window;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::store::Algorithm;

pub(super) const SECOND: u64 = 1_000_000_000;

pub(super) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

pub(super) fn keys(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Spends `cost` if it is there.
fn take<A: Algorithm>(algorithm: &A, state: &mut A::State, now: u64, cost: u32) -> Result<(), u64> {
    let next = algorithm.attempt(state, now, n(cost))?;
    algorithm.commit(state, next);
    Ok(())
}

/// Whatever an algorithm says of a state must agree with what it then does.
fn agrees_with_itself<A>(
    algorithm: &A,
    clone: impl Fn(&A::State) -> A::State,
    state: &A::State,
    now: u64,
) where
    A: Algorithm,
{
    let standing = algorithm.standing(&mut clone(state), now);
    let mut spent = clone(state);
    for _ in 0..standing.remaining {
        take(algorithm, &mut spent, now, 1).unwrap();
    }
    assert!(
        take(algorithm, &mut spent, now, 1).is_err(),
        "`remaining` is all there is"
    );

    let limited = algorithm.limited(&mut clone(state), now);
    assert_eq!(limited, standing.remaining == 0);

    if standing.more > 0 {
        let at = |when| algorithm.standing(&mut clone(state), when).remaining;
        assert_eq!(at(now + standing.more - 1), standing.remaining);
        assert!(at(now + standing.more) > standing.remaining);
    }
    assert_eq!(standing.full, algorithm.busy(&mut clone(state), now));
    let full = algorithm.standing(&mut A::State::default(), now);
    assert_eq!(
        algorithm.standing(&mut clone(state), now + standing.full),
        full
    );
    if standing.full > 0 {
        assert_ne!(
            algorithm.standing(&mut clone(state), now + standing.full - 1),
            full
        );
    }
}
