//! Refresh tokens: see the table in `fuzz/README.md`.
#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::refresh::{Family, Nonce, RefreshKeys, RefreshToken};
use portcullis_auth_core::roles::Scopes;
use portcullis_auth_core::time::Timestamp;
use portcullis_secrets::SecretBytes;

static KEYS: LazyLock<RefreshKeys> = LazyLock::new(|| {
    let key = "7b1e0c5a93d2f4684fa6c81d3e90b7527b1e0c5a93d2f4684fa6c81d3e90b753";
    let key = SecretBytes::from_hex(key).expect("it is hexadecimal");
    RefreshKeys::new(1, &key).expect("it is strong")
});

static FAMILY: LazyLock<Arc<Family>> = LazyLock::new(|| {
    Arc::new(Family {
        id: SessionId::from_bytes([0xab; 16]),
        tenant: "acme".parse().expect("an id"),
        subject: "u-1".parse().expect("an id"),
        client: "web".parse().expect("an id"),
        key_id: 1,
        nonce: Nonce::from_bytes([7; 32]),
        created_at: Timestamp::MIN,
        expires_at: Timestamp::MAX,
        scopes: Scopes::default(),
        amr: Scopes::default(),
        acr: None,
        auth_time: Timestamp::MIN,
        dpop_jkt: None,
        user_agent: None,
        ip: None,
    })
});

/// Whether the text is a token of the family. If so it is one that we would write.
fn is_authentic(text: &str) -> bool {
    let Ok(token) = RefreshToken::parse(text) else {
        return false;
    };
    assert_eq!(text.len(), 81, "{text:?}");
    let verified = KEYS.verify(&token, FAMILY.clone());
    let Some(authentic) = verified.expect("the key is there") else {
        return false;
    };
    let written = KEYS.token(&FAMILY, authentic.generation());
    assert_eq!(written.expect("the key is there").expose_secret(), text);
    true
}

fuzz_target!(|data: &[u8]| {
    is_authentic(&String::from_utf8_lossy(data));

    // Whatever is in it, with a checksum that is right: it has the form, and is not ours.
    let mut content = [0; 58];
    for (byte, given) in content.iter_mut().zip(data) {
        *byte = *given;
    }
    content[0] = 1;
    let crc = crc32fast::hash(&content[..54]);
    content[54..].copy_from_slice(&crc.to_be_bytes());
    let text = format!("rt_{}", URL_SAFE_NO_PAD.encode(content));
    assert!(RefreshToken::parse(&text).is_ok(), "{text}");
    let ours = KEYS.token(&FAMILY, 9).expect("the key is there");
    // A seed may hold one of ours, whole.
    assert_eq!(is_authentic(&text), text == ours.expose_secret(), "{text}");

    // Ours, with anything changed and the checksum put right.
    assert!(is_authentic(ours.expose_secret()));
    let mut changed = URL_SAFE_NO_PAD
        .decode(&ours.expose_secret()[3..])
        .expect("we wrote it");
    let unchanged = changed.clone();
    for (byte, given) in changed[..54].iter_mut().zip(data) {
        *byte ^= *given;
    }
    let crc = crc32fast::hash(&changed[..54]);
    changed[54..].copy_from_slice(&crc.to_be_bytes());
    let text = format!("rt_{}", URL_SAFE_NO_PAD.encode(&changed));
    assert_eq!(is_authentic(&text), changed == unchanged, "{text}");
});
