use std::fmt;

use portcullis_secrets::zeroize::Zeroizing;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use super::super::error::Fault;
use super::Computed;
use super::text;

/// Eight times what OWASP recommends for SHA-256.
const MAX_ROUNDS: u64 = 5_000_000;

#[derive(Clone, Copy, Debug)]
enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Prf {
    /// Bytes that one pass through the rounds gives.
    fn block(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// How many rounds take as long as a KiB of argon2, within a factor of two where the processor knows SHA.
    fn rounds_per_kib(self) -> u64 {
        match self {
            Self::Sha1 => 3,
            Self::Sha256 => 2,
            Self::Sha512 => 1,
        }
    }
}

/// A hash by PBKDF2 (RFC 8018), as passlib (`$pbkdf2-sha256$rounds$salt$output`), as a PHC string
/// (`$pbkdf2-sha256$i=rounds,l=32$salt$output`) or as Django (`pbkdf2_sha256$rounds$salt$output`) writes it.
#[derive(Clone)]
pub(in super::super) struct Pbkdf2Hash {
    prf: Prf,
    rounds: u32,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

/// How many rounds are computed for `len` bytes of output: all of them anew for each block.
fn all_rounds(prf: Prf, rounds: u64, len: usize) -> u64 {
    rounds.saturating_mul(len.div_ceil(prf.block()) as u64)
}

impl Pbkdf2Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let (django, text) = match text.strip_prefix('$') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        let [name, rounds, salt, output] = text::fields(text)?;
        let prf = match (django, name) {
            (false, "pbkdf2" | "pbkdf2-sha1") | (true, "pbkdf2_sha1") => Prf::Sha1,
            (false, "pbkdf2-sha256") | (true, "pbkdf2_sha256") => Prf::Sha256,
            (false, "pbkdf2-sha512") => Prf::Sha512,
            _ => return Err(Fault::UnknownScheme),
        };
        // Django hashes with the characters of the salt as they stand there.
        let salt = if django {
            salt.as_bytes().into()
        } else {
            text::lenient(salt)?
        };
        let output = text::lenient(output)?;
        text::lengths(&salt, &output)?;
        let rounds = match rounds.split_once(',') {
            None => rounds
                .strip_prefix("i=")
                .map_or_else(|| text::number(rounds), text::number)?,
            Some((rounds, len)) => {
                if text::parameter(len, "l")? != output.len() as u64 {
                    return Err(Fault::Malformed);
                }
                text::parameter(rounds, "i")?
            }
        };
        if !(1..=MAX_ROUNDS).contains(&all_rounds(prf, rounds, output.len())) {
            return Err(Fault::ParamsRejected);
        }
        Ok(Self {
            prf,
            rounds: u32::try_from(rounds).map_err(|_| Fault::ParamsRejected)?,
            salt,
            output,
        })
    }

    pub(super) fn compute(&self, password: &str) -> Computed {
        let hash = match self.prf {
            Prf::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
            Prf::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Prf::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
        };
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        hash(password.as_bytes(), &self.salt, self.rounds, &mut output);
        Computed {
            matches: output.ct_eq(&self.output).into(),
            work: all_rounds(self.prf, self.rounds.into(), self.output.len())
                / self.prf.rounds_per_kib(),
        }
    }
}

impl fmt::Debug for Pbkdf2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pbkdf2Hash")
            .field("prf", &self.prf)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}
