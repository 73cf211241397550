//! Tokens that are signed by another library, so that they can say anything.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, Issuer, JwtErrorKind, KeySet, KeySource, Profile, SigningKey, TokenKind,
    Verifier,
};
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::{Clock as _, Timestamp};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

pub(crate) fn now() -> Timestamp {
    ManualClock::default().now()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key, and the peer's view of it.
pub(crate) struct Key {
    pub(crate) ours: Arc<SigningKey>,
    pub(crate) theirs: EncodingKey,
    pub(crate) algorithm: jsonwebtoken::Algorithm,
}

impl Key {
    pub(crate) fn generate(algorithm: Algorithm) -> Self {
        Self::new(SigningKey::generate(algorithm).unwrap())
    }

    pub(crate) fn new(ours: SigningKey) -> Self {
        let pem = ours.to_pem().unwrap();
        let pem = pem.expose_secret().as_bytes();
        let theirs = match ours.algorithm().as_str() {
            "EdDSA" => EncodingKey::from_ed_pem(pem),
            name if name.starts_with("ES") => EncodingKey::from_ec_pem(pem),
            _ => EncodingKey::from_rsa_pem(pem),
        };
        Self {
            algorithm: ours.algorithm().as_str().parse().unwrap(),
            ours: Arc::new(ours),
            theirs: theirs.unwrap(),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.ours.algorithm().as_str(), "typ": "at+jwt", "kid": self.ours.id()})
    }

    pub(crate) fn sign(&self, header: &Value, payload: &Value) -> String {
        self.sign_text(&header.to_string(), &payload.to_string())
    }

    /// As `sign`, for what no JSON library would write.
    pub(crate) fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.theirs, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    pub(crate) fn set(&self) -> KeySet {
        KeySet::new([self.ours.verifying_key().clone()]).unwrap()
    }
}

/// What an access token of ours says.
pub(crate) fn claims() -> Value {
    let now = now().as_secs();
    json!({
        "iss": ISSUER,
        "sub": "u-1",
        "aud": AUDIENCE,
        "exp": now + 600,
        "iat": now,
        "jti": "t-1",
        "client_id": "app",
        "sid": "0191f2d0-1111-7abc-8def-000000000001",
        "tenant": "acme",
    })
}

/// `value` with other or further members; `null` takes one away.
pub(crate) fn with(mut value: Value, changes: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}

pub(crate) fn own(keys: impl KeySource) -> Issuer {
    issuer(Profile::Own(TokenKind::Access), keys)
}

pub(crate) fn issuer(profile: Profile, keys: impl KeySource) -> Issuer {
    Issuer::settings(ISSUER, AUDIENCE, profile, keys)
        .algorithms(
            Algorithms::new([Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256]).unwrap(),
        )
        .build()
        .unwrap()
}

pub(crate) fn verifier(issuer: Issuer) -> Verifier {
    Verifier::new([issuer]).unwrap()
}

/// Why `token` is refused; `None` if it is accepted.
pub(crate) fn refusal(verifier: &Verifier, token: &str) -> Option<JwtErrorKind> {
    verifier.verify(token, now()).err().map(|error| {
        assert_eq!(error.to_string(), "the token is not valid");
        assert!(!error.is_unavailable());
        error.kind()
    })
}
