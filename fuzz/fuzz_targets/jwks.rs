//! JWKS documents and keys: see the table in `fuzz/README.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::jwt::{Algorithm, Algorithms, Jwk, JwksDocument, KeySet, VerifyingKey};

fuzz_target!(|data: &[u8]| {
    let allowed = Algorithms::common();
    if let Ok(set) = KeySet::from_jwks(data, &allowed) {
        assert!(set.keys().len() + set.skipped().len() <= KeySet::MAX_KEYS);
        for key in set.keys() {
            assert!(allowed.contains(&key.algorithm()));
            assert!(set.get(key.id(), key.algorithm()).is_some() || key.id().is_none());
            reads_the_same(key);
        }
        // What is published is what was read.
        let document = JwksDocument::new(set.keys());
        let again = KeySet::from_jwks(document.json().as_bytes(), &allowed).unwrap();
        assert!(again.skipped().is_empty());
        assert_eq!(JwksDocument::new(again.keys()), document);
    }
    let Some(jwk) = str::from_utf8(data)
        .ok()
        .and_then(|text| Jwk::parse(text).ok())
    else {
        return;
    };
    for algorithm in Algorithm::ALL.iter().copied() {
        if let Ok(key) = jwk.verifying_key(&[algorithm]) {
            assert_eq!((key.algorithm(), key.id()), (algorithm, jwk.id()));
            assert_eq!(key.to_jwk().is_none(), jwk.is_symmetric());
            reads_the_same(&key);
        }
        if let Ok(key) = jwk.signing_key(algorithm) {
            assert_eq!(key.algorithm(), algorithm);
        }
    }
});

/// A public key that is written is the same key, and nothing of it is secret.
fn reads_the_same(key: &VerifyingKey) {
    let Some(jwk) = key.to_jwk() else { return };
    let again = Jwk::parse(&jwk)
        .unwrap()
        .verifying_key(&[key.algorithm()])
        .unwrap();
    assert_eq!(again.to_jwk(), Some(jwk.clone()));
    let jwk: serde_json::Value = serde_json::from_str(&jwk).unwrap();
    for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        assert!(jwk.get(secret).is_none());
    }
}
