//! The identity of one request, as the extension that every layer reads.
//!
//! It lives here and not in the layer that makes it, because refusals name it as their
//! `instance`, and the access log and spans record it.

use http::HeaderValue;

/// The identity of one request: visible ASCII, put into the request's extensions by a request id layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The longest identity that is accepted, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Accepts 1 to [`MAX_LEN`](Self::MAX_LEN) bytes of ASCII letters, digits, `-`, `_`, `.` and `~`
    /// (the unreserved characters of RFC 3986), so that an identity fits unescaped into a header, a
    /// URI, a log line and a label.
    pub fn new(value: HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let fits = (1..=Self::MAX_LEN).contains(&bytes.len());
        (fits && bytes.iter().copied().all(is_unreserved)).then_some(Self(value))
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        // `new` lets only ASCII in, so the fallback is never seen.
        self.0.to_str().unwrap_or_default()
    }

    /// The identity as it stands in a header.
    pub fn header_value(&self) -> &HeaderValue {
        &self.0
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_of_bounded_length_make_an_identity() {
        let accepted = |text: &str| {
            HeaderValue::from_str(text)
                .ok()
                .and_then(RequestId::new)
                .map(|id| id.as_str().to_owned())
        };
        assert_eq!(accepted("018f-A_b.~9").as_deref(), Some("018f-A_b.~9"));
        assert_eq!(accepted(&"a".repeat(128)).map(|id| id.len()), Some(128));
        for refused in ["", "a b", "a\"b", "a/b", "ä", "a,b", &"a".repeat(129)] {
            assert_eq!(accepted(refused), None, "{refused:?}");
        }
    }
}
