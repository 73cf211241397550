//! The table on loom's lock, in every order in which threads can take it.

use std::pin::pin;
use std::task::{Context, Waker};

use loom::future::block_on;
use loom::sync::{Arc, Mutex};
use loom::thread;

use self::table::{Entrant, Next, Undecided};
use crate::throttle::Key;

mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::{Arc, Mutex, MutexGuard};
}

#[expect(clippy::duplicate_mod, reason = "the same code on another lock")]
#[path = "table.rs"]
mod table;

const KEY: Key = [7; 16];

/// A bucket that has room for one, and those who want it.
#[derive(Clone)]
struct World {
    room: Arc<Mutex<u32>>,
    all: Undecided,
}

impl World {
    fn new() -> Self {
        Self {
            room: Arc::new(Mutex::new(1)),
            all: Undecided::default(),
        }
    }

    fn charge(&self) -> bool {
        let mut room = self.room.lock().unwrap();
        let admitted = *room > 0;
        *room -= u32::from(admitted);
        admitted
    }

    fn give_back(&self, entrant: &mut Entrant) {
        *self.room.lock().unwrap() += 1;
        entrant.give_back();
    }

    /// What a gate does for one attempt: whether it was admitted.
    fn attempt(&self, is_right: bool) -> bool {
        loop {
            let mut entrant = self.all.enter(vec![KEY]);
            if self.charge() {
                entrant.charged(vec![KEY]);
                if is_right {
                    self.give_back(&mut entrant);
                }
                return true;
            }
            match entrant.refused(vec![KEY]) {
                Next::Again => {}
                Next::Wait(wait) => {
                    if !block_on(wait) {
                        return false;
                    }
                }
                Next::Full | Next::Over => return false,
            }
        }
    }

    fn parallel(&self, are_right: [bool; 2]) -> u32 {
        let threads = are_right.map(|is_right| {
            let world = self.clone();
            thread::spawn(move || world.attempt(is_right))
        });
        threads
            .into_iter()
            .map(|thread| u32::from(thread.join().unwrap()))
            .sum()
    }
}

fn model(check: impl Fn(World) + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    // Faults hide in few switches between threads, if in any; without a bound this takes minutes.
    model.preemption_bound = Some(3);
    model.check(move || {
        let world = World::new();
        check(world.clone());
        assert!(world.all.is_empty());
    });
}

#[test]
fn of_attempts_that_are_right_none_is_refused() {
    model(|world| {
        assert_eq!(world.parallel([true, true]), 2);
    });
}

#[test]
fn of_three_that_are_right_none_is_refused() {
    model(|world| {
        let other = world.clone();
        let other = thread::spawn(move || other.attempt(true));
        assert!(world.attempt(true));
        assert!(world.attempt(true));
        assert!(other.join().unwrap());
    });
}

#[test]
fn who_waits_for_one_that_is_wrong_is_refused_in_the_end() {
    model(|world| {
        assert_eq!(world.parallel([false, false]), 1);
        assert!(!world.attempt(true));
    });
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    model(|world| {
        let other = world.clone();
        let other = thread::spawn(move || other.attempt(true));
        let mut entrant = world.all.enter(vec![KEY]);
        if world.charge() {
            world.give_back(&mut entrant);
        } else if let Next::Wait(wait) = entrant.refused(vec![KEY]) {
            let _once = pin!(wait).poll(&mut Context::from_waker(Waker::noop()));
        }

        other.join().unwrap();
    });
}
