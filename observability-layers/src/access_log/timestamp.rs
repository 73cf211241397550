//! Times as RFC 3339 writes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Writes times, and keeps the last one: most of the next has not changed.
#[derive(Debug, Default)]
pub(super) struct Rfc3339 {
    second: Option<u64>,
    text: [u8; 24],
}

impl Rfc3339 {
    pub(super) const fn new() -> Self {
        Self {
            second: None,
            text: [0; 24],
        }
    }

    /// `2026-11-21T12:34:56.789Z`. What is before 1970 or after 9999 is shown as the nearest time
    /// between.
    pub(super) fn write(&mut self, time: SystemTime) -> &[u8; 24] {
        const LAST: u64 = 253_402_300_799;
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (second, millis) = match since.as_secs() {
            second @ ..=LAST => (second, since.subsec_millis()),
            _ => (LAST, 999),
        };
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = to_the_second(second);
        }
        put(&mut self.text, 20, millis / 10);
        self.text[22] = digit(millis % 10);
        &self.text
    }
}

fn to_the_second(seconds: u64) -> [u8; 24] {
    // Both fit: there are 2,932,896 days until the year 10000.
    let days = u32::try_from(seconds / 86_400).unwrap_or_default();
    let second = u32::try_from(seconds % 86_400).unwrap_or_default();
    let (year, month, day) = date(days);

    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text, 0, year / 100);
    put(&mut text, 2, year % 100);
    put(&mut text, 5, month);
    put(&mut text, 8, day);
    put(&mut text, 11, second / 3_600);
    put(&mut text, 14, second / 60 % 60);
    put(&mut text, 17, second % 60);
    text
}

/// Two digits of a number below a hundred.
fn put(text: &mut [u8; 24], place: usize, value: u32) {
    text[place] = digit(value / 10);
    text[place + 1] = digit(value % 10);
}

fn digit(value: u32) -> u8 {
    b"0123456789"[value as usize]
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counted in eras of 400 years, which all have the same number of days, and in years that
/// begin in March, so that the leap day is the last one.
fn date(days: u32) -> (u32, u32, u32) {
    const ERA: u32 = 146_097;
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let leap_days = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The months from March have 31, 30, 31, 30, 31 days, over and over: 153 in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = match month_from_march {
        0..=9 => month_from_march + 3,
        _ => month_from_march - 9,
    };
    let year = 400 * era + year_of_era + u32::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::macros::format_description;

    use super::*;

    fn text(seconds: u64, millis: u64) -> String {
        let time = UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + millis);
        String::from_utf8(Rfc3339::new().write(time).to_vec()).unwrap()
    }

    #[test]
    fn known_times_are_right() {
        for (seconds, millis, expected) in [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, 999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (1_800_000_000, 7, "2027-01-15T08:00:00.007Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, 999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800, 0, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(seconds, millis), expected);
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Rfc3339::new().write(before), b"1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_kept_is_used_for_its_second_only() {
        let mut kept = Rfc3339::new();
        let mut write = |millis| {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            String::from_utf8(kept.write(time).to_vec()).unwrap()
        };
        assert_eq!(write(1_999), "1970-01-01T00:00:01.999Z");
        assert_eq!(write(1_002), "1970-01-01T00:00:01.002Z");
        assert_eq!(write(2_000), "1970-01-01T00:00:02.000Z");
        assert_eq!(write(1_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(write(0), "1970-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn any_time_is_what_the_time_crate_says(seconds in 0..253_402_300_800_u64, millis in 0..1_000_u64) {
            let time = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
            let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
            let expected = format!("{}.{millis:03}Z", time.format(format).unwrap());
            prop_assert_eq!(text(seconds, millis), expected);
        }
    }
}
