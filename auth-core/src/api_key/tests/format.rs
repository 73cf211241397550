use proptest::prelude::*;

use super::*;

#[test]
fn keys_are_written_as_the_scheme_says() {
    let format = |brand, environment| KeyFormat::new(brand, environment).unwrap();
    // The checksums were reckoned with zlib.
    for (format, key, public) in [
        (
            format("acme", Environment::Live),
            "acme_live_0123456789AB_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1KRudo",
            "0123456789AB",
        ),
        (
            format("x9", Environment::Test),
            "x9_test_zzzzzzzzzzzz_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2FYGDc",
            "zzzzzzzzzzzz",
        ),
        (
            format("acme", Environment::Live),
            "acme_live_000000000285_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00xzR5",
            "000000000285",
        ),
    ] {
        assert_eq!(format.parse(key), Ok(id(public)), "{key}");
        assert_eq!(format.display(id(public)), key[..key.len() - 50]);
        assert!(format.is_meant_by(key));
        for wrong in [
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}0"),
            &format!(" {key}"),
            &key.replace("_live_", "_test_"),
            &key.to_uppercase(),
            &key.replacen('_', "-", 1),
        ] {
            let same = *wrong == *key;
            assert_eq!(format.parse(wrong).is_ok(), same, "{wrong}");
        }
    }
    for (brand, valid) in [
        ("ab", true),
        ("a234567890", true),
        ("a", false),
        ("a2345678901", false),
        ("Acme", false),
        ("ac_me", false),
        ("", false),
    ] {
        assert_eq!(
            KeyFormat::new(brand, Environment::Live).is_ok(),
            valid,
            "{brand}"
        );
    }
    let format = format("acme", Environment::Live);
    assert_eq!(
        format.scanner_regex(),
        r"\bacme_(?:live|test)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b"
    );
    assert!(
        !format.is_meant_by("acmeco_live_x") && !format.is_meant_by("eyJhbGciOiJIUzI1NiJ9.e30.x")
    );
}

#[test]
fn generated_keys_are_all_different_and_use_all_digits() {
    let format = KeyFormat::new("acme", Environment::Test).unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut digits = [0_u32; 128];
    for _ in 0..500 {
        let (id, key) = format.generate().unwrap();
        assert_eq!(key.expose(|text| format.parse(text)), Ok(id));
        assert_eq!(key.expose(str::len), 72);
        for byte in key.expose_secret()[23..66].bytes() {
            digits[usize::from(byte)] += 1;
        }
        assert!(seen.insert(id));
        assert_eq!(format!("{key:?}"), "ApiKeySecret([REDACTED])");
    }
    // 21,500 digits: each comes 347 times, give or take 18.5; eight times that is not chance.
    for (digit, count) in (0_u8..).zip(digits).filter(|(_, count)| *count > 0) {
        assert!(
            (199..=495).contains(&count),
            "{}: {count}",
            char::from(digit)
        );
    }
    assert_eq!(digits.iter().filter(|count| **count > 0).count(), 62);
}

proptest! {
    #[test]
    fn any_other_character_anywhere_is_found_without_asking(place in 0..72_usize, other in "\\PC") {
        let format = KeyFormat::new("acme", Environment::Live).unwrap();
        let (_, key) = format.generate().unwrap();
        let mut text = key.expose_secret().to_owned();
        if text[place..=place] != *other {
            text.replace_range(place..=place, &other);
            prop_assert!(format.parse(&text).is_err());
        }
    }

    #[test]
    fn garbage_is_no_key(text in "\\PC{0,80}|acme_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}") {
        let format = KeyFormat::new("acme", Environment::Live).unwrap();
        // One in 4 billion has the right checksum.
        prop_assert!(format.parse(&text).is_err());
    }
}

#[test]
fn networks_are_read_strictly() {
    for (text, written) in [
        ("192.0.2.0/24", Some("192.0.2.0/24")),
        ("192.0.2.7", Some("192.0.2.7/32")),
        ("0.0.0.0/0", Some("0.0.0.0/0")),
        ("2001:DB8::/32", Some("2001:db8::/32")),
        ("::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
        ("192.0.2.7/24", None),
        ("192.0.2.0/33", None),
        ("192.0.2/24", None),
        ("example.com", None),
        ("", None),
    ] {
        let network = text
            .parse::<Network>()
            .ok()
            .map(|network| network.to_string());
        assert_eq!(network.as_deref(), written, "{text}");
    }
}
