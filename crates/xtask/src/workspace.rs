//! What `cargo metadata` tells about the workspace's packages.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::tools::{Done, cargo, output};

/// A package of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Its features without `default`.
    pub(crate) features: Vec<String>,
    /// The packages it depends on, of all kinds.
    pub(crate) dependencies: Vec<String>,
    /// Its targets.
    targets: Vec<Target>,
}

/// Something cargo builds.
struct Target {
    kind: String,
    name: String,
    /// Its root file.
    source: PathBuf,
}

impl Package {
    /// The names of its targets of one kind: `test`, `bench`, `bin`.
    pub(crate) fn targets<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.sources(kind).map(|(name, _)| name)
    }

    /// The names of its targets of one kind, and their root files.
    pub(crate) fn sources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Path)> {
        let of = self.targets.iter().filter(move |target| target.kind == kind);
        of.map(|target| (target.name.as_str(), target.source.as_path()))
    }
}

/// The workspace's packages.
pub(crate) fn packages() -> Done<Vec<Package>> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    parse(&metadata).ok_or_else(|| "`cargo metadata` wrote something this version does not know".into())
}

pub(crate) fn parse(metadata: &str) -> Option<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    metadata["packages"].as_array()?.iter().map(package).collect()
}

fn package(package: &Value) -> Option<Package> {
    let features = package["features"].as_object()?.keys();
    let mut targets = Vec::new();
    for target in package["targets"].as_array()? {
        for kind in target["kind"].as_array()? {
            targets.push(Target {
                kind: kind.as_str()?.to_owned(),
                name: target["name"].as_str()?.to_owned(),
                source: PathBuf::from(target["src_path"].as_str()?),
            });
        }
    }
    let mut dependencies = Vec::new();
    for dependency in package["dependencies"].as_array()? {
        dependencies.push(dependency["name"].as_str()?.to_owned());
    }
    Some(Package {
        name: package["name"].as_str()?.to_owned(),
        manifest: PathBuf::from(package["manifest_path"].as_str()?),
        features: features.filter(|feature| *feature != "default").cloned().collect(),
        dependencies,
        targets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_read() {
        let packages = packages().unwrap();
        let facade = packages.iter().find(|package| package.name == "lastbyte").unwrap();
        assert!(facade.dependencies.iter().any(|name| name == "lastbyte-core"));
        assert!(facade.features.iter().any(|feature| feature == "guard"));
        assert!(!facade.features.iter().any(|feature| feature == "default"));
        let xtask = packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(xtask.targets("bin").collect::<Vec<_>>(), ["xtask"]);
    }

    #[test]
    fn what_is_not_metadata_is_refused() {
        assert!(parse("").is_none());
        assert!(parse("{}").is_none());
        assert!(parse(r#"{"packages":[{"name":"a"}]}"#).is_none());
    }
}
