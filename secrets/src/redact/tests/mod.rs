mod documents;
mod known;
mod notations;
mod properties;
mod text;
#[cfg(feature = "tracing")]
mod tracing;
mod writer;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::{AllowlistMode, Redactor, RedactorErrorKind};

/// An error that says this, and has this cause.
#[derive(Debug)]
struct Failure(&'static str, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn a_redactor_can_be_shared() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<Redactor>();
    assert::<super::KnownSecrets>();
    assert::<super::RedactorBuilder>();
}

#[test]
fn a_name_without_letters_is_refused() {
    for name in ["", "_", "naïve", "a=b"] {
        let error = Redactor::builder().sensitive([name]).build().unwrap_err();
        assert_eq!(*error.kind(), RedactorErrorKind::Name(name.to_owned()));
        let error = Redactor::builder().allow([name]).build().unwrap_err();
        assert_eq!(*error.kind(), RedactorErrorKind::Name(name.to_owned()));
    }
    let error = Redactor::builder().sensitive(["a=b"]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the field name \"a=b\" is not made of ascii letters and digits, separated by '_', '-', '.' or ' '"
    );
}

#[test]
fn a_prefix_that_could_begin_a_word_is_refused() {
    for prefix in ["", "ab_", "key:live"] {
        let error = Redactor::builder().prefixes([prefix]).build().unwrap_err();
        assert_eq!(*error.kind(), RedactorErrorKind::Prefix(prefix.to_owned()));
    }
    let error = Redactor::builder().prefixes(["ab_"]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token prefix \"ab_\" is not made of at least four ascii letters, digits, '_', '-' and '.'"
    );
}

#[test]
fn names_are_sensitive_by_their_end() {
    let redactor = Redactor::new();
    let sensitive = [
        "password",
        "PASSWORD",
        "db_password",
        "userPassword",
        "smtp.passwd",
        "pwd",
        "passphrase",
        "client-secret",
        "refresh_token",
        "X-Auth-Token",
        "api_key",
        "apiKey",
        "x-api-key",
        "AWS_SECRET_ACCESS_KEY",
        "privateKey",
        "Proxy-Authorization",
        "Set-Cookie",
        "credentials",
        "otp",
        "totp",
        "user_pin",
        "cvv",
        "ssn",
        "stripe-signature",
        "JSESSIONID",
        "sessionId",
        "secret_key",
        "password2",
        "new_password_1",
        "user[password]",
        "recovery_codes",
    ];
    for name in sensitive {
        assert!(redactor.is_sensitive(name), "{name}");
    }
    let plain = [
        "token_count",
        "max_tokens",
        "secret_version",
        "cookie_consent",
        "token_type",
        "session_id",
        "password_hash_alg",
        "token_ttl",
        "secret_id",
        "token_expires_at",
        "passwords_len",
        "password123",
        "md5",
        "tokenizer",
        "pinned",
        "user",
        "code",
        "key",
        "sig",
        "auth",
        "signature_kind",
        "credential_policy",
        "",
    ];
    for name in plain {
        assert!(!redactor.is_sensitive(name), "{name}");
    }
}

#[test]
fn the_page_lists_the_names() {
    let page = include_str!("../mod.rs");
    for name in crate::common::names::SENSITIVE {
        let name = format!("`{}`", name.replace('_', ""));
        assert!(page.contains(&name), "{name}");
    }
}

#[test]
fn names_can_be_added_and_allowed() {
    let redactor = Redactor::builder()
        .sensitive(["tax_number"])
        .allow(["csrf_token"])
        .build()
        .unwrap();
    for name in ["tax_number", "taxNumber", "x-tax-number", "TAX.NUMBER"] {
        assert!(redactor.is_sensitive(name), "{name}");
    }
    assert!(!redactor.is_sensitive("csrf_token"));
    assert!(!redactor.is_sensitive("csrfToken"));
    assert!(redactor.is_sensitive("x_csrf_token"));
    let text = "taxNumber=123 tax-number: 45 csrf_token=abc token=def tax number: 9";
    assert_eq!(
        redactor.redact(text),
        "taxNumber=[REDACTED] tax-number: [REDACTED] csrf_token=abc token=[REDACTED] tax number: [REDACTED]"
    );
}

#[test]
fn fields_that_are_not_listed_are_dropped_if_only_listed_ones_are_shown() {
    let redactor = Redactor::builder()
        .allow(["status", "items", "name", "token"])
        .allowlist_mode(AllowlistMode::DropUnlisted)
        .build()
        .unwrap();
    assert_eq!(redactor.redact_field("status", "200"), "200");
    assert_eq!(redactor.redact_field("token", "abc"), "abc");
    assert_eq!(redactor.redact_field("city", "Paris"), "[REDACTED]");
    // Members of an object have names of their own, elements of an array have not.
    assert_eq!(
        redactor.redact_json(
            r#"{"status":200,"city":"Paris","ok":true,"list":[1,{"name":"a","x":2}],"items":["b"],"no":null,"secret":{"name":"c"}}"#
        ),
        r#"{"status":200,"city":"[REDACTED]","ok":"[REDACTED]","list":["[REDACTED]",{"name":"a","x":"[REDACTED]"}],"items":["b"],"no":null,"secret":{"name":"[REDACTED]"}}"#
    );
    assert_eq!(
        redactor.redact_query("status=1&city=Paris"),
        "status=1&city=***"
    );
    assert_eq!(&*redactor.redact_header("city", b"Paris"), b"[REDACTED]");
    // Text has no fields.
    assert!(matches!(redactor.redact("city=Paris"), Cow::Borrowed(_)));
}

#[test]
fn debug_tells_nothing_of_the_rules() {
    let known = super::KnownSecrets::new();
    known
        .insert("db", b"kT7#mq2Lx9Zp", std::time::Instant::now())
        .unwrap();
    let builder = Redactor::builder().known_secrets(known);
    assert!(!format!("{builder:?}").contains("kT7"));
    let redactor = builder.build().unwrap();
    assert_eq!(
        format!("{redactor:?}"),
        "Redactor { known_secrets: Some(KnownSecrets { len: 1, .. }), .. }"
    );
}
