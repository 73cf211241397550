use std::borrow::Cow;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use crate::redact::{KnownSecrets, Redactor};

const HOUR: Duration = Duration::from_secs(3600);

fn redactor() -> (Redactor, KnownSecrets) {
    let known = KnownSecrets::new();
    let redactor = Redactor::builder().known_secrets(known.clone());
    (redactor.build().unwrap(), known)
}

#[test]
fn a_known_secret_is_found_in_all_its_forms() {
    let (redactor, known) = redactor();
    let secret = "vK8 #qd/Lm2\"x\\7Zp+é";
    known
        .insert("db", secret.as_bytes(), Instant::now())
        .unwrap();
    let json = serde_json::to_string(secret).unwrap();
    let forms = [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        "vK8%20%23qd%2FLm2%22x%5C7Zp%2B%C3%A9".to_owned(),
        "vK8%20%23qd%2fLm2%22x%5c7Zp%2b%c3%a9".to_owned(),
        "vK8+%23qd%2FLm2%22x%5C7Zp%2B%C3%A9".to_owned(),
    ];
    for form in forms {
        assert_eq!(
            redactor.redact(&format!("a{form}b")),
            "a[REDACTED]b",
            "{form}"
        );
    }
    // In Base64 it stands behind something, and before something, and its first and last bits are
    // mixed with theirs.
    for before in ["", "a", "ab", "user:"] {
        for after in ["", "c", "cd"] {
            let plain = format!("{before}{secret}{after}");
            for encoded in [
                BASE64_STANDARD.encode(&plain),
                BASE64_URL_SAFE_NO_PAD.encode(&plain),
            ] {
                let redacted = redactor.redact(&encoded).into_owned();
                assert!(redacted.contains("[REDACTED]"), "{plain}: {redacted}");
                let left = redacted.replace("[REDACTED]", "").len();
                assert!(
                    left <= (before.len() + after.len()) * 2 + 4,
                    "{plain}: {redacted}"
                );
            }
        }
    }
}

#[test]
fn a_known_secret_is_found_as_other_languages_write_it() {
    let (redactor, known) = redactor();
    let secret = "vK8/<qd>&Lm!x7(Zp)*'";
    known
        .insert("db", secret.as_bytes(), Instant::now())
        .unwrap();
    for form in [
        // PHP's and Go's JSON.
        r"vK8\/<qd>&Lm!x7(Zp)*'",
        r"vK8/\u003cqd\u003e\u0026Lm!x7(Zp)*'",
        // JavaScript's percent-encoding, and that of most others.
        "vK8%2F%3Cqd%3E%26Lm!x7(Zp)*'",
        "vK8%2f%3cqd%3e%26Lm%21x7%28Zp%29%2a%27",
        // A form, a path and a query.
        "vK8%2F%3Cqd%3E%26Lm%21x7%28Zp%29*%27",
        "vK8%2F%3Cqd%3E&Lm!x7(Zp)*'",
        "vK8/%3Cqd%3E&Lm!x7(Zp)*'",
    ] {
        assert_eq!(redactor.redact(form), "[REDACTED]", "{form}");
    }
}

#[test]
fn neighbours_and_overlaps_are_found() {
    let (redactor, known) = redactor();
    let now = Instant::now();
    known.insert("a", b"Tq7!mZx2#Lp9", now).unwrap();
    known.insert("b", b"2#Lp9&Rw4$Yd", now).unwrap();
    known.insert("c", b"Tq7!mZx2#Lp9-longer-Kv3", now).unwrap();
    assert_eq!(
        redactor.redact("Tq7!mZx2#Lp9Tq7!mZx2#Lp9"),
        "[REDACTED][REDACTED]"
    );
    assert_eq!(redactor.redact("xTq7!mZx2#Lp9&Rw4$Ydx"), "x[REDACTED]x");
    assert_eq!(redactor.redact("Tq7!mZx2#Lp9-longer-Kv3."), "[REDACTED].");
    assert!(matches!(
        redactor.redact("Tq7!mZx2#Lp Tq7!mZx2"),
        Cow::Borrowed(_)
    ));
}

#[test]
fn ordinary_words_are_refused() {
    let (redactor, known) = redactor();
    let now = Instant::now();
    for value in [
        "kT7#mq2Lx9Z",
        "aaaaaaaaaaaaaaaa",
        "123123123123",
        "abcabcabcabcabc",
    ] {
        let error = known.insert("x", value.as_bytes(), now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a secret of fewer than 12 bytes or 40 bits is found in ordinary text"
        );
        assert!(matches!(redactor.redact(value), Cow::Borrowed(_)));
    }
    assert!(known.is_empty());
    assert!(known.insert("x", b"kT7#mq2Lx9Zp", now).is_ok());
}

#[test]
fn an_old_value_is_found_for_a_day() {
    let (redactor, known) = redactor();
    let start = Instant::now();
    let (old, new) = ("oldKT7#mq2Lx9Zp", "newWs4!vb8Ny1Qe");
    let finds = |value| matches!(redactor.redact(value), Cow::Owned(_));
    known.insert("db", old.as_bytes(), start).unwrap();
    known.insert("db", new.as_bytes(), start + HOUR).unwrap();
    assert_eq!(known.len(), 2);
    assert!(finds(old) && finds(new));

    known.forget_expired(start + HOUR * 25 - Duration::from_nanos(1));
    assert!(finds(old) && finds(new));
    known.forget_expired(start + HOUR * 25);
    assert!(!finds(old) && finds(new));
    // The one in use is never too old.
    known.forget_expired(start + HOUR * 1000);
    assert!(finds(new));

    known.retire("db", start + HOUR * 1000);
    known.forget_expired(start + HOUR * 1023);
    assert!(finds(new));
    known.forget_expired(start + HOUR * 1024);
    assert!(!finds(new) && known.is_empty());
}

#[test]
fn a_value_that_is_refused_does_not_replace_the_old_one() {
    let (redactor, known) = redactor();
    let now = Instant::now();
    known.insert("db", b"kT7#mq2Lx9Zp", now).unwrap();
    known.insert("db", b"short", now).unwrap_err();
    known.forget_expired(now + HOUR * 100);
    assert_eq!(redactor.redact("kT7#mq2Lx9Zp"), "[REDACTED]");
}

#[test]
fn the_same_value_again_stays_in_use() {
    let (redactor, known) = redactor();
    let now = Instant::now();
    known.insert("db", b"kT7#mq2Lx9Zp", now).unwrap();
    known.insert("db", b"kT7#mq2Lx9Zp", now).unwrap();
    known.forget_expired(now + HOUR * 100);
    assert_eq!(redactor.redact("kT7#mq2Lx9Zp"), "[REDACTED]");
    assert_eq!(known.len(), 1);
}

#[test]
fn in_pieces_a_secret_is_held_from_its_start() {
    let known = KnownSecrets::new();
    assert_eq!(known.forms().unfinished(b"anything"), 8);
    assert_eq!(known.forms().find(b"anything at all").count(), 0);
    let now = Instant::now();
    known.insert("a", b"Tq7!mZx2#Lp9", now).unwrap();
    known.insert("c", b"Tq7!mZx2#Lp9-longer-Kv3", now).unwrap();
    let forms = known.forms();
    let secret = b"Tq7!mZx2#Lp9-longer-Kv3";
    for end in 1..secret.len() {
        assert_eq!(forms.unfinished(&secret[..end]), 0, "{end}");
        let later = [b"..", &secret[..end]].concat();
        assert_eq!(forms.unfinished(&later), 2, "{end}");
    }
    assert_eq!(forms.unfinished(secret), secret.len());
    assert!(forms.find(secret).eq(std::iter::once(0..secret.len())));
    // The shorter one is there, and the longer one is not any more.
    assert_eq!(forms.unfinished(b"Tq7!mZx2#Lp9-longer.."), 21);
    assert!(
        forms
            .find(b"Tq7!mZx2#Lp9-longer..")
            .eq(std::iter::once(0..12))
    );
    // The last letters may be the first ones of another.
    assert_eq!(forms.unfinished(b"Tq7!mZx2#Lp9Tq"), 12);
    // As an encoding of it, too.
    assert_eq!(forms.unfinished(b"x Tq7%21mZx2%23L"), 2);
    assert!(forms.longest() >= secret.len() + 4);

    known.retire("a", now);
    known.retire("c", now);
    known.forget_expired(now + HOUR * 24);
    assert!(known.forms().is_empty());
    assert!(forms.find(secret).eq(std::iter::once(0..secret.len())));
    assert_eq!(format!("{forms:?}"), "KnownForms { len: 2, .. }");
}
