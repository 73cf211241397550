use bytes::Bytes;

use super::super::json::FieldMask;
use super::{fields, mask_fields};

#[track_caller]
fn check(paths: &[&str], json: &str, expected: &str) {
    let fields = fields(paths);
    for size in [usize::MAX, 1, 2, 3, 7] {
        let masked = mask_fields(&fields, json.as_bytes(), size);
        assert_eq!(String::from_utf8_lossy(&masked), expected, "{size}");
    }
}

#[test]
fn a_value_of_any_kind_becomes_a_string() {
    for value in [
        r#""hunter2""#,
        r#""""#,
        r#""with \"quotes\" and \\ and , } ] :""#,
        r#""\\""#,
        "0",
        "-12.5e+7",
        "true",
        "null",
        "{}",
        "[]",
        r#"{"password":{"x":[1,{"y":"}"}]}}"#,
        r#"[[["a"], "]"], {"b": [1, 2]}]"#,
    ] {
        for (before, after) in [
            (r#"{"password":"#, "}"),
            (r#"{"a":1,"password" : "#, r#" , "b":[1]}"#),
            ("[{\"password\":\n\t", "\n}, \"c\"]"),
        ] {
            check(
                &["password"],
                &format!("{before}{value}{after}"),
                &format!(r#"{before}"[REDACTED]"{after}"#),
            );
        }
    }
}

#[test]
fn names_are_compared_as_they_are_meant() {
    for name in [
        "cardNumber",
        "card_number",
        "CARD-NUMBER",
        "Card Number",
        "card.number",
        r"c\u0061rd_number",
        r"\u0043ard\u005fNumber",
    ] {
        check(
            &["card_number"],
            &format!(r#"{{"{name}":1}}"#),
            &format!(r#"{{"{name}":"[REDACTED]"}}"#),
        );
    }
    for name in [
        "card",
        "number",
        "mycardnumber",
        "cardnumbers",
        r"card\nnumber",
        r"card\\u005fnumber",
        "",
    ] {
        let json = format!(r#"{{"{name}":1}}"#);
        check(&["card_number"], &json, &json);
    }
    check(
        &["пароль", "🔑"],
        r#"{"пароль":1,"\u043f\u0430\u0440\u043e\u043b\u044c":2,"\ud83d\udd11":3,"🔑":4,"\ud83d":5}"#,
        r#"{"пароль":"[REDACTED]","\u043f\u0430\u0440\u043e\u043b\u044c":"[REDACTED]","\ud83d\udd11":"[REDACTED]","🔑":"[REDACTED]","\ud83d":5}"#,
    );
}

#[test]
fn only_the_value_behind_the_name_is_masked() {
    for json in [
        r#"["password", "password"]"#,
        r#"{"a":"password","b":"password"}"#,
        r#"{"a":"\"password\":","b":"x"}"#,
        r#""password""#,
        r#"{"passwords":"x"}"#,
        "",
        "  ",
        "no JSON, password: x",
        r#"{"a":"password""#,
    ] {
        check(&["password"], json, json);
    }
    // A name in a list of names and one in a string are none.
    check(
        &["password"],
        r#"["password",{"a":["password"],"password":[]}]"#,
        r#"["password",{"a":["password"],"password":"[REDACTED]"}]"#,
    );
}

#[test]
fn a_path_is_followed_through_objects_and_lists() {
    let paths = ["card.number", "user.home.street", "pin"];
    check(
        &paths,
        r#"{"number":1,"card":{"number":2,"pin":3,"x":{"number":4}},"cards":[{"number":5}]}"#,
        r#"{"number":1,"card":{"number":"[REDACTED]","pin":"[REDACTED]","x":{"number":4}},"cards":[{"number":5}]}"#,
    );
    check(
        &paths,
        r#"[{"card":[[{"number":1}],{"number":2,"other":3},4]},{"number":5}]"#,
        r#"[{"card":[[{"number":"[REDACTED]"}],{"number":"[REDACTED]","other":3},4]},{"number":5}]"#,
    );
    check(
        &paths,
        r#"{"user":{"street":1,"home":{"street":2,"town":3},"work":{"street":4}},"home":{"street":5}}"#,
        r#"{"user":{"street":1,"home":{"street":"[REDACTED]","town":3},"work":{"street":4}},"home":{"street":5}}"#,
    );
    check(
        &paths,
        r#"{"a":{"user":{"home":{"a":{},"street":{"number":1}}}},"user":{},"home":{"street":2}}"#,
        r#"{"a":{"user":{"home":{"a":{},"street":"[REDACTED]"}}},"user":{},"home":{"street":2}}"#,
    );
}

#[test]
fn documents_in_a_row_are_all_masked() {
    check(
        &["a.b", "c"],
        "{\"a\":{\"b\":1}}\n{\"b\":2,\"c\":3}\n\u{1e}{\"c\":[4]}\n",
        "{\"a\":{\"b\":\"[REDACTED]\"}}\n{\"b\":2,\"c\":\"[REDACTED]\"}\n\u{1e}{\"c\":\"[REDACTED]\"}\n",
    );
}

#[test]
fn what_is_no_json_hides_nothing() {
    for (text, expected) in [
        (
            r#"{"password":"never closed"#,
            r#"{"password":"[REDACTED]""#,
        ),
        (
            r#"}}]{"password":1,}{"password":2"#,
            r#"}}]{"password":"[REDACTED]",}{"password":"[REDACTED]""#,
        ),
        (r#"{"password",:1}"#, r#"{"password",:1}"#),
        (
            r#"{"x":,"password":1 2}"#,
            r#"{"x":,"password":"[REDACTED]" 2}"#,
        ),
        (
            r#"{"password":1"next":2}"#,
            r#"{"password":"[REDACTED]""next":2}"#,
        ),
        (
            r#"{"password":,"b":}{"password":}"#,
            r#"{"password":,"b":}{"password":}"#,
        ),
        (
            r#"{"\u12":1,"password":2}"#,
            r#"{"\u12":1,"password":"[REDACTED]"}"#,
        ),
        (
            "{'password':1,\"password\":1}",
            "{'password':1,\"password\":\"[REDACTED]\"}",
        ),
    ] {
        check(&["password"], text, expected);
    }
}

#[test]
fn deep_down_a_field_is_known_by_its_last_name() {
    let nested = |depth: usize, inner: &str| {
        format!("{}{inner}{}", r#"{"x":"#.repeat(depth), "}".repeat(depth))
    };
    for (depth, is_masked) in [(126, false), (127, false), (128, true), (1000, true)] {
        let plain = nested(depth, r#"{"number":1}"#);
        let masked = nested(depth, r#"{"number":"[REDACTED]"}"#);
        check(
            &["card.number"],
            &plain,
            if is_masked { &masked } else { &plain },
        );
        // And up again.
        let (plain, masked) = (format!("[{plain},"), format!("[{masked},"));
        check(
            &["card.number"],
            &format!(r#"{plain}{{"number":1,"card":{{"number":2}}}}]"#),
            &format!(
                r#"{}{{"number":1,"card":{{"number":"[REDACTED]"}}}}]"#,
                if depth > 126 { &masked } else { &plain }
            ),
        );
    }
}

#[test]
fn a_value_of_megabytes_is_left_out_without_being_kept() {
    let mut mask = FieldMask::new(fields(&["password"]));
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    assert_eq!(
        mask.push(&Bytes::from_static(b"{\"password\":\"")),
        r#"{"password":"[REDACTED]""#
    );
    for _ in 0..64 {
        assert!(mask.push(&piece).is_empty());
        assert_eq!(mask.kept(), 0);
    }
    assert_eq!(mask.push(&Bytes::from_static(b"\"}")), "}");

    // A name that has no end, neither.
    mask.push(&Bytes::from_static(b"{\""));
    for _ in 0..64 {
        assert_eq!(mask.push(&piece).as_ptr(), piece.as_ptr());
        assert!(mask.kept() <= 1024);
    }
    assert_eq!(mask.push(&Bytes::from_static(b"\":1}")), "\":1}");
}

#[test]
fn a_name_that_is_too_long_is_none_in_whatever_pieces() {
    for (length, is_masked) in [(512, true), (513, false)] {
        let name = format!("{}pin", "_".repeat(length - 3));
        let plain = format!(r#"{{"{name}":1}}"#);
        let masked = format!(r#"{{"{name}":"[REDACTED]"}}"#);
        check(&["pin"], &plain, if is_masked { &masked } else { &plain });
    }
}

#[test]
fn a_piece_without_a_field_is_passed_on_as_it_is() {
    let mut mask = FieldMask::new(fields(&["password"]));
    let piece = Bytes::from_static(br#"{"name":"Ada","tags":["a","b"]}"#);
    let out = mask.push(&piece);
    assert_eq!((out.as_ptr(), out.len()), (piece.as_ptr(), piece.len()));
    assert_eq!(mask.take_found(), 0);
}
