//! Time as an argument: what the decisions compare, and where the services read it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in whole milliseconds since 1970, from then until the end of the year 9999.
///
/// Stores keep it as an integer, so that all instances and all kinds of stores compare alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const MIN: Self = Self(0);
    /// The last millisecond of the year 9999, the last that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment `millis` milliseconds after the start of 1970; none outside of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        if 0 <= millis && millis <= Self::MAX.0 {
            Some(Self(millis))
        } else {
            None
        }
    }

    /// The moment `seconds` seconds after the start of 1970; none outside of the range.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(1000) {
            Some(millis) => Self::from_millis(millis),
            None => None,
        }
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the start of 1970, rounded down, as the `NumericDate` of RFC 7519.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0 / 1000
    }

    /// How long after `earlier` this is, zero if it is before: clocks of two machines differ.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    /// This much later, [`MAX`](Self::MAX) at most. Parts of a millisecond are dropped.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis)).min(Self::MAX)
    }

    /// This much earlier, [`MIN`](Self::MIN) at least. Parts of a millisecond are dropped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis)).max(Self::MIN)
    }
}

/// Clocks outside of the range read as its nearest end.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        time.duration_since(UNIX_EPOCH)
            .map_or(Self::MIN, |since| Self::MIN.plus(since))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(moment: Timestamp) -> Self {
        UNIX_EPOCH + moment.since(Timestamp::MIN)
    }
}

/// Where services read the time, so that tests can hold its hands.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The moment that it is. It may lie before the last answer, as clocks are set: what must not go back is the caller's
    /// business.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_within_the_years_that_can_be_written() {
        for (millis, expected) in [
            (-1, None),
            (0, Some(Timestamp::MIN)),
            (253_402_300_799_999, Some(Timestamp::MAX)),
            (253_402_300_800_000, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(Timestamp::from_millis(millis), expected, "{millis}");
        }
        assert_eq!(Timestamp::from_secs(i64::MAX), None);
        assert_eq!(Timestamp::from_secs(i64::MIN), None);
        assert_eq!(Timestamp::from_secs(3), Timestamp::from_millis(3000));
    }

    #[test]
    fn reckoning_stops_at_the_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::MAX.plus(second), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(second), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
        let moment = Timestamp::MIN.plus(second);
        assert_eq!(moment.since(Timestamp::MIN), second);
        assert_eq!((moment.as_millis(), moment.as_secs()), (1000, 1));
        assert_eq!(moment.plus(Duration::from_millis(999)).as_secs(), 1);
    }

    #[test]
    fn clocks_before_1970_and_after_9999_read_as_the_ends() {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert_eq!(Timestamp::from(UNIX_EPOCH - year), Timestamp::MIN);
        assert_eq!(Timestamp::from(UNIX_EPOCH + 9000 * year), Timestamp::MAX);
        let moment = Timestamp::MIN.plus(56 * year);
        assert_eq!(Timestamp::from(SystemTime::from(moment)), moment);
    }
}
