use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{HIDDEN, REDACTED};
use crate::common::issuers::{ISSUERS, OWN_ID, OWN_SECRET};
use crate::{SecretBytes, SecretError};

/// Nothing. For passwords, one-time passwords, PINs and private keys.
#[must_use]
pub fn password(_: &str) -> Cow<'static, str> {
    REDACTED.into()
}

/// `acme_live_<id>_***` of an API key of this family's form (the id is public), `ghp_***` of one whose issuer is known by
/// its prefix, and what [`token`] makes of any other.
///
/// ```
/// # use portcullis_secrets::mask::api_key;
/// let key = format!("acme_live_4fzT0aBc9Q2x_{}", "k".repeat(49));
/// assert_eq!(api_key(&key), "acme_live_4fzT0aBc9Q2x_***");
/// assert_eq!(api_key("AKIAIOSFODNN7EXAMPLE"), "AKIA***");
/// assert_eq!(api_key("hunter2"), "[REDACTED]");
/// ```
#[must_use]
pub fn api_key(key: &str) -> Cow<'static, str> {
    if let Some(public) = own_public_part(key) {
        return format!("{public}_{HIDDEN}").into();
    }
    let prefixes = ISSUERS.iter().map(|(prefix, ..)| *prefix);
    let prefixes = prefixes.filter(|prefix| key.starts_with(prefix));
    match prefixes.max_by_key(|prefix| prefix.len()) {
        Some(prefix) => format!("{prefix}{HIDDEN}").into(),
        None => token(key),
    }
}

/// `<brand>_<env>_<id>` of `<brand>_<env>_<id>_<secret and checksum>`.
fn own_public_part(key: &str) -> Option<&str> {
    let alphanumeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (public, secret) = key.rsplit_once('_')?;
    let (brand, rest) = public.split_once('_')?;
    let (env, id) = rest.split_once('_')?;
    let ours = (2..=10).contains(&brand.len())
        && alphanumeric(brand)
        && !brand.bytes().any(|byte| byte.is_ascii_uppercase())
        && matches!(env, "live" | "test")
        && id.len() == OWN_ID
        && alphanumeric(id)
        && (secret == HIDDEN || secret.len() == OWN_SECRET && alphanumeric(secret));
    ours.then_some(public)
}

/// The first four characters of an opaque token of at least 24, all of them visible ASCII; nothing of any other.
///
/// ```
/// # use portcullis_secrets::mask::token;
/// assert_eq!(token("dGhlIHNlY3JldCBvZiB0aGUgZ2F0ZQ"), "dGhl***");
/// assert_eq!(token("dGhlIHNlY3JldA"), "[REDACTED]");
/// ```
#[must_use]
pub fn token(token: &str) -> Cow<'static, str> {
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    let masked = token.len() == 7 && token.ends_with(HIDDEN);
    match token.get(..4) {
        Some(start) if visible && (masked || token.len() >= 24) => {
            format!("{start}{HIDDEN}").into()
        }
        _ => REDACTED.into(),
    }
}

const JWT: &str = "eyJ***";

/// `eyJ***` of a JWT, and what [`token`] makes of anything else. Whether the signature is right is not looked at.
///
/// ```
/// # use portcullis_secrets::mask::jwt;
/// assert_eq!(jwt("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"), "eyJ***");
/// assert_eq!(jwt("some.other.token"), "[REDACTED]");
/// ```
#[must_use]
pub fn jwt(jwt: &str) -> Cow<'static, str> {
    if jwt == JWT || header(jwt).is_some() {
        return JWT.into();
    }
    token(jwt)
}

/// As [`jwt`], and after that the key id and the token's own id, if the token has such: `eyJ*** kid=2024-07 jti=7Yk2`.
///
/// Both are what the token says, which need not be true. One that has other characters than letters, digits and
/// `-._~:`, or more than 64, is left out.
#[must_use]
pub fn jwt_ids(jwt: &str) -> Cow<'static, str> {
    if jwt.strip_prefix(JWT).is_some_and(is_ids) {
        return jwt.to_owned().into();
    }
    let Some(header) = header(jwt) else {
        return token(jwt);
    };
    let payload = jwt.split('.').nth(1).and_then(object);
    let mut masked = JWT.to_owned();
    for (name, object) in [("kid", Some(&header)), ("jti", payload.as_ref())] {
        if let Some(id) = object
            .and_then(|object| object.get(name)?.as_str())
            .filter(|id| is_id(id))
        {
            masked.push_str(&format!(" {name}={id}"));
        }
    }
    masked.into()
}

type Object = serde_json::Map<String, serde_json::Value>;

/// The header of a JWT, if it is one: three parts, of which the first is a JSON object.
fn header(jwt: &str) -> Option<Object> {
    let mut parts = jwt.split('.');
    let header = parts.next()?;
    let three = parts.by_ref().take(2).count() == 2 && parts.next().is_none();
    three.then(|| object(header)).flatten()
}

fn object(part: &str) -> Option<Object> {
    let json = SecretBytes::from_base64(part).ok()?;
    serde_json::from_slice(json.expose_secret()).ok()
}

fn is_id(id: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(harmless)
}

/// What [`jwt_ids`] puts after the mask.
fn is_ids(text: &str) -> bool {
    let (kid, jti) = match text.split_once(" jti=") {
        Some((kid, jti)) => (kid, Some(jti)),
        None => (text, None),
    };
    (kid.is_empty() || kid.strip_prefix(" kid=").is_some_and(is_id)) && jti.is_none_or(is_id)
}

/// Makes tags by which the log lines about one token can be found, without telling anything of the token.
///
/// A tag is the start of an HMAC-SHA-256. Whoever has the key can tell whether a tag belongs to a token that they have;
/// nobody can find the token. With 32 bits, two of some ten thousand tokens may share a tag.
///
/// ```
/// use portcullis_secrets::mask::LogKey;
///
/// let key = LogKey::generate()?;
/// let tag = key.tag("dGhlIHNlY3JldCBvZiB0aGUgZ2F0ZQ");
/// assert!(tag.starts_with("tok:") && tag.len() == 12);
/// assert_eq!(tag, key.tag("dGhlIHNlY3JldCBvZiB0aGUgZ2F0ZQ"));
/// assert_ne!(tag, key.tag("another"));
/// # Ok::<_, portcullis_secrets::SecretError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct LogKey(Hmac<Sha256>);

impl LogKey {
    /// A key for the life of this process: tags of another run, or of another instance, differ.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn generate() -> Result<Self, SecretError> {
        SecretBytes::generate(32).map(|key| Self::new(&key))
    }

    /// A key that several instances share. 32 bytes are right.
    #[expect(clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn new(key: &SecretBytes) -> Self {
        let mac = Hmac::new_from_slice(key.expose_secret());
        Self(mac.expect("HMAC takes keys of any length"))
    }

    /// `tok:` and eight hexadecimal digits. A tag is not tagged again.
    #[must_use]
    pub fn tag(&self, token: &str) -> String {
        if is_tag(token) {
            return token.to_owned();
        }
        let mac = self.0.clone().chain_update(token).finalize();
        let [a, b, c, d, ..]: [u8; 32] = mac.into_bytes().into();
        format!("tok:{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}

fn is_tag(text: &str) -> bool {
    let digits = text.strip_prefix("tok:").unwrap_or_default();
    digits.len() == 8
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey([REDACTED])")
    }
}
