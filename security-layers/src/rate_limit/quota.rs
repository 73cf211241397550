//! How much is allowed: the two kinds of limit.

use std::num::NonZeroU32;
use std::time::Duration;

use super::error::{InvalidQuota, QuotaProblem as Problem};

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// The longest time, in nanoseconds, that a bucket may need to fill or a window may last: 146 years.
///
/// Two of them still fit into the 64 bits in which time is kept.
const LONGEST: u64 = 1 << 62;

/// The largest integer of a structured field (RFC 9651, 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// A rate with a burst: `n` units per period flow into a bucket that holds `burst` of them.
///
/// Enforced by GCRA (ITU-T I.371), a leaky bucket that needs one number per key. A key that has
/// been quiet may spend the whole burst at once and then gets one unit every `period / n`. Over any
/// stretch of time it gets at most the burst plus what flowed in meanwhile; where *no* window may
/// ever hold more than `n`, use a [`SlidingWindow`].
///
/// The interval between two units is kept in whole nanoseconds, so rates above one unit per
/// nanosecond do not exist, and one that does not divide the period is right to less than a
/// nanosecond per unit.
///
/// As text: `100/min`, `100/min,burst=20`, `5/15min`; the period is a number (1 if left out) and one
/// of `ns`, `ms`, `s`, `sec`, `second`, `min`, `minute`, `h`, `hour`, `d`, `day`.
///
/// ```
/// use std::num::NonZeroU32;
/// use portcullis_security_layers::rate_limit::Quota;
///
/// let n = |n| NonZeroU32::new(n).expect("not zero");
/// let quota: Quota = "100/min,burst=20".parse()?;
/// assert_eq!(quota, Quota::per_minute(n(100)).burst(n(20)));
/// assert_eq!(quota.to_string(), "100/min,burst=20");
///
/// let error = "100/fortnight".parse::<Quota>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`fortnight` is not a period such as s, min, 15min, h or d"
/// );
/// # Ok::<_, portcullis_security_layers::rate_limit::InvalidQuota>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Quota {
    rate: Rate,
    burst: NonZeroU32,
}

impl Quota {
    /// `n` units per second, and a burst of `n`.
    pub const fn per_second(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, SECOND))
    }

    /// `n` units per minute, and a burst of `n`.
    pub const fn per_minute(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, MINUTE))
    }

    /// `n` units per hour, and a burst of `n`.
    pub const fn per_hour(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, HOUR))
    }

    /// `n` units per `period`, and a burst of `n`.
    ///
    /// # Errors
    ///
    /// If the period is zero or longer than 146 years.
    pub fn per(n: NonZeroU32, period: Duration) -> Result<Self, InvalidQuota> {
        Rate::per(n, period).map(Self::of)
    }

    /// Sets how many units may be spent at once after a quiet time; the default is the `n` of the rate.
    ///
    /// A burst that takes more than 146 years to fill up again is cut down to what those years fill.
    pub fn burst(mut self, burst: NonZeroU32) -> Self {
        let most = u32::try_from(LONGEST / self.rate.interval()).unwrap_or(u32::MAX);
        // The interval is at most the longest period, so at least one unit is left.
        self.burst = NonZeroU32::new(most).map_or(burst, |most| burst.min(most));
        self
    }

    pub(super) const fn of(rate: Rate) -> Self {
        let burst = rate.units;
        Self { rate, burst }
    }

    pub(super) const fn rate(self) -> Rate {
        self.rate
    }

    pub(super) const fn capacity(self) -> NonZeroU32 {
        self.burst
    }
}

/// At most `n` units within *any* stretch of time as long as the period.
///
/// Exact, because the time of each accepted request is remembered until it leaves the window: 16
/// bytes (in a list that grows by doubling) for each of them, at most `n` and at most 1,024 per key.
/// Above 1,024 units, requests are remembered by thousandths of the period, rounded up: the bound
/// still holds, and a unit may come back up to a thousandth of the period late.
///
/// As text: `100/min`, with the periods of [`Quota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct SlidingWindow {
    rate: Rate,
}

impl SlidingWindow {
    /// At most `n` units within any second.
    pub const fn per_second(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, SECOND))
    }

    /// At most `n` units within any minute.
    pub const fn per_minute(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, MINUTE))
    }

    /// At most `n` units within any hour.
    pub const fn per_hour(n: NonZeroU32) -> Self {
        Self::of(Rate::new(n, HOUR))
    }

    /// At most `n` units within any `period`.
    ///
    /// # Errors
    ///
    /// If the period is zero or longer than 146 years.
    pub fn per(n: NonZeroU32, period: Duration) -> Result<Self, InvalidQuota> {
        Rate::per(n, period).map(Self::of)
    }

    pub(super) const fn of(rate: Rate) -> Self {
        Self { rate }
    }

    pub(super) const fn rate(self) -> Rate {
        self.rate
    }
}

/// A [`Quota`] or a [`SlidingWindow`]. Made from either by `into`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit(pub(super) Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Gcra(Quota),
    Window(SlidingWindow),
}

impl From<Quota> for Limit {
    fn from(quota: Quota) -> Self {
        Self(Kind::Gcra(quota))
    }
}

impl From<SlidingWindow> for Limit {
    fn from(window: SlidingWindow) -> Self {
        Self(Kind::Window(window))
    }
}

impl Limit {
    /// What a policy field says of this limit: units, and the whole seconds that they are for.
    ///
    /// A period of whole seconds is told as it was set. One with a fraction is rounded up, with the
    /// units that belong to that longer time. A burst above the units of the period is told as itself
    /// and the time that it takes to fill, which is the same rate: so what remains never exceeds `q`.
    pub(super) fn advertised(self) -> (u64, u64) {
        let (rate, burst) = match self.0 {
            Kind::Gcra(quota) => (quota.rate, quota.burst),
            Kind::Window(window) => (window.rate, window.rate.units),
        };
        if burst > rate.units {
            let units = u64::from(burst.get());
            return (units, (units * rate.interval()).div_ceil(SECOND));
        }
        let seconds = rate.period.div_ceil(SECOND);
        let scaled = u128::from(rate.units.get()) * u128::from(seconds) * u128::from(SECOND)
            / u128::from(rate.period);
        (
            u64::try_from(scaled).map_or(LARGEST, |q| q.min(LARGEST)),
            seconds,
        )
    }
}

/// Units per period, in nanoseconds that are neither zero nor too long to calculate with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rate {
    pub(super) units: NonZeroU32,
    pub(super) period: u64,
}

impl Rate {
    const fn new(units: NonZeroU32, period: u64) -> Self {
        Self { units, period }
    }

    pub(super) fn per(units: NonZeroU32, period: Duration) -> Result<Self, InvalidQuota> {
        match u64::try_from(period.as_nanos()) {
            Ok(period @ 1..=LONGEST) => Ok(Self::new(units, period)),
            Ok(0) => Err(InvalidQuota(Problem::NoTime)),
            _ => Err(InvalidQuota(Problem::TooLong)),
        }
    }

    /// The nanoseconds between two units.
    pub(super) fn interval(self) -> u64 {
        (self.period / u64::from(self.units.get())).max(1)
    }
}
