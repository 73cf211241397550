use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::json::FieldMask;
use super::super::scan::Scan;
use super::super::secrets::SecretMask;
use super::super::stats::State;
use super::{SECRETS, fields, in_pieces, known, mask_fields, mask_secrets};

const NAMES: [&str; 6] = ["a", "card", "number", "PIN", "p_i_n", "pins"];
const PATHS: [&str; 2] = ["pin", "card.number"];

/// Texts of secrets, parts of them, and what is next to them in JSON.
fn fragment() -> impl Strategy<Value = String> {
    let secret = || proptest::sample::select(&SECRETS[..]);
    prop_oneof![
        secret().prop_map(str::to_owned),
        secret().prop_map(|secret| {
            let escaped = serde_json::to_string(secret).unwrap();
            escaped[1..escaped.len() - 1].to_owned()
        }),
        (secret(), 0..15_usize)
            .prop_map(|(secret, end)| secret[..end.min(secret.len())].to_owned()),
        (secret(), 0..15_usize)
            .prop_map(|(secret, start)| secret[start.min(secret.len())..].to_owned()),
        proptest::sample::select(
            &[
                "\\", "\"", "\\u", "\\ud83d", "\\udd11", "{", "}", "[", "]", ",", ":", " ", "\n",
                "1", "-0.5e1", "true", "é"
            ][..]
        )
        .prop_map(str::to_owned),
        "[ -~]{0,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    vec(fragment(), 0..12).prop_map(|fragments| fragments.concat())
}

/// Documents with secrets in names, strings and numbers.
fn document() -> impl Strategy<Value = Value> {
    let name = || {
        prop_oneof![
            4 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned),
            1 => text(),
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_filter_map("a number of JSON", |number| {
            number.is_finite().then(|| json!(number))
        }),
        Just(json!(839_201_746_592_817_u64)),
        Just(json!(1_839_201_746_592_817_u64)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// As it is written: close together or not, with some letters escaped that need not be.
fn written(document: &Value, is_pretty: bool, escapes: bool) -> String {
    let text = match is_pretty {
        true => serde_json::to_string_pretty(document),
        false => serde_json::to_string(document),
    };
    let text = text.unwrap();
    match escapes {
        true => text.replace("pi", r"p\u0069").replace("Card", r"\u0043ard"),
        false => text,
    }
}

fn mask_both(text: &[u8], size: usize) -> Vec<u8> {
    let mut mask = Scan::new(
        Some(FieldMask::new(fields(&PATHS))),
        Some(SecretMask::new(known().forms(), true)),
        Arc::new(State::new()),
    );
    let mut out = Vec::new();
    in_pieces(text, size, |piece, is_last| {
        out.extend(mask.push(piece, is_last).concat());
    });
    out
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok()
}

/// What the mask of fields has to come to, by the plain rule.
fn masked(value: &Value, path: &[String]) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|value| masked(value, path)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let plain = name.replace(['_', '-', '.', ' '], "").to_ascii_lowercase();
                let path = [path, &[plain]].concat();
                let is_field = match &path[..] {
                    [.., last] if last == "pin" => true,
                    [.., before, last] => before == "card" && last == "number",
                    _ => false,
                };
                let value = match is_field {
                    true => json!("[REDACTED]"),
                    false => masked(value, &path),
                };
                (name.clone(), value)
            };
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        value => value.clone(),
    }
}

fn strings<'v>(value: &'v Value, all: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(list) => list.iter().for_each(|value| strings(value, all)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            all.push(name);
            strings(value, all);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fields_of_documents_are_masked_and_nothing_else(
        document in document(),
        is_pretty: bool,
        escapes: bool,
        size in 1..20_usize,
    ) {
        let text = written(&document, is_pretty, escapes);
        let out = mask_fields(&fields(&PATHS), text.as_bytes(), size);
        prop_assert_eq!(&out, &mask_fields(&fields(&PATHS), text.as_bytes(), usize::MAX));
        let document: Value = serde_json::from_str(&text).unwrap();
        let out: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(out, masked(&document, &[]));
    }

    #[test]
    fn fields_of_anything_do_not_depend_on_the_pieces(text in text(), size in 1..20_usize) {
        let text = format!(r#"{{"pin":{text}"#);
        let whole = mask_fields(&fields(&PATHS), text.as_bytes(), usize::MAX);
        prop_assert_eq!(mask_fields(&fields(&PATHS), text.as_bytes(), size), whole);
    }

    #[test]
    fn no_secret_is_left_in_a_text(text in text(), is_json: bool, size in 1..20_usize) {
        let known = known();
        let out = mask_secrets(&known, is_json, text.as_bytes(), size);
        prop_assert_eq!(&out, &mask_secrets(&known, is_json, text.as_bytes(), usize::MAX));
        prop_assert_eq!(known.forms().find(&out).count(), 0);
        if known.forms().find(text.as_bytes()).next().is_none() {
            prop_assert_eq!(&out, text.as_bytes());
        }
        // Masked again, it stays.
        prop_assert_eq!(&mask_secrets(&known, is_json, &out, size), &out);
    }

    #[test]
    fn a_json_string_with_anything_in_it_stays_one(text in text(), size in 1..20_usize) {
        for text in [format!("[\"{text}\"]"), format!("[{text}]")] {
            let out = mask_secrets(&known(), true, text.as_bytes(), size);
            prop_assert!(!is_json(text.as_bytes()) || is_json(&out), "{}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn both_masks_in_a_row_are_as_one(document in document(), is_pretty: bool, size in 1..20_usize) {
        let text = written(&document, is_pretty, true);
        let out = mask_both(text.as_bytes(), size);
        prop_assert_eq!(&out, &mask_both(text.as_bytes(), usize::MAX));
        prop_assert_eq!(&out, &mask_both(&out, size));
        prop_assert_eq!(known().forms().find(&out).count(), 0);
        let out: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&out, &masked(&out, &[]));
    }

    #[test]
    fn documents_are_documents_without_secrets(
        document in document(),
        is_pretty: bool,
        escapes: bool,
        size in 1..20_usize,
    ) {
        let text = written(&document, is_pretty, escapes);
        let out = mask_secrets(&known(), true, text.as_bytes(), size);
        let out: Value = serde_json::from_slice(&out).unwrap();
        let mut all = Vec::new();
        strings(&out, &mut all);
        for (secret, text) in SECRETS.iter().flat_map(|secret| all.iter().map(move |text| (secret, text))) {
            prop_assert!(!text.contains(secret), "{text}");
        }
    }
}
