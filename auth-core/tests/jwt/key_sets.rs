//! JWKS documents of others.

use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, KeyErrorKind, KeySet, SigningKey, SkippedKey, VerifyingKey,
};
use serde_json::{Value, json};

use crate::support::{base64url, with};

fn jwk(key: &VerifyingKey) -> Value {
    serde_json::from_str(&key.to_jwk().unwrap()).unwrap()
}

fn generate(algorithm: Algorithm) -> Value {
    jwk(SigningKey::generate(algorithm).unwrap().verifying_key())
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_jwks(
        json!({ "keys": keys }).to_string().as_bytes(),
        &Algorithms::common(),
    )
    .unwrap()
}

// AUTH case 28
#[test]
fn one_bad_key_never_spoils_the_set() {
    let good = generate(Algorithm::Es256);
    let bad = [
        (
            json!({"kty": "oct", "k": base64url([7; 32]), "alg": "HS256"}),
            KeyErrorKind::Unsupported,
        ),
        (
            // 1024 bits
            json!({"kty": "RSA", "e": "AQAB", "n": base64url([0xff; 128])}),
            KeyErrorKind::TooShort,
        ),
        (
            json!({"kty": "AKP", "pub": "AAAA"}),
            KeyErrorKind::Unsupported,
        ),
        (
            json!({"kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "e": "AQAB", "n": base64url([0xff; 256])}),
            KeyErrorKind::Unsupported,
        ),
        (
            with(generate(Algorithm::Es256), &json!({"use": "enc"})),
            KeyErrorKind::WrongUse,
        ),
        (
            with(generate(Algorithm::Es256), &json!({"key_ops": ["sign"]})),
            KeyErrorKind::WrongUse,
        ),
        (generate(Algorithm::Es384), KeyErrorKind::WrongAlgorithm),
        (json!({}), KeyErrorKind::Malformed),
        (json!(null), KeyErrorKind::Malformed),
        (json!([good.clone()]), KeyErrorKind::Malformed),
        (json!("key"), KeyErrorKind::Malformed),
    ];
    let mut keys = bad.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    keys.insert(3, good.clone());
    let set = set(&keys);
    let usable = set.keys().iter().map(jwk).collect::<Vec<_>>();
    assert_eq!(usable, [good]);
    let skipped = set.skipped().iter().map(SkippedKey::reason);
    assert!(
        skipped.eq(bad.iter().map(|(_, reason)| *reason)),
        "{:?}",
        set.skipped()
    );
    assert!(!set.skipped().iter().any(|key| key.index() == 3));
}

#[test]
fn a_key_with_members_that_come_twice_is_skipped_alone() {
    let good = generate(Algorithm::Es256).to_string();
    let twice = generate(Algorithm::Es256)
        .to_string()
        .replacen('{', r#"{"kid":"x","#, 1);
    let json = format!(r#"{{"keys":[{twice},{good}]}}"#);
    let set = KeySet::from_jwks(json.as_bytes(), &Algorithms::common()).unwrap();
    assert_eq!((set.keys().len(), set.skipped().len()), (1, 1));
}

#[test]
fn of_two_keys_with_one_name_neither_is_believed() {
    let named = |algorithm| with(generate(algorithm), &json!({"kid": "a"}));
    let (one, two, third) = (
        named(Algorithm::Es256),
        named(Algorithm::Es256),
        named(Algorithm::EdDsa),
    );
    let twins = set(&[one.clone(), two.clone(), third.clone()]);
    assert!(twins.get(Some("a"), Algorithm::Es256).is_none());
    assert!(twins.get(Some("a"), Algorithm::EdDsa).is_some());
    assert_eq!(twins.skipped().len(), 2);
    // The same key twice is one key.
    let same = set(&[one.clone(), one.clone()]);
    assert_eq!((same.keys().len(), same.skipped().len()), (1, 0));
    let keys = [one, two].map(|key| {
        let jwk = portcullis_auth_core::jwt::Jwk::parse(&key.to_string()).unwrap();
        jwk.verifying_key(&[Algorithm::Es256]).unwrap()
    });
    assert_eq!(
        KeySet::new(keys).unwrap_err().kind(),
        KeyErrorKind::Malformed
    );
}

#[test]
fn a_key_without_a_name_is_for_tokens_without_one() {
    let nameless = with(generate(Algorithm::Es256), &json!({"kid": null}));
    let set = set(&[nameless, generate(Algorithm::EdDsa)]);
    assert!(set.get(None, Algorithm::Es256).is_some());
    assert!(set.get(Some(""), Algorithm::Es256).is_none());
    assert!(set.get(Some("a"), Algorithm::Es256).is_none());
    assert!(set.get(None, Algorithm::Rs256).is_none());
}

#[test]
fn an_rsa_key_without_an_algorithm_is_for_rs256_or_for_the_only_other() {
    let key = with(generate(Algorithm::Rs256), &json!({"alg": null})).to_string();
    let jwk = portcullis_auth_core::jwt::Jwk::parse(&key).unwrap();
    for (allowed, expected) in [
        (
            &[Algorithm::Ps256, Algorithm::Rs256][..],
            Some(Algorithm::Rs256),
        ),
        (
            &[Algorithm::Ps256, Algorithm::Es256],
            Some(Algorithm::Ps256),
        ),
        (&[Algorithm::Ps256, Algorithm::Ps384], None),
        (&[Algorithm::Es256], None),
        (&[], None),
    ] {
        let bound = jwk.verifying_key(allowed).ok().map(|key| key.algorithm());
        assert_eq!(bound, expected, "{allowed:?}");
    }
}

#[test]
fn a_document_has_a_list_of_keys_and_a_hundred_at_most() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        let read = KeySet::from_jwks(json.as_bytes(), &Algorithms::common());
        assert_eq!(read.unwrap_err().kind(), KeyErrorKind::Malformed, "{json}");
    }
    assert!(set(&[]).keys().is_empty());
    let key = generate(Algorithm::EdDsa);
    let many = (0..150).map(|n| with(key.clone(), &json!({"kid": format!("k{n}")})));
    assert_eq!(set(&many.collect::<Vec<_>>()).keys().len(), 100);
}
