//! One secret to look after, and a key for each purpose that is of no use for any other.

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_secrets::{SecretBytes, SecretString};
use sha2::Sha256;

/// What a key is for. To rename one is to make another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// HS256 of access tokens.
    AccessToken,
    /// The MAC of refresh tokens.
    RefreshToken,
    /// What API keys are hashed with.
    ApiKeyPepper,
    /// What identifiers and addresses are hashed with where attempts are counted.
    Throttle,
    /// The same, where those who are signed in say their password again.
    Guesses,
    /// The MAC of cookies that tell a device.
    Device,
    /// What secrets of second factors are sealed with.
    TotpSeal,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access-token",
            Self::RefreshToken => "refresh-token",
            Self::ApiKeyPepper => "api-key-pepper",
            Self::Throttle => "throttle",
            Self::Guesses => "guesses",
            Self::Device => "device-cookie",
            Self::TotpSeal => "totp-seal",
        }
    }
}

/// The key of 32 bytes for `purpose`: HKDF-Expand of RFC 5869 with one block. The secret stands in for the pseudorandom key that
/// Extract would make of it, as section 3.3 allows of one that is strong.
pub(super) fn derive(secret: &SecretString, purpose: Purpose) -> SecretBytes {
    secret.expose(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(b"portcullis/reference-server/v1/");
        mac.update(purpose.as_str().as_bytes());
        mac.update(&[1]);
        SecretBytes::from(&*mac.finalize().into_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_purpose_gets_the_key_of_another() {
        const ALL: [Purpose; 7] = [
            Purpose::AccessToken,
            Purpose::RefreshToken,
            Purpose::ApiKeyPepper,
            Purpose::Throttle,
            Purpose::Guesses,
            Purpose::Device,
            Purpose::TotpSeal,
        ];
        let secret = SecretString::from("one");
        let keys = ALL.map(|purpose| derive(&secret, purpose));
        for (at, key) in keys.iter().enumerate() {
            assert!(keys[..at].iter().all(|other| !key.ct_eq(other)));
            // The same after a restart, and another for another secret.
            assert!(key.ct_eq(&derive(&secret, ALL[at])));
            assert!(!key.ct_eq(&derive(&SecretString::from("two"), ALL[at])));
        }
    }
}
