//! Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13).

use std::fmt;

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

/// The first 128 bits of a SHA-256, in hexadecimal: what a tag says about content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn of(content: &[u8]) -> Self {
        let hash = Sha256::digest(content);
        Self(hash.iter().take(16).map(|b| format!("{b:02x}")).collect())
    }

    /// A digest that was computed earlier and comes back from where it was kept.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A strong entity tag, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// The tag of a resource that has no versions.
    pub(crate) fn of_content(digest: &Digest) -> Self {
        Self(digest.0.clone())
    }

    /// The tag of one version. It holds the content's digest too: a database that is restored from
    /// a backup, or a name that is deleted and used again, counts the same numbers a second time.
    pub(crate) fn of_version(version: u64, digest: &Digest) -> Self {
        Self(format!("{version}-{}", digest.0))
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string())
            .expect("digits, hexadecimal and quotes are valid in a header")
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// What a request demands of the resource's present state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preconditions {
    if_match: Option<Condition>,
    if_none_match: Option<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// `*`: any representation, whichever it is.
    Any,
    Tags(Vec<Tag>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    opaque: Vec<u8>,
}

/// A condition that cannot be read. Ignoring it would make a guarded request an unguarded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) HeaderName);

/// How a read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Send,
    NotModified,
    Failed,
}

/// Why a write must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A condition was given and does not hold: 412.
    Failed,
    /// The resource exists and no `If-Match` says which state is being replaced: 428.
    Required,
}

impl Preconditions {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Unreadable> {
        Ok(Self {
            if_match: condition(headers, IF_MATCH)?,
            if_none_match: condition(headers, IF_NONE_MATCH)?,
        })
    }

    /// Section 13.2.2 for GET and HEAD of a resource that exists.
    pub(crate) fn read(&self, current: &ETag) -> Read {
        if !self.if_match_holds(Some(current)) {
            Read::Failed
        } else if !self.if_none_match_holds(Some(current)) {
            Read::NotModified
        } else {
            Read::Send
        }
    }

    /// Section 13.2.2 for a method that changes the resource, and RFC 6585 section 3: what exists is
    /// replaced only by someone who says which state they saw.
    pub(crate) fn write(&self, current: Option<&ETag>) -> Result<(), Stop> {
        if !self.if_match_holds(current) || !self.if_none_match_holds(current) {
            Err(Stop::Failed)
        } else if current.is_some() && self.if_match.is_none() {
            Err(Stop::Required)
        } else {
            Ok(())
        }
    }

    /// Only the conditions that were given, for a resource whose writes need none.
    pub(crate) fn hold(&self, current: &ETag) -> bool {
        self.if_match_holds(Some(current)) && self.if_none_match_holds(Some(current))
    }

    // 13.1.1: strong comparison, so that a weak tag never matches.
    fn if_match_holds(&self, current: Option<&ETag>) -> bool {
        let Some(condition) = &self.if_match else {
            return true;
        };
        current.is_some_and(|current| condition.names(current, |tag| !tag.weak))
    }

    // 13.1.2: weak comparison.
    fn if_none_match_holds(&self, current: Option<&ETag>) -> bool {
        let (Some(condition), Some(current)) = (&self.if_none_match, current) else {
            return true;
        };
        !condition.names(current, |_| true)
    }
}

impl Condition {
    fn names(&self, current: &ETag, counts: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags
                .iter()
                .any(|tag| counts(tag) && tag.opaque == current.0.as_bytes()),
        }
    }
}

fn condition(headers: &HeaderMap, name: HeaderName) -> Result<Option<Condition>, Unreadable> {
    let lines = headers.get_all(&name).iter().map(HeaderValue::as_bytes);
    let lines: Vec<&[u8]> = lines.map(<[u8]>::trim_ascii).collect();
    if let [b"*"] = lines[..] {
        return Ok(Some(Condition::Any));
    }
    let mut tags = Vec::new();
    match lines.iter().try_for_each(|line| tag_list(line, &mut tags)) {
        Some(()) if lines.is_empty() => Ok(None),
        Some(()) if !tags.is_empty() => Ok(Some(Condition::Tags(tags))),
        _ => Err(Unreadable(name)),
    }
}

/// Reads `[W/]"opaque"` members between commas; empty members are let through (section 5.6.1.2).
fn tag_list(line: &[u8], tags: &mut Vec<Tag>) -> Option<()> {
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
            continue;
        }
        let (weak, quoted) = rest
            .strip_prefix(b"W/")
            .map_or((false, rest), |quoted| (true, quoted));
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&b| b == b'"')?;
        let (opaque, after) = inner.split_at(end);
        if !opaque
            .iter()
            .all(|&b| matches!(b, 0x21 | 0x23..=0x7e | 0x80..))
        {
            return None;
        }
        let opaque = opaque.to_vec();
        tags.push(Tag { weak, opaque });
        rest = after.strip_prefix(b"\"")?.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{Digest, ETag, Preconditions, Read, Stop};

    fn given(lines: &[(&'static str, &str)]) -> Option<Preconditions> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Preconditions::of(&headers).ok()
    }

    fn current() -> ETag {
        ETag("7-ab".to_owned())
    }

    #[test]
    fn reads_follow_rfc_9110() {
        for (lines, outcome) in [
            (&[][..], Read::Send),
            (&[("if-none-match", "\"7-ab\"")], Read::NotModified),
            (&[("if-none-match", "W/\"7-ab\"")], Read::NotModified),
            (&[("if-none-match", "\"1\", \"7-ab\"")], Read::NotModified),
            (
                &[("if-none-match", " , \"1\" ,, \"7-ab\" ,")],
                Read::NotModified,
            ),
            (
                &[("if-none-match", "\"1\""), ("if-none-match", "\"7-ab\"")],
                Read::NotModified,
            ),
            (&[("if-none-match", "*")], Read::NotModified),
            (&[("if-none-match", "\"7-AB\"")], Read::Send),
            (&[("if-none-match", "\"a,b\"")], Read::Send),
            (&[("if-match", "\"7-ab\"")], Read::Send),
            (&[("if-match", "\"6\"")], Read::Failed),
            (
                &[("if-match", "\"6\""), ("if-none-match", "\"7-ab\"")],
                Read::Failed,
            ),
        ] {
            assert_eq!(given(lines).unwrap().read(&current()), outcome, "{lines:?}");
        }
    }

    #[test]
    fn what_exists_is_replaced_only_by_who_saw_it() {
        for (lines, outcome) in [
            (&[][..], Err(Stop::Required)),
            (&[("if-match", "\"7-ab\"")], Ok(())),
            (&[("if-match", "\"6-ab\", \"7-ab\"")], Ok(())),
            (&[("if-match", "*")], Ok(())),
            (&[("if-match", "\"6-ab\"")], Err(Stop::Failed)),
            (&[("if-match", "W/\"7-ab\"")], Err(Stop::Failed)),
            (&[("if-none-match", "*")], Err(Stop::Failed)),
            (&[("if-none-match", "\"6-ab\"")], Err(Stop::Required)),
        ] {
            assert_eq!(
                given(lines).unwrap().write(Some(&current())),
                outcome,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn what_does_not_exist_is_created_unless_it_had_to_exist() {
        for (lines, outcome) in [
            (&[][..], Ok(())),
            (&[("if-none-match", "*")], Ok(())),
            (&[("if-none-match", "\"7-ab\"")], Ok(())),
            (&[("if-match", "*")], Err(Stop::Failed)),
            (&[("if-match", "\"7-ab\"")], Err(Stop::Failed)),
        ] {
            assert_eq!(given(lines).unwrap().write(None), outcome, "{lines:?}");
        }
    }

    #[test]
    fn unreadable_conditions_are_not_ignored() {
        for line in [
            "",
            " ",
            ",",
            "7-ab",
            "\"7",
            "7\"",
            "\"a\" \"b\"",
            "w/\"a\"",
            "W/a",
            "\"a\"b",
            "*, \"a\"",
            "\"a\", *",
            "\"a b\"",
        ] {
            assert_eq!(given(&[("if-match", line)]), None, "{line:?}");
        }
        assert_eq!(given(&[("if-match", "*"), ("if-match", "*")]), None);
        assert_eq!(given(&[("if-match", "*"), ("if-match", "\"7-ab\"")]), None);
    }

    #[test]
    fn tags_differ_by_version_and_by_content() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_ne!(ETag::of_version(1, &a), ETag::of_version(2, &a));
        assert_ne!(ETag::of_version(1, &a), ETag::of_version(1, &b));
        assert_eq!(
            ETag::of_content(&a).to_string(),
            "\"ca978112ca1bbdcafac231b39a23dc4d\""
        );
        assert_eq!(
            ETag::of_version(3, &a).header_value(),
            "\"3-ca978112ca1bbdcafac231b39a23dc4d\""
        );
    }
}
