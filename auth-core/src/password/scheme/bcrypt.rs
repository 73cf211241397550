use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use portcullis_secrets::zeroize::Zeroizing;
use subtle::ConstantTimeEq as _;

use super::super::error::Fault;
use super::Computed;
use super::text;

/// About as long as the most that argon2 may take.
const MAX_COST: u64 = 15;
/// The algorithm reads no more, and takes all that is longer for the same.
const MAX_BYTES: usize = 72;
/// One round in KiB of argon2, as measured.
const ROUND_KIB: u64 = 96;

// Half of the programs that write these leave stray bits in the last character of the salt.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A hash by bcrypt: `$2b$`, and `$2a$` and `$2y$`, which are the same for passwords of up to 72 bytes.
#[derive(Clone)]
pub(in super::super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let [_, _, cost, hash] = text::fields(text)?;
        let (salt, output) = hash.split_at_checked(22).ok_or(Fault::Malformed)?;
        let cost = match cost.as_bytes() {
            [b'0', _] => text::number(&cost[1..])?,
            [_, _] => text::number(cost)?,
            _ => return Err(Fault::Malformed),
        };
        if !(4..=MAX_COST).contains(&cost) {
            return Err(Fault::ParamsRejected);
        }
        Ok(Self {
            cost: u32::try_from(cost).map_err(|_| Fault::ParamsRejected)?,
            salt: decode(salt)?,
            output: decode(output)?,
        })
    }

    /// A password that bcrypt would cut matches nothing. Neither does one with a zero byte: the algorithm puts one at the end
    /// and repeats the whole, so `a` and `a\0a` come out the same.
    pub(super) fn compute(&self, password: &str) -> Computed {
        if password.len() > MAX_BYTES || password.contains('\0') {
            return Computed {
                matches: false,
                work: 0,
            };
        }
        let mut key = Zeroizing::new([0; MAX_BYTES]);
        key[..password.len()].copy_from_slice(password.as_bytes());
        let end = (password.len() + 1).min(MAX_BYTES);
        let output = Zeroizing::new(bcrypt::bcrypt(self.cost, self.salt, &key[..end]));
        Computed {
            matches: output[..self.output.len()].ct_eq(&self.output).into(),
            work: ROUND_KIB << self.cost,
        }
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], Fault> {
    let bytes = BASE64.decode(text).map_err(|_| Fault::Malformed)?;
    bytes.try_into().map_err(|_| Fault::Malformed)
}

impl fmt::Debug for BcryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BcryptHash")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}
