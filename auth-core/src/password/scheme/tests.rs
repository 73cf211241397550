use portcullis_secrets::{Password, SecretBytes};

use super::*;
use crate::password::form::LegacyDigest;
use crate::password::{HashParams, PepperId};

const PASSWORD: &str = "correct horse battery staple";

fn secret() -> SecretBytes {
    SecretBytes::generate(32).unwrap()
}

fn parse(text: &str) -> Result<Scheme, Fault> {
    Scheme::parse(text, &Registry::default())
}

fn matches(text: &str, password: &str) -> bool {
    let computed = parse(text).and_then(|scheme| {
        let password = Password::from(password);
        scheme.compute(&password, &Peppers::none())
    });
    computed.unwrap().matches
}

/// Made by argon2-cffi, passlib, bcrypt and Django, of the password above.
const FOREIGN: [(&str, Algorithm); 19] = [
    (
        "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XdTJKPvVpEdCNu922dgwQXj+XfOITS04PpG3cDMn5sE",
        Algorithm::Argon2id,
    ),
    (
        "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$50WlLMTS62Tm0boTX6gj9/Twg9JqLCOkn3nUFhfCpHs",
        Algorithm::Argon2id,
    ),
    (
        "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$vmoqB/wxwTd/4jHFM8XsQVEKt1SGi0QK70i3v40h2uU",
        Algorithm::Argon2id,
    ),
    // As the first version wrote them, from before there was a version to write.
    (
        "$argon2id$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$vmoqB/wxwTd/4jHFM8XsQVEKt1SGi0QK70i3v40h2uU",
        Algorithm::Argon2id,
    ),
    (
        "$argon2i$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$x/Yd6+dOKGkiHup1XvPL1tYW1OKl754mItFYjwPMb90",
        Algorithm::Argon2i,
    ),
    (
        "$argon2i$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$k8+vQBODhLPXet6F0kXoRyvXyW2ULxGdJBoE4FlIxHg",
        Algorithm::Argon2i,
    ),
    (
        "$argon2d$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$5cwLQm9dcu4Mv844lRPkZ0a2MjkDJwiK7dNn6cPDnzo",
        Algorithm::Argon2d,
    ),
    (
        "$argon2d$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MD0UbncPyUPwZQKmPZRgaojh+uhcOIbHN0u82QwlPh8",
        Algorithm::Argon2d,
    ),
    (
        "{raw}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XdTJKPvVpEdCNu922dgwQXj+XfOITS04PpG3cDMn5sE",
        Algorithm::Argon2id,
    ),
    (
        "{md5}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AxVrL/RtRmDzjrf+17bWe56coji4AyTJDillQkG3G7A",
        Algorithm::Argon2id,
    ),
    (
        "{sha1}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$heoyQWDQQjFAQt/UD3mWg//CnJh4lfBONGvfoq+0z58",
        Algorithm::Argon2id,
    ),
    (
        "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        Algorithm::Bcrypt,
    ),
    (
        "$2a$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        Algorithm::Bcrypt,
    ),
    (
        "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        Algorithm::Bcrypt,
    ),
    (
        "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI",
        Algorithm::Pbkdf2,
    ),
    (
        "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ",
        Algorithm::Pbkdf2,
    ),
    (
        "$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$wmIXv0mv7iouqkc9CKjRvCX21po",
        Algorithm::Pbkdf2,
    ),
    (
        "pbkdf2_sha256$1000$saltsalt01234567$l5RFLsPjcamj3DyO/F9HjlSiLdYtkzyMR1U2CBMfAPc=",
        Algorithm::Pbkdf2,
    ),
    (
        "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g",
        Algorithm::Scrypt,
    ),
];

#[test]
fn hashes_of_other_programs_match_their_password_and_no_other() {
    for (text, algorithm) in FOREIGN {
        assert_eq!(parse(text).unwrap().algorithm(), algorithm, "{text}");
        assert!(matches(text, PASSWORD), "{text}");
        for other in [
            "correct horse battery stapl",
            "Correct horse battery staple",
            " ",
        ] {
            assert!(!matches(text, other), "{text}");
        }
    }
    let django = "pbkdf2_sha1$1000$saltsalt01234567$xqkchTYkGa8wD+zdL2XIA71O7U8=";
    assert!(matches(django, PASSWORD));
    // The same as a PHC string.
    let phc = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI";
    assert!(matches(phc, PASSWORD));
}

#[test]
fn published_vectors_of_bcrypt_hold() {
    // From the tests of jBCrypt.
    for (password, text) in [
        (
            "",
            "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
        ),
        (
            "a",
            "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        ),
        (
            "abc",
            "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        ),
    ] {
        assert!(matches(text, password), "{text}");
    }
}

#[test]
fn bcrypt_never_cuts_a_password() {
    let text = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    let longest = "x".repeat(72);
    assert!(matches(text, &longest));
    assert!(!matches(text, &format!("{longest}x")));
    assert!(!matches(text, &longest[..71]));
    // The algorithm repeats password and zero byte until it has enough of them.
    let once = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
    assert!(matches(once, "a"));
    assert!(!matches(once, "a\0a"));
}

// AUTH case 31
#[test]
fn a_stored_hash_cannot_ask_for_more_than_is_sensible() {
    let argon2 = |params: &str, salt: usize, output: usize| {
        let text = |len| text::to_phc(&vec![7; len]);
        format!("$argon2id$v=19${params}${}${}", text(salt), text(output))
    };
    let m4g = "m=4194304,t=1,p=1";
    let rejected = [
        argon2(m4g, 16, 32),
        argon2("m=262145,t=1,p=1", 16, 32),
        argon2("m=4294967295,t=1,p=1", 16, 32),
        argon2("m=18446744073709551615,t=1,p=1", 16, 32),
        argon2("m=19456,t=11,p=1", 16, 32),
        argon2("m=19456,t=0,p=1", 16, 32),
        argon2("m=19456,t=2,p=9", 16, 32),
        argon2("m=19456,t=2,p=0", 16, 32),
        argon2("m=15,t=2,p=2", 16, 32),
        argon2("m=19456,t=2,p=1", 7, 32),
        argon2("m=19456,t=2,p=1", 65, 32),
        argon2("m=19456,t=2,p=1", 16, 15),
        argon2("m=19456,t=2,p=1", 16, 65),
        "$2b$16$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG".into(),
        "$2b$03$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG".into(),
        "$pbkdf2-sha256$5000001$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI"
            .into(),
        "$pbkdf2-sha256$0$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI"
            .into(),
        "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq".into(),
        // Two blocks of 20 bytes take twice as many rounds.
        format!(
            "$pbkdf2$2500001$MDEyMzQ1Njc4OWFiY2RlZg${}",
            text::to_phc(&[7; 21])
        ),
        "$scrypt$ln=19,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g"
            .into(),
        "$scrypt$ln=64,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g"
            .into(),
        "$scrypt$ln=18,r=8,p=3$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g"
            .into(),
        "$scrypt$ln=4,r=8,p=17$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g"
            .into(),
    ];
    for text in rejected {
        assert!(matches!(parse(&text), Err(Fault::ParamsRejected)), "{text}");
    }
    for params in ["m=262144,t=10,p=8", "m=8,t=1,p=1", "m=64,t=1,p=8"] {
        for (salt, output) in [(8, 16), (64, 64)] {
            assert!(parse(&argon2(params, salt, output)).is_ok(), "{params}");
        }
    }
    // The most that is taken, and then what OWASP recommends.
    for (log_n, p, mib) in [
        (18, 2, 256),
        (17, 1, 128),
        (16, 2, 64),
        (15, 3, 32),
        (14, 5, 16),
        (13, 10, 8),
    ] {
        let scrypt = format!(
            "$scrypt$ln={log_n},r=8,p={p}$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g"
        );
        assert_eq!(parse(&scrypt).unwrap().memory_kib(), mib * 1024, "{scrypt}");
    }
}

#[test]
fn what_is_unknown_or_broken_is_an_error() {
    for text in [
        "",
        "$",
        "plaintext",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$saltsalt$8RqVPbRIbLFsbjVVbGX4C1",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJu",
        "$2x$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "$argon2$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XdTJKPvVpEdCNu922dgwQXj+XfOITS04PpG3cDMn5sE",
        "{unknown}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XdTJKPvVpEdCNu922dgwQXj+XfOITS04PpG3cDMn5sE",
        "{raw}$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "{raw",
        "pbkdf2_md5$1000$saltsalt01234567$l5RFLsPjcamj3DyO/F9HjlSiLdYtkzyMR1U2CBMfAPc=",
    ] {
        assert!(matches!(parse(text), Err(Fault::UnknownScheme)), "{text}");
    }
    let good = FOREIGN[0].0;
    let mut broken: Vec<String> = [
        ("v=19", "v=18"),
        ("v=19", "v=019"),
        ("m=8,t=1,p=1", "t=1,m=8,p=1"),
        ("m=8,t=1,p=1", "m=8,t=1"),
        ("m=8,t=1,p=1", "m=8,t=1,p=1,"),
        ("m=8,t=1,p=1", "m=8,t=1,p=1,data=AAAA"),
        ("m=8,t=1,p=1", "m=8,t=1,p=1,keyid="),
        ("m=8,t=1,p=1", "m=8,t=1,p=1,keyid=AAAAAAAAAAAA"),
        ("m=8,t=1,p=1", "m=+8,t=1,p=1"),
        ("m=8,t=1,p=1", "m=08,t=1,p=1"),
        ("m=8,t=1,p=1", "m=18446744073709551616,t=1,p=1"),
        ("RlZg$", "RlZg==$"),
        // A stray bit in the last character.
        ("RlZg$", "RlZh$"),
        ("RlZg$", "RlZg$$"),
        ("DMn5sE", "DMn5s*"),
    ]
    .iter()
    .map(|(from, to)| good.replace(from, to))
    .collect();
    broken.push(format!("{good}$"));
    broken.push(format!("{good}\n"));
    broken.push("$argon2id$".into());
    broken.push(format!("{}{}", good, "A".repeat(MAX_TEXT)));
    broken.push("$2b$4$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG".into());
    broken.push("$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6C".into());
    broken.push("$2b$04$äbcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6C".into());
    broken.push("$scrypt$ln=4,r=8$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Mw".into());
    for text in broken {
        assert!(matches!(parse(&text), Err(Fault::Malformed)), "{text}");
    }
}

#[test]
fn what_is_written_reads_the_same() {
    let pepper = Peppers::new("k1".parse().unwrap(), secret()).unwrap();
    let password = SecretBytes::from(PASSWORD.as_bytes());
    for peppers in [Peppers::none(), pepper] {
        for form in [
            Form::Nfc,
            Form::AsReceived,
            Form::Hex(LegacyDigest::Md5),
            Form::Hex(LegacyDigest::Sha1),
        ] {
            let params = HashParams::danger_cheapest();
            let hash = Argon2Hash::make(form, params, &password, &peppers).unwrap();
            let Ok(Scheme::Argon2(read)) = parse(hash.as_str()) else {
                panic!("{}", hash.as_str());
            };
            assert_eq!(read.to_string(), hash.as_str());
            assert_eq!((read.form, read.params), (form, params));
            assert_eq!(read.pepper.as_ref(), peppers.current());
        }
    }
}

#[test]
fn the_pepper_is_named_in_the_hash_and_needed_to_verify_it() {
    let id = |id: &str| id.parse::<PepperId>().unwrap();
    let peppers = Peppers::new(id("k1"), secret()).unwrap();
    let params = HashParams::danger_cheapest();
    let prepared = SecretBytes::from(PASSWORD.as_bytes());
    let hash = Argon2Hash::make(Form::Nfc, params, &prepared, &peppers).unwrap();
    // `k1` in base64.
    assert!(
        hash.as_str()
            .starts_with("$argon2id$v=19$m=8,t=1,p=1,keyid=azE$")
    );
    let scheme = parse(hash.as_str()).unwrap();
    let password = Password::from(PASSWORD);
    let with = |peppers: &Peppers| scheme.compute(&password, peppers).map(|c| c.matches);
    assert!(matches!(with(&peppers), Ok(true)));
    let other = Peppers::new(id("k1"), secret()).unwrap();
    assert!(matches!(with(&other), Ok(false)));
    assert!(matches!(with(&Peppers::none()), Err(Fault::PepperUnknown(k)) if k == id("k1")));
    let absent = hash.as_str().replace(",keyid=azE", "");
    assert!(!matches(&absent, PASSWORD));
}

#[test]
fn debug_shows_nothing_of_a_hash() {
    for (text, _) in FOREIGN {
        let shown = format!("{:?}", parse(text).unwrap());
        let secret = text.rsplit('$').next().unwrap();
        assert!(
            !shown.contains(secret) && !shown.contains("MDEy"),
            "{shown}"
        );
    }
    #[derive(Debug)]
    struct Plain;
    impl ForeignScheme for Plain {
        fn verify(&self, _: &Password, _: &str) -> Result<bool, UnreadableHash> {
            Err(UnreadableHash)
        }
    }
    let mut registry = Registry::default();
    registry.add("plain", Arc::new(Plain)).unwrap();
    let scheme = Scheme::parse("{plain}MDEyMzQ1", &registry).unwrap();
    assert!(!format!("{scheme:?}").contains("MDEy"));
}
