//! What people type as a second factor: see the table in `fuzz/README.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::totp::{Code, FactorId, Issuer, RecoveryCode};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let bare: String = text
        .chars()
        .filter(|char| !matches!(char, ' ' | '-'))
        .collect();

    let is_code = bare.len() == 6 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let code = Code::parse(&text);
    assert_eq!(code.is_some(), is_code, "{text:?}");
    if let Some(code) = code {
        assert_eq!(code.expose_digits(), bare);
    }

    let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'u' | b'U');
    let is_code = bare.len() == 25 && bare.bytes().all(is_symbol);
    let code = RecoveryCode::parse(&text);
    assert_eq!(code.is_some(), is_code, "{text:?}");
    if let Some(code) = code {
        let shown = code.to_text();
        let shown = shown.expose_secret();
        let meant = bare
            .to_ascii_uppercase()
            .replace(['I', 'L'], "1")
            .replace('O', "0");
        assert_eq!(shown.replace('-', ""), meant);
        let again = RecoveryCode::parse(shown).expect("what is shown can be read");
        assert_eq!(again.to_text().expose_secret(), shown);
    }

    if let Ok(factor) = text.parse::<FactorId>() {
        assert_eq!(factor.to_string(), text);
    }
    if text.parse::<Issuer>().is_ok() {
        assert!(!text.contains(|char: char| char == ':' || char.is_control()));
    }
});
