use super::*;

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
