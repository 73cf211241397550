//! What the crate pages say of the features is what the manifests say.

use std::collections::BTreeMap;

/// A manifest, and the page with the table.
const CRATES: [(&str, &str); 2] = [
    (
        include_str!("../../auth-core/Cargo.toml"),
        include_str!("../../auth-core/src/lib.rs"),
    ),
    (
        include_str!("../../secrets/Cargo.toml"),
        include_str!("../../secrets/src/lib.rs"),
    ),
];

/// Each feature with what it enables.
fn features(manifest: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    let features = lines.filter_map(|line| line.split_once(" = ["));
    let enabled = |list: &'static str| list.split('"').skip(1).step_by(2).collect();
    features.map(|(name, list)| (name, enabled(list))).collect()
}

#[test]
fn the_tables_of_features_are_true() {
    for (manifest, page) in CRATES {
        let mut features = features(manifest);
        let mut full = features.remove("full").unwrap();
        full.sort_unstable();
        assert!(
            full.iter()
                .eq(features.keys().filter(|name| **name != "default"))
        );
        assert_eq!(features.remove("default").unwrap(), [""; 0]);

        let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `"));
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
}
