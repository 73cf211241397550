//! Redaction: see the table in `fuzz/README.md`.
#![no_main]

use std::borrow::Cow;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use portcullis_secrets::redact::{KnownSecrets, RedactingWriter, Redactor};
use serde::de::IgnoredAny;

const KNOWN: &str = "kT7#mq2Lx9Zp";

static REDACTORS: LazyLock<[Redactor; 2]> = LazyLock::new(|| {
    let known = KnownSecrets::new();
    known
        .insert("known", KNOWN.as_bytes(), Instant::now())
        .expect("it is random");
    let all = Redactor::builder().emails().known_secrets(known);
    [Redactor::new(), all.build().expect("there are no names")]
});

fuzz_target!(|data: &[u8]| {
    for redactor in &*REDACTORS {
        let bytes = redactor.redact_bytes(data);
        assert_eq!(redactor.redact_bytes(&bytes), bytes);
        for name in [
            "authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "referer",
        ] {
            let header = redactor.redact_header(name, data);
            assert_eq!(redactor.redact_header(name, &header), header);
        }
        lines(redactor, data);
        if let Ok(text) = std::str::from_utf8(data) {
            self::text(redactor, text, &bytes);
        }
    }
});

fn text(redactor: &Redactor, text: &str, bytes: &[u8]) {
    let redacted = redactor.redact(text);
    // No character was split.
    assert_eq!(redacted.as_bytes(), bytes);
    // What says that it is unchanged is.
    if let Cow::Borrowed(same) = redacted {
        assert_eq!(same, text);
    }

    let json = redactor.redact_json(text);
    assert_eq!(redactor.redact_json(&json), json);
    assert!(!is_json(text) || is_json(&json), "{json}");

    let query = redactor.redact_query(text);
    assert_eq!(redactor.redact_query(&query), query);
    assert_eq!(query.matches('&').count(), text.matches('&').count());

    let url = redactor.redact_url(text);
    assert_eq!(redactor.redact_url(&url), url);
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// It makes no difference in which pieces a text is written.
fn lines(redactor: &Redactor, data: &[u8]) {
    let write = |size: usize| {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(redactor.clone(), &mut out);
        for piece in data.chunks(size) {
            writer.write_all(piece).expect("memory takes all");
        }
        drop(writer);
        out
    };
    let whole = write(usize::MAX);
    for size in [1, 3, 16] {
        assert_eq!(write(size), whole);
    }
}
