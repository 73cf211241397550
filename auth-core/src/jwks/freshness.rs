//! For how long a document is good, by the headers of its server (RFC 9111).

use std::time::Duration;

/// Whatever a server says, its keys are not asked for more often than this, but by a token with a key that is not known.
pub(super) const SHORTEST: Duration = Duration::from_secs(60);
/// And not less often: a key that was taken away must not live for as long as a server's typing error.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What is of interest of `Cache-Control` and `Age`. `must-revalidate` is not: see the
/// [module docs](super#when-the-issuer-does-not-answer).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CacheControl {
    /// `no-store` and `no-cache` are zero.
    max_age: Option<Duration>,
    age: Duration,
}

impl CacheControl {
    pub(super) fn add(&mut self, line: &str) {
        for directive in line.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            let max_age = if name.eq_ignore_ascii_case("max-age") {
                // What is no number is stale (section 4.2.1).
                seconds(value.trim().trim_matches('"')).unwrap_or_default()
            } else if ["no-store", "no-cache"]
                .iter()
                .any(|none| name.eq_ignore_ascii_case(none))
            {
                Duration::ZERO
            } else {
                continue;
            };
            self.max_age = Some(self.max_age.map_or(max_age, |known| known.min(max_age)));
        }
    }

    pub(super) fn age(&mut self, age: &str) {
        self.age = seconds(age.trim()).unwrap_or(self.age);
    }

    pub(super) fn fresh_for(self, otherwise: Duration) -> Duration {
        self.max_age
            .map_or(otherwise, |max_age| max_age.saturating_sub(self.age))
            .clamp(SHORTEST, LONGEST)
    }
}

/// A number that is too large to be one is the largest (section 1.2.2).
fn seconds(digits: &str) -> Option<Duration> {
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_good_for_as_long_as_its_server_says_within_a_minute_and_a_day() {
        const OTHERWISE: u64 = 600;
        for (lines, age, fresh_for) in [
            (&[][..], "", OTHERWISE),
            (&["public"], "", OTHERWISE),
            (&["max-age=300"], "", 300),
            (&["public, MAX-AGE=\"300\" , must-revalidate"], "", 300),
            (&["max-age=300"], "100", 200),
            (&["max-age=300"], "soon", 300),
            (&["max-age=300"], "400", 60),
            (&["max-age=300"], "99999999999999999999999", 60),
            (&["max-age=0"], "", 60),
            (&["max-age=59"], "", 60),
            (&["max-age=61"], "", 61),
            (&["max-age=31536000"], "", 86_400),
            (&["max-age=99999999999999999999999"], "", 86_400),
            (&["max-age=-1"], "", 60),
            (&["max-age=+90"], "", 60),
            (&["max-age="], "", 60),
            (&["max-age"], "", 60),
            (&["no-store"], "", 60),
            (&["max-age=300, no-cache"], "", 60),
            (&["max-age=300", "max-age=200", "max-age=400"], "", 200),
            (&["s-maxage=300"], "", OTHERWISE),
            (&["x-max-age=300"], "", OTHERWISE),
            (&[",,=,"], "", OTHERWISE),
        ] {
            let mut cache = CacheControl::default();
            lines.iter().for_each(|line| cache.add(line));
            cache.age(age);
            let read = cache.fresh_for(Duration::from_secs(OTHERWISE));
            assert_eq!(read, Duration::from_secs(fresh_for), "{lines:?}, {age}");
        }
    }
}
