//! One request against all of its rules: every one is asked before any is charged.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;

use super::gcra::Gcra;
use super::policy::{MAX_RULES, Rule};
use super::quota::Kind;
use super::store::{Algorithm, Standing, Store, Tally};
use super::window::Window;

/// A rule with its buckets.
#[derive(Debug)]
pub(super) struct Enforced {
    pub(super) rule: Rule,
    buckets: Buckets,
    /// Requests that did not have the key.
    pub(super) keyless: AtomicU64,
}

#[derive(Debug)]
enum Buckets {
    Gcra(Store<Gcra>),
    Window(Store<Window>),
}

impl Enforced {
    pub(super) fn new(rule: Rule) -> Self {
        let buckets = match rule.limit.0 {
            Kind::Gcra(quota) => Buckets::Gcra(Store::new(Gcra::new(quota), rule.capacity)),
            Kind::Window(window) => Buckets::Window(Store::new(Window::new(window), rule.capacity)),
        };
        Self {
            rule,
            buckets,
            keyless: AtomicU64::new(0),
        }
    }

    pub(super) fn survey(&self, now: u64) -> (usize, Tally) {
        match &self.buckets {
            Buckets::Gcra(store) => store.survey(now),
            Buckets::Window(store) => store.survey(now),
        }
    }
}

/// Asks the rule of the first charge, then those of the rest, and charges on the way back if none of
/// them objects. So all the locks that a request needs are held at once, always in the order of the
/// rules, without a list of guards. `None` ends the charges.
pub(super) fn settle(
    rules: &[Enforced],
    charges: &mut [Option<Charge>],
    now: u64,
    allowed: bool,
    detailed: bool,
) -> bool {
    let Some((Some(charge), rest)) = charges.split_first_mut() else {
        return allowed;
    };
    let rule = &rules[charge.rule].rule;
    // Mostly there is one rule, and then no second round to find that out.
    let rest = |allowed| match rest {
        [] => allowed,
        rest => settle(rules, rest, now, allowed, detailed),
    };
    match &rules[charge.rule].buckets {
        Buckets::Gcra(store) => settle_in(store, rule, charge, rest, now, allowed, detailed),
        Buckets::Window(store) => settle_in(store, rule, charge, rest, now, allowed, detailed),
    }
}

#[inline]
fn settle_in<A: Algorithm>(
    store: &Store<A>,
    rule: &Rule,
    charge: &mut Charge,
    rest: impl FnOnce(bool) -> bool,
    now: u64,
    allowed: bool,
    detailed: bool,
) -> bool {
    let mut bucket = store.hold(charge.bucket, now);
    let attempt = bucket.attempt(charge.cost);
    let allowed = rest(allowed && (attempt.is_ok() || rule.shadow));
    match attempt {
        Ok(next) if allowed => bucket.commit(next),
        Ok(_) => {}
        Err(wait) => {
            charge.wait = wait;
            bucket.tally().exceeded += 1;
        }
    }
    bucket.tally().allowed += u64::from(allowed && charge.leads);
    if detailed {
        charge.standing = bucket.standing();
    }
    allowed
}

/// What one request is charged by one rule, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// The rule's number.
    pub(super) rule: usize,
    pub(super) bucket: u64,
    cost: NonZeroU32,
    /// Whether it is the first charge of its request, by which the request is counted.
    leads: bool,
    /// Nanoseconds until the rule would let the request pass; 0 if it does now.
    pub(super) wait: u64,
    pub(super) standing: Standing,
}

/// The charges of one request, in the order of their rules.
#[derive(Debug, Default)]
pub(super) struct Charges {
    // `None` is one number to write, so the room that is not needed costs next to nothing.
    list: [Option<Charge>; MAX_RULES],
    len: usize,
}

impl Charges {
    pub(super) fn push(&mut self, rule: usize, bucket: u64, cost: NonZeroU32) {
        self.list[self.len] = Some(Charge {
            rule,
            bucket,
            cost,
            leads: self.len == 0,
            wait: 0,
            standing: Standing::default(),
        });
        self.len += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Charge> {
        self.list[..self.len].iter().flatten()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Option<Charge>] {
        &mut self.list[..self.len]
    }
}
