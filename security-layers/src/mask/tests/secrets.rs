use bytes::Bytes;
use portcullis_secrets::redact::KnownSecrets;

use super::super::secrets::SecretMask;
use super::{SECRETS, known, mask_secrets};

#[track_caller]
fn check(is_json: bool, text: &str, expected: &str) {
    let known = known();
    for size in [usize::MAX, 1, 2, 3, 7, 16] {
        let masked = mask_secrets(&known, is_json, text.as_bytes(), size);
        assert_eq!(String::from_utf8_lossy(&masked), expected, "{size}");
    }
}

#[test]
fn secrets_are_masked_in_text_in_all_their_forms() {
    let [first, second, third] = SECRETS;
    for form in [
        first.to_owned(),
        r#"vK8#qd/Lm\"x\\7Zp"#.to_owned(),
        "vK8%23qd%2FLm%22x%5C7Zp".to_owned(),
        "vK8%23qd%2fLm%22x%5c7Zp".to_owned(),
        second.to_owned(),
        third.to_owned(),
    ] {
        check(false, &form, "[REDACTED]");
        check(
            false,
            &format!("<p>a {form}</p>{form}{form}"),
            "<p>a [REDACTED]</p>[REDACTED][REDACTED]",
        );
    }
    // In Base64, and with something before and behind it in the other alphabet.
    for encoded in ["dks4I3FkL0xtInhcN1pw", "dXNlcjp2SzgjcWQvTG0ieFw3WnAh"] {
        let masked = mask_secrets(&known(), false, encoded.as_bytes(), 5);
        let masked = String::from_utf8(masked).unwrap();
        assert!(masked.contains("[REDACTED]"), "{encoded}: {masked}");
    }
}

#[test]
fn what_only_begins_as_a_secret_is_passed_on() {
    for text in [
        "vK8#qd/Lm",
        "vK8#qd/Lm vK8 vvvK8#qd/Lx",
        "n4x#Rq9&uLw n4x#Rq9&uLwn",
        "83920174659281",
        "",
        "n",
    ] {
        check(false, text, text);
        check(true, text, text);
    }
    check(
        false,
        "vK8#vK8#qd/Lm\"x\\7Zpv 83920174839201746592817",
        "vK8#[REDACTED]v 83920174[REDACTED]",
    );
}

#[test]
fn overlapping_secrets_are_one() {
    let now = std::time::Instant::now();
    let known = KnownSecrets::new();
    known.insert("a", b"Tq7!mZx2#Lp9", now).unwrap();
    known.insert("b", b"2#Lp9&Rw4$Yd", now).unwrap();
    known.insert("c", b"Tq7!mZx2#Lp9-longer-Kv3", now).unwrap();
    for (text, expected) in [
        ("Tq7!mZx2#Lp9Tq7!mZx2#Lp9", "[REDACTED][REDACTED]"),
        ("xTq7!mZx2#Lp9&Rw4$Ydx", "x[REDACTED]x"),
        ("xTq7!mZx2#Lp9&Rw4$Y", "x[REDACTED]&Rw4$Y"),
        ("Tq7!mZx2#Lp9-longer-Kv3.", "[REDACTED]."),
        ("Tq7!mZx2#Lp9-longer-Kv", "[REDACTED]-longer-Kv"),
        ("Tq7!mZx2#Lp9Tq7!mZx2#Lp", "[REDACTED]Tq7!mZx2#Lp"),
    ] {
        for size in [usize::MAX, 1, 2, 3, 5, 11, 12, 13] {
            let masked = mask_secrets(&known, false, text.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&masked), expected, "{size}");
        }
    }
}

#[test]
fn in_json_marks_are_strings_or_parts_of_one() {
    let secret = "839201746592817";
    for (json, expected) in [
        (
            format!(r#"{{"a":"{secret}","{secret}":"x {secret} y"}}"#),
            r#"{"a":"[REDACTED]","[REDACTED]":"x [REDACTED] y"}"#,
        ),
        (secret.to_owned(), r#""[REDACTED]""#),
        (
            format!("[{secret}, -12{secret}.5e7 ,{secret}]"),
            r#"["[REDACTED]", "[REDACTED]" ,"[REDACTED]"]"#,
        ),
        (
            format!("[12{secret}{secret}34, 0.{secret}]"),
            r#"["[REDACTED]", "[REDACTED]"]"#,
        ),
    ] {
        check(true, &json, expected);
    }
}

#[test]
fn in_json_no_escape_sequence_is_torn_apart() {
    for (json, expected) in [
        // What looks like the start of the secret is the end of a line feed.
        (r#"["a\n4x#Rq9&uLw2"]"#, r#"["a[REDACTED]"]"#),
        (r#"["a\\n4x#Rq9&uLw2"]"#, r#"["a\\[REDACTED]"]"#),
        // And here its start is in digits.
        (r#"["\u5839201746592817"]"#, r#"["[REDACTED]"]"#),
        (r#"["\ud83d\ud839201746592817"]"#, r#"["[REDACTED]"]"#),
        (
            r#"["\ud83d\udd11839201746592817\ud83d\udd11"]"#,
            r#"["\ud83d\udd11[REDACTED]\ud83d\udd11"]"#,
        ),
        (
            r#"["vK8#qd/Lm\"x\\7Zp", "\\vK8#qd/Lm\"x\\7Zp\\"]"#,
            r#"["[REDACTED]", "\\[REDACTED]\\"]"#,
        ),
    ] {
        check(true, json, expected);
    }
    // A secret that ends as an escape sequence starts, and one that ends within a pair of them.
    let known = KnownSecrets::new();
    let now = std::time::Instant::now();
    known.insert("a", br"Tq7!mZx2#Lp9\", now).unwrap();
    known.insert("b", br"Kd5&wFs8!Rj2\ud83d", now).unwrap();
    for (json, expected) in [
        (
            r#"["Tq7!mZx2#Lp9\n", "Tq7!mZx2#Lp9\u0041b"]"#,
            r#"["[REDACTED]", "[REDACTED]b"]"#,
        ),
        (r#"["Kd5&wFs8!Rj2\ud83d\udd11x"]"#, r#"["[REDACTED]x"]"#),
        (r#"["Kd5&wFs8!Rj2\ud83dx"]"#, r#"["[REDACTED]x"]"#),
    ] {
        for size in [usize::MAX, 1, 2, 3, 7] {
            let masked = mask_secrets(&known, true, json.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&masked), expected, "{size}");
        }
    }
}

#[test]
fn a_secret_with_quotes_leaves_json_behind() {
    let known = KnownSecrets::new();
    let secret = r#"{"kid":"a7","k":"Tq7!mZx2#Lp9"}"#;
    known
        .insert("key", secret.as_bytes(), std::time::Instant::now())
        .unwrap();
    for (json, expected) in [
        (format!(r#"[1,{secret},2]"#), r#"[1,"[REDACTED]",2]"#),
        (format!(r#"{{"key":{secret}}}"#), r#"{"key":"[REDACTED]"}"#),
    ] {
        for size in [usize::MAX, 1, 3] {
            let masked = mask_secrets(&known, true, json.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&masked), expected);
        }
    }
}

#[test]
fn a_number_without_end_stays_a_number_and_is_not_waited_for() {
    let secret = "839201746592817";
    let digits = "1".repeat(300);
    check(
        true,
        &format!("[{digits}{secret}{digits}]"),
        &format!("[{digits}0]"),
    );
    check(
        true,
        &format!("[{}{secret}]", &digits[..100]),
        r#"["[REDACTED]"]"#,
    );
    check(
        true,
        &format!("[{}{secret}{digits},2]", &digits[..250]),
        r#"["[REDACTED]",2]"#,
    );
    check(true, &digits.repeat(20), &digits.repeat(20));
}

#[test]
fn nothing_waits_that_cannot_be_a_part_of_a_secret() {
    let mut mask = SecretMask::new(known().forms(), true);
    let mut push = |text: &'static str| {
        let [first, second] = mask.push(&Bytes::from_static(text.as_bytes()), false);
        (first, second, mask.held())
    };
    assert_eq!(push("{\"a\":\"x").2, 0);
    assert_eq!(push("y vK8#"), ("y ".into(), "".into(), 4));
    // The few bytes that were held come first, and what follows them is not copied.
    let text = "qd\",  and then a long text of which none is a secret of any kind, and so on until the end of it.\
        It has more than the bytes that are looked at again, which are those of the longest form and of a \
        number that goes on: the rest of the piece is the piece, and here are some words more, because \
        that is what it takes; these, and these, and these as well, to be on the safe side of the bound, ";
    let (first, second, held) = push(text);
    assert!(text.len() > 350 && held == 0);
    assert_eq!(
        [&first[..], &second].concat(),
        [b"vK8#", text.as_bytes()].concat()
    );
    assert!(text.as_bytes().as_ptr_range().contains(&second.as_ptr()));
    assert_eq!(push("12").2, 2);
    assert_eq!(push(",").0, "12,");
}

#[test]
fn a_piece_without_a_secret_is_passed_on_as_it_is() {
    for is_json in [true, false] {
        let mut mask = SecretMask::new(known().forms(), is_json);
        let piece = Bytes::from_static(br#"{"name":"Ada","tags":["a","b"]}"#);
        let [out, rest] = mask.push(&piece, false);
        assert_eq!((out.as_ptr(), out.len()), (piece.as_ptr(), piece.len()));
        assert!(rest.is_empty() && mask.is_idle());
        assert_eq!(mask.take_found(), 0);
    }
}
