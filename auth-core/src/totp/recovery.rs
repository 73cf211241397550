//! Codes that stand in for a lost authenticator.

use std::fmt;

use portcullis_secrets::SecretString;
use portcullis_secrets::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

use super::Owner;

/// How many recovery codes there are at a time.
pub const RECOVERY_CODES: usize = 10;

/// With fewer than this many left, the owner should be told to make new ones.
pub const FEW_RECOVERY_CODES: u32 = 3;

/// 25 digits of five bits are 125 bits: so many that a fast hash is right for them (ASVS 5.0 6.5.2 asks for a slow one
/// below 112).
const SYMBOLS: usize = 25;
const GROUP: usize = 5;

/// Crockford's: without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One recovery code: 25 symbols of Crockford's base32, which are 125 random bits.
pub struct RecoveryCode(Zeroizing<[u8; SYMBOLS]>);

impl RecoveryCode {
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut symbols = Zeroizing::new([0; SYMBOLS]);
        getrandom::fill(&mut *symbols)?;
        for symbol in symbols.iter_mut() {
            // 256 is a multiple of 32: all are equally likely.
            *symbol = ALPHABET[usize::from(*symbol % 32)];
        }
        Ok(Self(symbols))
    }

    /// Reads what somebody typed: 25 symbols in either case, where I and L mean 1, and O means 0. ASCII spaces and hyphens are
    /// left out. None for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut symbols = Zeroizing::new([0; SYMBOLS]);
        let mut typed = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        for symbol in symbols.iter_mut() {
            let meant = match typed.next()?.to_ascii_uppercase() {
                b'I' | b'L' => b'1',
                b'O' => b'0',
                other => other,
            };
            *symbol = ALPHABET.contains(&meant).then_some(meant)?;
        }
        typed.next().is_none().then_some(Self(symbols))
    }

    /// As it is shown, once: five groups of five with hyphens between.
    pub fn to_text(&self) -> SecretString {
        let mut text = String::with_capacity(SYMBOLS + SYMBOLS / GROUP);
        for (n, symbol) in self.0.iter().enumerate() {
            if n > 0 && n % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(*symbol));
        }
        text.into()
    }

    /// What is stored: equal codes of two owners have nothing in common.
    pub(super) fn hash(&self, owner: &Owner) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [
            &b"auth-core/recovery/v1"[..],
            owner.tenant().as_str().as_bytes(),
            owner.subject().as_str().as_bytes(),
            &self.0[..],
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(code: &RecoveryCode) -> String {
        code.to_text().expose_secret().into()
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = RecoveryCode::parse("0123456789ABCDEFGHJKMNPQR").unwrap();
        assert_eq!(text(&code), "01234-56789-ABCDE-FGHJK-MNPQR");
        assert_eq!(format!("{code:?}"), "RecoveryCode([REDACTED])");
        for (typed, valid) in [
            ("01234-56789-ABCDE-FGHJK-MNPQR", true),
            (" 01234 56789 abcde fghjk mnpqr ", true),
            ("oi234-56789-abcde-fghjk-mnpqr", true),
            ("OL234-56789-ABCDE-FGHJK-MNPQR", true),
            ("U1234-56789-ABCDE-FGHJK-MNPQR", false),
            ("01234-56789-ABCDE-FGHJK-MNPQ", false),
            ("01234-56789-ABCDE-FGHJK-MNPQRS", false),
            ("01234_56789_ABCDE_FGHJK_MNPQR", false),
            ("０1234-56789-ABCDE-FGHJK-MNPQR", false),
            ("", false),
        ] {
            let parsed = RecoveryCode::parse(typed);
            assert_eq!(parsed.is_some(), valid, "{typed}");
            if let Some(parsed) = parsed {
                assert_eq!(text(&parsed), text(&code), "{typed}");
            }
        }
    }

    #[test]
    fn a_hash_is_of_one_owner() {
        let code = RecoveryCode::generate().unwrap();
        let owner = |tenant: &str, subject: &str| {
            Owner::new(&tenant.parse().unwrap(), &subject.parse().unwrap())
        };
        let hash = code.hash(&owner("acme", "ann"));
        assert_eq!(hash, code.hash(&owner("acme", "ann")));
        assert_ne!(hash, code.hash(&owner("acme", "bob")));
        assert_ne!(hash, code.hash(&owner("acm", "eann")));
        assert_ne!(
            hash,
            RecoveryCode::generate()
                .unwrap()
                .hash(&owner("acme", "ann"))
        );
    }

    proptest! {
        #[test]
        fn reading_what_is_shown_changes_nothing(text_in in "[0-9A-Za-z -]{20,35}") {
            if let Some(code) = RecoveryCode::parse(&text_in) {
                let shown = text(&code);
                prop_assert_eq!(text(&RecoveryCode::parse(&shown).unwrap()), shown);
            }
        }
    }
}
