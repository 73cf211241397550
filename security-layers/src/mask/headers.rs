use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};

/// The names of fields whose values are secrets.
#[derive(Clone, Debug)]
pub(super) struct SensitiveHeaders {
    names: Vec<HeaderName>,
    /// A bit for each name, so that most others are known not to be one without a comparison.
    bits: u64,
}

const KNOWN: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];
/// Keys and tokens of APIs, of frameworks, of proxies that authenticate, and of clouds.
const KNOWN_BY_NAME: [&str; 16] = [
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-refresh-token",
    "x-session-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-forwarded-access-token",
    "x-amz-security-token",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-goog-iap-jwt-assertion",
    "cf-access-jwt-assertion",
    "x-vault-token",
];

impl SensitiveHeaders {
    pub(super) fn known() -> Self {
        let mut headers = Self {
            names: Vec::new(),
            bits: 0,
        };
        headers.extend(KNOWN);
        headers.extend(KNOWN_BY_NAME.map(HeaderName::from_static));
        headers
    }

    pub(super) fn extend(&mut self, names: impl IntoIterator<Item = HeaderName>) {
        for name in names {
            self.bits |= bit(&name);
            self.names.push(name);
        }
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// Marks all values of these fields.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            if self.bits & bit(name) != 0 && self.names.contains(name) {
                value.set_sensitive(true);
            }
        }
    }
}

/// Tells names apart by their lengths and last letters.
fn bit(name: &HeaderName) -> u64 {
    let name = name.as_str();
    let last = name.bytes().next_back().unwrap_or_default();
    1 << ((name.len() * 7 + usize::from(last)) % 64)
}
