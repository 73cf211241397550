//! Keys as JSON: RFC 7517, RFC 7518 section 6, RFC 8037 section 2.

use std::borrow::Cow;

use portcullis_secrets::SecretBytes;
use portcullis_secrets::strength::StrengthPolicy;

use super::algorithm::{Algorithm, Curve, Family};
use super::key::{
    KeyError, KeyErrorKind, Private, Public, RsaParts, SigningKey, VerifyingKey, secret_key,
};
use super::{base64, json};

/// A JSON Web Key: well-formed, of a type that is supported, and not yet bound to an algorithm.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithm, Jwk, KeyErrorKind};
///
/// // RFC 8037 appendix A.2
/// let jwk = Jwk::parse(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(jwk.verifying_key(&[Algorithm::EdDsa])?.algorithm(), Algorithm::EdDsa);
/// assert_eq!(
///     jwk.verifying_key(&[Algorithm::Es256]).unwrap_err().kind(),
///     KeyErrorKind::WrongAlgorithm,
/// );
/// # Ok::<_, portcullis_auth_core::jwt::KeyError>(())
/// ```
///
/// Members that are not known are ignored, certificates (`x5c`) and addresses (`x5u`) among them. Nothing secret is printed.
#[derive(Debug)]
pub struct Jwk {
    id: Option<Box<str>>,
    algorithm: Option<Algorithm>,
    for_signatures: bool,
    operations: Option<Operations>,
    material: Material,
    allow_weak: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Operations {
    sign: bool,
    verify: bool,
}

#[derive(Debug)]
enum Material {
    Pair(Public, Option<Private>),
    Secret(SecretBytes),
}

impl Jwk {
    /// Reads one key.
    ///
    /// # Errors
    ///
    /// When `json` is no JSON object without members of the same name, when a member that its type needs is absent or is not
    /// what an encoder writes (base64url without padding and stray bits; integers without leading zeros, coordinates with
    /// all of them), and when its type, its curve or its `alg` is not supported.
    pub fn parse(json: &str) -> Result<Self, KeyError> {
        let members = Members::parse(json)?;
        let algorithm = match members.text("alg")? {
            Some(name) => Some(name.parse().map_err(|_| KeyErrorKind::Unsupported)?),
            None => None,
        };
        let for_signatures = members.text("use")?.is_none_or(|purpose| purpose == "sig");
        Ok(Self {
            id: members.text("kid")?.map(Into::into),
            algorithm,
            for_signatures,
            operations: members.operations()?,
            material: members.material()?,
            allow_weak: false,
        })
    }

    /// Lets a shared secret be weak, such as those printed in standards. They are still as long as their algorithm wants.
    #[must_use]
    pub fn danger_allow_weak_secret(mut self) -> Self {
        self.allow_weak = true;
        self
    }

    /// Its `kid`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it is a shared secret (`kty` is `oct`).
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// The key that verifies, bound to the one algorithm among `allowed` that it is for.
    ///
    /// That is its own `alg`. An RSA key that has none is for RS256 if that is allowed, as most issuers mean it, and else for
    /// the only RSA algorithm that is allowed; a secret for the only HMAC that is allowed; for others the curve decides.
    ///
    /// # Errors
    ///
    /// When no algorithm fits or more than one does, when `use` or `key_ops` are about something else, when RSA keys have
    /// less than 2048 bits or secrets less than their hash or are weak, and when a point is not on its curve.
    pub fn verifying_key(&self, allowed: &[Algorithm]) -> Result<VerifyingKey, KeyError> {
        let algorithm = self.algorithm_among(allowed)?;
        self.check_use(|operations| operations.verify)?;
        match &self.material {
            Material::Pair(public, _) => VerifyingKey::with_id(algorithm, public, self.id.clone()),
            Material::Secret(secret) => {
                if !self.allow_weak {
                    let policy = StrengthPolicy::signing();
                    policy.require("the token secret", secret.expose_secret())?;
                }
                let key = secret_key(algorithm, secret.expose_secret())?;
                Ok(VerifyingKey::symmetric(algorithm, self.id.clone(), key))
            }
        }
    }

    /// The key that signs with `algorithm`. It is called by its thumbprint, and a secret by its `kid`.
    ///
    /// # Errors
    ///
    /// When it is no private key for `algorithm`, when `use` or `key_ops` are about something else, when its halves do not
    /// belong together, and for short or weak keys. RSA keys must have all their numbers, and two primes.
    pub fn signing_key(&self, algorithm: Algorithm) -> Result<SigningKey, KeyError> {
        let algorithm = self.algorithm_among(&[algorithm])?;
        self.check_use(|operations| operations.sign)?;
        match &self.material {
            Material::Pair(public, Some(private)) => {
                SigningKey::from_parts(algorithm, public, private)
            }
            Material::Pair(_, None) => Err(KeyErrorKind::NotPrivate.into()),
            Material::Secret(secret) => {
                let id = self.id().unwrap_or_default();
                SigningKey::from_secret(algorithm, id, secret.expose_secret())
            }
        }
    }

    fn algorithm_among(&self, allowed: &[Algorithm]) -> Result<Algorithm, KeyError> {
        let family = match &self.material {
            Material::Pair(public, _) => public.family(),
            Material::Secret(_) => Family::Hmac,
        };
        let mut fitting = allowed.iter().copied().filter(|algorithm| {
            algorithm.family() == family && self.algorithm.is_none_or(|own| own == *algorithm)
        });
        let first = fitting.next().ok_or(KeyErrorKind::WrongAlgorithm)?;
        if self.algorithm.is_some() || !matches!(family, Family::Rsa | Family::Hmac) {
            return Ok(first);
        }
        if family == Family::Rsa && allowed.contains(&Algorithm::Rs256) {
            return Ok(Algorithm::Rs256);
        }
        match fitting.next() {
            None => Ok(first),
            Some(_) => Err(KeyErrorKind::WrongAlgorithm.into()),
        }
    }

    fn check_use(&self, wanted: impl FnOnce(Operations) -> bool) -> Result<(), KeyError> {
        if self.for_signatures && self.operations.is_none_or(wanted) {
            Ok(())
        } else {
            Err(KeyErrorKind::WrongUse.into())
        }
    }
}

/// The members of a key, by name.
struct Members<'a>(Vec<(Cow<'a, str>, json::Value<'a>)>);

impl<'a> Members<'a> {
    fn parse(json: &'a str) -> Result<Self, KeyError> {
        let mut members = Vec::new();
        json::object(json, |name, value| members.push((name.read(), value)))
            .map_err(|_| KeyErrorKind::Malformed)?;
        Ok(Self(members))
    }

    fn get(&self, name: &str) -> Option<json::Value<'a>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(*value)
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, KeyError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.text().map(Some).ok_or(KeyErrorKind::Malformed.into()),
        }
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        self.text(name)?
            .and_then(|text| base64::decode(&text))
            .ok_or(KeyErrorKind::Malformed.into())
    }

    fn secret(&self, name: &str) -> Result<SecretBytes, KeyError> {
        self.bytes(name).map(SecretBytes::from)
    }

    /// Base64urlUInt: as few bytes as can be (RFC 7518 section 2).
    fn integer(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        let bytes = self.bytes(name)?;
        match bytes.first() {
            None | Some(0) => Err(KeyErrorKind::Malformed.into()),
            Some(_) => Ok(bytes),
        }
    }

    /// RFC 7517 section 4.3: an array of strings, each once.
    fn operations(&self) -> Result<Option<Operations>, KeyError> {
        let list = match self.get("key_ops") {
            None => return Ok(None),
            Some(value) if value.kind == json::Kind::Array => value.raw,
            Some(_) => return Err(KeyErrorKind::Malformed.into()),
        };
        let mut operations = Operations::default();
        let mut well_formed = true;
        json::array(list, |operation| {
            let flag = match operation.text().as_deref() {
                Some("sign") => &mut operations.sign,
                Some("verify") => &mut operations.verify,
                Some(_) => return,
                None => return well_formed = false,
            };
            well_formed &= !std::mem::replace(flag, true);
        })
        .map_err(|_| KeyErrorKind::Malformed)?;
        well_formed
            .then_some(Some(operations))
            .ok_or(KeyErrorKind::Malformed.into())
    }

    fn material(&self) -> Result<Material, KeyError> {
        let private = self.get("d").is_some();
        match self.text("kty")?.as_deref() {
            Some("RSA") => {
                let public = Public::Rsa {
                    n: self.integer("n")?,
                    e: self.integer("e")?,
                };
                // More than two primes are for nobody; the public half is as good as any.
                let private = private && self.get("oth").is_none() && self.get("p").is_some();
                let private = private.then(|| self.rsa_parts()).transpose()?;
                Ok(Material::Pair(public, private))
            }
            Some("EC") => {
                let curve = self.text("crv")?.ok_or(KeyErrorKind::Malformed)?;
                let curve = Curve::of(&curve).ok_or(KeyErrorKind::Unsupported)?;
                let mut point = vec![4];
                for name in ["x", "y"] {
                    point.extend(exactly(curve.bytes(), self.bytes(name)?)?);
                }
                let private = private.then(|| self.scalar(curve.bytes())).transpose()?;
                Ok(Material::Pair(Public::Ec { curve, point }, private))
            }
            Some("OKP") => {
                if self.text("crv")?.as_deref() != Some("Ed25519") {
                    return Err(KeyErrorKind::Unsupported.into());
                }
                let x = exactly(32, self.bytes("x")?)?;
                let private = private.then(|| self.scalar(32)).transpose()?;
                Ok(Material::Pair(Public::Ed { x }, private))
            }
            Some("oct") => Ok(Material::Secret(self.secret("k")?)),
            Some(_) => Err(KeyErrorKind::Unsupported.into()),
            None => Err(KeyErrorKind::Malformed.into()),
        }
    }

    fn scalar(&self, len: usize) -> Result<Private, KeyError> {
        let d = self.secret("d")?;
        match d.expose_secret().len() == len {
            true => Ok(Private::Scalar(d)),
            false => Err(KeyErrorKind::Malformed.into()),
        }
    }

    fn rsa_parts(&self) -> Result<Private, KeyError> {
        Ok(Private::Rsa(Box::new(RsaParts {
            d: self.secret("d")?,
            p: self.secret("p")?,
            q: self.secret("q")?,
            dp: self.secret("dp")?,
            dq: self.secret("dq")?,
            qi: self.secret("qi")?,
        })))
    }
}

/// RFC 7518 section 6.2.1.2, RFC 8037 section 2: all octets, no fewer and no more.
fn exactly(len: usize, bytes: Vec<u8>) -> Result<Vec<u8>, KeyError> {
    (bytes.len() == len)
        .then_some(bytes)
        .ok_or(KeyErrorKind::Malformed.into())
}
