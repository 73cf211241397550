use super::*;

const RSA_1024: &str = "2xZNTkMN0p31U7PKu8xDnxHJduewSNv1ObuJsrUS-vuX0pHDmHKm0G0qClinK34FpHzKpLq6kSzoVqeR9UvPR0QQb8V_sIwF-myoy8Voxr_4aUJQVG5CxK_vxey3nSwfNd6QWn8vlelqIKNxEZMyIPsVP0zFZ-1jbb9nFZBEVTM";

fn kind<T: fmt::Debug>(result: Result<T, KeyError>) -> KeyErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn every_algorithm_signs_what_it_verifies_and_nothing_else() {
    let secret = portcullis_secrets::SecretBytes::generate(64).unwrap();
    for algorithm in Algorithm::ALL.iter().copied() {
        let key = if algorithm.is_symmetric() {
            SigningKey::from_secret(algorithm, "s", secret.expose_secret()).unwrap()
        } else {
            SigningKey::generate(algorithm).unwrap()
        };
        let signature = key.sign(b"message").unwrap();
        assert!(
            key.verifying.verifies(b"message", &signature),
            "{algorithm}"
        );
        assert!(
            !key.verifying.verifies(b"massage", &signature),
            "{algorithm}"
        );
        assert!(!key.verifying.verifies(b"message", b""), "{algorithm}");
        assert!(
            !key.verifying.verifies(b"message", &signature[1..]),
            "{algorithm}"
        );
        for index in [0, signature.len() / 2, signature.len() - 1] {
            let mut forged = signature.clone();
            forged[index] ^= 1;
            assert!(!key.verifying.verifies(b"message", &forged), "{algorithm}");
        }
        let mut longer = signature.clone();
        longer.push(0);
        assert!(!key.verifying.verifies(b"message", &longer), "{algorithm}");
    }
}

#[test]
fn a_stored_key_is_the_key_it_was() {
    for algorithm in [Algorithm::Ps384, Algorithm::Es384, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let pem = key.to_pem().unwrap();
        let again = SigningKey::from_pem(algorithm, pem.expose_secret()).unwrap();
        assert_eq!(again.id(), key.id());
        let signature = again.sign(b"message").unwrap();
        assert!(key.verifying.verifies(b"message", &signature));
    }
}

/// Made by OpenSSL 3.0 with `ecparam -genkey` and `genpkey`.
const SEC1: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAPHyhJ9Z+QJdsBUOyWeMsXCWoJhaYBc0sTMA7sCUgHhoAoGCCqGSM49
AwEHoUQDQgAEZrzHabUT9+xB0yzIDspw6n1X7fHY0A+GAYh57QhVZRvhElOT5hNv
yTSViHv6oSW9u9zqWN0gXP1TIWKx0CGuWw==
-----END EC PRIVATE KEY-----
";
const PKCS8_ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIDm5qmlpB5uywYWYnZLsrL3t5sDXRaMwi2bx7Py7LLfS
-----END PRIVATE KEY-----
";

#[test]
fn keys_written_by_openssl_are_read() {
    let key = SigningKey::from_pem(Algorithm::Es256, SEC1).unwrap();
    let public = VerifyingKey::from_pem(Algorithm::Es256, SPKI_P256).unwrap();
    assert!(public.is_same(key.verifying_key()));
    assert_eq!(public.id(), Some(key.id()));
    SigningKey::from_pem(Algorithm::EdDsa, PKCS8_ED25519).unwrap();
    let rsa = SigningKey::from_pem(Algorithm::Rs256, PKCS1_2048).unwrap();
    for pem in [SPKI_2048, PKCS1_PUBLIC_2048] {
        let public = VerifyingKey::from_pem(Algorithm::Rs256, pem).unwrap();
        assert!(public.is_same(rsa.verifying_key()));
    }
}

#[test]
fn a_pem_that_is_no_such_key_is_refused() {
    for (algorithm, pem, expected) in [
        (Algorithm::Es256, "", KeyErrorKind::Malformed),
        (
            Algorithm::Es256,
            "-----BEGIN PRIVATE KEY-----\nAAAA",
            KeyErrorKind::Malformed,
        ),
        (Algorithm::Es384, SEC1, KeyErrorKind::WrongAlgorithm),
        (Algorithm::EdDsa, SEC1, KeyErrorKind::WrongAlgorithm),
        (Algorithm::Rs256, SEC1, KeyErrorKind::WrongAlgorithm),
        (Algorithm::Hs256, SEC1, KeyErrorKind::WrongAlgorithm),
        (
            Algorithm::Es256,
            PKCS8_ED25519,
            KeyErrorKind::WrongAlgorithm,
        ),
        (Algorithm::Es256, SPKI_P256, KeyErrorKind::NotPrivate),
        (Algorithm::Rs256, PKCS8_1024, KeyErrorKind::TooShort),
        (
            Algorithm::Rs256,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            KeyErrorKind::Unsupported,
        ),
        (
            Algorithm::Es256,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            KeyErrorKind::Malformed,
        ),
        (
            Algorithm::Es256,
            "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
            KeyErrorKind::Malformed,
        ),
    ] {
        assert_eq!(
            kind(SigningKey::from_pem(algorithm, pem)),
            expected,
            "{algorithm} {pem}"
        );
    }
    for (algorithm, pem, expected) in [
        (Algorithm::Es384, SPKI_P256, KeyErrorKind::WrongAlgorithm),
        (Algorithm::EdDsa, SPKI_P256, KeyErrorKind::WrongAlgorithm),
        (Algorithm::Rs256, SPKI_P256, KeyErrorKind::WrongAlgorithm),
        (Algorithm::Hs256, SPKI_P256, KeyErrorKind::WrongAlgorithm),
        (Algorithm::Es256, SEC1, KeyErrorKind::WrongUse),
    ] {
        assert_eq!(
            kind(VerifyingKey::from_pem(algorithm, pem)),
            expected,
            "{algorithm}"
        );
    }
}

#[test]
fn short_and_made_up_secrets_are_refused() {
    let secret = portcullis_secrets::SecretBytes::generate(64).unwrap();
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let of = |len: usize| secret_key(algorithm, &secret.expose_secret()[..len]);
        assert!(of(least).is_ok());
        assert_eq!(kind(of(least - 1)), KeyErrorKind::TooShort);
        assert_eq!(kind(of(0)), KeyErrorKind::TooShort);
    }
    for weak in [
        &b""[..],
        b"secret",
        b"your-256-bit-secret-your-256-bit",
        &[0; 64],
    ] {
        let refused = VerifyingKey::from_secret(Algorithm::Hs256, "s", weak).unwrap_err();
        assert_eq!(refused.kind(), KeyErrorKind::Weak);
        assert!(std::error::Error::source(&refused).is_some());
    }
    let key = VerifyingKey::from_secret(Algorithm::Es256, "s", secret.expose_secret());
    assert_eq!(kind(key), KeyErrorKind::WrongAlgorithm);
}

#[test]
fn nothing_secret_is_printed() {
    let key = SigningKey::from_pem(Algorithm::Es256, SEC1).unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey {{ id: {:?}, algorithm: Es256, .. }}", key.id()),
    );
    assert_eq!(format!("{:?}", key.pair), "Pair([REDACTED])");
    let jwk = key.verifying_key().to_jwk().unwrap();
    let jwk: serde_json::Value = serde_json::from_str(&jwk).unwrap();
    let mut members = jwk.as_object().unwrap().keys().collect::<Vec<_>>();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}

// RFC 7638 section 3.1.
#[test]
fn the_thumbprint_is_that_of_the_standard() {
    let jwk = crate::jwt::Jwk::parse(concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","#,
        r#""e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    ))
    .unwrap();
    let key = jwk.verifying_key(&[Algorithm::Rs256]).unwrap();
    let Check::Public { members, .. } = &key.0.check else {
        panic!("an RSA key is public");
    };
    assert_eq!(
        public::thumbprint(members),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    );
}

#[test]
fn rsa_keys_that_nobody_should_have_are_refused() {
    let n = crate::jwt::base64::decode(RSA_1024).unwrap();
    let mut wide = n.clone();
    wide.extend(&n);
    let exponent = [1, 0, 1].to_vec();
    for (n, e, expected) in [
        (n.clone(), exponent.clone(), KeyErrorKind::TooShort),
        (Vec::new(), exponent.clone(), KeyErrorKind::Malformed),
        (wide.clone(), vec![1], KeyErrorKind::Inconsistent),
        (wide.clone(), vec![2], KeyErrorKind::Inconsistent),
        (wide.clone(), vec![], KeyErrorKind::Inconsistent),
        (wide.clone(), vec![0, 3], KeyErrorKind::Inconsistent),
        (wide.clone(), vec![1; 6], KeyErrorKind::Inconsistent),
        (wide.repeat(5), exponent.clone(), KeyErrorKind::Inconsistent),
        // 2047 bits
        (
            [&[wide[0] >> 1], &wide[1..]].concat(),
            exponent.clone(),
            KeyErrorKind::TooShort,
        ),
        // Three times something
        (vec![0xff; 256], exponent.clone(), KeyErrorKind::Broken),
        // 65537 to the power of 128
        (roca(), exponent.clone(), KeyErrorKind::Broken),
        // even
        (
            [&wide[..wide.len() - 1], &[2]].concat(),
            exponent.clone(),
            KeyErrorKind::Inconsistent,
        ),
    ] {
        let public = Public::Rsa { n, e };
        let key = VerifyingKey::new(Algorithm::Rs256, &public);
        assert_eq!(kind(key), expected, "{public:?}");
    }
}

fn roca() -> Vec<u8> {
    let mut little = vec![1_u8];
    for _ in 0..128 {
        let mut product = [&[0, 0], &little[..]].concat();
        let mut carry = 0;
        for (index, byte) in product.iter_mut().enumerate() {
            let sum = u16::from(*byte) + u16::from(*little.get(index).unwrap_or(&0)) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        product.extend((carry > 0).then_some(1));
        little = product;
    }
    little.into_iter().rev().collect()
}

// Made by OpenSSL 3.0 for these tests.
const SPKI_P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZrzHabUT9+xB0yzIDspw6n1X7fHY
0A+GAYh57QhVZRvhElOT5hNvyTSViHv6oSW9u9zqWN0gXP1TIWKx0CGuWw==
-----END PUBLIC KEY-----
";
const PKCS8_1024: &str = "-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBANsWTU5DDdKd9VOz
yrvMQ58RyXbnsEjb9Tm7ibK1Evr7l9KRw5hyptBtKgpYpyt+BaR8yqS6upEs6Fan
kfVLz0dEEG/Ff7CMBfpsqMvFaMa/+GlCUFRuQsSv78Xst50sHzXekFp/L5XpaiCj
cRGTMiD7FT9MxWftY22/ZxWQRFUzAgMBAAECgYBeWEZGE34aWsdQmjYNlTLxhzlY
qQEy/vWlPOtZN7zKtBl3Jioytfy7+KaH+hFTG1vWr56cPYUmC06qMlMabOD/JX1s
/+BUjuK4pG7KSpV7Z5maVIC0tIwsuUbJZ/bOwqPwXHS43gnbjMXI8Hry0EwwfcAM
SUB/QoGxGClsnUkHYQJBAPIZH5Ddrtco1biIuQR20qwmU5An/a1k6zy1IW/XSZ7Y
JlSn9a8P2ix31IBuaTpTH9wnUqh45S7WL+q4ZrhmTRsCQQDnqunWWwgeISlbCSKm
0qim3ppwZuraL0bZwNTwHI0DHvCfEcy5BdSa2IU6EdlIWlgFXNNJKkW5X2aPhVSi
qRHJAkAtF+7gPdpmKy37zEOiCDvfYtgnvrsqg+SpDxfmTBRjaOFi3VIOxIYfyEYl
kes5uOfzSsPDq5kMq0qLjsNbT3rHAkEA53g8peFUrg4CLSRmi/pFal1WP+KE2zWL
e/yQhcxxFGIwly8ItwFdWM3n54p36DPkaI9DyIHFIp9wcQwN8WwuCQJAegH4twoT
x5Lx8ijltY80EENU8VpN1mgW0kBs6y6CAjEKz++jRC72qx+zyQzNqNGb6UDxVt5U
HM0h6YHjPZ2B7w==
-----END PRIVATE KEY-----
";
const PKCS1_2048: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIEogIBAAKCAQEAtr/S/IKo+NcHV4obf+9F3TCQXTqF2YyzWvuXAuMkgW4CGYbR
w6Zgj7IKQ3Ak70iDcW3YvzSxRG2WG29bcB07hC89GutZgUsy1sF2fl3TBjPjOtpB
jG370tnNXy+21sg8JJvcId3qf/K6eYYPH41v9YFGQ5G14Pr0kBgY2+Rq2CymeokO
iQlnuSStcQIuon0lKpUAnxYu5aUVSFoYeUki4KFkrfdFig6U1EqxZusFeB6xOin1
GTlRqteJTBunxCTja/M5tprDFnCrGtHv74IDx3glq5yXn4QN1Hm5LyCyiqA7TgBA
JtvwOziLTHUD7atu3d+5e/9VmMVoOlIQSdDriQIDAQABAoIBAAS4tnoBOGwp4vUB
7lgtuS+XBJ5+rOrZbsP2OvrqAXDkZ38KAeYSRSZmm0tG+T1Ramhpt8vEbGpFZoyn
IcTf4c6LtB7J0S68/E2akVJjmJ+YEZkycGGNqeUoXsCLmkQOHP7K6zL1PvBTjToK
xWwlKMl3IXbT5Jb4PcZx85p4IVE4q9B7vwdGgVEyBqa76gNwBvnaNGQkwkctSpVo
u0zKT7FGPMQMWaFj2er+t6rSjKPRFm+E62IOMJQvLgSA9vyQKPkqq6eWMXwEKUzf
tv8UzEWabV8HGbJzsU5q9w6rNS43/HkazIaLzye55d+TuNVL21NjmQYhne6Cd7qg
dxfw7K0CgYEA2c8WtLpjE6sTBlHebpXYyMFy7QuGTefRib10xL6HOT01eqOroEf4
RZS70T6d1vhLAd3tDk0MPKPPnyMn1stGc5jZc4oangR8xe+d1u3ugHo4EKc0zThg
5Rr4nCbQQdGEm4SPx+bVsoKzv5xLwnIknuPoE3KbbreTFqxWXdSL7g8CgYEA1sr+
lCWazHLCvMuHjsIh3vlTQr7qE3+/bCgruavDq7Zy2JwtY4M2FI8bKi0bWmPhhdeb
QnCecltH42vIEJPM/EyCsbDIN/RBV1RXi9/+FTDa59OIdLYvV2AknQu8GCUIeDHW
bao6OpDMQID3fEsGPVWZx89e0a1PrkVU7N+9JOcCgYAVXPaBK3bkSvdGu2jxt8jX
iAHZtjOqGH6439hAI9/ngVVpffwrcGOtj3UMhPO+TgQtXrMNoAj/OaH3nd8edjmm
xOsvJfCOZypFz8bPee7WsyYknAHVzx3R2t9fkX8DtaUoC8x+cumq5J70wEO+AqwM
2ZW9spQEPAU1SBoAggRniQKBgFqlrK7E+AFUZU7b7keXMkgxnKvMemjkPtrcUSe4
j4mGJA26S4V1uHsQsfwosSSChoi/pyxw7s2ALGST9gjY92d6uqVW4AiNMo4ycAf9
7fLvfVLc+PeYc35CevE0JJtj9aEUF1SMxKo2tZx7UPbJisaTu6SRpYiDxd7cL60P
93j9AoGAY/02jMHujCiqmT48gBWd93u9Y7Fb2YZjj9kphGZq8Xe3/2A8en5zL2YJ
E8IOcUHN8XvqxN06zR6hTRSqDfPafsuIvI2CWC4vWrssJgmzkh/DhqsBaCmPDZ+4
37P+7JMVo4JUMpKLrTTwfBbZzcng68kj3lTVn6qEWw1m5K4341M=
-----END RSA PRIVATE KEY-----
";
const SPKI_2048: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtr/S/IKo+NcHV4obf+9F
3TCQXTqF2YyzWvuXAuMkgW4CGYbRw6Zgj7IKQ3Ak70iDcW3YvzSxRG2WG29bcB07
hC89GutZgUsy1sF2fl3TBjPjOtpBjG370tnNXy+21sg8JJvcId3qf/K6eYYPH41v
9YFGQ5G14Pr0kBgY2+Rq2CymeokOiQlnuSStcQIuon0lKpUAnxYu5aUVSFoYeUki
4KFkrfdFig6U1EqxZusFeB6xOin1GTlRqteJTBunxCTja/M5tprDFnCrGtHv74ID
x3glq5yXn4QN1Hm5LyCyiqA7TgBAJtvwOziLTHUD7atu3d+5e/9VmMVoOlIQSdDr
iQIDAQAB
-----END PUBLIC KEY-----
";
const PKCS1_PUBLIC_2048: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAtr/S/IKo+NcHV4obf+9F3TCQXTqF2YyzWvuXAuMkgW4CGYbRw6Zg
j7IKQ3Ak70iDcW3YvzSxRG2WG29bcB07hC89GutZgUsy1sF2fl3TBjPjOtpBjG37
0tnNXy+21sg8JJvcId3qf/K6eYYPH41v9YFGQ5G14Pr0kBgY2+Rq2CymeokOiQln
uSStcQIuon0lKpUAnxYu5aUVSFoYeUki4KFkrfdFig6U1EqxZusFeB6xOin1GTlR
qteJTBunxCTja/M5tprDFnCrGtHv74IDx3glq5yXn4QN1Hm5LyCyiqA7TgBAJtvw
OziLTHUD7atu3d+5e/9VmMVoOlIQSdDriQIDAQAB
-----END RSA PUBLIC KEY-----
";
