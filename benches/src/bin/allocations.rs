//! Counts each case's allocations per request, and prints `CASE<tab>COUNT` lines.

use std::alloc::System;

use portcullis_benches::cases;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TIMES: u32 = 1_000;

fn main() {
    for case in cases() {
        let mut drive = case.build();
        // What grows once (a map, a reused buffer) is not a request's cost.
        drive(u64::from(TIMES));
        let region = Region::new(ALLOCATOR);
        drive(u64::from(TIMES));
        let change = region.change();
        let count = u32::try_from(change.allocations + change.reallocations);
        let count = count.expect("a few allocations per request");
        println!("{case}\t{:.1}", f64::from(count) / f64::from(TIMES));
    }
}
