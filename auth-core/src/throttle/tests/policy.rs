use super::*;

#[test]
fn a_key_that_is_short_or_could_be_guessed_is_none() {
    let good = SecretBytes::generate(32).unwrap();
    for (key, text) in [
        (&b"change-me"[..], "a key has 32 bytes at least"),
        (
            good.expose_secret().get(1..).unwrap(),
            "a key has 32 bytes at least",
        ),
        (&[7; 32], "a key is generated and not thought up"),
        (
            b"your-256-bit-secret-your-256-bit",
            "a key is generated and not thought up",
        ),
    ] {
        let weak = SecretBytes::from(key);
        let devices = DeviceKeys::new(1, &good).unwrap();
        let errors = [
            AuthGate::new(&weak, devices).err(),
            DeviceKeys::new(1, &weak).err(),
            DeviceKeys::new(1, &good).unwrap().previous(2, &weak).err(),
        ];
        for error in errors {
            assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(text));
        }
    }
}

#[test]
fn a_wrong_policy_cannot_be_had() {
    let limit = |max, per| Limit::new(std::num::NonZeroU32::new(max).unwrap(), per);
    let n = |n| std::num::NonZeroU32::new(n).unwrap();
    assert!(limit(1, Duration::from_secs(1)).is_ok());
    for (error, text) in [
        (
            limit(1001, MINUTE).unwrap_err(),
            "a limit is 1,000 failures at most",
        ),
        (
            limit(1, Duration::ZERO).unwrap_err(),
            "a limit is for a time of one second to one day",
        ),
        (
            limit(1, 1441 * MINUTE).unwrap_err(),
            "a limit is for a time of one second to one day",
        ),
        (
            Policy::default().challenge_after(n(101)).unwrap_err(),
            "a challenge is due after 100 failures in a row at the latest",
        ),
        (
            Policy::default().free_tries(n(101)).unwrap_err(),
            "there cannot be more free tries than failures before a challenge",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
