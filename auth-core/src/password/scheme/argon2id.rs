use std::fmt::{self, Write as _};

use argon2::{Algorithm as Variant, Argon2, Params, Version};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::zeroize::Zeroizing;
use subtle::ConstantTimeEq as _;

use super::super::error::Fault;
use super::super::form::Form;
use super::super::{Algorithm, HashParams, PasswordHash, PepperId, Peppers};
use super::Computed;
use super::text::{self, parameter};

pub(in super::super) const SALT_BYTES: usize = 16;
pub(in super::super) const OUTPUT_BYTES: usize = 32;

/// How new hashes are made.
#[derive(Clone, Debug)]
pub(in super::super) struct Target {
    pub(in super::super) params: HashParams,
    pub(in super::super) form: Form,
}

/// A hash by argon2, of any variant and version.
#[derive(Clone)]
pub(in super::super) struct Argon2Hash {
    pub(in super::super) form: Form,
    pub(in super::super) params: HashParams,
    pub(in super::super) pepper: Option<PepperId>,
    variant: Variant,
    version: Version,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

impl Argon2Hash {
    /// Reads `$argon2id$v=19$m=..,t=..,p=..[,keyid=..]$salt$output`.
    pub(super) fn parse(phc: &str, form: Form) -> Result<Self, Fault> {
        let fields = phc.strip_prefix('$').ok_or(Fault::Malformed)?;
        let (variant, fields) = fields.split_once('$').ok_or(Fault::Malformed)?;
        let variant = match variant {
            "argon2id" => Variant::Argon2id,
            "argon2i" => Variant::Argon2i,
            "argon2d" => Variant::Argon2d,
            _ => return Err(Fault::UnknownScheme),
        };
        // Without a version it is the first one, from before there was the field.
        let (version, fields) = match fields.strip_prefix("v=") {
            Some(rest) => rest.split_once('$').ok_or(Fault::Malformed)?,
            None => ("16", fields),
        };
        let version = match version {
            "16" => Version::V0x10,
            "19" => Version::V0x13,
            _ => return Err(Fault::Malformed),
        };
        let [params, salt, output] = text::fields(fields)?;
        let (params, pepper) = parameters(params)?;
        let (salt, output) = (text::phc(salt)?, text::phc(output)?);
        text::lengths(&salt, &output)?;
        Ok(Self {
            form,
            params,
            pepper,
            variant,
            version,
            salt,
            output,
        })
    }

    /// Hashes what was brought into its form already. It takes as long as the parameters say.
    pub(in super::super) fn make(
        form: Form,
        params: HashParams,
        prepared: &SecretBytes,
        peppers: &Peppers,
    ) -> Result<PasswordHash, Fault> {
        let mut hash = Self::random(params, peppers.current().cloned())?;
        hash.form = form;
        let mut output = [0; OUTPUT_BYTES];
        hash.fill(prepared, peppers, &mut output)?;
        hash.output = output.into();
        Ok(PasswordHash::new(hash.to_string()))
    }

    /// A hash of nothing: random bytes where the output would be.
    pub(in super::super) fn random(
        params: HashParams,
        pepper: Option<PepperId>,
    ) -> Result<Self, Fault> {
        let mut random = [0; SALT_BYTES + OUTPUT_BYTES];
        getrandom::fill(&mut random).map_err(Fault::NoRandomness)?;
        let (salt, output) = random.split_at(SALT_BYTES);
        Ok(Self {
            form: Form::Nfc,
            params,
            pepper,
            variant: Variant::Argon2id,
            version: Version::V0x13,
            salt: salt.into(),
            output: output.into(),
        })
    }

    pub(super) fn compute(&self, password: &str, peppers: &Peppers) -> Result<Computed, Fault> {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        self.fill(&self.form.apply(password), peppers, &mut output)?;
        Ok(Computed {
            matches: output.ct_eq(&self.output).into(),
            work: self.params.work(),
        })
    }

    fn fill(&self, prepared: &SecretBytes, peppers: &Peppers, out: &mut [u8]) -> Result<(), Fault> {
        let HashParams {
            memory_kib,
            passes,
            lanes,
        } = self.params;
        let params = Params::new(memory_kib, passes, lanes, Some(out.len()));
        let params = params.map_err(|_| Fault::ParamsRejected)?;
        let argon2 = match &self.pepper {
            None => Argon2::new(self.variant, self.version, params),
            Some(id) => {
                let secret = peppers.find(id);
                let secret = secret.ok_or_else(|| Fault::PepperUnknown(id.clone()))?;
                Argon2::new_with_secret(secret.expose_secret(), self.variant, self.version, params)
                    .map_err(|_| Fault::ParamsRejected)?
            }
        };
        argon2
            .hash_password_into(prepared.expose_secret(), &self.salt, out)
            .map_err(|error| match error {
                argon2::Error::OutOfMemory => Fault::Busy,
                _ => Fault::ParamsRejected,
            })
    }

    /// The costs of the hash that should take the place of this one; none if this one will do. No cost is ever lowered.
    pub(in super::super) fn upgrade(
        &self,
        target: &Target,
        pepper: Option<&PepperId>,
    ) -> Option<HashParams> {
        let params = self.params.max(target.params);
        // A hash of what was received is as good as one of its normal form to those who want the former.
        let form = self.form == Form::Nfc || self.form == target.form;
        let current = form
            && params == self.params
            && self.variant == Variant::Argon2id
            && self.version == Version::V0x13
            && self.pepper.as_ref() == pepper
            && self.salt.len() >= SALT_BYTES
            && self.output.len() >= OUTPUT_BYTES;
        (!current).then_some(params)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self.variant {
            Variant::Argon2id => Algorithm::Argon2id,
            Variant::Argon2i => Algorithm::Argon2i,
            Variant::Argon2d => Algorithm::Argon2d,
        }
    }
}

/// Reads `m=..,t=..,p=..` and perhaps `,keyid=..`. Associated data is not read: nobody is known to use it for passwords.
fn parameters(text: &str) -> Result<(HashParams, Option<PepperId>), Fault> {
    let mut parts = text.split(',');
    let mut next = |name| parameter(parts.next().unwrap_or_default(), name);
    let (memory, passes, lanes) = (next("m")?, next("t")?, next("p")?);
    let pepper = match parts.next() {
        None => None,
        Some(keyid) => {
            let id = keyid.strip_prefix("keyid=").ok_or(Fault::Malformed)?;
            let id = PepperId::from_bytes(&text::phc(id)?);
            Some(id.ok_or(Fault::Malformed)?)
        }
    };
    if parts.next().is_some() {
        return Err(Fault::Malformed);
    }
    let cost = |number| u32::try_from(number).map_err(|_| Fault::ParamsRejected);
    let params = HashParams::within_limits(cost(memory)?, cost(passes)?, cost(lanes)?);
    Ok((params.ok_or(Fault::ParamsRejected)?, pepper))
}

/// Writes what [`Argon2Hash::parse`] reads.
impl fmt::Display for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HashParams {
            memory_kib,
            passes,
            lanes,
        } = self.params;
        let version = u32::from(self.version);
        let form = self.form.tag();
        let variant = self.variant.as_str();
        write!(
            f,
            "{form}${variant}$v={version}$m={memory_kib},t={passes},p={lanes}"
        )?;
        if let Some(id) = &self.pepper {
            write!(f, ",keyid={}", text::to_phc(id.as_bytes()))?;
        }
        let (salt, output) = (text::to_phc(&self.salt), text::to_phc(&self.output));
        f.write_char('$')?;
        f.write_str(&salt)?;
        f.write_char('$')?;
        f.write_str(&output)
    }
}

impl fmt::Debug for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Hash")
            .field("form", &self.form)
            .field("params", &self.params)
            .field("pepper", &self.pepper)
            .finish_non_exhaustive()
    }
}
