use md5::{Digest, Md5};
use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{Password, SecretBytes};
use sha1::Sha1;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::PasswordError;
use super::error::Fault;

/// The most bytes of a password: enough for every phrase, too few to make the hash's first step a load.
pub(super) const MAX_BYTES: usize = 1024;

/// Whether two ways of writing the same characters are the same password.
///
/// How a password was brought into its form is stored with its hash, so a change of the setting never locks anybody out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Normalization {
    /// Normalised to NFC (RFC 8265 4.2.2): `é` is one password whether the keyboard sends one character or two.
    #[default]
    Nfc,
    /// As it was received (the letter of ASVS 6.2.8). Who sets a password on one system may then be refused on another.
    None,
}

/// What is done to a password before it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Nfc,
    AsReceived,
    /// The hexadecimal digits of a hash that was all there was before.
    Hex(LegacyDigest),
}

/// A fast hash without salt, as old tables have them. Wrapped in argon2id by [`Hasher::wrap`](super::Hasher::wrap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LegacyDigest {
    /// MD5, 32 hexadecimal digits.
    Md5,
    /// SHA-1, 40 hexadecimal digits.
    Sha1,
}

impl LegacyDigest {
    pub(super) fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
        }
    }
}

impl Form {
    /// As stored hashes name it. Our own have none, so that they are plain PHC strings.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Nfc => "",
            Self::AsReceived => "{raw}",
            Self::Hex(LegacyDigest::Md5) => "{md5}",
            Self::Hex(LegacyDigest::Sha1) => "{sha1}",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "raw" => Some(Self::AsReceived),
            "md5" => Some(Self::Hex(LegacyDigest::Md5)),
            "sha1" => Some(Self::Hex(LegacyDigest::Sha1)),
            _ => None,
        }
    }

    pub(super) fn apply(self, password: &str) -> SecretBytes {
        match self {
            Self::Nfc => nfc(password),
            Self::AsReceived => password.as_bytes().into(),
            Self::Hex(LegacyDigest::Md5) => hex(&Md5::digest(password)),
            Self::Hex(LegacyDigest::Sha1) => hex(&Sha1::digest(password)),
        }
    }
}

impl From<Normalization> for Form {
    fn from(normalization: Normalization) -> Self {
        match normalization {
            Normalization::Nfc => Self::Nfc,
            Normalization::None => Self::AsReceived,
        }
    }
}

fn hex(digest: &[u8]) -> SecretBytes {
    let digits = SecretBytes::from(digest).to_hex();
    digits.expose(|digits| digits.as_bytes().into())
}

pub(super) fn nfc(password: &str) -> SecretBytes {
    if is_nfc_quick(password.chars()) == IsNormalized::Yes {
        return password.as_bytes().into();
    }
    // UTF-8 takes three times as much in NFC at most (Unicode FAQ), and a string that grew would leave a copy behind.
    let mut normal = Zeroizing::new(String::with_capacity(3 * password.len()));
    normal.extend(password.nfc());
    normal.as_bytes().into()
}

/// What there is to hash, if the length is one that is hashed at all. Nothing else is done before.
pub(super) fn received(password: &Password) -> Result<&str, PasswordError> {
    let text = password.expose_secret();
    if (1..=MAX_BYTES).contains(&text.len()) {
        Ok(text)
    } else {
        Err(Fault::Length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_is_one_however_it_is_written() {
        assert_eq!(nfc("e\u{301}").expose_secret(), "é".as_bytes());
        assert_eq!(nfc("é").expose_secret(), "é".as_bytes());
        assert_eq!(nfc("plain").expose_secret(), b"plain");
        // NFC, not NFKC: what merely looks alike is something else.
        assert_eq!(nfc("ﬁ").expose_secret(), "ﬁ".as_bytes());
        let raw = Form::AsReceived.apply("e\u{301}");
        assert_eq!(raw.expose_secret(), "e\u{301}".as_bytes());
    }

    #[test]
    fn the_longest_expansion_fits_the_buffer() {
        // U+1D160 has three code points in NFC, of four bytes each.
        let longest = "\u{1d160}".repeat(MAX_BYTES / 4);
        assert_eq!(nfc(&longest).expose(<[u8]>::len), 3 * MAX_BYTES);
    }

    #[test]
    fn old_digests_are_hashed_as_their_digits() {
        let md5 = Form::Hex(LegacyDigest::Md5).apply("abc");
        assert_eq!(md5.expose_secret(), b"900150983cd24fb0d6963f7d28e17f72");
        let sha1 = Form::Hex(LegacyDigest::Sha1).apply("abc");
        assert_eq!(
            sha1.expose_secret(),
            b"a9993e364706816aba3e25717850c26c9cd0d89d"
        );
    }
}
