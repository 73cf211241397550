//! The measure of strength: see the table in `fuzz/README.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_secrets::strength::{Level, StrengthPolicy, estimate_bits, require_strong};

fuzz_target!(|secret: &[u8]| {
    let bits = estimate_bits(secret);
    assert!(
        bits >= 0.0 && bits <= 8.0 * secret.len() as f64 + 1e-6,
        "{bits}"
    );

    let level = StrengthPolicy::ok128().check(secret);
    assert!(level.is_err() || level == Ok(Level::of(bits)));
    if StrengthPolicy::ok256().check(secret).is_ok() {
        assert_eq!(level, Ok(Level::Ok256));
    }
    if StrengthPolicy::signing().check(secret).is_ok() {
        assert!(level.is_ok() && secret.len() >= 32);
    }
    if let Err(error) = require_strong("NAME", secret) {
        let text = error.to_string();
        assert!(text.starts_with("NAME is too weak: ") && text.ends_with('`'));
    }

    // Said again and again, it is hardly more than said once.
    let again = secret.repeat(4);
    let text = !secret.is_empty() && secret.iter().all(|byte| (b'!'..=b'~').contains(byte));
    if text && again.len() <= 1024 {
        let more = estimate_bits(&again) - 8.0 * (secret.len() + 3) as f64;
        assert!(more <= 0.0, "{more}");
    }
});
