use std::fmt;

use proptest::prelude::*;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::*;

/// What `serde_json` says of the same text; `None` if it is no object to it.
fn oracle(text: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(text).ok()
}

fn members(text: &str) -> Result<Vec<String>, json::Fault> {
    let mut names = Vec::new();
    json::object(text, |name, _| names.push(name.read().into_owned()))?;
    Ok(names)
}

#[test]
fn an_object_is_read_as_the_standard_has_it() {
    for text in [
        "{}",
        " {\t}\r\n",
        r#"{"a":1}"#,
        r#"{"a":-0.5e+10,"b":[1,"2",null,{"c":true}],"d":{}}"#,
        r#"{"é":"ü","\u00e8":"\ud83d\ude00"}"#,
        r#"{"a":{"a":{"a":1}}}"#,
        r#"{"a":1,"a\u0000":2,"\u0000a":3}"#,
        &format!(r#"{{"a":1{},"b":0.{}}}"#, "0".repeat(305), "1".repeat(400)),
    ] {
        let expected = oracle(text).unwrap();
        let mut names = members(text).unwrap();
        names.sort();
        assert!(names.iter().eq(expected.keys()), "{text}");
    }
    for text in [
        "",
        "{",
        "}",
        "[]",
        "null",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        "{a:1}",
        "{'a':1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
        r#"{"a":NaN}"#,
        r#"{"a":1e400}"#,
        r#"{"a":-1e999999999999}"#,
        &format!(r#"{{"a":-{}}}"#, "9".repeat(309)),
        r#"{"a":tru}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":"b}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\ud83d"}"#,
        r#"{"a":"\ud83d\ud83d"}"#,
        r#"{"a":"\ude00\ud83d"}"#,
        r#"{"\ud83d":1}"#,
        "{\"a\":\"\\\n\"}",
        r#"{"a":"\u12"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":1}/* */"#,
    ] {
        assert!(oracle(text).is_none(), "{text}");
        assert_eq!(members(text), Err(json::Fault::Malformed), "{text}");
    }
}

#[test]
fn no_member_comes_twice_at_any_depth_and_in_any_spelling() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"{"\u0061":1,"b":2,"a":3}"#,
        r#"{"\u0061":1,"\u0061":1}"#,
        r#"{"":1,"":2}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":[[{"b":1,"c":2,"b":3}]]}"#,
    ] {
        assert_eq!(members(text), Err(json::Fault::Duplicate), "{text}");
    }
    let many = |last: usize| {
        let members = (0..=last).map(|n| format!("\"n{n}\":{n}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    assert_eq!(members(&many(2000)).unwrap().len(), 2001);
    for (name, again) in [
        (3, "n3"),
        (3, r"\u006e3"),
        (31, "n31"),
        (32, "n32"),
        (198, r"n19\u0038"),
    ] {
        let twice = many(199).replace("\"n199\"", &format!("\"{again}\""));
        assert_eq!(members(&twice), Err(json::Fault::Duplicate), "{name}");
    }
}

// Names that are escaped were once compared each with each, and read anew each time: a header of 8 KiB, which anybody can
// send, took as long as a hundred signatures. So many as here took most of a minute; they take some milliseconds.
#[test]
fn names_of_every_spelling_are_looked_up_in_time_that_does_not_grow_with_the_square() {
    let members = (0..8000).map(|n| format!("\"\\u0061{n}\":0"));
    let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    let start = std::time::Instant::now();
    assert_eq!(self::members(&text).unwrap().len(), 8000);
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn nesting_has_a_bound() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(members(&nested(16)).is_ok());
    assert_eq!(members(&nested(17)), Err(json::Fault::Malformed));
    assert_eq!(members(&nested(100_000)), Err(json::Fault::Malformed));
}

#[test]
fn base64_has_one_text_for_one_value() {
    assert_eq!(base64::decode("_-A"), Some(vec![0xff, 0xe0]));
    for text in ["_-B", "_-A=", "/+A", "_-A\n", " _-A", "_", "_-AA_", "é"] {
        assert_eq!(base64::decode(text), None, "{text}");
    }
    let mut exact = [0; 64];
    let text = base64::encode([7; 64]);
    assert_eq!(base64::decode_into(&text, &mut exact), Some(&[7; 64][..]));
    assert_eq!(base64::decode_into(&text, &mut exact[..63]), None);
}

#[test]
fn strings_of_every_length_end_where_they_end() {
    for len in 0..40 {
        for special in [
            "", "\\n", "\u{7f}", "é", "\u{0}", "\u{1f}", " ", "\\", "\"x",
        ] {
            for at in 0..=len {
                let text = "x".repeat(at) + special + &"y".repeat(len - at);
                let json = format!("{{\"{text}\":1}}");
                let expected =
                    oracle(&json).map(|object| object.keys().cloned().collect::<Vec<_>>());
                assert_eq!(members(&json).ok(), expected, "{json:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_accepted_is_json_and_read_alike(text in r#"[{}\[\]",:a-c0-2.eE+\\u \-]{0,24}"#) {
        if let Ok(mut names) = members(&text) {
            let expected = oracle(&text).expect("accepted, so it is an object");
            names.sort();
            prop_assert!(names.iter().eq(expected.keys()));
        }
    }

    // All values of all members, at any depth, against a reader that was taught to refuse what comes twice.
    #[test]
    fn the_same_is_accepted_as_by_another_reader_and_nothing_else(text in json_text()) {
        let expected: Option<Strict> = serde_json::from_str(&text).ok();
        let mut read = Vec::new();
        let accepted = json::object(&text, |name, value| read.push((name.read().into_owned(), value)));
        let Some(Strict(serde_json::Value::Object(expected))) = expected else {
            prop_assert!(accepted.is_err());
            return Ok(());
        };
        prop_assert_eq!(accepted, Ok(()));
        prop_assert_eq!(read.len(), expected.len());
        for (name, value) in read {
            let expected = &expected[&name];
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(value.raw).unwrap(), expected);
            let text = value.text();
            prop_assert_eq!(text.as_deref(), expected.as_str());
            prop_assert_eq!(value.kind == json::Kind::Number, expected.is_number());
            prop_assert_eq!(value.kind == json::Kind::Bool, expected.is_boolean());
            prop_assert_eq!(value.kind == json::Kind::Null, expected.is_null());
            prop_assert_eq!(value.kind == json::Kind::Array, expected.is_array());
            prop_assert_eq!(value.kind == json::Kind::Object, expected.is_object());
        }
    }

    #[test]
    fn objects_without_duplicates_are_accepted(
        members in prop::collection::btree_map(".{0,8}", json_value(), 0..40),
    ) {
        let text = serde_json::to_string(&members).unwrap();
        let mut read = Vec::new();
        json::object(&text, |name, value| read.push((name.read().into_owned(), value.raw.to_owned()))).unwrap();
        for (name, raw) in read {
            let value: serde_json::Value = serde_json::from_str(&raw).unwrap();
            prop_assert_eq!(Some(&value), members.get(&name));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,64}") {
        let _result = Jws::parse(&text);
        let _result = Jwk::parse(&text);
        let _result = KeySet::from_jwks(text.as_bytes(), Algorithm::ALL);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Texts of objects with few names, so that some come twice, and now and then with a fault.
fn json_text() -> impl Strategy<Value = String> {
    let name = r#""(a|b|\\u0061|iss|iss |"{2}|\\")"#;
    let space = "[ \t\r\n]{0,2}";
    let leaf = prop_oneof![
        8 => r#"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?"#,
        8 => r#""([a-z~é]|\\[nt"\\/u]|\\u00[0-9a-f]{2}|\\ud83d\\ude0[0-9]){0,12}""#,
        4 => "true|false|null",
        1 => r#"01|\.5|1e|tru|""|"\n"|'a'|\\|"#,
    ];
    let value = leaf.prop_recursive(3, 12, 4, move |inner| {
        let member = (name, space, inner.clone())
            .prop_map(|(name, space, value)| format!("{name}{space}:{space}{value}"));
        let list = |item: BoxedStrategy<String>| {
            prop::collection::vec(item, 0..4).prop_map(|items| items.join(","))
        };
        prop_oneof![
            list(inner.boxed()).prop_map(|items| format!("[{items}]")),
            list(member.boxed()).prop_map(|members| format!("{{{members}}}")),
        ]
    });
    let member = (name, value).prop_map(|(name, value)| format!("{name}:{value}"));
    (space, prop::collection::vec(member, 0..5), space)
        .prop_map(|(before, members, after)| format!("{before}{{{}}}{after}", members.join(",")))
}

/// A value as `serde_json` reads it, without members that come twice.
#[derive(Debug)]
struct Strict(serde_json::Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let value = match raw.as_bytes().first() {
            Some(b'[') => serde_json::from_str::<Vec<Self>>(raw)
                .map(|items| items.into_iter().map(|Self(item)| item).collect()),
            Some(b'{') => {
                serde_json::from_str::<Members>(raw).map(|Members(members)| members.into())
            }
            _ => serde_json::from_str(raw),
        };
        value.map(Self).map_err(de::Error::custom)
    }
}

struct Members(serde_json::Map<String, serde_json::Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnceEach;
        impl<'de> Visitor<'de> for OnceEach {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = serde_json::Map::new();
                while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
                    if members.insert(name, value).is_some() {
                        return Err(de::Error::custom("a member comes twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(OnceEach)
    }
}
