mod name;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub(super) use name::Name;

use super::error::JwtErrorKind;
use super::json::Kind;
use super::{JwtError, json};
use crate::id::SessionId;
use crate::time::Timestamp;

/// What a verified token says, kept as it was signed and read where it stands.
///
/// Claims that this crate knows are found at once. Others are looked for when they are asked for.
#[derive(Clone)]
pub struct Claims {
    /// The payload, followed by what strings with escapes mean.
    text: String,
    payload: usize,
    slots: [Slot; Name::COUNT],
}

/// Where a claim is.
#[derive(Clone, Copy, Default)]
struct Slot {
    start: u16,
    end: u16,
    form: Form,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Absent,
    Text,
    Number,
    Array,
    Other,
}

impl Claims {
    pub(super) fn parse(payload: Vec<u8>) -> Result<Self, JwtError> {
        let mut text = String::from_utf8(payload).map_err(|_| JwtErrorKind::Malformed)?;
        let mut slots = [Slot::default(); Name::COUNT];
        let mut meant = String::new();
        json::object(&text, |name, value| {
            let slot = match name.plain() {
                Some(name) => Name::of(name),
                None => Name::of(&name.read()),
            };
            let Some(slot) = slot else { return };
            let part = |form, part| Slot::new(form, offset(&text, part), part.len());
            slots[slot as usize] = match value.kind {
                Kind::Plain => part(Form::Text, value.unquoted()),
                Kind::Escaped => {
                    let start = meant.len();
                    meant.extend(value.text());
                    Slot::new(Form::Text, text.len() + start, meant.len() - start)
                }
                Kind::Number => part(Form::Number, value.raw),
                Kind::Array => part(Form::Array, value.raw),
                Kind::Bool | Kind::Null | Kind::Object => part(Form::Other, value.raw),
            };
        })?;
        let payload = text.len();
        if !meant.is_empty() {
            text.push_str(&meant);
        }
        Ok(Self {
            text,
            payload,
            slots,
        })
    }

    fn slot(&self, name: Name) -> (Form, &str) {
        let slot = self.slots[name as usize];
        let text = self.text.get(slot.start.into()..slot.end.into());
        (slot.form, text.unwrap_or_default())
    }

    pub(super) fn has(&self, name: Name) -> bool {
        self.slots[name as usize].form != Form::Absent
    }

    /// The claim if it is a string.
    pub(super) fn known(&self, name: Name) -> Option<&str> {
        match self.slot(name) {
            (Form::Text, text) => Some(text),
            _ => None,
        }
    }

    /// The claim as a moment: none if it is absent, and an error if it is anything else.
    pub(super) fn date(&self, name: Name) -> Result<Option<Timestamp>, NotADate> {
        match self.slot(name) {
            (Form::Absent, _) => Ok(None),
            (Form::Number, number) => numeric_date(number).map(Some).ok_or(NotADate),
            _ => Err(NotADate),
        }
    }

    /// Whether `wanted` is satisfied by the claim, or by one of its elements: an error if it is neither a string nor an
    /// array of strings.
    pub(super) fn any(
        &self,
        name: Name,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<bool, NotTexts> {
        match self.slot(name) {
            (Form::Text, text) => Ok(wanted(text)),
            (Form::Array, array) => {
                let mut found = false;
                let mut all_texts = true;
                let read = json::array(array, |element| match element.text() {
                    Some(text) => found |= wanted(&text),
                    None => all_texts = false,
                });
                (read.is_ok() && all_texts).then_some(found).ok_or(NotTexts)
            }
            _ => Err(NotTexts),
        }
    }

    fn list(&self, name: Name) -> Vec<Cow<'_, str>> {
        match self.slot(name) {
            (Form::Text, text) => vec![text.into()],
            (Form::Array, array) => texts(array).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Who signed it (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.known(Name::Issuer).unwrap_or_default()
    }

    /// Whom it is about (`sub`). Unique for its issuer only: together with [`issuer`](Self::issuer) it names somebody.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.known(Name::Subject).unwrap_or_default()
    }

    /// Whom it is meant for (`aud`).
    #[must_use]
    pub fn audiences(&self) -> Vec<Cow<'_, str>> {
        self.list(Name::Audience)
    }

    /// Until when it is valid (`exp`).
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.date(Name::Expires).ok().flatten()
    }

    /// When it was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.date(Name::IssuedAt).ok().flatten()
    }

    /// From when on it is valid (`nbf`).
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.date(Name::NotBefore).ok().flatten()
    }

    /// Its own id (`jti`).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.known(Name::TokenId)
    }

    /// The login that it came of (`sid`), if it is one of ours.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.known(Name::Session)?.parse().ok()
    }

    /// The program that it was given to: `client_id`, or else `azp`.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.known(Name::Client)
            .or_else(|| self.known(Name::AuthorizedParty))
    }

    /// Whose data it opens (`tenant`).
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.known(Name::Tenant)
    }

    /// What was granted: the words of `scope` (RFC 9068 section 2.2.3), or else of `scp`, which some write as a list. None if
    /// there is neither.
    #[must_use]
    pub fn scopes(&self) -> Option<Vec<Cow<'_, str>>> {
        let name = match (self.has(Name::Scope), self.has(Name::Scp)) {
            (true, _) => Name::Scope,
            (false, true) => Name::Scp,
            (false, false) => return None,
        };
        Some(match self.known(name) {
            Some(words) => words
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(Cow::Borrowed)
                .collect(),
            None => self.list(name),
        })
    }

    /// The names of roles (`roles`).
    #[must_use]
    pub fn roles(&self) -> Vec<Cow<'_, str>> {
        self.list(Name::Roles)
    }

    /// By which proofs somebody signed in (`amr`, RFC 8176).
    #[must_use]
    pub fn amr(&self) -> Vec<Cow<'_, str>> {
        self.list(Name::Amr)
    }

    /// How well somebody signed in (`acr`).
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.known(Name::Acr)
    }

    /// When somebody signed in (`auth_time`).
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.date(Name::AuthTime).ok().flatten()
    }

    /// How often everything of the subject had been revoked when it was issued (`sep`).
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match self.slot(Name::Epoch) {
            (Form::Number, number) => number.parse().ok(),
            _ => None,
        }
    }

    /// How often a refresh token had been rotated (`gen`).
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        match self.slot(Name::Generation) {
            (Form::Number, number) => number.parse().ok(),
            _ => None,
        }
    }

    /// Any claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(name)?.text()
    }

    /// Any claim that is an array of strings, or one string.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<Cow<'_, str>>> {
        let value = self.find(name)?;
        match value.kind {
            Kind::Array => texts(value.raw),
            _ => Some(vec![value.text()?]),
        }
    }

    /// Any claim that is `true` or `false`.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        let value = self.find(name)?;
        (value.kind == Kind::Bool).then_some(value.raw == "true")
    }

    /// Any claim that is a whole number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        let value = self.find(name)?;
        let number = (value.kind == Kind::Number).then_some(value.raw)?;
        number.parse().ok()
    }

    /// Any claim, as JSON.
    #[must_use]
    pub fn json(&self, name: &str) -> Option<&str> {
        self.find(name).map(|value| value.raw)
    }

    /// All claims, as the JSON object that was signed. No two members of it have the same name.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.text.get(..self.payload).unwrap_or_default()
    }

    fn find(&self, wanted: &str) -> Option<json::Value<'_>> {
        let mut found = None;
        json::object(self.as_json(), |name, value| {
            if name.read() == wanted {
                found = Some(value);
            }
        })
        .ok()?;
        found
    }
}

/// Who, and which token: the rest may be personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iss", &self.issuer())
            .field("sub", &self.subject())
            .field("jti", &self.token_id())
            .finish_non_exhaustive()
    }
}

impl Slot {
    /// A payload of 8 KiB, with all of its strings repeated, is in reach.
    fn new(form: Form, start: usize, len: usize) -> Self {
        match (u16::try_from(start), u16::try_from(start + len)) {
            (Ok(start), Ok(end)) => Self { start, end, form },
            _ => Self {
                form: Form::Other,
                ..Self::default()
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotADate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotTexts;

/// Where `part` begins in `whole`, of which it is a part.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

fn texts(array: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut texts = Some(Vec::new());
    json::array(array, |element| match (element.text(), &mut texts) {
        (Some(text), Some(texts)) => texts.push(text),
        _ => texts = None,
    })
    .ok()?;
    texts
}

/// A `NumericDate` (RFC 7519 section 2): seconds, which may have a fraction, of years that can be written.
fn numeric_date(number: &str) -> Option<Timestamp> {
    if let Ok(seconds) = number.parse() {
        return Timestamp::from_secs(seconds);
    }
    let seconds: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a millisecond is dropped; what is too large ends at the largest number, which is refused"
    )]
    let millis = (seconds * 1000.0).floor() as i64;
    // 253402300799 is the last second: its fractions are within the range of the type, and not of the rule.
    Timestamp::from_millis(millis).filter(|_| seconds <= 253_402_300_799.0)
}
