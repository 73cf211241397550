use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use super::table::{MAX_WAITING, Wait};
use super::*;
use crate::throttle::Key;

const ADDRESS: Key = [1; 16];
const NAME: Key = [2; 16];

fn waits(next: Next) -> Wait {
    match next {
        Next::Wait(wait) => wait,
        other => panic!("{other:?}"),
    }
}

/// The answer, if there is one.
fn poll(wait: &mut Wait) -> Option<bool> {
    match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

#[test]
fn room_is_for_who_waits_for_longest() {
    let all = Undecided::default();
    let mut entrants = [(); 2].map(|()| all.enter(vec![ADDRESS]));
    let [mut first, mut second, mut third] =
        [(); 3].map(|()| waits(all.enter(vec![ADDRESS]).refused(vec![ADDRESS])));
    entrants[0].give_back();
    assert_eq!(poll(&mut first), Some(true));
    assert_eq!((poll(&mut second), poll(&mut third)), (None, None));
    // Nobody is left for whom they could wait, but there was room.
    drop(entrants);
    assert_eq!(
        (poll(&mut second), poll(&mut third)),
        (Some(true), Some(true))
    );
    drop((first, second, third));
    assert!(all.is_empty());
}

#[test]
fn nobody_waits_for_who_came_later() {
    let all = Undecided::default();
    let entrant = all.enter(vec![ADDRESS]);
    let mut wait = waits(all.enter(vec![ADDRESS]).refused(vec![ADDRESS]));
    let _later = all.enter(vec![ADDRESS]);
    assert_eq!(poll(&mut wait), None);
    drop(entrant);
    assert_eq!(poll(&mut wait), Some(false));
}

#[test]
fn only_who_is_in_the_full_bucket_is_waited_for() {
    let all = Undecided::default();
    let _elsewhere = all.enter(vec![NAME]);
    let next = all.enter(vec![ADDRESS, NAME]).refused(vec![ADDRESS]);
    assert!(matches!(next, Next::Over), "{next:?}");
    // Once it is known what an attempt was charged for, the rest of it is none of theirs.
    let mut entrant = all.enter(vec![ADDRESS, NAME]);
    let mut wait = waits(all.enter(vec![ADDRESS]).refused(vec![ADDRESS]));
    entrant.charged(vec![NAME]);
    assert_eq!(poll(&mut wait), Some(false));
    // Two buckets free two that wait.
    let mut both = all.enter(vec![ADDRESS, NAME]);
    let _others = [all.enter(vec![ADDRESS]), all.enter(vec![NAME])];
    let wait = |key| waits(all.enter(vec![key]).refused(vec![key]));
    let mut waits = [ADDRESS, ADDRESS, NAME, NAME].map(wait);
    both.give_back();
    let answers = waits.each_mut().map(poll);
    assert_eq!(answers, [Some(true), None, Some(true), None]);
}

#[test]
fn room_that_was_made_before_the_refusal_is_not_missed() {
    let all = Undecided::default();
    let mut entrant = all.enter(vec![ADDRESS]);
    let refused = all.enter(vec![ADDRESS]);
    entrant.give_back();
    let next = refused.refused(vec![ADDRESS]);
    assert!(matches!(next, Next::Again), "{next:?}");
    // What was made before it came was there for it already.
    let next = all.enter(vec![ADDRESS]).refused(vec![ADDRESS]);
    assert!(matches!(next, Next::Over), "{next:?}");
}

#[test]
fn no_more_wait_than_may() {
    let all = Undecided::default();
    let entrant = all.enter(vec![ADDRESS]);
    let refused = || all.enter(vec![ADDRESS]).refused(vec![ADDRESS]);
    let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| waits(refused())).collect();
    assert!(matches!(refused(), Next::Full));
    // Who gives up makes place.
    waiting.pop();
    waiting.push(waits(refused()));
    assert!(matches!(refused(), Next::Full));
    drop((waiting, entrant));
    assert!(all.is_empty());
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_waits_is_woken_once() {
    let all = Undecided::default();
    let entrant = all.enter(vec![ADDRESS, NAME]);
    let _elsewhere = all.enter(vec![NAME]);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let wait = waits(all.enter(vec![ADDRESS]).refused(vec![ADDRESS]));
    let mut wait = pin!(wait);
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(all.enter(vec![ADDRESS]));
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    drop(entrant);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
}

/// Blocks the thread until `wait` has its answer.
fn block_on(wait: Wait) -> bool {
    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut wait = pin!(wait);
    loop {
        match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

// What loom checks for two or three threads in every order, for more of them in some.
#[test]
fn of_many_threads_that_are_right_none_is_refused() {
    let all = Undecided::default();
    let room = Mutex::new(2);
    let attempt = || {
        loop {
            let mut entrant = all.enter(vec![ADDRESS]);
            let admitted = {
                let mut room = room.lock().unwrap();
                let admitted = *room > 0;
                *room -= i32::from(admitted);
                admitted
            };
            if admitted {
                *room.lock().unwrap() += 1;
                entrant.give_back();
                return true;
            }
            match entrant.refused(vec![ADDRESS]) {
                Next::Again => {}
                Next::Wait(wait) => {
                    if !block_on(wait) {
                        return false;
                    }
                }
                Next::Full | Next::Over => return false,
            }
        }
    };
    thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| (0..500).all(|_| attempt())));
        for thread in threads {
            assert!(thread.join().unwrap());
        }
    });
    assert!(all.is_empty());
}
