//! Tokens: see the table in `fuzz/README.md`.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, Issuer, Jws, KeySet, Profile, TokenKind, Verifier, VerifyingKey,
};
use portcullis_auth_core::time::Timestamp;
use serde_json::Value;

const SECRET: &[u8] = b"\x0f\x81\xa3\x5c\x92\xee\x47\x10\xb6\x3d\x78\xc1\x05\xfa\x29\xd4\x6b\x9e\x33\xe0\x57\x88\x1c\xcd\x44\xf7\x02\xb9\x6e\xa5\x90\x1b";
const NOW: i64 = 1_790_000_000;
const GOOD: &str = r#"{"iss":"https://id.example","sub":"u-1","aud":"https://api.example","exp":1790000600,"iat":1790000000,"jti":"t-1","client_id":"app","sid":"0191f2d0-1111-7abc-8def-000000000001","tenant":"acme"}"#;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, "k", SECRET).unwrap();
    let keys = KeySet::new([key]).unwrap();
    let issuer = Issuer::settings(
        "https://id.example",
        "https://api.example",
        Profile::Own(TokenKind::Access),
        keys,
    );
    let algorithms = Algorithms::new([Algorithm::Hs256]).unwrap();
    Verifier::new([issuer.algorithms(algorithms).build().unwrap()]).unwrap()
});

static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let token = sign(GOOD.as_bytes());
    assert!(VERIFIER.verify(&token, now()).is_ok());
    token
});

fuzz_target!(|data: &[u8]| {
    // As a token: there is only one good one, and only one way to write it.
    if let Ok(text) = str::from_utf8(data) {
        assert!(VERIFIER.verify(text, now()).is_err() || text == *TOKEN);
        if let Ok(jws) = Jws::parse(text) {
            assert!(text.len() <= 8192 && text.matches('.').count() == 2);
            assert!(
                jws.key_id()
                    .is_none_or(|id| !id.is_empty() && id.len() <= 128)
            );
        }
    }
    // As a change of the good one.
    if let Some((at, byte)) = data.split_first_chunk::<2>() {
        let mut bytes = TOKEN.clone().into_bytes();
        let at = usize::from(u16::from_be_bytes(*at)) % bytes.len();
        bytes.splice(at..at + 1, byte.iter().copied());
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(VERIFIER.verify(&text, now()).is_err() || text == *TOKEN);
        }
    }
    // As what a trusted issuer signed.
    if let Ok(token) = VERIFIER.verify(&sign(data), now()) {
        let claims: Value = serde_json::from_slice(data).expect("accepted, so it is JSON");
        assert_eq!(claims["iss"], "https://id.example");
        assert!(
            claims["sub"]
                .as_str()
                .is_some_and(|sub| (1..=255).contains(&sub.len()))
        );
        assert!(match &claims["aud"] {
            Value::Array(audiences) =>
                audiences.iter().all(Value::is_string)
                    && audiences.contains(&"https://api.example".into()),
            audience => audience == "https://api.example",
        });
        let seconds = |name: &str| claims[name].as_f64().expect("it is a number");
        assert!(seconds("exp") + 30.0 > NOW as f64);
        assert!(seconds("exp") - seconds("iat") <= 86_400.0);
        assert!(seconds("iat") <= NOW as f64 + 30.0);
        assert!(
            claims
                .get("nbf")
                .is_none_or(|nbf| nbf.as_f64().unwrap() <= NOW as f64 + 30.0)
        );
        for name in ["jti", "client_id", "sid", "tenant"] {
            assert_eq!(claims[name].as_str(), token.claims().text(name).as_deref());
        }
        for (name, value) in claims.as_object().unwrap() {
            let read: Value = serde_json::from_str(token.claims().json(name).unwrap()).unwrap();
            assert_eq!(&read, value);
        }
        assert_eq!(token.claims().as_json().as_bytes(), data);
    }
});

fn now() -> Timestamp {
    Timestamp::from_secs(NOW).unwrap()
}

fn sign(payload: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
