//! The header fields that tell a client where it stands.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::policy::{MAX_RULES, PolicyName, Rule};
use super::quota::SECOND;
use super::settle::{Charges, Enforced};

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The longest item of a `RateLimit` field: `, "` name `";r=` 10 digits `;t=` 10 digits.
const ITEM: usize = 3 + PolicyName::MAX_LEN + 4 + 10 + 3 + 10;

/// What a response gets on its way out. Nothing of it replaces what is there already.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// `RateLimit-Policy` and `RateLimit`.
    pub(super) standard: Option<(HeaderValue, HeaderValue)>,
    /// `X-RateLimit-*`.
    pub(super) legacy: Option<Legacy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Legacy {
    limit: u64,
    remaining: u32,
    reset: u64,
}

impl Fields {
    pub(super) fn write_to(self, headers: &mut HeaderMap) {
        if let Some((policy, standing)) = self.standard {
            // Both or none: one of ours beside one of the handler's would not belong together.
            if !headers.contains_key(RATELIMIT) && !headers.contains_key(RATELIMIT_POLICY) {
                put(headers, RATELIMIT_POLICY, policy);
                put(headers, RATELIMIT, standing);
            }
        }
        if let Some(legacy) = self.legacy {
            let names = [X_RATELIMIT_LIMIT, X_RATELIMIT_REMAINING, X_RATELIMIT_RESET];
            let values = [legacy.limit, legacy.remaining.into(), legacy.reset];
            if !names.iter().any(|name| headers.contains_key(name)) {
                for (name, value) in names.into_iter().zip(values) {
                    put(headers, name, whole(value));
                }
            }
        }
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    // A map can be so full that `insert` would panic; then it stays as it is.
    let _full = headers.try_insert(name, value);
}

/// `X-RateLimit-*` for the rule that has the least left.
pub(super) fn legacy(rules: &[Enforced], charges: &Charges) -> Option<Legacy> {
    let told = charges
        .iter()
        .filter(|charge| !rules[charge.rule].rule.shadow);
    let tightest = told.min_by_key(|c| (c.standing.remaining, u64::MAX - c.standing.full))?;
    Some(Legacy {
        limit: rules[tightest.rule].rule.limit.advertised().0,
        remaining: tightest.standing.remaining,
        reset: tightest.standing.full.div_ceil(SECOND),
    })
}

/// `RateLimit-Policy` for the rules that are enforced: a structured list (RFC 9651) that never changes.
pub(super) fn policy(rules: &[Rule]) -> Option<HeaderValue> {
    let mut text = String::new();
    for rule in rules.iter().filter(|rule| !rule.shadow) {
        let separator = if text.is_empty() { "" } else { ", " };
        let (name, (q, w)) = (&rule.name, rule.limit.advertised());
        // Writing to a `String` cannot fail.
        let _infallible = write!(text, "{separator}\"{name}\";q={q};w={w};qu=\"requests\"");
    }
    // Names are of characters that a header holds, so only an empty list is `None`.
    (!text.is_empty()).then(|| text.try_into().ok()).flatten()
}

/// `RateLimit` for the rules that were asked: the units left, and the seconds until there is one more.
///
/// In a refusal only the rules that refuse tell a time: the client may come back after `Retry-After`,
/// which must not be earlier than any `t` beside it, and what another rule has left is enough as it is.
pub(super) fn standing(
    rules: &[Enforced],
    charges: &Charges,
    refused: bool,
) -> Option<HeaderValue> {
    let mut text = Text {
        buffer: [0; MAX_RULES * ITEM],
        len: 0,
    };
    for charge in charges.iter() {
        let rule = &rules[charge.rule].rule;
        if rule.shadow {
            continue;
        }
        text.push(if text.len == 0 { b"\"" } else { b", \"" });
        text.push(rule.name.as_str().as_bytes());
        text.push(b"\";r=");
        text.number(charge.standing.remaining.into());
        if !refused || charge.wait > 0 {
            text.push(b";t=");
            text.number(charge.standing.more.div_ceil(SECOND));
        }
    }
    let text = &text.buffer[..text.len];
    (!text.is_empty())
        .then(|| HeaderValue::from_bytes(text).ok())
        .flatten()
}

/// A number as a field, in one allocation: what `http` offers for it takes two.
pub(super) fn whole(number: u64) -> HeaderValue {
    let mut buffer = itoa::Buffer::new();
    HeaderValue::from_str(buffer.format(number)).expect("digits are visible ascii")
}

struct Text {
    buffer: [u8; MAX_RULES * ITEM],
    len: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        // Large enough for the longest text there can be.
        if let Some(free) = self.buffer.get_mut(self.len..self.len + bytes.len()) {
            free.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn number(&mut self, number: u64) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }
}
