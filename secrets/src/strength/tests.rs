use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

#[test]
fn shapes_are_priced_as_they_were_measured() {
    for (text, bits) in [
        (&*"a".repeat(32), 0.0),
        (&"abcd".repeat(8), 12.0),
        (&"0123456789abcdef".repeat(2), 20.0),
        ("zyxwvutsrqponmlkjihgfedcba987654", 8.0),
        ("00112233445566778899aabbccddeeff", 45.0),
        (&"changeme".repeat(4), 42.0),
        (&"P@ssw0rd".repeat(4), 59.0),
        (&"deadbeef".repeat(4), 36.0),
        // Along the rows of a keyboard, which passed before these were looked at.
        ("qwertyuiopasdfghjklzxcvbnm123456", 41.0),
        ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9", 15.5),
        ("!QAZ2wsx#EDC4rfv%TGB6yhn&UJM8ik9", 20.0),
    ] {
        let estimate = shape::estimate(&chars(text)).bits;
        assert!((estimate - bits).abs() < 1.0, "{text}: {estimate:.1}");
    }
}

#[test]
fn a_text_has_the_smallest_usual_alphabet() {
    for (text, bits) in [
        ("0123", 3.32),
        ("01af", 4.0),
        ("01AF", 4.0),
        ("gh", 4.70),
        ("GH", 4.70),
        ("gh1", 5.17),
        ("gH", 5.95),
        ("gH-_", 6.0),
        ("gH+/=", 6.0),
        ("gH!", 6.57),
        ("пароль", 6.57),
    ] {
        let alphabet = shape::alphabet_bits(&chars(text));
        assert!((alphabet - bits).abs() < 0.01, "{text}: {alphabet:.2}");
    }
}

#[test]
fn repetitions_and_runs_are_counted_once() {
    for (text, len) in [
        ("", 0),
        ("x", 1),
        ("xx", 2),
        ("xxx", 2),
        ("xyzabc", 4),
        ("xqkxqk", 4),
        ("xqxqxqxq", 3),
        ("cba", 2),
        ("acegik", 6),
        // Three neighbours on a keyboard are chance, four are not.
        ("qwe", 3),
        ("qwer", 2),
        ("REWQ", 2),
        ("lkjh", 2),
    ] {
        let codes: Vec<_> = text.chars().map(u32::from).collect();
        assert_eq!(shape::effective_len(&codes), len, "{text}");
    }
}

const WEAK: &[&str] = &[
    // The cases of the specification.
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abcdabcdabcdabcdabcdabcdabcdabcd",
    "0123456789abcdef0123456789abcdef",
    "changemechangemechangemechangeme",
    "your-256-bit-secret-your-256-bit",
    "abcdefghijklmnopqrstuvwxyz012345",
    "thisisaverylongsecretkeyforjwt!!",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "zyxwvutsrqponmlkjihgfedcba987654",
    "aabbccddeeffgghhiijjkkll00112233",
    "P@ssw0rdP@ssw0rdP@ssw0rdP@ssw0rd",
    "deadbeefdeadbeefdeadbeefdeadbeef",
    // What stands in `.env.example` files, answers and tutorials.
    "a-string-secret-at-least-256-bits-long",
    "a-string-secret-at-least-256-bits-long-change-this-please",
    "change-me-please-change-me-please-change-me",
    "replace-this-with-a-strong-random-secret-key",
    "my-super-secret-jwt-signing-key-2024-do-not-share",
    "MySuperSecretKeyThatIsAtLeast32CharactersLong!",
    "this_is_my_development_secret_key_do_not_use_in_production",
    "development-secret-do-not-use-in-production",
    "insecure-dev-secret-insecure-dev-secret",
    "CHANGE_ME_IN_PRODUCTION_CHANGE_ME_IN_PRODUCTION",
    "super-secret-token-for-local-testing-only-123456",
    "secretkey84726195038471",
    "SuperSecretPassword1234567890!@#$%^&*()",
    "correct horse battery staple password",
    "the quick brown fox jumps over the lazy dog",
    "test-test-test-test-test-test-test-test",
    "please change this secret value before deploying this application into production environment",
    "Welcome2TheJungle-Welcome2TheJungle",
    "kubernetes-cluster-prod-eu-west-1-api-signing-key",
    "Summer2024!Winter2023!Spring2022!",
    "let-me-in-let-me-in-please-please-please",
    "ILoveMyDogBuddyAndMyCatAndMyHorse19",
    "todo: replace with a real secret before deploying",
    "s3cr3t_k3y_f0r_my_4pp_s3rv3r_pl34s3_ch4ng3",
    "secretsecretsecretsecretsecretsecret",
    "jwt-secret-key-for-authentication-service",
    "portcullis-token-secret-for-production-use",
    "00000000-0000-0000-0000-000000000000",
    "00000000000000000000000000000000",
    "12345678901234567890123456789012",
    "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y",
    "asdfasdfasdfasdfasdfasdfasdfasdf",
    "ABABABABABABABABABABABABABABABABABABAB",
    "пароль-пароль-пароль-пароль-пароль",
    "11111111112222222222333333333344444444445555555555",
    "3141592653141592653141592653141592",
    "!QAZ2wsx#EDC4rfv%TGB6yhn&UJM8ik,",
    "zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90",
    "secretsecretsecretsecret-2024-01-01!",
    "loremipsumdolorsitametconsecteturadipiscing",
    "qazwsxedcrfvtgbyhnujmikolpqazwsx",
    "poiuytrewqlkjhgfdsamnbvcxz098765",
    // Two symbols, however mixed.
    "0110100010111010001101001011001011101000101101110010110100110100011011",
];

#[test]
fn made_up_secrets_are_weak() {
    for secret in WEAK {
        let bits = estimate_bits(secret.as_bytes());
        let refused = StrengthPolicy::ok128().check(secret.as_bytes());
        assert!(refused.is_err(), "{secret}: {bits:.1}");
    }
}

#[test]
fn made_up_secrets_stay_weak_behind_encodings() {
    for secret in WEAK.iter().filter(|secret| secret.is_ascii()) {
        let hex = crate::SecretBytes::from(secret.as_bytes()).to_hex();
        let hex = hex.expose_secret();
        for encoded in [
            hex.to_owned(),
            hex.to_uppercase(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            STANDARD.encode(hex),
            STANDARD.encode(format!("{secret}\n")),
            STANDARD.encode(STANDARD.encode(secret)),
        ] {
            let bits = estimate_bits(encoded.as_bytes());
            let refused = StrengthPolicy::ok128().check(encoded.as_bytes());
            assert!(refused.is_err(), "{secret} as {encoded}: {bits:.1}");
        }
    }
}

#[test]
fn published_keys_are_refused_in_every_form() {
    let policy = StrengthPolicy::ok128();
    let refused = |secret: &[u8]| assert_eq!(policy.check(secret), Err(Weakness::Published));
    refused(
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    refused(
        b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==",
    );
    refused(
        &URL_SAFE_NO_PAD
            .decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg")
            .unwrap(),
    );
    refused(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    refused(b"9D61B19DEFFD5A60BA844AF492EC2CC44449C5697B326919703BAC031CAE7F60");
    refused(
        crate::SecretBytes::from_hex(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        )
        .unwrap()
        .expose_secret(),
    );
    refused(b"{550e8400-e29b-41d4-a716-446655440000}");
    refused(b"550e8400e29b41d4a716446655440000");
    refused(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn raw_bytes_that_count_or_repeat_are_weak() {
    for bytes in [
        vec![0; 32],
        (0..32).collect(),
        (200..=255).rev().collect(),
        b"\x01\x9c\xfe\x22".repeat(8),
        [[0xff; 24], [0; 24]].concat(),
    ] {
        assert!(StrengthPolicy::ok128().check(&bytes).is_err(), "{bytes:?}");
    }
}

/// Draws keys of each form that people generate, and the bits that are in them.
type Draw = fn(&mut StdRng) -> Vec<u8>;

const FORMS: [(&str, usize, Draw); 17] = [
    ("16 bytes, hexadecimal", 128, |rng| hex(&bytes::<16>(rng))),
    ("32 bytes, hexadecimal", 256, |rng| hex(&bytes::<32>(rng))),
    ("16 bytes, base64url", 128, |rng| {
        base64url(&bytes::<16>(rng))
    }),
    ("16 bytes, base64", 128, |rng| {
        STANDARD.encode(bytes::<16>(rng)).into()
    }),
    ("32 bytes, base64url", 256, |rng| {
        base64url(&bytes::<32>(rng))
    }),
    ("48 bytes, base64", 256, |rng| {
        STANDARD.encode(bytes::<48>(rng)).into()
    }),
    ("22 characters, base62", 128, |rng| text(rng, 22, BASE62)),
    ("32 characters, base62", 128, |rng| text(rng, 32, BASE62)),
    ("22 characters, base58", 128, |rng| text(rng, 22, BASE58)),
    ("26 characters, base32", 128, |rng| text(rng, 26, BASE32)),
    ("26 characters, base32, padded", 128, |rng| {
        [&text(rng, 26, BASE32)[..], b"======"].concat()
    }),
    ("26 characters, base32, lower case", 128, |rng| {
        text(rng, 26, BASE32).to_ascii_lowercase()
    }),
    ("25 characters, base36", 128, |rng| {
        text(rng, 25, &BASE62[..36])
    }),
    ("40 digits", 128, |rng| text(rng, 40, b"0123456789")),
    ("UUID", 122, |rng| uuid(&bytes::<16>(rng))),
    ("16 bytes", 128, |rng| bytes::<16>(rng).into()),
    ("32 bytes", 256, |rng| bytes::<32>(rng).into()),
];

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn bytes<const N: usize>(rng: &mut StdRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| b"0123456789abcdef"[usize::from(digit)])
        .collect()
}

fn base64url(bytes: &[u8]) -> Vec<u8> {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn text(rng: &mut StdRng, len: usize, alphabet: &[u8]) -> Vec<u8> {
    (0..len)
        .map(|_| alphabet[rng.random_range(..alphabet.len())])
        .collect()
}

fn uuid(bytes: &[u8]) -> Vec<u8> {
    let hex = hex(bytes);
    [
        &hex[..8],
        &hex[8..12],
        b"4",
        &hex[13..16],
        b"a",
        &hex[17..20],
        &hex[20..],
    ]
    .join(&b'-')
}

#[test]
fn no_generated_key_is_refused() {
    for (index, (form, bits, draw)) in FORMS.into_iter().enumerate() {
        let policy = if bits == 256 {
            StrengthPolicy::ok256()
        } else {
            StrengthPolicy::ok128()
        };
        let mut rng = StdRng::seed_from_u64(0x5eed);
        let keys = if index == 0 { 100_000 } else { 10_000 };
        for _ in 0..keys {
            let key = draw(&mut rng);
            assert!(
                policy.check(&key).is_ok(),
                "{form}: {:.1} bits in {}",
                estimate_bits(&key),
                key.escape_ascii()
            );
        }
    }
}

/// Random keys, found among millions, that were refused before chance was reckoned with.
#[test]
fn keys_that_look_weak_by_chance_are_not_refused() {
    for key in [
        // With words, some of them with a digit for a letter.
        &b"H3ipdd8uNE3Ds1xi0ad6DQ"[..],
        b"6SDLDSV6YV5PILTEVYUH3XPALN",
        // Valid UTF-8.
        b"~m*\xd6\x83$UqD`'\xd7\xab\xd3\x85R",
        // Text behind base64, with too few characters to say how evenly they are used.
        b"T1FOQDRxOChAQQk0Ljg1Lg",
        b"OQN@4q8(@A\t4.85.",
        // One key on a keyboard beside another, but along no row.
        b"3NYU7NMYTVL5AOYFRT5RESDR5X",
        b"dxWSxccCFCdt5v5rE3x7qE",
        b"hWsAqnbFBIdTsZsDr5tr5Z",
        b"nI9tRFGhgfQADedrTrmeso",
        // Seven different hexadecimal digits.
        b"e2e52a4e5f2c0ca52e0f4a5c2ef0c4a2",
    ] {
        let checked = StrengthPolicy::ok128().check(key);
        assert!(checked.is_ok(), "{} {checked:?}", key.escape_ascii());
    }
}

#[test]
fn a_phrase_of_twelve_drawn_words_is_no_weakness() {
    // As many words as make 128 bits of a list of 2,048, which all are known here.
    let words: Vec<_> = include_str!("words.txt")
        .split_ascii_whitespace()
        .take(2048)
        .collect();
    let mut rng = StdRng::seed_from_u64(0x5eed);
    for _ in 0..1000 {
        let phrase: Vec<_> = (0..12)
            .map(|_| words[rng.random_range(..words.len())])
            .collect();
        let phrase = phrase.join(" ");
        assert!(
            StrengthPolicy::signing().check(phrase.as_bytes()).is_ok(),
            "{phrase}"
        );
    }
}

#[test]
fn levels_begin_at_their_thresholds() {
    for (bits, level) in [
        (f64::NAN, Level::Reject),
        (-1.0, Level::Reject),
        (0.0, Level::Reject),
        (63.9, Level::Reject),
        (64.0, Level::Weak),
        (79.9, Level::Weak),
        (80.0, Level::Ok128),
        (191.9, Level::Ok128),
        (192.0, Level::Ok256),
        (f64::INFINITY, Level::Ok256),
    ] {
        assert_eq!(Level::of(bits), level, "{bits}");
    }
    assert!(
        Level::Reject < Level::Weak && Level::Weak < Level::Ok128 && Level::Ok128 < Level::Ok256
    );
}

#[test]
fn the_main_reason_is_given() {
    for (secret, weakness) in [
        ("", Weakness::TooShort),
        ("kX9#vQ2!mZ7@pL4$wR8%tY1&", Weakness::TooShort),
        ("deadbeefdeadbeefdeadbeefdeadbeef", Weakness::Repetitive),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Weakness::FewSymbols),
        ("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", Weakness::Regular),
        ("correct horse battery staple password", Weakness::Words),
        ("123e4567-e89b-12d3-a456-426614174000", Weakness::Published),
    ] {
        assert_eq!(
            StrengthPolicy::signing().check(secret.as_bytes()),
            Err(weakness),
            "{secret}"
        );
    }
}

#[test]
fn few_symbols_are_refused_however_long_the_secret_is() {
    let mut rng = StdRng::seed_from_u64(0x5eed);
    for (alphabet, accepted) in [
        (&b"kqvxz73"[..], false),
        (b"kqvxz73w", true),
        (b"0538", false),
        (b"05389", true),
    ] {
        let secret = text(&mut rng, 400, alphabet);
        assert_eq!(StrengthPolicy::signing().check(&secret).is_ok(), accepted);
    }
}

#[test]
fn the_shortest_signing_secret_has_32_characters() {
    let key = b"kX9vQ2mZ7pL4wR8tY1bN6cJ3hG5fD0sA";
    assert_eq!(StrengthPolicy::signing().check(key), Ok(Level::Ok128));
    assert_eq!(
        StrengthPolicy::signing().check(&key[1..]),
        Err(Weakness::TooShort)
    );
    assert_eq!(StrengthPolicy::ok128().check(&key[1..]), Ok(Level::Ok128));
    // Characters, of which this has 31 in 62 bytes; then bytes, since it is no text.
    assert_eq!(
        StrengthPolicy::signing().check("жщэюябвгдйклмнпрстуфхцчшъыьёзиа".as_bytes()),
        Err(Weakness::TooShort)
    );
    assert!(
        StrengthPolicy::signing()
            .check(&bytes::<32>(&mut StdRng::seed_from_u64(1)))
            .is_ok()
    );
}

#[test]
fn the_sentence_names_the_setting_the_fault_and_the_remedy() {
    let error = require_strong("PORTCULLIS_TOKEN_SECRET", b"hunter2").unwrap_err();
    assert_eq!(
        error.to_string(),
        "PORTCULLIS_TOKEN_SECRET is too weak: it is too short, 32 characters are the least; \
         make a strong one with `openssl rand -base64 48`"
    );
    assert_eq!(
        (error.name(), error.weakness()),
        ("PORTCULLIS_TOKEN_SECRET", Weakness::TooShort)
    );
    for secret in WEAK {
        let error = StrengthPolicy::ok256()
            .require("X", secret.as_bytes())
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains('.') && shown.is_ascii(), "{shown}");
    }
    // What the sentence tells to do works.
    let made = STANDARD.encode(bytes::<48>(&mut StdRng::seed_from_u64(1)));
    assert_eq!(require_strong("X", made.as_bytes()), Ok(()));
}

#[test]
fn long_secrets_are_looked_at_in_part() {
    let mut rng = StdRng::seed_from_u64(0x5eed);
    let mut secret = text(&mut rng, 1_000_000, BASE62);
    assert!(estimate_bits(&secret) > 5000.0);
    secret[..1024].fill(b'a');
    assert!(estimate_bits(&secret) < 1.0);
}

#[cfg(feature = "zxcvbn")]
#[test]
fn the_second_opinion_is_asked_on_request() {
    // A name that the list here does not have, and a date, both twice.
    let secret = b"velasquez19850612velasquez19850612";
    assert!(StrengthPolicy::signing().check(secret).is_ok());
    let generated = bytes::<32>(&mut StdRng::seed_from_u64(1));
    let policy = StrengthPolicy::signing().zxcvbn();
    for (_, _, draw) in FORMS {
        let key = draw(&mut StdRng::seed_from_u64(1));
        assert!(StrengthPolicy::ok128().zxcvbn().check(&key).is_ok());
    }
    assert!(policy.check(&generated).is_ok());
    assert_eq!(policy.check(secret), Err(Weakness::Guessable));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_has_a_finite_price(secret in any::<Vec<u8>>()) {
        let bits = estimate_bits(&secret);
        prop_assert!(bits.is_finite() && bits >= 0.0);
        prop_assert!(bits <= 8.0 * f64::from(u32::try_from(secret.len()).unwrap()) + 1e-9);
    }

    #[test]
    fn saying_it_twice_adds_next_to_nothing(text in "[ -~]{4,40}") {
        let codes: Vec<_> = text.repeat(2).chars().map(u32::from).collect();
        // Of hexadecimal digits, up to three that are left over do not count as a repetition.
        prop_assert!(shape::effective_len(&codes) <= text.len() + 3);
    }
}
