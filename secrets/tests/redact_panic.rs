//! What a process prints when it panics. The tests start themselves as that process, because a hook
//! is for all threads.
#![cfg(feature = "redact")]

use std::process::Command;

use portcullis_secrets::redact::Redactor;

const CASE: &str = "PORTCULLIS_TEST_PANIC";

/// What `test` prints to the standard error in a process of its own, in which `CASE` is set.
fn printed(test: &str) -> String {
    let this = std::env::current_exe().expect("a test has an executable");
    let output = Command::new(this)
        .args(["--exact", test, "--nocapture"])
        .env(CASE, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("it can be started again");
    assert!(!output.status.success(), "it did not panic");
    String::from_utf8(output.stderr).expect("panics are text")
}

fn is_started_again() -> bool {
    std::env::var_os(CASE).is_some()
}

#[test]
fn a_panic_is_printed_without_its_secrets() {
    if is_started_again() {
        Redactor::new().install_panic_hook();
        let address = "https://joe:hunter2@db/".parse::<std::net::IpAddr>();
        address
            .map_err(|error| format!("{error} at https://joe:hunter2@db/"))
            .unwrap();
    }
    let printed = printed("a_panic_is_printed_without_its_secrets");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(
        printed.contains("thread 'a_panic_is_printed_without_its_secrets' panicked at secrets/tests/redact_panic.rs:"),
        "{printed}"
    );
    assert!(
        printed.contains(
            "called `Result::unwrap()` on an `Err` value: \"invalid IP address syntax at https://***@db/\""
        ),
        "{printed}"
    );
}

#[test]
fn a_panic_without_secrets_is_left_to_the_hook_before() {
    if is_started_again() {
        std::panic::set_hook(Box::new(|info| eprintln!("the hook before: {info}")));
        Redactor::new().install_panic_hook();
        panic!("nothing to hide: {}", 42);
    }
    let printed = printed("a_panic_without_secrets_is_left_to_the_hook_before");
    assert!(
        printed.contains("the hook before: panicked at"),
        "{printed}"
    );
    assert!(printed.contains("nothing to hide: 42"), "{printed}");
}

#[test]
fn a_payload_that_is_no_text_is_left_to_the_hook_before() {
    if is_started_again() {
        std::panic::set_hook(Box::new(|_| eprintln!("the hook before")));
        Redactor::new().install_panic_hook();
        std::panic::panic_any(42);
    }
    let printed = printed("a_payload_that_is_no_text_is_left_to_the_hook_before");
    assert!(printed.contains("the hook before"), "{printed}");
}

#[test]
fn the_report_can_go_elsewhere() {
    if is_started_again() {
        std::panic::set_hook(Box::new(|_| eprintln!("the hook before")));
        Redactor::new().install_panic_hook_with(|report| eprintln!("reported: {report}"));
        panic!("token=hunter2");
    }
    let printed = printed("the_report_can_go_elsewhere");
    assert!(
        printed.contains("reported: thread 'the_report_can_go_elsewhere'"),
        "{printed}"
    );
    assert!(printed.contains("token=[REDACTED]"), "{printed}");
    assert!(
        !printed.contains("the hook before") && !printed.contains("hunter2"),
        "{printed}"
    );
}
