//! Signatures that are not what they claim to be. Every class of forgery is tried against the same good token.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use portcullis_auth_core::jwt::{
    Algorithm, Jwk, Jws, JwtErrorKind, KeyErrorKind, KeySet, Profile, SigningKey, TokenKind,
    VerifyingKey,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Key, base64url, claims, issuer, refusal, verifier, with};

/// Why `token` is refused; `None` if `key` verifies it.
fn judge(token: &str, key: &VerifyingKey) -> Option<JwtErrorKind> {
    let jws = match Jws::parse(token) {
        Ok(jws) => jws,
        Err(error) => return Some(error.kind()),
    };
    jws.verify(key).err().map(|error| error.kind())
}

fn parts(token: &str) -> (String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (
        signed.to_owned(),
        URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
}

fn with_signature(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", parts(token).0, base64url(signature))
}

#[test]
fn a_token_without_a_signature_is_refused_in_every_spelling() {
    let key = Key::generate(Algorithm::Es256);
    for alg in [
        "none", "None", "NONE", "nOnE", "", "null", "HS256 ", "es256", "ES-256", "ES256K",
    ] {
        for signature in ["", "AA", "AAAA"] {
            let header = with(key.header(), &json!({ "alg": alg }));
            let token = format!(
                "{}.{}.{signature}",
                base64url(header.to_string()),
                base64url("{}")
            );
            let refused = judge(&token, key.ours.verifying_key());
            assert_eq!(refused, Some(JwtErrorKind::Algorithm), "{alg:?}");
        }
    }
    let good = key.sign(&key.header(), &claims());
    assert_eq!(judge(&good, key.ours.verifying_key()), None);
    assert_eq!(
        judge(&with_signature(&good, b""), key.ours.verifying_key()),
        Some(JwtErrorKind::Signature),
    );
}

// AUTH case 21. The key is bound to RS256, so there is nothing to compute an HMAC with.
#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let key = Key::generate(Algorithm::Rs256);
    let jwk = key.ours.verifying_key().to_jwk().unwrap();
    let verifier = verifier(issuer(Profile::Own(TokenKind::Access), key.set()));
    for secret in [
        key.ours.to_pem().unwrap().expose_secret().as_bytes(),
        jwk.as_bytes(),
        b"",
    ] {
        let header = with(key.header(), &json!({"alg": "HS256"}));
        let message = format!(
            "{}.{}",
            base64url(header.to_string()),
            base64url(claims().to_string())
        );
        let secret = EncodingKey::from_secret(secret);
        let hs256 = jsonwebtoken::Algorithm::HS256;
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, hs256).unwrap();
        let forged = format!("{message}.{signature}");
        assert_eq!(refusal(&verifier, &forged), Some(JwtErrorKind::Algorithm));
        assert_eq!(
            judge(&forged, key.ours.verifying_key()),
            Some(JwtErrorKind::Algorithm)
        );
    }
}

/// The order of P-256, of P-384 and of P-521.
const ORDERS: [(Algorithm, &str); 3] = [
    (
        Algorithm::Es256,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    (
        Algorithm::Es384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    (
        Algorithm::Es512,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn the_numbers_of_an_ecdsa_signature_are_in_their_range() {
    for (algorithm, order) in ORDERS {
        let key = SigningKey::generate(algorithm).unwrap();
        // By another key, but of the right form; the library that signs in these tests knows no P-521.
        let header = json!({"alg": algorithm.as_str()}).to_string();
        let token = format!("{}.{}.", base64url(header), base64url("{}"));
        let order = hex(order);
        let jwk: Value = serde_json::from_str(&key.verifying_key().to_jwk().unwrap()).unwrap();
        assert_eq!(base64url(&order).len(), jwk["x"].as_str().unwrap().len());
        let zero = vec![0; order.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let all = vec![0xff; order.len()];
        for r in [&zero, &one, &order, &all] {
            for s in [&zero, &one, &order, &all] {
                let forged = with_signature(&token, &[&r[..], s].concat());
                let refused = judge(&forged, key.verifying_key());
                assert_eq!(
                    refused,
                    Some(JwtErrorKind::Signature),
                    "{algorithm} {r:?} {s:?}"
                );
            }
        }
    }
}

#[test]
fn a_signature_has_one_length_and_one_encoding() {
    for algorithm in [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
        Algorithm::Ps512,
    ] {
        let key = Key::generate(algorithm);
        let good = key.sign(&key.header(), &claims());
        let (signed, signature) = parts(&good);
        assert_eq!(judge(&good, key.ours.verifying_key()), None, "{algorithm}");
        let len = signature.len();
        let mut swapped = signature.clone();
        swapped.rotate_left(len / 2);
        let mut forgeries = vec![
            signature[..len - 1].to_vec(),
            signature[1..].to_vec(),
            signature[..len / 2].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            signature.repeat(2),
            swapped,
            vec![0; len],
            vec![0xff; len],
        ];
        // One bit anywhere.
        forgeries.extend((0..len).step_by(7).map(|index| {
            let mut flipped = signature.clone();
            flipped[index] ^= 1 << (index % 8);
            flipped
        }));
        if algorithm == Algorithm::Es256 {
            forgeries.push(der(&signature));
        }
        for forged in forgeries {
            let refused = judge(&with_signature(&good, &forged), key.ours.verifying_key());
            assert_eq!(
                refused,
                Some(JwtErrorKind::Signature),
                "{algorithm} {forged:?}"
            );
        }
        // The same bytes in another text.
        let text = base64url(&signature);
        for text in [
            format!("{text}="),
            format!("{text}\n"),
            text.replacen('A', "A ", 1) + " ",
            text.replace(['-', '_'], "+") + "/",
        ] {
            let refused = judge(&format!("{signed}.{text}"), key.ours.verifying_key());
            assert_eq!(refused, Some(JwtErrorKind::Signature), "{algorithm} {text}");
        }
    }
}

/// As X.509 has it, and as RFC 7518 section 3.4 does not.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut value = vec![0];
        value.extend(bytes);
        [&[2, u8::try_from(value.len()).unwrap()][..], &value].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

// RFC 7515 section 2: one value has one text.
#[test]
fn bits_beyond_the_last_byte_are_refused() {
    let key = Key::generate(Algorithm::EdDsa);
    // The signature has 64 bytes: two of 86 characters' bits are unused.
    let good = key.sign(&key.header(), &json!({"a": "b"}));
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = good.as_bytes()[good.len() - 1];
    let value = alphabet.iter().position(|byte| *byte == last).unwrap();
    assert_eq!(value % 16, 0);
    for stray in 1..16 {
        let mut forged = good.clone();
        forged.pop();
        forged.push(char::from(alphabet[value + stray]));
        let refused = judge(&forged, key.ours.verifying_key());
        assert_eq!(refused, Some(JwtErrorKind::Signature), "{stray}");
    }
    // In header and payload they would change what is signed; they are refused before that matters.
    for (header, payload) in [
        ("e31", "e30"),
        ("e30", "e31"),
        ("e30=", "e30"),
        ("e3 0", "e30"),
    ] {
        let token = format!("{header}.{payload}.");
        let refused = Jws::parse(&token).unwrap_err().kind();
        assert!(
            matches!(refused, JwtErrorKind::Malformed | JwtErrorKind::Algorithm),
            "{token} {refused:?}",
        );
    }
    let header = base64url(key.header().to_string());
    let refused = Jws::parse(&format!("{header}.e31.")).unwrap_err();
    assert_eq!(refused.kind(), JwtErrorKind::Malformed);
}

// RFC 8032 section 5.1.7: S must be below the order, or every signature had a twin.
#[test]
fn an_eddsa_signature_has_no_twin() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = Key::generate(Algorithm::EdDsa);
    let good = key.sign(&key.header(), &claims());
    let (_, mut twin) = parts(&good);
    let mut carry = 0;
    for (byte, add) in twin[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(carry, 0);
    let refused = judge(&with_signature(&good, &twin), key.ours.verifying_key());
    assert_eq!(refused, Some(JwtErrorKind::Signature));
}

// RFC 8032 section 5.1.7 again: with S = 0 and a point of small order, a signature takes no secret to make.
#[test]
fn a_key_that_everybody_can_sign_for_is_no_key() {
    const ORDERS_1_2_4_8_8: [&str; 5] = [
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "7P_______________________________________38",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    // The same points with p added: 0 and 1 have a second text.
    const AGAIN: [&str; 2] = [
        "7f_______________________________________38",
        "7v_______________________________________38",
    ];
    for x in ORDERS_1_2_4_8_8.into_iter().chain(AGAIN) {
        for sign in [0, 0x80] {
            let mut x = URL_SAFE_NO_PAD.decode(x).unwrap();
            x[31] |= sign;
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&x)}).to_string();
            let key = Jwk::parse(&jwk).unwrap().verifying_key(&[Algorithm::EdDsa]);
            let refused = key.unwrap_err().kind();
            assert_eq!(refused, KeyErrorKind::Inconsistent, "{jwk}");
        }
    }
}

#[test]
fn a_part_of_an_hmac_is_none() {
    let secret = portcullis_secrets::SecretBytes::generate(64).unwrap();
    for (algorithm, name, len) in [
        (Algorithm::Hs256, jsonwebtoken::Algorithm::HS256, 32),
        (Algorithm::Hs384, jsonwebtoken::Algorithm::HS384, 48),
        (Algorithm::Hs512, jsonwebtoken::Algorithm::HS512, 64),
    ] {
        let key = VerifyingKey::from_secret(algorithm, "a", secret.expose_secret()).unwrap();
        let header = base64url(json!({"alg": algorithm.as_str()}).to_string());
        let message = format!("{header}.{}", base64url("{}"));
        let theirs = EncodingKey::from_secret(secret.expose_secret());
        let good = jsonwebtoken::crypto::sign(message.as_bytes(), &theirs, name).unwrap();
        let good = format!("{message}.{good}");
        assert_eq!(judge(&good, &key), None);
        let (_, signature) = parts(&good);
        assert_eq!(signature.len(), len);
        for kept in 0..len {
            let forged = with_signature(&good, &signature[..kept]);
            assert_eq!(judge(&forged, &key), Some(JwtErrorKind::Signature));
        }
    }
}

#[test]
fn a_message_that_was_taken_apart_is_not_printed() {
    let key = Key::generate(Algorithm::EdDsa);
    let token = key.sign(&key.header(), &claims());
    let shown = format!("{:?}", Jws::parse(&token).unwrap());
    let id = key.ours.id();
    assert!(
        shown.starts_with("Jws { header: Header") && shown.contains(id),
        "{shown}"
    );
    for part in token.split('.').skip(1) {
        let bytes = format!("{:?}", URL_SAFE_NO_PAD.decode(part).unwrap());
        assert!(
            !shown.contains(part) && !shown.contains(bytes.trim_matches(['[', ']'])),
            "{shown}"
        );
    }
}

#[test]
fn neither_another_key_nor_another_token_makes_a_signature() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let (key, other) = (Key::generate(algorithm), Key::generate(algorithm));
        let (mine, another) = (claims(), with(claims(), &json!({"sub": "u-2"})));
        let good = key.sign(&key.header(), &mine);
        let (_, signature) = parts(&good);
        for forged in [
            other.sign(&key.header(), &mine),
            with_signature(&key.sign(&key.header(), &another), &signature),
            with_signature(
                &key.sign(&with(key.header(), &json!({"x": 1})), &mine),
                &signature,
            ),
        ] {
            let refused = judge(&forged, key.ours.verifying_key());
            assert_eq!(refused, Some(JwtErrorKind::Signature), "{algorithm}");
        }
    }
}

#[test]
fn a_key_is_for_its_own_algorithm_even_if_another_would_fit() {
    // The same RSA key, once for each padding.
    let pkcs1 = Key::generate(Algorithm::Rs256);
    let pem = pkcs1.ours.to_pem().unwrap();
    let pss = Key::new(SigningKey::from_pem(Algorithm::Ps256, pem.expose_secret()).unwrap());
    let token = pss.sign(&pss.header(), &claims());
    assert_eq!(judge(&token, pss.ours.verifying_key()), None);
    assert_eq!(
        judge(&token, pkcs1.ours.verifying_key()),
        Some(JwtErrorKind::Algorithm)
    );
    // A header that says the other.
    let lying = pss.sign(&with(pss.header(), &json!({"alg": "RS256"})), &claims());
    assert_eq!(
        judge(&lying, pkcs1.ours.verifying_key()),
        Some(JwtErrorKind::Signature)
    );
    assert_eq!(
        judge(&lying, pss.ours.verifying_key()),
        Some(JwtErrorKind::Algorithm)
    );
    // RFC 9864's name is another algorithm as well.
    let ed = Key::generate(Algorithm::EdDsa);
    let named = Jwk::parse(
        &ed.ours
            .verifying_key()
            .to_jwk()
            .unwrap()
            .replace("EdDSA", "Ed25519"),
    )
    .unwrap()
    .verifying_key(&[Algorithm::Ed25519])
    .unwrap();
    let token = ed.sign(&with(ed.header(), &json!({"alg": "Ed25519"})), &claims());
    assert_eq!(judge(&token, &named), None);
    assert_eq!(
        judge(&token, ed.ours.verifying_key()),
        Some(JwtErrorKind::Algorithm)
    );
}

#[test]
fn a_key_that_says_what_it_is_for_is_used_for_nothing_else() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk: Value = serde_json::from_str(&key.verifying_key().to_jwk().unwrap()).unwrap();
    let read = |changes: Value| {
        let jwk = with(jwk.clone(), &changes).to_string();
        let read = Jwk::parse(&jwk).and_then(|jwk| jwk.verifying_key(Algorithm::ALL));
        read.err().map(|error| error.kind())
    };
    for (changes, expected) in [
        (json!({}), None),
        (json!({"use": null, "alg": null, "kid": null}), None),
        (json!({"key_ops": ["verify"]}), None),
        (json!({"key_ops": ["sign", "verify"]}), None),
        (json!({"key_ops": ["verify", "encrypt"]}), None),
        (json!({"use": "enc"}), Some(KeyErrorKind::WrongUse)),
        (json!({"use": "SIG"}), Some(KeyErrorKind::WrongUse)),
        (json!({"use": ""}), Some(KeyErrorKind::WrongUse)),
        (json!({"use": ["sig"]}), Some(KeyErrorKind::Malformed)),
        (json!({"key_ops": ["sign"]}), Some(KeyErrorKind::WrongUse)),
        (
            json!({"key_ops": ["deriveKey"]}),
            Some(KeyErrorKind::WrongUse),
        ),
        (json!({"key_ops": []}), Some(KeyErrorKind::WrongUse)),
        (
            json!({"key_ops": ["verify"], "use": "enc"}),
            Some(KeyErrorKind::WrongUse),
        ),
        (json!({"key_ops": "verify"}), Some(KeyErrorKind::Malformed)),
        (json!({"key_ops": [7]}), Some(KeyErrorKind::Malformed)),
        (
            json!({"key_ops": ["verify", "verify"]}),
            Some(KeyErrorKind::Malformed),
        ),
        (json!({"alg": "ES384"}), Some(KeyErrorKind::WrongAlgorithm)),
        (json!({"alg": "HS256"}), Some(KeyErrorKind::WrongAlgorithm)),
        (json!({"alg": "ECDH-ES"}), Some(KeyErrorKind::Unsupported)),
        (json!({"alg": "none"}), Some(KeyErrorKind::Unsupported)),
        (json!({"alg": 7}), Some(KeyErrorKind::Malformed)),
        (json!({"kid": 7}), Some(KeyErrorKind::Malformed)),
        (json!({"kty": null}), Some(KeyErrorKind::Malformed)),
        (json!({"kty": "AKP"}), Some(KeyErrorKind::Unsupported)),
        (json!({"kty": "RSA"}), Some(KeyErrorKind::Malformed)),
        (json!({"crv": null}), Some(KeyErrorKind::Malformed)),
        (json!({"crv": "secp256k1"}), Some(KeyErrorKind::Unsupported)),
        (json!({"crv": "P-384"}), Some(KeyErrorKind::Malformed)),
        (json!({"x": null}), Some(KeyErrorKind::Malformed)),
        (json!({"x": "AAAA"}), Some(KeyErrorKind::Malformed)),
        (
            json!({"x": format!("{}=", jwk["x"].as_str().unwrap())}),
            Some(KeyErrorKind::Malformed),
        ),
        (
            json!({"x": jwk["y"], "y": jwk["x"]}),
            Some(KeyErrorKind::Inconsistent),
        ),
        (
            json!({"x": base64url([0; 32]), "y": base64url([0; 32])}),
            Some(KeyErrorKind::Inconsistent),
        ),
        (
            json!({"x": base64url([0xff; 32])}),
            Some(KeyErrorKind::Inconsistent),
        ),
    ] {
        assert_eq!(read(changes.clone()), expected, "{changes}");
    }
}

proptest! {
    // The text of a token that is accepted is the one that was issued: it has no other.
    #[test]
    fn no_change_of_a_token_is_a_token(
        at in any::<prop::sample::Index>(),
        cut in 0..4_usize,
        put in "[A-Za-z0-9_.=+/ -]{0,4}",
    ) {
        static KEY: LazyLock<(Key, String)> = LazyLock::new(|| {
            let key = Key::generate(Algorithm::EdDsa);
            let token = key.sign(&key.header(), &claims());
            (key, token)
        });
        let (key, token) = &*KEY;
        let start = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(start..(start + cut).min(token.len()), &put);
        prop_assume!(changed != *token);
        prop_assert!(judge(&changed, key.ours.verifying_key()).is_some());
    }

    // The header of the last good token is not read again where it comes unchanged.
    #[test]
    fn what_was_accepted_before_changes_no_judgement(
        at in any::<prop::sample::Index>(),
        byte in "[A-Za-z0-9_.=-]",
        change in prop::sample::select(vec!["none", "replace", "insert", "cut"]),
    ) {
        static KEYS: LazyLock<[Key; 2]> =
            LazyLock::new(|| [Algorithm::EdDsa, Algorithm::Es256].map(Key::generate));
        let keys = KeySet::new(KEYS.iter().map(|key| key.ours.verifying_key().clone())).unwrap();
        let verifier = || verifier(issuer(Profile::Own(TokenKind::Access), keys.clone()));
        let experienced = verifier();
        for key in KEYS.iter() {
            let good = key.sign(&key.header(), &claims());
            prop_assert_eq!(refusal(&experienced, &good), None);
            prop_assert_eq!(refusal(&experienced, &good), None);
            for other in KEYS.iter() {
                let mut token = other.sign(&other.header(), &claims());
                // Of the header, and of the dot behind it.
                let at = at.index(token.find('.').unwrap() + 1);
                match change {
                    "replace" => token.replace_range(at..=at, &byte),
                    "insert" => token.insert_str(at, &byte),
                    "cut" => token.replace_range(..at, ""),
                    _ => {}
                }
                prop_assert_eq!(refusal(&experienced, &token), refusal(&verifier(), &token));
            }
        }
    }
}
