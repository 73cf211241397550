use std::borrow::Cow;
use std::io::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use crate::redact::{RedactingWriter, Redactor};

static WITH_EMAILS: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::builder().emails().build().unwrap());

/// What the readers look for and stop at.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "password",
        "token",
        "secret",
        "api_key",
        "authorization",
        "cookie",
        "pin",
        "code",
        "key",
        "--token",
        "Bearer",
        "Basic",
        "dXNlcjpwYXNz",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJ",
        "ghp_",
        "sk_live_",
        "AKIA",
        "ABCDEFGHIJKLMNOP",
        "abcdefghijABCDEFGHIJ0123456789abcd",
        "4111111111111111",
        "4111",
        "1111",
        "://",
        "u:p@h",
        "user",
        "@example.com",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "=",
        ":",
        ": ",
        "%3D",
        "%22",
        "%3F",
        "%26",
        "?",
        "&",
        "#",
        ",",
        ";",
        " ",
        "\n",
        "\r",
        "\t",
        "\"",
        "'",
        "\\",
        "\\\"",
        "\\n",
        "\\u0022",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        " {",
        "Some(",
        "Some(\n  ",
        "\n)",
        "\n  ",
        "b\"",
        ".",
        "-",
        "_",
        "*",
        "***",
        "[REDACTED]",
        "\x1b[0m",
        "é",
        "🦀",
        "null",
        "true",
        "1.5",
        "Digest",
        "a",
        "Z",
        "0",
        "/",
        "<",
        ">",
        "+",
        "~",
        "`",
        "</",
        "<![CDATA[",
        "]]>",
        "&lt;",
        "&gt;",
        "&quot;",
        "&#61;",
        "%3C",
        "%25",
        "%253D",
        "%2526",
        "\\u003d",
        "\\u003c",
        ":\\/\\/",
        "%3a%2f%2f",
        "%3a",
        "%40",
        "value",
        "name",
        "form-data; name=\"",
        "\r\n\r\n",
        "\r\n--",
        ":\n ",
        "Password(\"",
        "password '",
        "_live_",
        "0123456789ab_",
        "$argon2",
        "password2",
        "[0]",
    ]);
    prop_oneof![8 => words.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same containers in the same places, and as many members.
fn same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_shape(a, b))
        }
        // Names can become equal when they are redacted, and are sorted here.
        (Value::Object(one), Value::Object(other)) => other.len() <= one.len(),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_redacted_stays_as_it_is(text in text()) {
        for redactor in [&Redactor::new(), &*WITH_EMAILS] {
            let once = redactor.redact(&text);
            let again = redactor.redact(&once);
            prop_assert!(matches!(again, Cow::Borrowed(_)), "{text:?}\n{once:?}\n{again:?}");
            let once = redactor.redact_json(&text);
            prop_assert_eq!(redactor.redact_json(&once), once.clone(), "{:?}", text);
            let once = redactor.redact_query(&text);
            prop_assert_eq!(redactor.redact_query(&once), once.clone(), "{:?}", text);
            let once = redactor.redact_url(&text);
            prop_assert_eq!(redactor.redact_url(&once), once.clone(), "{:?}", text);
            for name in ["authorization", "cookie", "set-cookie", "x-token", "host"] {
                let once = redactor.redact_header(name, text.as_bytes());
                prop_assert_eq!(redactor.redact_header(name, &once), once.clone(), "{:?}", text);
            }
        }
    }

    #[test]
    fn bytes_and_text_are_redacted_alike(text in text()) {
        let redactor = Redactor::new();
        let redacted = redactor.redact(&text);
        prop_assert_eq!(&*redactor.redact_bytes(text.as_bytes()), redacted.as_bytes());
        // No character was split, which would have left a replacement for it.
        let is_new = |char: char| char == char::REPLACEMENT_CHARACTER && !text.contains(char);
        prop_assert!(!redacted.contains(is_new));
    }

    #[test]
    fn any_bytes_are_redacted(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let redactor = Redactor::new();
        let once = redactor.redact_bytes(&bytes);
        prop_assert_eq!(redactor.redact_bytes(&once), once.clone());
    }

    #[test]
    fn json_stays_json(document in json()) {
        let text = document.to_string();
        let redacted = Redactor::new().redact_json(&text).into_owned();
        let parsed: Value = match serde_json::from_str(&redacted) {
            Ok(parsed) => parsed,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}\n{redacted}"))),
        };
        prop_assert!(same_shape(&document, &parsed), "{text}\n{redacted}");
    }

    #[test]
    fn a_secret_is_not_left_beside_its_name(
        before in "[a-z ]{0,10}",
        name in prop::sample::select(vec!["password", "db_password", "apiKey", "client-secret", "TOKEN"]),
        (open, close) in prop::sample::select(vec![("=", " "), (": ", "\n"), ("=\"", "\""), ("\": \"", "\""), ("\\\":\\\"", "\\\""), (": Some(\"", "\")"), ("='", "'")]),
        secret in "[A-Za-z0-9!@#$%^*+/._-]{8,40}",
    ) {
        let text = format!("{before} {name}{open}{secret}{close}, n=1");
        let redacted = Redactor::new().redact(&text).into_owned();
        prop_assert!(!redacted.contains(&secret), "{text}\n{redacted}");
        prop_assert!(redacted.ends_with("n=1"), "{text}\n{redacted}");
    }

    #[test]
    fn lines_are_written_alike_however_they_arrive(text in text(), size in 1_usize..20) {
        let write = |size: usize| {
            let mut out = Vec::new();
            let mut writer = RedactingWriter::new(Redactor::new(), &mut out);
            for piece in text.as_bytes().chunks(size) {
                writer.write_all(piece).unwrap();
            }
            drop(writer);
            out
        };
        prop_assert_eq!(write(size), write(usize::MAX));
    }
}
