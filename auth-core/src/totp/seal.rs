//! Secrets at rest: XChaCha20-Poly1305, bound to whose factor it is.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::strength::require_strong;

use super::{FactorId, Owner, TotpSecret};
use crate::ring::Ring;
use crate::totp::error::{TotpError, TotpErrorKind};

const NONCE: usize = 24;

/// A secret as stores keep it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which of the [`SealKeys`] opens it.
    pub key_id: u8,
    /// 24 bytes of nonce, then the ciphertext of XChaCha20-Poly1305, of which the last 16 bytes are the tag.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The keys under which secrets are stored: one that seals, and those before it.
///
/// What an earlier key has sealed is sealed anew when its owner next signs in.
#[derive(Debug)]
pub struct SealKeys(Ring<XChaCha20Poly1305>);

impl SealKeys {
    /// Seals with `key`, under which `id` is stored.
    ///
    /// # Errors
    ///
    /// A key that has not just 32 bytes, or could be guessed.
    pub fn new(id: u8, key: &SecretBytes) -> Result<Self, TotpError> {
        Ok(Self(Ring::new(id, cipher(key)?)))
    }

    /// Opens what was sealed with `key` before.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and an id that another key has.
    pub fn previous(self, id: u8, key: &SecretBytes) -> Result<Self, TotpError> {
        let ring = self.0.and(id, cipher(key)?);
        ring.map(Self).ok_or(TotpErrorKind::InvalidKey.into())
    }

    pub(super) fn is_current(&self, sealed: &Sealed) -> bool {
        self.0.current().0 == sealed.key_id
    }

    pub(super) fn seal(
        &self,
        secret: &TotpSecret,
        owner: &Owner,
        factor: FactorId,
    ) -> Result<Sealed, TotpError> {
        let (key_id, cipher) = self.0.current();
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| TotpErrorKind::NoRandomness)?;
        let aad = aad(owner, factor);
        let sealed = secret
            .bytes()
            .expose(|msg| cipher.encrypt(&XNonce::from(nonce), Payload { msg, aad: &aad }));
        let sealed = sealed.map_err(|_| TotpErrorKind::Unreadable)?;
        Ok(Sealed {
            key_id,
            bytes: [&nonce[..], &sealed].concat(),
        })
    }

    pub(super) fn open(
        &self,
        sealed: &Sealed,
        owner: &Owner,
        factor: FactorId,
    ) -> Result<TotpSecret, TotpError> {
        let unreadable = TotpErrorKind::Unreadable;
        let cipher = self.0.find(sealed.key_id).ok_or(unreadable)?;
        let (nonce, msg) = sealed
            .bytes
            .split_first_chunk::<NONCE>()
            .ok_or(unreadable)?;
        let aad = aad(owner, factor);
        let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad: &aad });
        let opened = SecretBytes::from(opened.map_err(|_| unreadable)?);
        TotpSecret::from_bytes(opened).ok_or_else(|| unreadable.into())
    }
}

fn cipher(key: &SecretBytes) -> Result<XChaCha20Poly1305, TotpError> {
    key.expose(|key| {
        require_strong("the key to seal with", key).map_err(|_| TotpErrorKind::InvalidKey)?;
        XChaCha20Poly1305::new_from_slice(key).map_err(|_| TotpErrorKind::InvalidKey.into())
    })
}

/// Whose secret it is: a row that is copied to another owner does not open.
fn aad(owner: &Owner, factor: FactorId) -> Vec<u8> {
    let mut aad = b"auth-core/totp/v1".to_vec();
    for part in [owner.tenant().as_str(), owner.subject().as_str()] {
        aad.extend((part.len() as u64).to_be_bytes());
        aad.extend(part.as_bytes());
    }
    aad.extend(factor.as_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(tenant: &str, subject: &str) -> Owner {
        Owner::new(&tenant.parse().unwrap(), &subject.parse().unwrap())
    }

    #[test]
    fn a_secret_opens_for_its_owner_and_its_factor_and_under_its_key_only() {
        let (first, second) = (SecretBytes::generate(32), SecretBytes::generate(32));
        let (first, second) = (first.unwrap(), second.unwrap());
        let secret = TotpSecret::generate().unwrap();
        let (ann, factor) = (owner("acme", "ann"), FactorId::generate());
        let keys = SealKeys::new(1, &first).unwrap();
        let sealed = keys.seal(&secret, &ann, factor).unwrap();
        let opened = keys.open(&sealed, &ann, factor).unwrap();
        assert!(opened.bytes().ct_eq(secret.bytes()));

        let fails = |keys: &SealKeys, sealed: &Sealed, owner: &Owner, factor| {
            let kind = keys.open(sealed, owner, factor).unwrap_err().kind();
            assert_eq!(kind, TotpErrorKind::Unreadable);
        };
        fails(&keys, &sealed, &owner("acme", "bob"), factor);
        fails(&keys, &sealed, &owner("acm", "eann"), factor);
        fails(&keys, &sealed, &owner("other", "ann"), factor);
        fails(&keys, &sealed, &ann, FactorId::generate());
        let other_id = Sealed {
            key_id: 2,
            ..sealed.clone()
        };
        fails(&keys, &other_id, &ann, factor);
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            fails(&keys, &changed, &ann, factor);
            changed.bytes.truncate(at);
            fails(&keys, &changed, &ann, factor);
        }
        fails(&SealKeys::new(1, &second).unwrap(), &sealed, &ann, factor);

        let ring = SealKeys::new(2, &second)
            .unwrap()
            .previous(1, &first)
            .unwrap();
        assert!(ring.open(&sealed, &ann, factor).is_ok());
        assert!(!ring.is_current(&sealed));
        let again = keys.seal(&secret, &ann, factor).unwrap();
        assert_ne!(sealed, again, "each has a nonce of its own");
    }

    #[test]
    fn wrong_keys_are_refused() {
        let generate = |len| SecretBytes::generate(len).unwrap();
        let text = "a key to seal with has 32 random bytes and an id of its own";
        let weak = SecretBytes::from(&b"changemechangemechangemechangeme"[..]);
        for wrong in [generate(31), generate(33), weak] {
            assert_eq!(SealKeys::new(1, &wrong).unwrap_err().to_string(), text);
        }
        let good = generate(32);
        let twice = SealKeys::new(1, &good).unwrap().previous(1, &good);
        assert_eq!(twice.unwrap_err().to_string(), text);
    }
}
