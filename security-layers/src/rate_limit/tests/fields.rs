use super::super::fields::policy;
use super::super::{Key, Quota, Rule};

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
