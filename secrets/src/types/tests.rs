use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::*;

const CANARY: &str = "canary-7Hq2vX9sLw";

trait Not {
    const IT_DOES: bool = false;
}

impl<T: ?Sized> Not for T {}

/// Whether a type implements a trait, told by the compiler: the associated constant of the type itself, which exists
/// only if it does, comes before the one of the trait.
macro_rules! implements {
    ($type:ty: $($trait:tt)+) => {{
        #[allow(dead_code, reason = "not named if the type does not implement the trait")]
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "not named if the type does not implement the trait")]
        impl<T: ?Sized + $($trait)+> Probe<T> {
            const IT_DOES: bool = true;
        }
        <Probe<$type>>::IT_DOES
    }};
}

macro_rules! assert_surface {
    ($($type:ty),*) => {$(
        assert!(implements!($type: Send), "{} is not Send", stringify!($type));
        assert!(implements!($type: Sync));
        assert!(implements!($type: fmt::Debug));
        assert!(implements!($type: ZeroizeOnDrop));
        for (leak, there) in [
            ("Display", implements!($type: fmt::Display)),
            ("LowerHex", implements!($type: fmt::LowerHex)),
            ("ToString", implements!($type: ToString)),
            ("Deref", implements!($type: std::ops::Deref)),
            ("AsRef<str>", implements!($type: AsRef<str>)),
            ("AsRef<[u8]>", implements!($type: AsRef<[u8]>)),
            ("Borrow<str>", implements!($type: std::borrow::Borrow<str>)),
            ("Borrow<[u8]>", implements!($type: std::borrow::Borrow<[u8]>)),
            ("Into<String>", implements!($type: Into<String>)),
            ("Into<Vec<u8>>", implements!($type: Into<Vec<u8>>)),
            ("Hash", implements!($type: std::hash::Hash)),
            ("PartialEq", implements!($type: PartialEq)),
            ("PartialEq<str>", implements!($type: PartialEq<str>)),
            ("PartialOrd", implements!($type: PartialOrd)),
            ("Clone", implements!($type: Clone)),
            ("Default", implements!($type: Default)),
            ("Error", implements!($type: std::error::Error)),
            #[cfg(feature = "serde")]
            ("Serialize", implements!($type: ::serde::Serialize)),
        ] {
            assert!(!there, "{} implements {leak}", stringify!($type));
        }
    )*};
}

#[test]
fn the_types_offer_no_way_out_but_expose() {
    assert!(
        implements!(String: fmt::Display),
        "the probe sees what is there"
    );
    assert!(!implements!(Vec<u8>: fmt::Display), "and what is not");
    assert_surface!(
        SecretString,
        SecretBytes,
        Password,
        ApiKeySecret,
        Secret<[u8; 32]>,
        Secret<String>
    );
}

#[test]
fn debug_shows_the_name_of_the_type_and_nothing_else() {
    for text in ["", CANARY, &CANARY.repeat(100)] {
        assert_eq!(
            format!("{:?}", SecretString::from(text)),
            "SecretString([REDACTED])"
        );
        assert_eq!(
            format!("{:?}", Password::from(text)),
            "Password([REDACTED])"
        );
        assert_eq!(
            format!("{:?}", ApiKeySecret::from(text)),
            "ApiKeySecret([REDACTED])"
        );
        assert_eq!(
            format!("{:?}", SecretBytes::from(text.as_bytes())),
            "SecretBytes([REDACTED])"
        );
        assert_eq!(
            format!("{:#?}", Secret::new(text.to_owned())),
            "Secret([REDACTED])"
        );
    }
}

/// Writes down what it held at each wipe.
#[derive(Default)]
struct Witness {
    value: u32,
    wiped: Rc<RefCell<Vec<u32>>>,
}

impl Zeroize for Witness {
    fn zeroize(&mut self) {
        self.wiped.borrow_mut().push(self.value);
        self.value = 0;
    }
}

#[test]
fn a_dropped_secret_is_wiped_once() {
    let witness = Witness {
        value: 7,
        ..Witness::default()
    };
    let wiped = witness.wiped.clone();
    let secret = Secret::new(witness);
    let moved = Some(secret);
    assert_eq!(*wiped.borrow(), [0; 0], "moving it does not wipe it");
    drop(moved);
    assert_eq!(*wiped.borrow(), [7]);
}

#[test]
fn a_secret_is_wiped_while_a_panic_unwinds() {
    let witness = Witness {
        value: 7,
        ..Witness::default()
    };
    let wiped = witness.wiped.clone();
    let closure = std::panic::AssertUnwindSafe(move || {
        Secret::new(witness).expose(|_| panic!("in the closure"));
    });
    std::panic::catch_unwind(closure).expect_err("it panicked");
    assert_eq!(*wiped.borrow(), [7]);
}

#[test]
fn what_a_failed_filler_wrote_is_wiped() {
    let wiped = Rc::new(RefCell::new(Vec::new()));
    let closure = std::panic::AssertUnwindSafe(|| {
        drop(Secret::<Witness>::init_with(|witness| {
            witness.value = 7;
            witness.wiped = wiped.clone();
            panic!("half way");
        }));
    });
    std::panic::catch_unwind(closure).expect_err("it panicked");
    assert_eq!(*wiped.borrow(), [7]);
}

#[test]
fn comparing_is_by_value() {
    let secret = SecretString::from(CANARY);
    for (other, equal) in [
        (CANARY, true),
        ("", false),
        (&CANARY[1..], false),
        (&CANARY.to_uppercase(), false),
        (&format!("{CANARY}x"), false),
    ] {
        assert_eq!(secret.ct_eq(&SecretString::from(other)), equal);
        assert_eq!(secret.ct_matches(other), equal);
        assert_eq!(Password::from(CANARY).ct_eq(&Password::from(other)), equal);
        assert_eq!(
            ApiKeySecret::from(CANARY).ct_eq(&ApiKeySecret::from(other)),
            equal
        );
        let bytes = SecretBytes::from(CANARY.as_bytes());
        assert_eq!(bytes.ct_eq(&SecretBytes::from(other.as_bytes())), equal);
        assert_eq!(bytes.ct_matches(other.as_bytes()), equal);
        let boxed = Secret::new(CANARY.to_owned());
        assert_eq!(boxed.ct_eq(&Secret::new(other.to_owned())), equal);
    }
}

#[test]
fn buffers_with_room_to_spare_are_taken_over_whole() {
    let mut text = String::with_capacity(100);
    text.push_str(CANARY);
    assert_eq!(SecretString::from(text).expose_secret(), CANARY);
    let mut bytes = Vec::with_capacity(100);
    bytes.extend(CANARY.bytes());
    assert_eq!(SecretBytes::from(bytes).expose_secret(), CANARY.as_bytes());
    assert_eq!(CANARY.parse::<Password>().unwrap().expose_secret(), CANARY);
    assert_eq!(
        ApiKeySecret::from(SecretString::from(CANARY)).expose(str::len),
        CANARY.len()
    );
}

#[test]
fn a_secret_is_shared_by_reference_count() {
    let key = Arc::new(SecretBytes::from(&[1_u8; 16][..]));
    let other = key.clone();
    std::thread::spawn(move || assert!(other.ct_matches(&[1; 16])))
        .join()
        .unwrap();
    assert!(key.ct_matches(&[1; 16]));
}

#[test]
fn generated_keys_have_their_length_and_differ() {
    let (a, b) = (
        SecretBytes::generate(32).unwrap(),
        SecretBytes::generate(32).unwrap(),
    );
    assert_eq!(a.expose(<[u8]>::len), 32);
    assert!(!a.ct_eq(&b));
    let error = SecretBytes::generate(15).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::TooShort);
    assert_eq!(
        error.to_string(),
        "a generated secret needs at least 16 bytes"
    );
    assert_eq!(
        SecretBytes::generate(16).unwrap().to_hex().expose(str::len),
        32
    );
}

#[test]
fn text_forms_are_those_of_rfc_4648() {
    for (bytes, hex, base64url) in [
        (&b""[..], "", ""),
        (b"f", "66", "Zg"),
        (b"fo", "666f", "Zm8"),
        (b"foo", "666f6f", "Zm9v"),
        (b"foob", "666f6f62", "Zm9vYg"),
        (&[0xfb, 0xff, 0x00], "fbff00", "-_8A"),
    ] {
        let secret = SecretBytes::from(bytes);
        assert_eq!(secret.to_hex().expose_secret(), hex);
        assert_eq!(secret.to_base64url().expose_secret(), base64url);
        assert!(SecretBytes::from_hex(hex).unwrap().ct_eq(&secret));
        assert!(
            SecretBytes::from_hex(&hex.to_uppercase())
                .unwrap()
                .ct_eq(&secret)
        );
        assert!(SecretBytes::from_base64(base64url).unwrap().ct_eq(&secret));
    }
    for standard in ["Zm8=", "Zm8"] {
        assert!(
            SecretBytes::from_base64(standard)
                .unwrap()
                .ct_matches(b"fo")
        );
    }
    assert!(
        SecretBytes::from_base64("+/8A")
            .unwrap()
            .ct_matches(&[0xfb, 0xff, 0x00])
    );
}

#[test]
fn wrong_texts_are_refused_without_being_quoted() {
    for text in ["abc", "0g", " 00", "00\n", "é0"] {
        let error = SecretBytes::from_hex(text).unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::NotHex);
        assert_eq!(error.to_string(), "the secret is not hexadecimal");
    }
    // The last one has bits set that no byte holds: a second text for the same key.
    for text in ["Zg===", "Z", "Zm8+_w", "Zm 8", "Zm9=v", "Zh"] {
        let error = SecretBytes::from_base64(text).unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::NotBase64);
        assert_eq!(error.to_string(), "the secret is not base64");
    }
}

/// Gives its parts one by one, then the error if there is one.
struct Slow(VecDeque<io::Result<Vec<u8>>>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(part) = self.0.pop_front() else {
            return Ok(0);
        };
        let part = part?;
        let len = part.len().min(buffer.len());
        buffer[..len].copy_from_slice(&part[..len]);
        if len < part.len() {
            self.0.push_front(Ok(part[len..].to_vec()));
        }
        Ok(len)
    }
}

#[test]
fn reading_stops_at_the_limit_and_not_before() {
    for len in [0, 1, 4095, 4096, 4097, 9000] {
        let bytes: Vec<_> = (0..=u8::MAX).cycle().take(len).collect();
        let secret = SecretBytes::read_from(&*bytes, len).unwrap();
        assert_eq!(secret.expose_secret(), bytes);
        assert_eq!(
            SecretBytes::read_from(&*bytes, usize::MAX)
                .unwrap()
                .expose_secret(),
            bytes
        );
        if len > 0 {
            let error = SecretBytes::read_from(&*bytes, len - 1).unwrap_err();
            assert_eq!(error.kind(), SecretErrorKind::TooLong);
        }
    }
}

#[test]
fn reading_goes_on_after_an_interruption_and_passes_errors_on() {
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    let parts = [
        interrupted(),
        Ok(b"can".to_vec()),
        interrupted(),
        Ok(b"ary".to_vec()),
    ];
    let secret = SecretString::read_from(Slow(parts.into()), 100).unwrap();
    assert_eq!(secret.expose_secret(), "canary");

    let parts = [
        Ok(b"can".to_vec()),
        Err(io::ErrorKind::PermissionDenied.into()),
    ];
    let error = SecretString::read_from(Slow(parts.into()), 100).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Io);
    assert_eq!(error.to_string(), "the secret could not be read");
    let source = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<io::Error>()
        .unwrap();
    assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn text_that_is_none_is_refused_without_being_quoted() {
    let bytes = [CANARY.as_bytes(), b"\xff"].concat();
    let error = SecretString::read_from(&*bytes, 100).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::NotUtf8);
    assert_eq!(
        format!("{error} {error:?}"),
        "the secret is not valid UTF-8 SecretError { kind: NotUtf8, source: None }"
    );
}

/// A reader that breaks the contract of `Read`.
struct Boastful;

impl Read for Boastful {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(buffer.len() + 1)
    }
}

#[test]
fn a_reader_that_boasts_is_cut_off_at_the_limit() {
    let error = SecretBytes::read_from(Boastful, 10_000).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::TooLong);
}

#[cfg(feature = "serde")]
mod with_serde {
    use ::serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Config {
        #[serde(with = "crate::serialize_exposed")]
        token: SecretString,
        #[serde(with = "crate::serialize_exposed")]
        key: SecretBytes,
        #[serde(with = "crate::serialize_exposed", default)]
        password: Option<Password>,
        #[serde(with = "crate::serialize_exposed")]
        pins: Secret<Vec<u16>>,
    }

    #[test]
    fn secrets_are_read_and_written_by_name() {
        let json = r#"{"token":"a\nb","key":"-_8A","password":"pw","pins":[1,2]}"#;
        let config: Config = serde_json::from_str(json).unwrap();
        assert_eq!(config.token.expose_secret(), "a\nb");
        assert_eq!(config.key.expose_secret(), [0xfb, 0xff, 0]);
        assert_eq!(config.password.as_ref().unwrap().expose_secret(), "pw");
        assert_eq!(config.pins.expose_secret(), &[1, 2]);
        assert_eq!(serde_json::to_string(&config).unwrap(), json);
        assert_eq!(
            format!("{config:?}"),
            "Config { token: SecretString([REDACTED]), key: SecretBytes([REDACTED]), \
             password: Some(Password([REDACTED])), pins: Secret([REDACTED]) }"
        );
        let json = json.replace(r#""password":"pw""#, r#""password":null"#);
        let config: Config = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&config).unwrap(), json);
    }

    #[test]
    fn an_error_tells_where_but_not_what() {
        let error = |json| {
            serde_json::from_str::<Vec<SecretString>>(json)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("[81520946]"),
            "a secret must be given as text at line 1 column 10"
        );
        assert_eq!(
            error("[true]"),
            "a secret must be given as text at line 1 column 6"
        );
        for json in ["81520946", r#""81520946!""#, "[81520946]"] {
            let error = serde_json::from_str::<SecretBytes>(json)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("a secret key must be given as base64 or as bytes"),
                "{error}"
            );
            assert!(!error.contains("81520946"), "{error}");
        }
        let error = serde_json::from_str::<Secret<bool>>("81520946")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("a secret value has the wrong form"),
            "{error}"
        );
        assert!(!error.contains("81520946"), "{error}");
        let error = serde_json::from_str::<ApiKeySecret>("81520946")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("81520946"), "{error}");
    }
}
