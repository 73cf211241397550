use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};

/// The names of fields whose values are secrets.
#[derive(Clone, Debug)]
pub(super) struct SensitiveHeaders {
    names: Vec<HeaderName>,
    /// By the last letter, a bit for each length, so that most others are known not to be one without a
    /// comparison.
    lengths: [u32; 32],
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
            lengths: [0; 32],
        };
        headers.extend(KNOWN);
        headers.extend(KNOWN_BY_NAME.map(HeaderName::from_static));
        headers
    }

    pub(super) fn extend(&mut self, names: impl IntoIterator<Item = HeaderName>) {
        for name in names {
            let (last, length) = hint(&name);
            self.lengths[last] |= length;
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
            let (last, length) = hint(name);
            if self.lengths[last] & length != 0 && self.names.contains(name) {
                value.set_sensitive(true);
            }
        }
    }
}

/// The last letter and the bit of the length.
fn hint(name: &HeaderName) -> (usize, u32) {
    let name = name.as_str();
    let last = name.bytes().next_back().unwrap_or_default();
    (usize::from(last % 32), 1 << (name.len() % 32))
}
