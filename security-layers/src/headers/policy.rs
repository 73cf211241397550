use std::mem;

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};
use portcullis_layer_core::origin::{OriginPolicy, Scheme};

use super::leaks::LEAKS;
use super::nonce::{CspNonce, Template};

/// What is added to a response and what is taken from it, worked out as far as it can be before the first request.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    // What is added, by scheme. One is cloned per response: that costs a third of inserting header by header.
    http: HeaderMap,
    https: HeaderMap,
    // Those of the headers above that have only an empty value there, because each response gets its own.
    nonced: Vec<(HeaderName, Template)>,
    // Sets: what hashes the name of a header best is a header map.
    forced: HeaderMap<()>,
    strip: HeaderMap<()>,
    force_all: bool,
    pub(super) origin: OriginPolicy,
}

#[derive(Debug)]
pub(super) enum Value {
    Fixed(HeaderValue),
    Nonced(Template),
}

impl Policy {
    /// Adds a header, or gives the one of that name another value.
    pub(super) fn set(&mut self, name: HeaderName, value: Value) {
        self.nonced.retain(|(other, _)| *other != name);
        let value = match value {
            Value::Fixed(value) => value,
            Value::Nonced(template) => {
                self.nonced.push((name.clone(), template));
                HeaderValue::from_static("")
            }
        };
        self.add(Scheme::Http, name.clone(), value.clone());
        self.add(Scheme::Https, name, value);
    }

    /// Adds a header that means nothing over plain http.
    pub(super) fn set_https_only(&mut self, name: HeaderName, value: HeaderValue) {
        self.add(Scheme::Https, name, value);
    }

    fn add(&mut self, scheme: Scheme, name: HeaderName, value: HeaderValue) {
        let headers = match scheme {
            Scheme::Http => &mut self.http,
            Scheme::Https => &mut self.https,
        };
        // So that the few headers of most handlers make no clone grow.
        headers.reserve(8);
        headers.insert(name, value);
    }

    /// Whether there was such a header.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.nonced.retain(|(other, _)| *other != *name);
        self.http.remove(name);
        self.https.remove(name).is_some()
    }

    /// Whether there is such a header.
    pub(super) fn force(&mut self, name: &str) -> bool {
        let Some((name, _)) = self.https.iter().find(|(other, _)| **other == *name) else {
            return false;
        };
        self.forced.insert(name, ());
        true
    }

    pub(super) fn force_all(&mut self) {
        self.force_all = true;
    }

    pub(super) fn strip_leaks(&mut self) {
        // A set with room to spare is quicker to say no, which is what it mostly says.
        self.strip.reserve(2 * LEAKS.len());
        for name in LEAKS {
            self.strip.insert(name, ());
        }
    }

    pub(super) fn strip(&mut self, name: HeaderName) {
        self.strip.insert(name, ());
    }

    /// Whether it was going to be stripped.
    pub(super) fn keep(&mut self, name: &str) -> bool {
        self.strip.remove(name).is_some()
    }

    /// Whether the handler has to be given a nonce.
    pub(super) fn needs_nonce(&self) -> bool {
        !self.nonced.is_empty()
    }

    /// Whether the scheme of a request makes a difference.
    pub(super) fn needs_scheme(&self) -> bool {
        self.http.len() < self.https.len()
    }

    /// Brings the headers of one response into line. Without a nonce the headers that need one are left out.
    pub(super) fn apply(&self, scheme: Scheme, nonce: Option<&CspNonce>, response: &mut HeaderMap) {
        let prepared = match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        let mut headers = prepared.clone();
        for (name, template) in &self.nonced {
            match nonce {
                Some(nonce) => headers.insert(name, template.fill(nonce)),
                None => headers.remove(name),
            };
        }
        if !response.is_empty() {
            // A map can be so full that inserting would panic; then it stays as it is.
            if headers.try_reserve(response.keys_len()).is_err() {
                return;
            }
            self.put_over(&mut headers, response);
        }
        *response = headers;
    }

    /// Puts what came from inside over what is added. Leaves `inner` without its values.
    fn put_over(&self, headers: &mut HeaderMap, inner: &mut HeaderMap) {
        let mut previous = None;
        for (name, value) in inner {
            if previous != Some(name) {
                let forced = self.force_all || self.forced.contains_key(name);
                if self.strip.contains_key(name) || (forced && headers.contains_key(name)) {
                    continue;
                }
            }
            // Moved, because the first clone of a value that was built allocates.
            let value = mem::replace(value, HeaderValue::from_static(""));
            if previous == Some(name) {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
                previous = Some(name);
            }
        }
    }
}

/// The value for a text whose parts were checked when they were made.
pub(super) fn checked(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("every part of a typed value is visible ASCII")
}
