//! What the crate page says of the features is what the manifest says.

use std::collections::BTreeMap;

const MANIFEST: &str = include_str!("../Cargo.toml");
const PAGE: &str = include_str!("../src/lib.rs");

/// Each feature with what it enables.
fn features() -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = MANIFEST.lines().skip_while(|line| *line != "[features]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    let features = lines.filter_map(|line| line.split_once(" = ["));
    let enabled = |list: &'static str| list.split('"').skip(1).step_by(2).collect();
    features.map(|(name, list)| (name, enabled(list))).collect()
}

#[test]
fn the_table_of_features_is_true() {
    let mut features = features();
    let mut full = features.remove("full").unwrap();
    full.sort_unstable();
    assert!(
        full.iter()
            .eq(features.keys().filter(|name| **name != "default"))
    );
    assert_eq!(features.remove("default").unwrap(), [""; 0]);

    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let rows = rows.filter(|row| row.matches('|').count() == 3);
    let rows: BTreeMap<_, _> = rows.map(|row| row.split_once('`').unwrap()).collect();
    assert!(rows.keys().eq(features.keys()), "{rows:?}");
    for (feature, enabled) in features {
        for dependency in enabled.iter().filter_map(|name| name.strip_prefix("dep:")) {
            let brings_in = rows[feature].split('|').nth(2).unwrap();
            assert!(
                brings_in.contains(&format!("`{dependency}`")),
                "{feature}: {dependency}"
            );
        }
    }
}
