//! The READMEs keep their word: their examples run as doc tests, and the tables of the root one
//! name what there is.

/// The examples. Each crate's page is the README of its own package, so it is run here once.
#[cfg(doctest)]
mod examples {
    #[doc = include_str!("../../README.md")]
    struct Root;
    #[doc = include_str!("../../layer-core/README.md")]
    struct LayerCore;
    #[doc = include_str!("../../security-layers/README.md")]
    struct SecurityLayers;
    #[doc = include_str!("../../observability-layers/README.md")]
    struct ObservabilityLayers;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    const README: &str = include_str!("../../README.md");
    const WORKSPACE: &str = include_str!("../../Cargo.toml");

    /// The cells of the table that stands under `heading`, without its head.
    fn table(heading: &str) -> Vec<Vec<&'static str>> {
        let (_, section) = README.split_once(heading).expect(heading);
        let rows = section.lines().skip_while(|line| !line.starts_with('|'));
        rows.take_while(|line| line.starts_with('|'))
            .skip(2)
            .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
            .collect()
    }

    fn code(cell: &str) -> &str {
        cell.trim_matches('`')
    }

    #[test]
    fn every_member_of_the_workspace_stands_in_the_table_of_folders() {
        let (_, members) = WORKSPACE.split_once("members = [").expect("members");
        let (members, _) = members.split_once(']').expect("the end of the members");
        let members: BTreeSet<_> = members.split('"').skip(1).step_by(2).collect();
        let listed: BTreeSet<_> = table("## Crates")
            .into_iter()
            .map(|row| code(row[0]))
            .collect();
        assert_eq!(listed, members);
    }

    #[test]
    fn the_dependencies_are_of_this_version() {
        let (_, version) = WORKSPACE.split_once("\nversion = \"").expect("version");
        let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
        let lines = README.lines().filter(|line| line.contains("{ version ="));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 3);
        for line in lines {
            assert!(line.contains(&format!("version = \"{minor}\"")), "{line}");
        }
    }

    #[test]
    fn every_layer_stands_in_the_table_with_its_feature() {
        let listed: BTreeSet<_> = table("## Layers")
            .into_iter()
            .map(|row| {
                (
                    row[0].to_owned(),
                    code(row[1]).to_owned(),
                    code(row[2]).to_owned(),
                )
            })
            .collect();
        let there: BTreeSet<_> = [
            (
                "security-layers",
                include_str!("../../security-layers/src/lib.rs"),
            ),
            (
                "observability-layers",
                include_str!("../../observability-layers/src/lib.rs"),
            ),
        ]
        .into_iter()
        .flat_map(|(folder, root)| {
            layers(root).map(move |(feature, module)| {
                (folder.to_owned(), module.to_owned(), feature.to_owned())
            })
        })
        .collect();
        assert_eq!(listed, there);
    }

    /// The layers of a crate: its public modules with a feature of their own. What several features
    /// share is no layer.
    fn layers(root: &str) -> impl Iterator<Item = (&str, &str)> {
        let lines = root.lines().zip(root.lines().skip(1));
        lines.filter_map(|(attribute, item)| {
            let module = item.strip_prefix("pub mod ")?.strip_suffix(';')?;
            let feature = attribute.strip_prefix("#[cfg(feature = \"")?;
            Some((feature.strip_suffix("\")]")?, module))
        })
    }
}
