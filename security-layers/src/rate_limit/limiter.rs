//! The decision over all rules of a request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::HeaderValue;
use portcullis_layer_core::clock::{Clock, SystemClock};

use super::audit::Audit;
use super::error::{InvalidRules, RateLimited, RateLimitedKind, RulesProblem};
use super::fields;
use super::key::{MissingKey, Selector};
use super::policy::{MAX_RULES, PolicyName, Rule};
use super::quota::SECOND;
use super::scope::Subject;
use super::settle::{Charges, Enforced, settle};
use super::stats::{RateLimiterStats, RuleStats};

/// The last moment, 292 years after the start: a longest period still fits in behind it, whatever a clock says.
const END: u64 = 1 << 63;

/// The rules and the state of all their keys. Clones share the state.
///
/// Every [`RateLimitLayer`](super::RateLimitLayer) has one; make it yourself to give one to several
/// layers ([`from_shared`](super::RateLimitLayer::from_shared)), or to have more than one rule.
pub struct RateLimiter<C = SystemClock>(Arc<Shared<C>>);

struct Shared<C> {
    clock: C,
    start: Instant,
    rules: Box<[Enforced]>,
    names: Arc<[PolicyName]>,
    selector: Selector,
    audit: Audit,
    policy_field: Option<HeaderValue>,
}

impl RateLimiter {
    /// Enforces all of `rules`: a request passes if each of them lets it, and only then is any of them
    /// charged.
    ///
    /// # Errors
    ///
    /// If there are no rules, more than 8, or two of the same name.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, InvalidRules> {
        Self::with_clock(rules, SystemClock)
    }
}

impl From<Rule> for RateLimiter {
    fn from(rule: Rule) -> Self {
        Self::build(vec![rule], SystemClock)
    }
}

impl<C: Clock> RateLimiter<C> {
    /// As [`new`](RateLimiter::new), by another clock.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn with_clock(
        rules: impl IntoIterator<Item = Rule>,
        clock: C,
    ) -> Result<Self, InvalidRules> {
        let rules: Vec<Rule> = rules.into_iter().collect();
        if rules.is_empty() {
            return Err(InvalidRules(RulesProblem::None));
        }
        if rules.len() > MAX_RULES {
            return Err(InvalidRules(RulesProblem::TooMany(rules.len())));
        }
        for (index, rule) in rules.iter().enumerate() {
            if rules[..index].iter().any(|other| other.name == rule.name) {
                return Err(InvalidRules(RulesProblem::SameName(rule.name.clone())));
            }
        }
        Ok(Self::build(rules, clock))
    }

    fn build(rules: Vec<Rule>, clock: C) -> Self {
        Self(Arc::new(Shared {
            start: clock.now(),
            clock,
            names: rules.iter().map(|rule| rule.name.clone()).collect(),
            policy_field: fields::policy(&rules),
            rules: rules.into_iter().map(Enforced::new).collect(),
            selector: Selector::new(),
            audit: Audit::new(),
        }))
    }

    fn now(&self) -> u64 {
        let elapsed = self.0.clock.now().saturating_duration_since(self.0.start);
        u64::try_from(elapsed.as_nanos()).map_or(END, |now| now.min(END))
    }

    /// Decides on a request, and charges for it if it may pass. `charges`, empty before, tells what
    /// was asked of which rule, and if `detailed`, where its key stands now.
    pub(super) fn decide(
        &self,
        subject: &Subject<'_>,
        charges: &mut Charges,
        detailed: bool,
    ) -> Result<(), RateLimited> {
        let shared = &*self.0;
        // Everything of the user's is called here, before any lock is held.
        let selected = self.select(subject, charges);
        shared.audit.client(subject);
        selected.inspect_err(|_| {
            // No rule was asked, so there is no standing to tell.
            *charges = Charges::default();
        })?;
        let now = self.now();
        let allowed = settle(&shared.rules, charges.as_mut_slice(), now, true, detailed);
        let mut violated = 0;
        let mut wait = 0;
        for charge in charges.iter().filter(|charge| charge.wait > 0) {
            let rule = &shared.rules[charge.rule].rule;
            let enforced = !rule.shadow;
            shared
                .audit
                .exceeded(charge.bucket, now, &rule.name, enforced, subject);
            if enforced {
                violated |= 1 << charge.rule;
                wait = wait.max(charge.wait);
            }
        }
        if allowed {
            return Ok(());
        }
        Err(self.refused(RateLimitedKind::QuotaExceeded, violated, wait))
    }

    fn select(&self, subject: &Subject<'_>, charges: &mut Charges) -> Result<(), RateLimited> {
        for (number, enforced) in self.0.rules.iter().enumerate() {
            let rule = &enforced.rule;
            let selected = self.0.selector.select(number, &rule.key, subject);
            let bucket = match selected {
                Some(bucket) => bucket,
                None => match self.keyless(number, enforced)? {
                    Some(bucket) => bucket,
                    None => continue,
                },
            };
            charges.push(number, bucket, rule.cost_of(subject.parts));
        }
        Ok(())
    }

    /// The bucket of a request without a key, if the rule has one for it.
    fn keyless(&self, number: usize, enforced: &Enforced) -> Result<Option<u64>, RateLimited> {
        enforced.keyless.fetch_add(1, Ordering::Relaxed);
        let kind = match enforced.rule.missing {
            MissingKey::Shared => return Ok(Some(self.0.selector.shared(number))),
            MissingKey::Skip => return Ok(None),
            // In shadow nothing is refused.
            _ if enforced.rule.shadow => return Ok(None),
            MissingKey::BadRequest => RateLimitedKind::BadRequest,
            MissingKey::Forbidden => RateLimitedKind::Forbidden,
        };
        Err(self.refused(kind, 1 << number, 0))
    }

    fn refused(&self, kind: RateLimitedKind, violated: u8, wait: u64) -> RateLimited {
        RateLimited {
            kind,
            retry_after: wait.div_ceil(SECOND).max(1),
            names: Arc::clone(&self.0.names),
            violated,
        }
    }

    /// The `RateLimit-Policy` field, unless all rules are in shadow.
    pub(super) fn policy_field(&self) -> Option<&HeaderValue> {
        self.0.policy_field.as_ref()
    }

    pub(super) fn rules(&self) -> &[Enforced] {
        &self.0.rules
    }

    /// What has been counted since the limiter was made.
    ///
    /// Counts the keys by looking at all of them, a shard at a time: meant for a scrape, not for a request.
    #[must_use]
    pub fn stats(&self) -> RateLimiterStats {
        let now = self.now();
        let mut allowed = 0;
        let rules = self.0.rules.iter().map(|enforced| {
            let (active, tally) = enforced.survey(now);
            allowed += tally.allowed;
            RuleStats {
                policy: enforced.rule.name.clone(),
                shadow: enforced.rule.shadow,
                exceeded: tally.exceeded,
                keyless: enforced.keyless.load(Ordering::Relaxed),
                active_keys: active,
                evicted: tally.evicted,
                overflowed: tally.overflowed,
            }
        });
        let rules = rules.collect();
        RateLimiterStats { allowed, rules }
    }
}

impl<C> Clone for RateLimiter<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for RateLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.0.rules.iter().map(|enforced| &enforced.rule);
        f.debug_list().entries(rules).finish()
    }
}
