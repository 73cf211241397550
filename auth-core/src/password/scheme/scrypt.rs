use std::fmt;

use portcullis_secrets::zeroize::Zeroizing;
use subtle::ConstantTimeEq as _;

use super::super::error::Fault;
use super::super::params::MAX_MEMORY_KIB;
use super::Computed;
use super::text::{self, parameter};

/// How often it may fill the most memory, so that no hash takes longer than the dearest of argon2.
const MAX_FILLS: u32 = 2;
/// OWASP recommends up to 10, with 8 MiB.
const MAX_P: u32 = 16;

/// A hash by scrypt (RFC 7914): `$scrypt$ln=..,r=..,p=..$salt$output`, as passlib and PHC strings have it.
#[derive(Clone)]
pub(in super::super) struct ScryptHash {
    log_n: u8,
    r: u32,
    p: u32,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

impl ScryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let [_, _, params, salt, output] = text::fields(text)?;
        let mut parts = params.split(',');
        let mut next = |name| parameter(parts.next().unwrap_or_default(), name);
        let (log_n, r, p) = (next("ln")?, next("r")?, next("p")?);
        if parts.next().is_some() {
            return Err(Fault::Malformed);
        }
        let (salt, output) = (text::lenient(salt)?, text::lenient(output)?);
        text::lengths(&salt, &output)?;
        let cost = |number| u32::try_from(number).map_err(|_| Fault::ParamsRejected);
        let hash = Self {
            log_n: u8::try_from(log_n).map_err(|_| Fault::ParamsRejected)?,
            r: cost(r)?,
            p: cost(p)?,
            salt,
            output,
        };
        let bounded = (1..=24).contains(&hash.log_n)
            && (1..=64).contains(&hash.r)
            && (1..=MAX_P).contains(&hash.p)
            && hash.memory_kib() <= MAX_MEMORY_KIB
            && hash.memory_kib() * hash.p <= MAX_FILLS * MAX_MEMORY_KIB;
        bounded.then_some(hash).ok_or(Fault::ParamsRejected)
    }

    /// 128 × r × N bytes.
    pub(super) fn memory_kib(&self) -> u32 {
        (self.r << self.log_n).div_ceil(8)
    }

    pub(super) fn compute(&self, password: &str) -> Result<Computed, Fault> {
        let params = scrypt::Params::new(self.log_n, self.r, self.p);
        let params = params.map_err(|_| Fault::ParamsRejected)?;
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        scrypt::scrypt(password.as_bytes(), &self.salt, &params, &mut output)
            .map_err(|_| Fault::ParamsRejected)?;
        Ok(Computed {
            matches: output.ct_eq(&self.output).into(),
            // It writes its memory and reads it again, which takes about as long as five passes of argon2.
            work: 5 * u64::from(self.memory_kib()) * u64::from(self.p),
        })
    }
}

impl fmt::Debug for ScryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScryptHash")
            .field("log_n", &self.log_n)
            .field("r", &self.r)
            .field("p", &self.p)
            .finish_non_exhaustive()
    }
}
