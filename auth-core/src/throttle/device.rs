//! Cookies that tell a device from which somebody has signed in before.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use portcullis_secrets::{SecretBytes, SecretString};
use sha2::Sha256;

use super::GateError;
use super::key::MacKey;
use crate::id::TenantId;
use crate::ring::Ring;
use crate::time::Timestamp;

/// The name of the cookie. Browsers take a `__Host-` cookie only from the host itself and over HTTPS.
pub const DEVICE_COOKIE: &str = "__Host-dev";

/// How long a device is known after a sign-in: 90 days.
pub const DEVICE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

const VERSION: u8 = 1;
const HEAD: usize = 1 + 1 + 8 + 16;
const LEN: usize = HEAD + 32;

/// The keys that sign device cookies: one that signs, and those before it until their cookies have expired.
///
/// A cookie is 78 characters of URL-safe base64 without padding:
///
/// | bytes | what |
/// |---|---|
/// | 1 | version, 1 |
/// | 1 | id of the key |
/// | 8 | end in milliseconds since 1970, big-endian |
/// | 16 | random id of the device |
/// | 32 | HMAC-SHA-256 over purpose, all of the above, tenant and folded identifier |
///
/// The identifier is not in it: a cookie says for nobody but those who know for whom, and for everybody else it is as good as
/// forged.
#[derive(Debug)]
pub struct DeviceKeys(Ring<MacKey>);

impl DeviceKeys {
    /// Signs with `key`, which cookies name by `id`.
    ///
    /// # Errors
    ///
    /// A key of less than 32 bytes, or one that could be guessed.
    pub fn new(id: u8, key: &SecretBytes) -> Result<Self, GateError> {
        Ok(Self(Ring::new(id, MacKey::new(key)?)))
    }

    /// Accepts what was signed with `key` before. Needed for [`DEVICE_LIFETIME`] after it last signed.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and an id that another key has.
    pub fn previous(self, id: u8, key: &SecretBytes) -> Result<Self, GateError> {
        let ring = self.0.and(id, MacKey::new(key)?);
        ring.map(Self)
            .ok_or(GateError("two device keys have the same id"))
    }

    /// The cookie that makes `device` trusted for `owner` until `end`.
    pub(super) fn sign(&self, device: DeviceId, owner: Owner<'_>, end: Timestamp) -> DeviceCookie {
        let (id, key) = self.0.current();
        let mut bytes = [0; LEN];
        let (head, mac) = bytes.split_at_mut(HEAD);
        head[0] = VERSION;
        head[1] = id;
        head[2..10].copy_from_slice(&end.as_millis().to_be_bytes());
        head[10..].copy_from_slice(&device.0);
        mac.copy_from_slice(&owner.mac(key, head).finalize().into_bytes());
        let value = SecretString::from(URL_SAFE_NO_PAD.encode(bytes));
        DeviceCookie { value, end }
    }

    /// The device that `cookie` is of, if it is trusted for `owner`.
    pub(super) fn verify(
        &self,
        cookie: &str,
        owner: Owner<'_>,
        now: Timestamp,
    ) -> Option<DeviceId> {
        let parsed = Parsed::new(cookie)?;
        let key = self.0.find(parsed.key)?;
        owner
            .mac(key, &parsed.bytes[..HEAD])
            .verify_slice(&parsed.bytes[HEAD..])
            .ok()?;
        // A clock that is ahead must not have made a device trusted for longer than is promised.
        let trusted = now < parsed.end && parsed.end <= now.plus(2 * DEVICE_LIFETIME);
        trusted.then_some(parsed.device)
    }
}

/// For whom a device is trusted.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) folded: &'a str,
}

impl Owner<'_> {
    fn mac(&self, key: &MacKey, head: &[u8]) -> Hmac<Sha256> {
        let tenant = self.tenant.as_str().as_bytes();
        key.over(
            "auth-core/device/v1",
            &[head, tenant, self.folded.as_bytes()],
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeviceId(pub(super) [u8; 16]);

impl DeviceId {
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self(id))
    }
}

/// What a cookie says, whether it is genuine or not.
struct Parsed {
    bytes: [u8; LEN],
    key: u8,
    end: Timestamp,
    device: DeviceId,
}

impl Parsed {
    /// Reads what [`DeviceKeys::sign`] writes, and no other form of it.
    fn new(cookie: &str) -> Option<Self> {
        // Before decoding, since that takes as long as the text is.
        if cookie.len() != (LEN * 4).div_ceil(3) {
            return None;
        }
        let mut bytes = [0; LEN];
        let len = URL_SAFE_NO_PAD.decode_slice(cookie, &mut bytes).ok()?;
        let [VERSION, key, rest @ ..] = &bytes else {
            return None;
        };
        let (end, rest) = rest.split_first_chunk()?;
        let (device, _) = rest.split_first_chunk()?;
        let parsed = Self {
            key: *key,
            end: Timestamp::from_millis(i64::from_be_bytes(*end))?,
            device: DeviceId(*device),
            bytes,
        };
        (len == LEN).then_some(parsed)
    }
}

/// A cookie to be set after somebody has fully signed in.
#[derive(Debug)]
pub struct DeviceCookie {
    value: SecretString,
    end: Timestamp,
}

impl DeviceCookie {
    /// The value alone.
    pub fn value(&self) -> &SecretString {
        &self.value
    }

    /// When the device is not trusted any more.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// The whole value of a header `Set-Cookie`, attributes included.
    pub fn set_cookie(&self) -> SecretString {
        let value = self.value.expose_secret();
        let age = DEVICE_LIFETIME.as_secs();
        format!("{DEVICE_COOKIE}={value}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict")
            .into()
    }
}

impl fmt::Debug for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_one_form() {
        let keys = DeviceKeys::new(3, &SecretBytes::generate(32).unwrap()).unwrap();
        let tenant = "acme".parse().unwrap();
        let owner = Owner {
            tenant: &tenant,
            folded: "ann",
        };
        let now = Timestamp::from_secs(1_790_000_000).unwrap();
        let device = DeviceId::generate().unwrap();
        let cookie = keys.sign(device, owner, now.plus(DEVICE_LIFETIME));
        let value = cookie.value().expose_secret();
        assert_eq!(value.len(), 78);
        let verify = |value: &str| keys.verify(value, owner, now);
        assert_eq!(verify(value), Some(device));
        assert_eq!(
            keys.verify(value, owner, now.plus(DEVICE_LIFETIME)),
            None,
            "its end is exclusive"
        );
        assert_eq!(
            keys.verify(value, owner, now.minus(DEVICE_LIFETIME * 2)),
            None
        );
        for (at, char) in value.char_indices() {
            for other in ['A', 'B', '-', '_', '+', '/', '=', ' ', 'z'] {
                let mut changed = String::from(value);
                changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
                if other != char {
                    assert_eq!(verify(&changed), None, "{at} {other}");
                }
            }
        }
        for changed in [
            "",
            "=",
            &value[1..],
            &format!("{value}="),
            &format!(" {value}"),
        ] {
            assert_eq!(verify(changed), None, "{changed:?}");
        }
    }

    #[test]
    fn a_cookie_is_for_one_identifier_of_one_tenant_and_outlives_its_key_in_the_ring() {
        let (first, second) = (SecretBytes::generate(32), SecretBytes::generate(32));
        let (first, second) = (first.unwrap(), second.unwrap());
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let owner = |tenant, folded| Owner { tenant, folded };
        let now = Timestamp::from_secs(1_790_000_000).unwrap();
        let device = DeviceId::generate().unwrap();
        let cookie = DeviceKeys::new(1, &first).unwrap().sign(
            device,
            owner(&acme, "ann"),
            now.plus(DEVICE_LIFETIME),
        );
        let value = cookie.value().expose_secret();
        let ring = DeviceKeys::new(2, &second)
            .unwrap()
            .previous(1, &first)
            .unwrap();
        assert_eq!(ring.verify(value, owner(&acme, "ann"), now), Some(device));
        assert_eq!(ring.verify(value, owner(&acme, "bob"), now), None);
        assert_eq!(ring.verify(value, owner(&other, "ann"), now), None);
        let dropped = DeviceKeys::new(2, &second).unwrap();
        assert_eq!(dropped.verify(value, owner(&acme, "ann"), now), None);
        let swapped = DeviceKeys::new(1, &second).unwrap();
        assert_eq!(swapped.verify(value, owner(&acme, "ann"), now), None);
        let twice = DeviceKeys::new(1, &second).unwrap().previous(1, &first);
        assert_eq!(
            twice.unwrap_err().to_string(),
            "two device keys have the same id"
        );
    }
}
