//! What a store holds as the hash of a password: see the table in `fuzz/README.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::password::{Algorithm, PasswordErrorKind, PasswordHash};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let read = |text: &str| PasswordHash::new(text).info();
    let info = match read(&text) {
        Ok(info) => info,
        Err(error) => {
            assert!(matches!(
                error.kind(),
                PasswordErrorKind::UnknownScheme
                    | PasswordErrorKind::Malformed
                    | PasswordErrorKind::ParamsRejected
            ));
            assert!(!error.to_string().is_empty());
            return;
        }
    };

    let argon2 = matches!(
        info.algorithm(),
        Algorithm::Argon2id | Algorithm::Argon2i | Algorithm::Argon2d
    );
    assert_eq!(info.params().is_some(), argon2, "{text:?}");
    if let Some(params) = info.params() {
        assert!((1..=8).contains(&params.lanes()), "{text:?}");
        assert!((1..=10).contains(&params.passes()), "{text:?}");
        let least = 8 * params.lanes();
        assert!(
            (least..=256 * 1024).contains(&params.memory_kib()),
            "{text:?}"
        );
    }
    if let Some(id) = info.pepper() {
        assert!(
            argon2 && !id.to_string().contains(char::is_control),
            "{text:?}"
        );
    }

    // A mark before it is understood where it has a meaning, once.
    let raw = read(&format!("{{raw}}{text}"));
    assert_eq!(raw.is_ok(), argon2 && !text.starts_with('{'), "{text:?}");
    // Nothing can stand behind it.
    for more in ["$", "\n", "\0", " "] {
        assert!(read(&format!("{text}{more}")).is_err(), "{text:?}");
    }
    // Nothing of the hash itself is shown. The id of its pepper may be a dollar sign too.
    let id = info.pepper().map(ToString::to_string).unwrap_or_default();
    let shown = format!("{info:?}").replace(&id, "");
    assert!(!shown.contains('$'), "{text:?}");
});
