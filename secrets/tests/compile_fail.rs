//! What does not compile, with the message of the compiler that says so. That all types lack all of these traits is
//! tested by the unit tests of `types`, which do not depend on the wording.

#[test]
fn leaks_do_not_compile() {
    let cases = trybuild::TestCases::new();
    for case in ["clone", "deref", "display", "escape", "hash", "partial_eq"] {
        cases.compile_fail(format!("tests/compile-fail/{case}.rs"));
    }
    #[cfg(feature = "serde")]
    cases.compile_fail("tests/compile-fail/serialize.rs");
}
