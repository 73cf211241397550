use super::*;

#[test]
fn a_date_is_a_number_of_seconds_before_the_year_10000() {
    for (number, millis) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("1790000000", Some(1_790_000_000_000)),
        ("1790000000.0", Some(1_790_000_000_000)),
        ("1790000000.5", Some(1_790_000_000_500)),
        ("1.79e9", Some(1_790_000_000_000)),
        ("253402300799", Some(253_402_300_799_000)),
        ("253402300799.5", None),
        ("253402300800", None),
        ("-1", None),
        ("-0.5", None),
        ("1e19", None),
        ("1e400", None),
        ("-1e400", None),
        ("9223372036854775807", None),
        ("9223372036854775808", None),
    ] {
        let expected = millis.and_then(Timestamp::from_millis);
        assert_eq!(numeric_date(number), expected, "{number}");
    }
}

#[test]
fn claims_are_read_whatever_their_spelling() {
    let claims = Claims::parse(
        br#" {"iss":"https:\/\/a.example","s\u0075b":"\u005a\u006f\u00eb","jti":"j","aud":["x","y\/z"],
            "http:\/\/b.example\/role":"admin","list":["a",1],"n":-7,"t":true,"o":{"k":[1]},"sep":18446744073709551615} "#
            .to_vec(),
    )
    .unwrap();
    assert_eq!(claims.issuer(), "https://a.example");
    assert_eq!(claims.subject(), "Zoë");
    assert_eq!(claims.token_id(), Some("j"));
    assert_eq!(claims.audiences(), ["x", "y/z"]);
    assert_eq!(claims.epoch(), Some(u64::MAX));
    assert_eq!(claims.text("http://b.example/role").unwrap(), "admin");
    assert_eq!(claims.text("iss").unwrap(), "https://a.example");
    assert_eq!(claims.texts("list"), None);
    assert_eq!(claims.texts("aud").unwrap(), ["x", "y/z"]);
    assert_eq!(claims.integer("n"), Some(-7));
    assert_eq!(claims.boolean("t"), Some(true));
    assert_eq!(claims.json("o"), Some(r#"{"k":[1]}"#));
    assert_eq!(claims.json("none"), None);
    assert!(claims.as_json().starts_with(r#" {"iss""#) && claims.as_json().ends_with("} "));
    assert_eq!(
        format!("{claims:?}"),
        r#"Claims { iss: "https://a.example", sub: "Zoë", jti: Some("j"), .. }"#,
    );
}

#[test]
fn scopes_are_words_or_a_list_of_them() {
    for (payload, expected) in [
        (r#"{"scope":"a b  c"}"#, Some(&["a", "b", "c"][..])),
        (r#"{"scope":""}"#, Some(&[])),
        (r#"{"scp":["a","b"]}"#, Some(&["a", "b"])),
        (r#"{"scp":"a b"}"#, Some(&["a", "b"])),
        (r#"{"scope":"a","scp":"b"}"#, Some(&["a"])),
        (r#"{"scope":7}"#, Some(&[])),
        (r"{}", None),
    ] {
        let claims = Claims::parse(payload.into()).unwrap();
        let expected = expected.map(|words| words.iter().map(|word| Cow::from(*word)).collect());
        assert_eq!(claims.scopes(), expected, "{payload}");
    }
}
