//! Which sets of features each package is built with: none, each alone, all. A feature that only builds
//! beside another one breaks whoever turns it on alone.

use crate::workspace::Package;

/// The arguments that choose each set; none for a package without features, which is checked as it is.
pub(crate) fn sets(package: &Package) -> Vec<Vec<String>> {
    if package.features.is_empty() {
        return Vec::new();
    }
    let mut sets = vec![vec!["--no-default-features".to_owned()]];
    for feature in &package.features {
        sets.push(vec!["--no-default-features".to_owned(), "--features".to_owned(), feature.clone()]);
    }
    sets.push(vec!["--all-features".to_owned()]);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(features: &[&str]) -> Vec<String> {
        let metadata = serde_json::json!({"packages": [{
            "name": "a", "manifest_path": "Cargo.toml", "targets": [], "dependencies": [],
            "features": features.iter().map(|name| (name.to_string(), serde_json::json!([])))
                .collect::<serde_json::Map<_, _>>(),
        }]});
        let packages = crate::workspace::parse(&metadata.to_string()).unwrap();
        sets(&packages[0]).into_iter().map(|set| set.join(" ")).collect()
    }

    #[test]
    fn each_feature_is_built_alone_and_with_all() {
        assert_eq!(
            with(&["default", "x", "y"]),
            [
                "--no-default-features",
                "--no-default-features --features x",
                "--no-default-features --features y",
                "--all-features",
            ]
        );
    }

    #[test]
    fn a_package_without_features_is_not_built_again() {
        assert!(with(&[]).is_empty());
        assert!(with(&["default"]).is_empty());
    }
}
