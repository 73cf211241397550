//! The two formats of an exposition, and which of them a scraper wants.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

/// A text format that Prometheus reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// OpenMetrics 1.0: with units and exemplars.
    OpenMetrics,
    /// Prometheus text 0.0.4, which everything reads.
    Text,
}

impl Format {
    /// The format that a request's `Accept` prefers (RFC 9110, 12.5.1): OpenMetrics if it is named
    /// and nothing is preferred to it, text otherwise, also where neither is accepted.
    pub fn negotiate(headers: &HeaderMap) -> Self {
        let mut open = 0;
        // The most specific range decides, whatever its place.
        let mut text = (0, 0);
        let lines = headers.get_all(ACCEPT).iter();
        let ranges = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(Range::parse);
        for range in ranges {
            match range.media {
                Media::OpenMetrics => open = open.max(range.quality),
                Media::Text(specificity) => text = text.max((specificity, range.quality)),
            }
        }
        if open > 0 && open >= text.1 {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The media type of the format.
    pub const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        })
    }
}

/// A media range that one of the formats fits.
struct Range {
    media: Media,
    /// In thousandths.
    quality: u16,
}

enum Media {
    OpenMetrics,
    Text(u8),
}

impl Range {
    /// `None` for other types and versions, and for what is no media range.
    fn parse(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next()?;
        let mut version = None;
        let mut quality = 1_000;
        for part in parts {
            let (name, value) = part.split_once('=')?;
            if name.eq_ignore_ascii_case("q") {
                quality = thousandths(value)?;
            } else if name.eq_ignore_ascii_case("version") {
                version = Some(value.trim_matches('"'));
            }
        }
        let is = |name: &str| media.eq_ignore_ascii_case(name);
        let media = if is("application/openmetrics-text") {
            matches!(version, None | Some("1.0.0")).then_some(Media::OpenMetrics)
        } else if is("text/plain") {
            matches!(version, None | Some("0.0.4")).then_some(Media::Text(3))
        } else if is("text/*") {
            Some(Media::Text(2))
        } else if is("*/*") {
            Some(Media::Text(1))
        } else {
            None
        };
        media.map(|media| Self { media, quality })
    }
}

/// A quality: `0` or `1` with up to three digits behind the point, and not more than one.
fn thousandths(value: &str) -> Option<u16> {
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    let fits = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole {
        "0" => 0,
        "1" => 1_000,
        _ => return None,
    };
    let fraction: u16 = format!("{digits:0<3}").parse().ok().filter(|_| fits)?;
    (whole + fraction <= 1_000).then_some(whole + fraction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn negotiate(lines: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        Format::negotiate(&headers)
    }

    #[test]
    fn scrapers_get_the_format_that_they_prefer() {
        for (accept, expected) in [
            // Prometheus 2.42 and 3.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // One that prefers the older.
            (
                "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5",
                Format::Text,
            ),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.1",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text, */*", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.9, */*", Format::Text),
            // The most specific range counts, not the most generous.
            (
                "application/openmetrics-text;q=0.5, text/plain;q=0.4, */*",
                Format::OpenMetrics,
            ),
            // Browsers and curl.
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            // A version that is not ours, and a refusal.
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0.000", Format::Text),
            // What is malformed does not count.
            ("application/openmetrics-text;q=2", Format::Text),
            ("application/openmetrics-text;q=1.001", Format::Text),
            ("application/openmetrics-text;q=0.1234", Format::Text),
            ("application/openmetrics-text;q=-1", Format::Text),
            ("application/openmetrics-text;q", Format::Text),
            (";;,,", Format::Text),
            ("", Format::Text),
        ] {
            assert_eq!(negotiate(&[accept]), expected, "{accept}");
        }
        assert_eq!(negotiate(&[]), Format::Text);
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(lines: Vec<Vec<u8>>) {
            let mut headers = HeaderMap::new();
            for line in lines {
                if let Ok(line) = HeaderValue::from_bytes(&line) {
                    headers.append(ACCEPT, line);
                }
            }
            prop_assert_eq!(Format::negotiate(&headers), Format::Text);
        }

        #[test]
        fn qualities_are_compared_as_numbers(open in 0..=1_000_u16, text in 0..=1_000_u16) {
            let quality = |q: u16| format!("{}.{:03}", q / 1_000, q % 1_000);
            let accept = format!(
                "text/plain;q={}, application/openmetrics-text;q={}",
                quality(text),
                quality(open)
            );
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(&accept).unwrap());
            let expected = if open > 0 && open >= text { Format::OpenMetrics } else { Format::Text };
            prop_assert_eq!(Format::negotiate(&headers), expected);
        }
    }

    #[test]
    fn all_lines_of_the_header_count() {
        let lines = ["text/plain;q=0.5", "application/openmetrics-text"];
        assert_eq!(negotiate(&lines), Format::OpenMetrics);
    }
}
