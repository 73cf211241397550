//! Limits as text, in settings and logs.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::error::{InvalidQuota, QuotaProblem as Problem};
use super::quota::{HOUR, MINUTE, Quota, Rate, SECOND, SlidingWindow};

const MILLISECOND: u64 = SECOND / 1000;
const DAY: u64 = 24 * HOUR;

/// Shortest first, so that text is written with the last one that divides a period.
const PERIODS: [(&str, u64); 6] = [
    ("ns", 1),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("min", MINUTE),
    ("h", HOUR),
    ("d", DAY),
];

fn unit_of_time(text: &str) -> Option<u64> {
    let name = match text {
        "sec" | "second" => "s",
        "minute" => "min",
        "hour" => "h",
        "day" => "d",
        name => name,
    };
    PERIODS
        .iter()
        .find_map(|(known, nanos)| (*known == name).then_some(*nanos))
}

fn parse_period(text: &str) -> Result<Duration, InvalidQuota> {
    let invalid = || InvalidQuota(Problem::Period(text.to_owned()));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let unit = unit_of_time(unit).ok_or_else(invalid)?;
    let count = match count {
        "" => 1,
        count => count.parse::<u64>().map_err(|_| invalid())?,
    };
    let nanos = count.checked_mul(unit);
    nanos.map_or(Err(InvalidQuota(Problem::TooLong)), |nanos| {
        Ok(Duration::from_nanos(nanos))
    })
}

fn parse_units(text: &str) -> Result<NonZeroU32, InvalidQuota> {
    // `parse` alone would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let units = digits.then(|| text.parse().ok()).flatten();
    units.ok_or_else(|| InvalidQuota(Problem::Units(text.to_owned())))
}

impl FromStr for Rate {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        let (units, period) = text
            .split_once('/')
            .ok_or_else(|| InvalidQuota(Problem::Shape(text.to_owned())))?;
        let units = parse_units(units.trim())?;
        Self::per(units, parse_period(period.trim())?)
    }
}

impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        let Some((rate, option)) = text.split_once(',') else {
            return text.trim().parse().map(Self::of);
        };
        let quota = rate.trim().parse().map(Self::of)?;
        let option = option.trim();
        let Some(("burst", burst)) = option.split_once('=') else {
            return Err(InvalidQuota(Problem::Option(option.to_owned())));
        };
        Ok(quota.burst(parse_units(burst)?))
    }
}

impl FromStr for SlidingWindow {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        if let Some((_, option)) = text.split_once(',') {
            return Err(InvalidQuota(Problem::Option(option.trim().to_owned())));
        }
        text.trim().parse().map(Self::of)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |(_, unit): &&(&str, u64)| self.period.is_multiple_of(*unit);
        let (name, unit) = PERIODS.iter().rfind(divides).unwrap_or(&PERIODS[0]);
        write!(f, "{}/", self.units)?;
        if self.period != *unit {
            write!(f, "{}", self.period / unit)?;
        }
        f.write_str(name)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rate().fmt(f)?;
        if self.capacity() == self.rate().units {
            return Ok(());
        }
        write!(f, ",burst={}", self.capacity())
    }
}

impl fmt::Display for SlidingWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rate().fmt(f)
    }
}
