//! Values that are settings' own; the layers' own types read themselves.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// What the server is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Development,
    Production,
}

/// What becomes of requests over plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Https {
    Off,
    Redirect,
    Require,
}

/// Where strangers may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// In the tenant `default`.
    Open,
    /// In every tenant that there is.
    All,
    Closed,
}

/// How many guesses at a password are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInLimit {
    /// Few, so that nobody finds one out.
    Default,
    /// As many as come: for tests.
    Off,
}

/// The name of the issuer of our tokens: the start of a URL, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerName(pub(crate) String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Pretty,
}

/// A value, or the word `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrOff<T>(pub(crate) Option<T>);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) NonZeroUsize);

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

/// Levels by target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogFilter(pub(crate) Targets);

/// What a value should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected(pub(crate) &'static str);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has to be {}", self.0)
    }
}

impl FromStr for Environment {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(Expected("`development` or `production`")),
        }
    }
}

impl FromStr for Https {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text {
            "off" => Ok(Self::Off),
            "redirect" => Ok(Self::Redirect),
            "require" => Ok(Self::Require),
            _ => Err(Expected("`off`, `redirect` or `require`")),
        }
    }
}

impl FromStr for Registration {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text {
            "open" => Ok(Self::Open),
            "all" => Ok(Self::All),
            "closed" => Ok(Self::Closed),
            _ => Err(Expected("`open`, `all` or `closed`")),
        }
    }
}

impl FromStr for SignInLimit {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text {
            "default" => Ok(Self::Default),
            "off" => Ok(Self::Off),
            _ => Err(Expected("`default` or `off`")),
        }
    }
}

impl FromStr for IssuerName {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let scheme = ["https://", "http://"];
        let authority = scheme.iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_right = authority.is_some_and(|authority| {
            !authority.is_empty()
                && !authority.contains(['/', '?', '#', '@', '\\'])
                && authority.parse::<http::uri::Authority>().is_ok()
        });
        // Compared byte by byte, so that there must be one way to write it.
        if is_right {
            Ok(Self(text.to_owned()))
        } else {
            Err(Expected(
                "a URL without a path, such as https://config.example.com",
            ))
        }
    }
}

impl FromStr for LogFormat {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(Expected("`json` or `pretty`")),
        }
    }
}

impl FromStr for LogFilter {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        // `Targets` takes a misspelt level for the name of a target, and then logs nothing; no level for
        // the lowest one; and any text for a name, a token with padding for instance.
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-.".contains(&byte);
        let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
        let says_a_level = |part: &str| match part.split_once('=') {
            Some((target, level)) => {
                !target.is_empty() && target.bytes().all(in_name) && is_level(level)
            }
            None => is_level(part),
        };
        let targets = text.split(',').all(says_a_level).then(|| text.parse());
        match targets {
            Some(Ok(targets)) => Ok(Self(without_the_wire(targets))),
            _ => Err(Expected(
                "a level such as `info`, or levels by target such as `warn,sqlx=debug`",
            )),
        }
    }
}

/// From `debug` on, `h2` logs parts of what clients send: broken paths, for instance, with all that is
/// in them. That takes naming it.
fn without_the_wire(targets: Targets) -> Targets {
    let is_named = targets.iter().any(|(target, _)| target.starts_with("h2"));
    let is_on = targets.default_level() > Some(LevelFilter::INFO);
    if is_on && !is_named {
        targets.with_target("h2", LevelFilter::INFO)
    } else {
        targets
    }
}

impl<T: FromStr> FromStr for OrOff<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "off" => Ok(Self(None)),
            text => text.parse().map(|value| Self(Some(value))),
        }
    }
}

impl FromStr for Size {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let units = [
            ("", 1),
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
        ];
        with_unit(text, &units)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .and_then(NonZeroUsize::new)
            .map(Self)
            .ok_or(Expected(
                "a number of bytes above zero, such as 65536, 64KiB or 10MiB",
            ))
    }
}

impl FromStr for Time {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let units = [
            ("ms", 1),
            ("s", 1000),
            ("min", 60 * 1000),
            ("h", 60 * 60 * 1000),
        ];
        with_unit(text, &units)
            .filter(|milliseconds| *milliseconds <= DAY)
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or(Expected(
                "a time of up to a day, such as 500ms, 30s, 5min or 1h",
            ))
    }
}

/// Digits and a unit, with a space between them at most.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::Level;

    use super::{IssuerName, LogFilter, OrOff, Size, Time};

    #[test]
    fn sizes_have_units() {
        let size = |text: &str| text.parse::<Size>().ok().map(|size| size.0.get());
        assert_eq!(size("1"), Some(1));
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("10 MiB"), Some(10 * 1024 * 1024));
        for wrong in [
            "",
            "0",
            "0MiB",
            "-1",
            "1.5MiB",
            "10MB",
            "10mib",
            "MiB",
            "10  MiB",
            "99999999999GiB",
            "１",
        ] {
            assert_eq!(size(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn times_have_units() {
        let time = |text: &str| text.parse::<Time>().ok().map(|time| time.0);
        assert_eq!(time("0s"), Some(Duration::ZERO));
        assert_eq!(time("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(time("24h"), Some(Duration::from_secs(86_400)));
        for wrong in [
            "",
            "0",
            "30",
            "30 sec",
            "25h",
            "-1s",
            "99999999999999999999s",
        ] {
            assert_eq!(time(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_a_target() {
        for right in ["info", "OFF", "warn,sqlx=debug", "a::b=trace"] {
            assert!(right.parse::<LogFilter>().is_ok(), "{right}");
        }
        for wrong in ["", "inof", "info,", "sqlx=loud", "warn,sqlx"] {
            assert!(wrong.parse::<LogFilter>().is_err(), "{wrong}");
        }
        // Credentials were taken for the name of a target, shown as such from then on, and logged at `trace`.
        for wrong in [
            "Basic dXNlcjpwYXNzd29yZDE=",
            "sqlx=",
            "a b=info",
            "a=b=info",
        ] {
            assert!(wrong.parse::<LogFilter>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_clients_send_is_logged_by_h2_only_where_it_is_named() {
        let is_on = |filter: &str| {
            let LogFilter(targets) = filter.parse().unwrap();
            targets.would_enable("h2::server", &Level::DEBUG)
        };
        assert!(!is_on("trace") && !is_on("debug,sqlx=info") && !is_on("info"));
        assert!(is_on("h2=debug") && is_on("trace,h2=trace") && is_on("info,h2::server=debug"));
        let LogFilter(targets) = "trace".parse().unwrap();
        assert!(targets.would_enable("sqlx", &Level::TRACE));
        assert!(targets.would_enable("h2::server", &Level::INFO));
    }

    #[test]
    fn an_issuer_is_a_url_that_is_written_in_one_way() {
        for right in [
            "https://id.example",
            "http://127.0.0.1:8080",
            "https://[::1]",
        ] {
            assert!(right.parse::<IssuerName>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "id.example",
            "https://",
            "https://id.example/",
            "https://id.example?x",
            "https://ann:x@id.example",
            "ftp://id.example",
            "HTTPS://id.example",
            "https://id .example",
        ] {
            assert!(wrong.parse::<IssuerName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn off_is_a_word_and_zero_is_not() {
        assert_eq!("off".parse::<OrOff<Size>>(), Ok(OrOff(None)));
        assert!("0".parse::<OrOff<Size>>().is_err());
        assert!("OFF".parse::<OrOff<Size>>().is_err());
    }
}
