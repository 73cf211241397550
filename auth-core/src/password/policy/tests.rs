use super::*;
use crate::password::PasswordErrorKind;

fn reasons(policy: &PasswordPolicy, password: &str, words: &ContextWords) -> Vec<Reason> {
    match policy.check(&Password::from(password), words) {
        Ok(()) => Vec::new(),
        Err(error) => error.rejection().unwrap().reasons().to_vec(),
    }
}

fn refused(password: &str) -> Vec<Reason> {
    reasons(&PasswordPolicy::with_mfa(), password, &ContextWords::new())
}

#[test]
fn good_passwords_are_taken_without_rules_of_composition() {
    let policy = PasswordPolicy::single_factor();
    for password in [
        "correct horse battery stable",
        "purple monkeys sing at midnight",
        "übermäßig große ameisen",
        "жёлтая подводная лодка",
        "我们在山上看见了一只很大的白色的鸟",
        "kBtz8ejbkpxzqqfh",
        "93 27 81 64 05 38 51",
        "🐎🔋🍎🚀🌋🏔🎻🧲🪁🦜🍇🎲🔭🧵🫖",
    ] {
        assert_eq!(
            reasons(&policy, password, &ContextWords::new()),
            [],
            "{password}"
        );
    }
}

#[test]
fn lengths_are_counted_in_code_points_of_the_normal_form() {
    let policy = PasswordPolicy::single_factor();
    let check = |password: &str| reasons(&policy, password, &ContextWords::new());
    let short = [Reason::TooShort { min: 15 }];
    assert_eq!(check("kBtz8ejbkpxzqq"), short);
    assert_eq!(check("kBtz8ejbkpxzqqf"), []);
    assert_eq!(check("жёлтая подвод"), short, "23 bytes");
    // Fifteen characters with their accents apart, and fifteen code points that are fewer characters.
    assert_eq!(check("kBtz8ejbkpxzqqe\u{301}"), []);
    assert_eq!(check("kBtz8ejbkpxzqe\u{301}"), short);

    let policy = PasswordPolicy::with_mfa().max_length(64).unwrap();
    let long: String = ('a'..='z')
        .chain('A'..='Z')
        .rev()
        .step_by(3)
        .chain("qp8wz5tjv-".chars())
        .collect();
    let long = format!("{long}{}{}", "7kx2mQ9rv4", "bH3nT6yL8c".repeat(2));
    let cut = |len| reasons(&policy, &long.repeat(2)[..len], &ContextWords::new());
    assert_eq!(cut(64), []);
    assert_eq!(cut(65), [Reason::TooLong { max: 64 }]);
}

// AUTH case 35
#[test]
fn what_cannot_be_hashed_is_refused_for_its_length_and_spaces_for_what_they_are() {
    let policy = PasswordPolicy::single_factor();
    let check = |text: String| policy.check(&Password::from(text), &ContextWords::new());
    for long in [0, 1025, 1 << 20] {
        let error = check("x".repeat(long)).unwrap_err();
        assert_eq!(error.kind(), PasswordErrorKind::Length, "{long}");
    }
    let error = check(" ".repeat(15)).unwrap_err();
    assert_eq!(error.rejection().unwrap().reasons(), [Reason::Repeated]);
    let error = check(" ".repeat(14)).unwrap_err();
    let both = [Reason::TooShort { min: 15 }, Reason::Repeated];
    assert_eq!(error.rejection().unwrap().reasons(), both);
    assert!(check("kBtz8ejb   kpxzqqfh   ".into()).is_ok());
}

#[test]
fn what_is_tried_first_is_refused_however_it_is_dressed_up() {
    for password in [
        "password",
        "Password1",
        "P@ssw0rd",
        "p4$$w0rd2024",
        "!!password!!",
        "PASSWORD123!",
        "pass word 1",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyuiop",
        "1q2w3e4r",
        "1qaz2wsx",
        "zaq12wsx",
        "iloveyou",
        "iloveyou2",
        "princess",
        "sunshine1",
        "football",
        "baseball1",
        "welcome1",
        "Welcome2024!",
        "Summer2025!",
        "trustno1",
        "superman",
        "batman123",
        "dragon12",
        "letmein1",
        "monkey12",
        "starwars",
        "liverpool",
        "changeme",
        "administrator",
    ] {
        let [reason] = refused(password)[..] else {
            panic!("{password}: {:?}", refused(password));
        };
        assert!(
            matches!(reason, Reason::Common | Reason::Predictable),
            "{password}: {reason:?}"
        );
    }
}

#[test]
fn what_can_be_predicted_is_refused_without_a_list() {
    for password in [
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "98765432109876543",
        "mountain",
        "mountain 12",
    ] {
        assert!(!refused(password).is_empty(), "{password}");
    }
}

#[test]
fn one_unit_again_and_again_is_refused_if_it_is_short() {
    for password in [
        "aaaaaaaaaaaaaaaa",
        "ababababababababa",
        "xK9xK9xK9xK9xK9x",
        "kBtz8ejkBtz8ej",
    ] {
        assert_eq!(refused(password), [Reason::Repeated], "{password}");
    }
    // The unit would do by itself.
    assert_eq!(refused("kBtz8ejbkpxkBtz8ejbkpx"), []);
    assert_eq!(refused("kBtz8ejbkBtz8ejX"), []);
}

#[test]
fn names_do_not_count() {
    let policy = PasswordPolicy::with_mfa();
    let words = ContextWords::new()
        .user("zoe_m")
        .email("zoe.miller@mail.example-shop.com")
        .tenant("Acme Rockets")
        .app("Portcullis");
    let check = |password: &str| reasons(&policy, password, &words);
    for password in [
        "portcullis",
        "Portcullis1",
        "P0rtcu11is!!",
        "zoemiller",
        "Zoe.Miller.2024",
        "acme-rockets",
        "example-shop-123",
        "millerzoeacme",
        "portcullis-password",
        "zoezoezoezoe!1",
        "mailmiller99",
    ] {
        assert_eq!(check(password), [Reason::ContextWord], "{password}");
    }
    for password in [
        "zoe likes purple ants",
        "my miller grinds x9q at dawn",
        "kBtz8ej-portcullis-bkpx",
        // Neither the top-level domain nor a single letter is a name.
        "comkBtz8ejbk",
        "mkBtz8ejbk",
    ] {
        assert_eq!(check(password), [], "{password}");
    }
    assert_eq!(reasons(&policy, "millerzoeacme8", &ContextWords::new()), []);
    assert_eq!(format!("{words:?}"), "ContextWords { len: 14 }");
}

// The domain's last part, which is no name by itself, was left over of an address, and passed for something to guess.
#[test]
fn a_name_does_not_count_as_a_whole_either() {
    let check = |words: &ContextWords, password: &str| {
        let reasons = reasons(&PasswordPolicy::single_factor(), password, words);
        assert_eq!(reasons, [Reason::ContextWord], "{password}");
    };
    let words = ContextWords::new().email("jane.doe@example.com");
    for password in [
        "jane.doe@example.com",
        "JANE.DOE@EXAMPLE.COM",
        "j4n3.d0e@ex4mple.c0m",
        "jane.doe@example.com1!",
        "jane.doe.example.com",
        "jane-doe-example-com",
        "janedoeexamplecom",
        "2026 example.com jane",
    ] {
        check(&words, password);
    }
    let short = ContextWords::new().email("j.d+a@x-y.co.uk");
    check(&short, "j.d+a@x-y.co.uk");
    check(
        &ContextWords::new().user("a1_b2_c3_d4_e5_f6"),
        "a1_b2_c3_d4_e5_f6",
    );
    let long = format!("{}@{}.example", "jk".repeat(32), "xy".repeat(31));
    check(&ContextWords::new().email(&long), &long);
    let not_one = ContextWords::new().email("someone at example");
    check(&not_one, "someone at example");
}

#[test]
fn the_list_can_be_longer() {
    let policy = PasswordPolicy::with_mfa().refusing(["Kaiserschmarrn", "Fußballgott"]);
    for password in ["kaiserschmarrn", "K4iserschm4rrn!", "2024 Fußballgott"] {
        let reasons = reasons(&policy, password, &ContextWords::new());
        assert_eq!(reasons, [Reason::Common], "{password}");
    }
    assert_eq!(refused("Kaiserschmarrn"), []);
}

#[test]
fn settings_that_nist_forbids_cannot_be_made() {
    let policy = PasswordPolicy::with_mfa;
    assert!(policy().min_length(7).is_err());
    assert!(policy().min_length(8).is_ok());
    assert!(policy().max_length(63).is_err());
    assert!(policy().max_length(64).is_ok());
    assert!(policy().max_length(64).unwrap().min_length(65).is_err());
    assert!(policy().min_length(2000).is_err());
}

#[test]
fn a_rejection_tells_what_is_wrong_and_nothing_of_the_password() {
    let error = PasswordPolicy::single_factor()
        .check(&Password::from("P4ssw0rd!"), &ContextWords::new())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the password has fewer than 15 characters; the password is one of those that are tried first"
    );
    let codes: Vec<_> = error
        .rejection()
        .unwrap()
        .reasons()
        .iter()
        .map(|r| r.code())
        .collect();
    assert_eq!(codes, ["too_short", "common"]);
    assert!(!format!("{error:?}").to_lowercase().contains("p4ss"));
}

#[test]
fn the_built_in_list_is_as_long_as_it_should_be() {
    assert!(common::entries() >= 3000, "{}", common::entries());
}

#[cfg(feature = "password-zxcvbn")]
#[test]
fn zxcvbn_knows_more_if_it_is_asked() {
    let policy = PasswordPolicy::with_mfa().zxcvbn();
    for password in ["swordfish", "Skywalker1", "m1chelangelo"] {
        let reasons = reasons(&policy, password, &ContextWords::new());
        assert!(!reasons.is_empty(), "{password}");
    }
    let good = "correct horse battery stable";
    assert_eq!(reasons(&policy, good, &ContextWords::new()), []);
}
