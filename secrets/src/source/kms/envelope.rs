use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::Kms;
use crate::SecretBytes;
use crate::source::{
    Loading, MAX_BYTES, SecretSource, SourceError, SourceErrorKind, Version, Versioned,
};

/// What each envelope starts with. The parts after it are base64url: the key's id, the wrapped data key, the secret.
const FORMAT: &str = "portcullis-envelope-1";
const NONCE: usize = 24;
const TAG: usize = 16;

/// A secret that lies encrypted in another source, as [`Kms::seal`] has made it.
#[derive(Debug)]
pub struct Envelope<S> {
    name: Box<str>,
    source: S,
    kms: Kms,
}

impl<S> Envelope<S> {
    /// The secret called `name`, whose envelope `source` delivers.
    pub fn new(name: &str, source: S, kms: &Kms) -> Self {
        Self {
            name: name.into(),
            source,
            kms: kms.clone(),
        }
    }
}

impl<S> fmt::Display for Envelope<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "envelope of {:?}", self.name)
    }
}

impl<S: SecretSource> SecretSource for Envelope<S> {
    fn load(&self) -> Loading<'_> {
        Box::pin(async move {
            let sealed = self.source.load().await?;
            let fail = |kind| SourceError::new(kind, self);
            let parts = parse(sealed.value().expose_secret())
                .ok_or_else(|| fail(SourceErrorKind::Malformed))?;
            let data_key = self
                .kms
                .unwrap_key(&parts.key_id, &parts.wrapped, &self.name)
                .await?;
            let secret = decrypt(&data_key, &self.name, &parts.sealed).map_err(fail)?;
            match secret.expose_secret().len() {
                0 => Err(fail(SourceErrorKind::Empty)),
                1..=MAX_BYTES => {
                    // Of the plaintext: the same secret sealed anew is not a new secret.
                    let version = Version::of(&[secret.expose_secret()]);
                    Ok(Versioned::new(secret, version).lease(sealed.lease_ref()))
                }
                _ => Err(fail(SourceErrorKind::TooLarge)),
            }
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.source.files()
    }
}

struct Parts {
    key_id: String,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

fn parse(envelope: &[u8]) -> Option<Parts> {
    let text = str::from_utf8(envelope).ok()?;
    let mut parts = text.split('.');
    if parts.next()? != FORMAT {
        return None;
    }
    let mut part = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
    let (key_id, wrapped, sealed) = (part()?, part()?, part()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Parts {
        key_id: String::from_utf8(key_id).ok()?,
        wrapped,
        sealed,
    })
}

pub(super) async fn seal(
    kms: &Kms,
    name: &str,
    secret: &SecretBytes,
) -> Result<String, SourceError> {
    let fail = |kind| SourceError::new(kind, format_args!("envelope of {name:?}"));
    if secret.expose_secret().is_empty() {
        return Err(fail(SourceErrorKind::Empty));
    }
    let data_key = SecretBytes::generate(32).map_err(|_| fail(SourceErrorKind::Unavailable))?;
    let (key_id, wrapped) = kms.wrap_key(&data_key, name).await?;
    let sealed = encrypt(&data_key, name, secret).map_err(fail)?;
    let [key_id, wrapped, sealed] =
        [key_id.as_bytes(), &wrapped, &sealed].map(|part| URL_SAFE_NO_PAD.encode(part));
    let envelope = format!("{FORMAT}.{key_id}.{wrapped}.{sealed}");
    if envelope.len() > MAX_BYTES {
        return Err(fail(SourceErrorKind::TooLarge));
    }
    Ok(envelope)
}

/// Nonce, ciphertext, tag. The nonce is long enough to be drawn at random for any number of messages.
pub(super) fn encrypt(
    key: &SecretBytes,
    context: &str,
    plain: &SecretBytes,
) -> Result<Vec<u8>, SourceErrorKind> {
    let cipher = cipher(key)?;
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| SourceErrorKind::Unavailable)?;
    let mut text = Zeroizing::new(plain.expose_secret().to_vec());
    let tag = cipher
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            context.as_bytes(),
            text.as_mut_slice().into(),
        )
        .map_err(|_| SourceErrorKind::TooLarge)?;
    Ok([&nonce[..], &text, &tag].concat())
}

pub(super) fn decrypt(
    key: &SecretBytes,
    context: &str,
    message: &[u8],
) -> Result<SecretBytes, SourceErrorKind> {
    let cipher = cipher(key)?;
    let malformed = SourceErrorKind::Malformed;
    let (nonce, rest) = message.split_first_chunk::<NONCE>().ok_or(malformed)?;
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(malformed)?;
    // Where it is decrypted is where it stays.
    let mut text = Zeroizing::new(text.to_vec());
    cipher
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            context.as_bytes(),
            text.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| SourceErrorKind::Undecryptable)?;
    Ok(SecretBytes::from(std::mem::take(&mut *text)))
}

fn cipher(key: &SecretBytes) -> Result<XChaCha20Poly1305, SourceErrorKind> {
    XChaCha20Poly1305::new_from_slice(key.expose_secret())
        .map_err(|_| SourceErrorKind::Undecryptable)
}
