//! Which requests with a cookie are of our own pages.

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request that brings a cookie was made by a page of the service itself.
///
/// Browsers say so in `Sec-Fetch-Site`, which no page can set. Those that do not send it must name an origin that is known;
/// a request with neither is not a browser's, and such clients send their token in the body.
pub(super) fn is_own(headers: &HeaderMap, origins: &[Box<str>]) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if let Some(site) = sites.next() {
        let known = site == "same-origin" || site == "none";
        return known && sites.next().is_none();
    }
    let mut named = headers.get_all(ORIGIN).iter();
    match (named.next(), named.next()) {
        (Some(origin), None) => origins
            .iter()
            .any(|own| origin.as_bytes() == own.as_bytes()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_counts_only_on_requests_of_our_own_pages() {
        let origins = ["https://app.example".into()];
        for (headers, own) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "nonsense")], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://app.example"),
                ],
                false,
            ),
            (&[("origin", "https://app.example")], true),
            (&[("origin", "https://app.example:8443")], false),
            (&[("origin", "http://app.example")], false),
            (&[("origin", "null")], false),
            (
                &[
                    ("origin", "https://app.example"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                let name = HeaderName::from_static(name);
                map.append(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_own(&map, &origins), own, "{headers:?}");
        }
    }
}
