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
/// rules, without a list of guards.
pub(super) fn settle(
    rules: &[Enforced],
    charges: &mut [Charge],
    now: u64,
    allowed: bool,
    detailed: bool,
) -> bool {
    let Some((charge, _)) = charges.split_first() else {
        return allowed;
    };
    match &rules[charge.rule].buckets {
        Buckets::Gcra(store) => settle_in(store, rules, charges, now, allowed, detailed),
        Buckets::Window(store) => settle_in(store, rules, charges, now, allowed, detailed),
    }
}

fn settle_in<A: Algorithm>(
    store: &Store<A>,
    rules: &[Enforced],
    charges: &mut [Charge],
    now: u64,
    allowed: bool,
    detailed: bool,
) -> bool {
    let Some((charge, rest)) = charges.split_first_mut() else {
        return allowed;
    };
    let mut bucket = store.hold(charge.bucket, now);
    let attempt = bucket.attempt(charge.cost);
    let passes = attempt.is_ok() || rules[charge.rule].rule.shadow;
    let allowed = settle(rules, rest, now, allowed && passes, detailed);
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
#[derive(Debug)]
pub(super) struct Charges {
    list: [Charge; MAX_RULES],
    len: usize,
}

impl Default for Charges {
    fn default() -> Self {
        let blank = Charge {
            rule: 0,
            bucket: 0,
            cost: NonZeroU32::MIN,
            leads: false,
            wait: 0,
            standing: Standing {
                remaining: 0,
                more: 0,
                full: 0,
            },
        };
        Self {
            list: [blank; MAX_RULES],
            len: 0,
        }
    }
}

impl Charges {
    pub(super) fn push(&mut self, rule: usize, bucket: u64, cost: NonZeroU32) {
        let charge = &mut self.list[self.len];
        charge.rule = rule;
        charge.bucket = bucket;
        charge.cost = cost;
        charge.leads = self.len == 0;
        self.len += 1;
    }

    pub(super) fn as_slice(&self) -> &[Charge] {
        &self.list[..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Charge] {
        &mut self.list[..self.len]
    }
}
