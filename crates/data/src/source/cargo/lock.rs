//! Which crates a package takes, by its lock file.

use serde::Deserialize;

use crate::error::DataError;

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Name and exact version of what the lock file's own package depends on directly, by name.
///
/// # Errors
///
/// [`DataError::Corpus`] if it is no lock file of one package with crates from a registry.
pub fn direct_dependencies(lock: &str) -> Result<Vec<(String, String)>, DataError> {
    let broken = |problem: String| DataError::Corpus(format!("Cargo.lock: {problem}"));
    let lock: Lock = toml::from_str(lock).map_err(|e| broken(e.to_string()))?;
    let mut own = lock.package.iter().filter(|package| package.source.is_none());
    let (Some(root), None) = (own.next(), own.next()) else {
        return Err(broken("it is not that of one package".into()));
    };
    let mut out = Vec::new();
    for dependency in &root.dependencies {
        // The version stands beside the name only where the lock file has several.
        let mut words = dependency.split(' ');
        let (name, version) = (words.next(), words.next());
        let package = lock.package.iter().find(|package| {
            Some(&*package.name) == name && version.is_none_or(|version| version == package.version)
        });
        let package = package.ok_or_else(|| broken(format!("{dependency} is not in it")))?;
        out.push((package.name.clone(), package.version.clone()));
    }
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_versions_that_the_package_itself_asks_for() {
        let lock = r#"
            version = 4
            [[package]]
            name = "b"
            version = "1.0.0+meta"
            source = "registry+x"
            [[package]]
            name = "a"
            version = "1.0.0"
            source = "registry+x"
            [[package]]
            name = "a"
            version = "2.0.0"
            source = "registry+x"
            dependencies = ["c"]
            [[package]]
            name = "c"
            version = "3.0.0"
            source = "registry+x"
            [[package]]
            name = "root"
            version = "0.0.0"
            dependencies = ["b", "a 2.0.0"]
        "#;
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let found = direct_dependencies(lock).unwrap();
        assert_eq!(found, [pair("a", "2.0.0"), pair("b", "1.0.0+meta")]);
        let error = direct_dependencies(&lock.replace("\"a 2.0.0\"", "\"d\"")).unwrap_err();
        assert!(error.to_string().contains("d is not in it"), "{error}");
    }
}
