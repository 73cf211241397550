//! Drives the program as a judge does. The vectors are those of the standards they name.
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn run(input: &[u8]) -> Vec<String> {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_jws-verify"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    probe.stdin.take().unwrap().write_all(input).unwrap();
    let output = probe.wait_with_output().unwrap();
    assert!(output.status.success());
    let output = String::from_utf8(output.stdout).unwrap();
    output.lines().map(ToOwned::to_owned).collect()
}

fn verdict(case: &Value) -> String {
    let mut lines = run(format!("{case}\n").as_bytes());
    assert_eq!(lines.len(), 1);
    let line = lines.remove(0);
    line.strip_prefix("1 ").unwrap().to_owned()
}

/// RFC 8037 A.2 and A.4.
fn ed25519() -> Value {
    json!({
        "tcId": 1,
        "alg": "EdDSA",
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "jws": "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    })
}

/// RFC 7520 4.4: a message whose header has a `kid`.
fn hs256() -> Value {
    json!({
        "tcId": 1,
        "alg": "HS256",
        "jwk": {"kty": "oct", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037", "use": "sig", "alg": "HS256",
            "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"},
        "jws": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
    })
}

/// A member of the key takes another value, or goes if that is `null`.
fn with_key(mut case: Value, name: &str, value: Value) -> Value {
    case["jwk"][name] = value;
    case["jwk"]
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    case
}

fn with(mut case: Value, name: &str, value: Value) -> Value {
    case[name] = value;
    case.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    case
}

#[test]
fn good_signatures_of_all_kinds_of_keys_are_valid() {
    for case in [
        ed25519(),
        hs256(),
        with(ed25519(), "alg", Value::Null),
        with(ed25519(), "alg", json!("")),
        with_key(
            ed25519(),
            "d",
            json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"),
        ),
        with_key(ed25519(), "alg", json!("EdDSA")),
        with_key(ed25519(), "key_ops", json!(["verify"])),
        with_key(ed25519(), "kid", json!("the header has none")),
        with_key(hs256(), "kid", Value::Null),
        with_key(hs256(), "alg", Value::Null),
        with(ed25519(), "jwk", json!(ed25519()["jwk"].to_string())),
        with(
            ed25519(),
            "jwk",
            json!({"keys": [ed25519()["jwk"], {"kty": "unknown"}]}),
        ),
        with(
            hs256(),
            "jwk",
            json!({"keys": [hs256()["jwk"], with_key(hs256(), "kid", json!("b"))["jwk"]]}),
        ),
    ] {
        assert_eq!(verdict(&case), "valid", "{case}");
    }
}

#[test]
fn what_disagrees_is_invalid() {
    let forged = |jws: &Value| jws.as_str().unwrap().replacen(".R", ".S", 1);
    for case in [
        with(ed25519(), "jws", json!(forged(&ed25519()["jws"]))),
        with(ed25519(), "alg", json!("ES256")),
        with(ed25519(), "alg", json!("Ed25519")),
        with(ed25519(), "alg", json!("none")),
        with(ed25519(), "jws", json!("eyJhbGciOiJub25lIn0.RXhhbXBsZQ.")),
        with_key(ed25519(), "alg", json!("Ed25519")),
        with_key(ed25519(), "use", json!("enc")),
        with_key(ed25519(), "key_ops", json!(["sign"])),
        with_key(ed25519(), "crv", json!("Ed448")),
        // Everybody can sign for it.
        with_key(
            ed25519(),
            "x",
            json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ),
        with_key(
            ed25519(),
            "x",
            json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        ),
        with_key(hs256(), "kid", json!("another")),
        with_key(hs256(), "alg", json!("HS512")),
        with_key(hs256(), "k", json!("")),
        with(
            hs256(),
            "jwk",
            json!({"keys": [hs256()["jwk"], hs256()["jwk"]]}),
        ),
        with(
            hs256(),
            "jwk",
            json!({"keys": [hs256()["jwk"], ed25519()["jwk"]]}),
        ),
        with(hs256(), "jwk", json!({"keys": []})),
        with(ed25519(), "jwk", Value::Null),
        with(ed25519(), "jwk", json!(7)),
        with(ed25519(), "jws", Value::Null),
        with(ed25519(), "jws", json!({"payload": "Zm9v"})),
    ] {
        assert_eq!(verdict(&case), "invalid", "{case}");
    }
}

#[test]
fn lines_that_cannot_be_read_are_invalid_and_those_after_them_are_judged() {
    let mut input = Vec::new();
    for line in [
        &b"{"[..],
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"tcId\":7}",
        b"{\"tcId\":\"a\"}",
        b"",
        b"  ",
    ] {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    // The last line needs no end.
    input.extend_from_slice(ed25519().to_string().as_bytes());
    let expected = [
        "- invalid",
        "- invalid",
        "- invalid",
        "- invalid",
        "7 invalid",
        "a invalid",
        "1 valid",
    ];
    assert_eq!(run(&input), expected);
    assert!(run(b"").is_empty());
    let deep = [vec![b'['; 100_000], b"\n".to_vec()].concat();
    assert_eq!(run(&deep), ["- invalid"]);
}
