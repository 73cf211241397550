use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::refresh::Nonce;

#[test]
fn the_form_of_a_token_is_pinned() {
    // Reckoned with Python's hmac, zlib and base64 modules.
    let token = keys().token(&family(), 0x0102_0304).unwrap();
    assert_eq!(
        token.expose_secret(),
        "rt_AQGrq6urq6urq6urq6urq6urAQIDBIoGNgzyKhdk7ZLnYjsCt90dZlNfQakGiCmtB4ape1KPXAIUAw"
    );
    let bytes = URL_SAFE_NO_PAD.decode(&token.expose_secret()[3..]).unwrap();
    assert_eq!(bytes.len(), 58);
    assert_eq!(bytes[..2], [1, 1]);
    assert_eq!(bytes[2..18], [0xab; 16]);
    assert_eq!(bytes[18..22], [1, 2, 3, 4]);
    assert_eq!(bytes[54..], crc32fast::hash(&bytes[..54]).to_be_bytes());
}

#[test]
fn one_changed_character_is_noticed_before_any_store_is_asked() {
    let token = keys().token(&family(), 1).unwrap();
    let token = token.expose_secret();
    for at in 0..token.len() {
        for other in ['A', 'b', '7', '_', '=', ' ', 'é'] {
            let mut changed: Vec<char> = token.chars().collect();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let changed: String = changed.into_iter().collect();
            assert!(RefreshToken::parse(&changed).is_err(), "{changed}");
        }
    }
}

/// The token of these bytes, with the checksum that belongs to them.
fn with_crc(bytes: &[u8]) -> String {
    let crc = crc32fast::hash(&bytes[..54]).to_be_bytes();
    format!(
        "rt_{}",
        URL_SAFE_NO_PAD.encode([&bytes[..54], &crc].concat())
    )
}

#[test]
fn what_is_not_of_the_form_is_malformed() {
    let token = keys().token(&family(), 1).unwrap();
    let token = token.expose_secret();
    let with_version = |version| {
        let mut bytes = URL_SAFE_NO_PAD.decode(&token[3..]).unwrap();
        bytes[0] = version;
        with_crc(&bytes)
    };
    assert_eq!(with_version(1), token);
    for malformed in [
        String::new(),
        "rt_".into(),
        token[3..].into(),
        format!("RT_{}", &token[3..]),
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        format!("{token}\n"),
        token[..token.len() - 1].into(),
        with_version(0),
        with_version(2),
        "x".repeat(100_000),
    ] {
        let parsed = RefreshToken::parse(&malformed);
        let error = parsed.unwrap_err().to_string();
        assert_eq!(error, "the text is not a refresh token");
    }
}

#[test]
fn a_token_is_authentic_only_for_what_it_was_made_of() {
    let ours = family();
    let text = keys().token(&ours, 4).unwrap();
    let token = RefreshToken::parse(text.expose_secret()).unwrap();
    assert_eq!(token.family(), ours.id);
    let authentic = keys().verify(&token, ours.clone()).unwrap().unwrap();
    assert_eq!(authentic.generation(), 4);
    assert_eq!(authentic.family(), &ours);

    let foreign = [
        Family {
            tenant: "acm".parse().unwrap(),
            ..(*ours).clone()
        },
        Family {
            id: SessionId::from_bytes([0xac; 16]),
            ..(*ours).clone()
        },
        Family {
            nonce: Nonce::from_bytes([8; 32]),
            ..(*ours).clone()
        },
    ];
    for family in foreign {
        let verified = keys().verify(&token, Arc::new(family)).unwrap();
        assert!(verified.is_none());
    }

    // What it says of itself is part of it, though the rest would do: a token has one text.
    let mut bytes = URL_SAFE_NO_PAD.decode(&text.expose_secret()[3..]).unwrap();
    for index in [1, 2, 17] {
        bytes[index] ^= 1;
        let token = RefreshToken::parse(&with_crc(&bytes)).unwrap();
        assert!(keys().verify(&token, ours.clone()).unwrap().is_none());
        bytes[index] ^= 1;
    }
    let token = RefreshToken::parse(&with_crc(&bytes)).unwrap();
    assert!(keys().verify(&token, ours.clone()).unwrap().is_some());

    // Another key under the same id, and the right key under another id.
    let other = RefreshKeys::new(1, &SecretBytes::generate(32).unwrap()).unwrap();
    assert!(other.verify(&token, ours.clone()).unwrap().is_none());
    let moved = Family {
        key_id: 2,
        ..(*ours).clone()
    };
    let error = keys().verify(&token, Arc::new(moved)).unwrap_err();
    assert_eq!(error.key_id(), 2);
    let message = "the refresh token key 2 is missing, and live sessions need it";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_family_keeps_its_key_when_another_is_added() {
    let (first, second) = (
        SecretBytes::generate(32).unwrap(),
        SecretBytes::generate(32).unwrap(),
    );
    let before = RefreshKeys::new(1, &first).unwrap();
    let after = RefreshKeys::new(2, &second).unwrap();
    let after = after.and_older(1, &first).unwrap();
    assert_eq!(after.current(), 2);
    assert!(after.contains(1) && after.contains(2) && !after.contains(3));
    let old = before.token(&family(), 9).unwrap();
    assert!(old.ct_eq(&after.token(&family(), 9).unwrap()));
    assert_eq!(format!("{after:?}"), "RefreshKeys([2, 1])");

    let twice = after.and_older(2, &first).unwrap_err();
    let message = "there are two refresh token keys with the id 2";
    assert_eq!(twice.to_string(), message);
}

#[test]
fn a_key_that_could_be_guessed_is_refused() {
    for (key, message) in [
        (
            &b"0123456789abcdef"[..],
            "a refresh token key has at least 32 bytes, and this one 16",
        ),
        (
            b"changemechangemechangemechangeme",
            "the refresh token key is too weak: it is made of words; make a strong one with `openssl rand -base64 48`",
        ),
    ] {
        let key = SecretBytes::from(key.to_vec());
        let error = RefreshKeys::new(1, &key).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[cfg(feature = "jwt")]
#[test]
fn the_id_of_a_signed_token_is_of_its_generation_and_of_no_other_form() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let (keys, family) = (keys(), family());
    let is_ours = |generation, id: &str| {
        let token = RefreshToken::signed(family.id, generation, id).unwrap();
        keys.verify(&token, family.clone()).unwrap().is_some()
    };
    let id = keys.signed_id(&family, 4).unwrap();
    assert_eq!(id, keys.signed_id(&family, 4).unwrap());
    assert!(is_ours(4, &id));
    assert!(!is_ours(3, &id) && !is_ours(5, &id));
    // What an opaque token is authenticated with is no id, and an id authenticates no opaque token.
    let opaque = keys.token(&family, 4).unwrap();
    let mut bytes = URL_SAFE_NO_PAD
        .decode(&opaque.expose_secret()[3..])
        .unwrap();
    assert!(!is_ours(4, &URL_SAFE_NO_PAD.encode(&bytes[22..54])));
    bytes[22..54].copy_from_slice(&URL_SAFE_NO_PAD.decode(&id).unwrap());
    let crc = crc32fast::hash(&bytes[..54]).to_be_bytes();
    bytes[54..].copy_from_slice(&crc);
    let opaque = format!("rt_{}", URL_SAFE_NO_PAD.encode(bytes));
    let opaque = RefreshToken::parse(&opaque).unwrap();
    assert!(keys.verify(&opaque, family.clone()).unwrap().is_none());
    for wrong in ["", &id[1..], &format!("{id}A"), &format!("{id}=")] {
        assert!(
            RefreshToken::signed(family.id, 4, wrong).is_none(),
            "{wrong}"
        );
    }
}

#[test]
fn nothing_that_is_printed_helps_to_make_a_token() {
    let text = keys().token(&family(), 4).unwrap();
    let token = RefreshToken::parse(text.expose_secret()).unwrap();
    let request = request(&family(), 4, RefreshPolicy::default());
    let printed = format!("{token:?} {:?} {request:?} {:?}", family(), keys());
    assert!(printed.contains("Nonce([REDACTED])"), "{printed}");
    for secret in ["7, 7", "0707", "c2f3", "mac"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #[test]
    fn any_token_is_read_as_it_was_written(id: [u8; 16], nonce: [u8; 32], generation: u32, tenant in "[a-z]{1,20}") {
        let family = Arc::new(Family {
            id: SessionId::from_bytes(id),
            nonce: Nonce::from_bytes(nonce),
            tenant: tenant.parse().unwrap(),
            ..(*family()).clone()
        });
        let text = keys().token(&family, generation).unwrap();
        prop_assert_eq!(text.expose_secret().len(), 81);
        let token = RefreshToken::parse(text.expose_secret()).unwrap();
        let authentic = keys().verify(&token, family).unwrap().unwrap();
        prop_assert_eq!(authentic.generation(), generation);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(rt_)?[A-Za-z0-9_-]{0,90}|\\PC{0,90}") {
        let _parsed = RefreshToken::parse(&text);
    }
}
