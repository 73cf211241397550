use std::time::Duration;

use proptest::prelude::*;

use super::super::SlidingWindow;
use super::super::store::Algorithm;
use super::super::window::{Log, Window};
use super::{SECOND, agrees_with_itself, n, take};

#[test]
fn a_unit_comes_back_exactly_when_it_leaves_the_window() {
    let window = Window::new(SlidingWindow::per_second(n(2)));
    let mut log = Log::default();
    let mut at = |now| take(&window, &mut log, now, 1);
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(SECOND / 2), Ok(()));
    assert_eq!(at(SECOND - 1), Err(1));
    assert_eq!(at(SECOND), Ok(()));
    assert_eq!(at(SECOND), Err(SECOND / 2));
    assert_eq!(at(3 * SECOND / 2), Ok(()));
}

#[test]
fn a_clock_that_another_thread_read_earlier_gives_nothing_away() {
    let window = Window::new(SlidingWindow::per_second(n(2)));
    let mut log = Log::default();
    assert_eq!(take(&window, &mut log, 10 * SECOND, 1), Ok(()));
    assert_eq!(take(&window, &mut log, 9 * SECOND, 1), Ok(()));
    // Both are waited for: with the records out of order, the second's time would lie in the past.
    for cost in [1, 2] {
        assert_eq!(
            take(&window, &mut log, 10 * SECOND + SECOND / 2, cost),
            Err(SECOND / 2)
        );
    }
}

#[test]
fn many_units_take_bounded_memory_and_stay_bounded_in_every_window() {
    let units = 1_000_000;
    let window = Window::new(SlidingWindow::per_minute(n(units)));
    let mut log = Log::default();
    let mut passed = std::collections::VecDeque::new();
    let mut in_window = 0;
    for step in 0..30_000 {
        // 12 million in the first minute, of which a million may pass.
        let now = step * SECOND / 200;
        while passed
            .front()
            .is_some_and(|(at, _)| at + 60 * SECOND <= now)
        {
            in_window -= passed.pop_front().map_or(0, |(_, cost)| cost);
        }
        let cost = 1 + u32::try_from(step % 2000).unwrap();
        if take(&window, &mut log, now, cost).is_ok() {
            in_window += cost;
            passed.push_back((now, cost));
        }
        assert!(in_window <= units);
        assert!(log.records() <= 1024, "{} records", log.records());
    }
    assert!(passed.len() > 500, "most of what is allowed did pass");
    assert_eq!(window.busy(&mut log, 1000 * SECOND), 0);
    assert!(log.capacity() <= 4, "a quiet key keeps no memory");
}

/// The window as one would explain it: a list of everything that passed.
#[derive(Default)]
struct Naive(Vec<(u64, u32)>);

impl Naive {
    fn used(&self, now: u64, period: u64) -> u32 {
        let inside = self.0.iter().filter(|(at, _)| at + period > now);
        inside.map(|(_, cost)| cost).sum()
    }
}

proptest! {
    #[test]
    fn it_decides_as_a_full_list_does(
        units in 1u32..40, period in 1u64..5 * SECOND,
        steps in prop::collection::vec((0..SECOND / 2, prop_oneof![4 => 1..3u32, 1 => 1..60u32]), 1..200)
    ) {
        let window = Window::new(SlidingWindow::per(n(units), Duration::from_nanos(period)).unwrap());
        let mut log = Log::default();
        let mut naive = Naive::default();
        let mut now = 0;
        for (pause, cost) in steps {
            now += pause;
            let charged = cost.min(units);
            let fits = naive.used(now, period) + charged <= units;
            let result = take(&window, &mut log, now, cost);
            prop_assert_eq!(result.is_ok(), fits);
            match result {
                Ok(()) => naive.0.push((now, charged)),
                Err(wait) => {
                    prop_assert!(naive.used(now + wait, period) + charged <= units);
                    prop_assert!(naive.used(now + wait - 1, period) + charged > units);
                }
            }
            agrees_with_itself(&window, Clone::clone, &log, now);
        }
        // What the promise says, by brute force: no stretch of one period holds more.
        for (start, _) in &naive.0 {
            let inside = naive.0.iter().filter(|(at, _)| (*start..start + period).contains(at));
            prop_assert!(inside.map(|(_, cost)| cost).sum::<u32>() <= units);
        }
    }

    #[test]
    fn extreme_settings_neither_overflow_nor_panic(
        units in 1u32.., period in 1u64..1 << 62,
        steps in prop::collection::vec((0u64..1 << 56, 1u32..), 1..50)
    ) {
        let window = Window::new(SlidingWindow::per(n(units), Duration::from_nanos(period)).unwrap());
        let (mut log, mut now) = (Log::default(), 0);
        for (pause, cost) in steps {
            now += pause;
            if let Err(wait) = take(&window, &mut log, now, cost) {
                prop_assert!(window.attempt(&mut log.clone(), now + wait, n(cost)).is_ok());
            }
            let standing = window.standing(&mut log, now);
            prop_assert!(standing.remaining <= units);
            prop_assert!(standing.more <= standing.full);
        }
    }
}
