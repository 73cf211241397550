use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::algorithm::Algorithms;
use super::base64;
use super::key::VerifyingKey;

/// Public keys as others read them (RFC 7517 section 5), with what an answer over HTTP says of it.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithm, JwksDocument, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let document = JwksDocument::new([key.verifying_key()]);
/// assert!(document.json().contains(key.id()));
/// assert!(!document.json().contains(r#""d":"#));
/// assert_eq!(document.etag(), JwksDocument::new([key.verifying_key()]).etag());
/// # Ok::<_, portcullis_auth_core::jwt::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksDocument {
    json: String,
    etag: String,
}

impl JwksDocument {
    /// The media type of the document (RFC 7517 section 8.5.2).
    pub const CONTENT_TYPE: &'static str = "application/jwk-set+json";

    /// For how long others may keep the document: 300 s. For so long, and no longer, they go on to accept a key that was
    /// revoked in an emergency.
    pub const MAX_AGE: Duration = Duration::from_secs(300);

    /// The document with these keys. Shared secrets are left out.
    #[must_use]
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k VerifyingKey>) -> Self {
        let keys = keys.into_iter().filter_map(VerifyingKey::to_jwk);
        let keys = keys.collect::<Vec<_>>().join(",");
        let json = format!(r#"{{"keys":[{keys}]}}"#);
        let etag = format!(r#""{}""#, base64::encode(digest(&SHA256, json.as_bytes())));
        Self { json, etag }
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Its entity tag, with quotes: the same for the same keys in the same order, on every instance.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

/// What others must know of us to verify our tokens, as OpenID Connect Discovery 1.0 section 3 writes it.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithms, DiscoveryDocument};
///
/// let document = DiscoveryDocument::new(
///     "https://id.example",
///     "https://id.example/.well-known/jwks.json",
///     &Algorithms::own(),
/// )
/// .endpoint("revocation_endpoint", "https://id.example/api/v1/auth/revoke")
/// .list("grant_types_supported", ["refresh_token"]);
/// assert!(document.json().contains(r#""grant_types_supported":["refresh_token"]"#));
/// assert!(document.json().contains(r#""id_token_signing_alg_values_supported":["EdDSA","ES256"]"#));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct DiscoveryDocument(Map<String, Value>);

impl DiscoveryDocument {
    /// The document of `issuer`, whose keys are at `jwks_uri` and who signs with `algorithms`.
    pub fn new(issuer: &str, jwks_uri: &str, algorithms: &Algorithms) -> Self {
        let algorithms = algorithms.iter().map(|algorithm| algorithm.as_str());
        let mut members = Map::new();
        members.insert("issuer".into(), issuer.into());
        members.insert("jwks_uri".into(), jwks_uri.into());
        members.insert("response_types_supported".into(), json!([]));
        members.insert("subject_types_supported".into(), json!(["public"]));
        members.insert(
            "id_token_signing_alg_values_supported".into(),
            algorithms.collect(),
        );
        Self(members)
    }

    /// Adds an endpoint, under its name in the registry of RFC 8414.
    pub fn endpoint(mut self, name: &str, uri: &str) -> Self {
        self.0.insert(name.into(), uri.into());
        self
    }

    /// Adds a list, under its name in the registry of RFC 8414. Some say something by being left out: without
    /// `grant_types_supported` there is an authorization endpoint, and without `token_endpoint_auth_methods_supported` clients
    /// have a secret.
    pub fn list<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        let values = values.into_iter().map(Value::from).collect();
        self.0.insert(name.into(), Value::Array(values));
        self
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}
