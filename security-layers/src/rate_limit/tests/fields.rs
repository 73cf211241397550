use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::fields::{Fields, policy};
use super::super::{Key, Quota, Rule};

// `insert` panicked on a response whose header map could take no more.
#[test]
fn a_full_response_stays_as_it_is() {
    let value = HeaderValue::from_static("1");
    let mut headers = HeaderMap::new();
    let names = (0..).map(|number| HeaderName::try_from(format!("x-{number}")).unwrap());
    for name in names {
        if headers.try_insert(name, value.clone()).is_err() {
            break;
        }
    }
    let full = headers.len();
    let fields = Fields {
        standard: Some((value.clone(), value)),
        legacy: None,
    };
    fields.write_to(&mut headers);
    assert_eq!(headers.len(), full);
}

/// The longest text that settings can lead to still fits, and is what a structured list looks like.
#[test]
fn the_longest_policy_is_a_header() {
    let rules: Vec<Rule> = (0..8)
        .map(|number| {
            let quota: Quota = "4294967295/1ns".parse().unwrap();
            let name = format!("{number}{}", "x".repeat(31));
            Rule::new(quota, Key::global()).name(name.parse().unwrap())
        })
        .collect();
    let field = policy(&rules).unwrap();
    let items: Vec<_> = field.to_str().unwrap().split(", ").collect();
    assert_eq!(items.len(), 8);
    assert_eq!(
        items[7],
        format!(
            "\"7{}\";q=999999999999999;w=1;qu=\"requests\"",
            "x".repeat(31)
        )
    );
}
