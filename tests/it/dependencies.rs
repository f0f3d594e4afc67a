//! The policy on dependencies, `deny.toml`, enforced by the plain test command.
//!
//! `cargo deny` reads the same file and sees more (the advisory database, every target platform). These tests tell
//! without it that a new dependency brought a licence, a source or a crate that is not wanted here. New advisories and
//! yanked releases, which only the database or the registry knows, are left to `cargo deny`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// How the source of a package of the default registry begins; a mirror set up on a machine does not change it.
const DEFAULT_REGISTRY: &str = "registry+https://github.com/rust-lang/";

/// The part of `deny.toml` that is enforced here.
#[derive(Deserialize)]
struct Policy {
    advisories: Advisories,
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Excuse>,
}

#[derive(Deserialize)]
struct Excuse {
    id: String,
    reason: String,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// A package, as `cargo metadata` tells it. A package without a source is this crate.
#[derive(Clone, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[test]
fn every_dependency_fits_the_policy() {
    let packages = packages();
    // Far fewer would mean that the command was misunderstood, and everything below would pass.
    assert!(packages.len() > 100, "cargo tells of {} packages only", packages.len());
    let faults = faults(&packages, &policy());
    assert!(faults.is_empty(), "dependencies that deny.toml does not allow:\n{}", faults.join("\n"));
}

/// An excuse must not outlive its advisory, or it will excuse another one day.
#[test]
fn every_excuse_is_dated_and_still_needed() {
    // The advisories that we live with, and the crate that each is about.
    let crates = BTreeMap::from([("RUSTSEC-2024-0384", "instant"), ("RUSTSEC-2025-0057", "fxhash")]);
    let packages = packages();
    for Excuse { id, reason } in policy().advisories.ignore {
        let name = crates.get(id.as_str()).unwrap_or_else(|| panic!("{id}: say here which crate it is about"));
        assert!(packages.iter().any(|package| package.name == *name), "{id}: {name} is gone, so is its excuse");
        let date = reason.split(':').next().unwrap_or_default();
        assert!(date.parse::<jiff::civil::Date>().is_ok(), "{id}: the reason must open with a date: {reason}");
    }
}

/// Every way in which a package breaks the policy.
fn faults(packages: &[Package], policy: &Policy) -> Vec<String> {
    let mut faults = Vec::new();
    for Package { name, version, license, source } in packages {
        let mut fault = |text: String| faults.push(format!("{name} {version}: {text}"));
        match license.as_deref() {
            None => fault("states no licence".to_owned()),
            Some(expression) => match allowed(expression, &policy.licenses.allow) {
                Ok(true) => {}
                Ok(false) => fault(format!("the licence is {expression}")),
                Err(reason) => fault(format!("the licence {expression} cannot be read: {reason}")),
            },
        }
        if let Some(source) = source
            && !source.starts_with(DEFAULT_REGISTRY)
        {
            fault(format!("comes from {source}"));
        }
        if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == *name) {
            fault(format!("is denied: {}", ban.reason));
        }
    }
    faults
}

/// Whether a licence expression is met by licences that are allowed.
///
/// The grammar is SPDX's (`OR`, `AND`, `WITH`, parentheses; `AND` binds tighter), and the `/` that once stood for `OR`.
fn allowed(expression: &str, allow: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allow };
    let met = reader.any_of()?;
    match reader.words {
        [] => Ok(met),
        [word, ..] => Err(format!("unexpected {word}")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    allow: &'a BTreeSet<String>,
}

impl Reader<'_> {
    fn any_of(&mut self) -> Result<bool, String> {
        let mut met = self.all_of()?;
        while self.take("OR") {
            met |= self.all_of()?;
        }
        Ok(met)
    }

    fn all_of(&mut self) -> Result<bool, String> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Ok(met)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let met = self.any_of()?;
            return if self.take(")") { Ok(met) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Ok(self.allow.contains(&format!("{name} WITH {exception}")));
        }
        Ok(self.allow.contains(&name))
    }

    fn name(&mut self) -> Result<String, String> {
        match *self.words {
            [] => Err("it ends too early".to_owned()),
            [word @ ("AND" | "OR" | "WITH" | "(" | ")"), ..] => Err(format!("unexpected {word}")),
            [word, ref rest @ ..] => {
                self.words = rest;
                Ok(word.to_owned())
            }
        }
    }

    fn take(&mut self, word: &str) -> bool {
        match *self.words {
            [first, ref rest @ ..] if first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

fn policy() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    let text = std::fs::read_to_string(&path).expect("deny.toml can be read");
    toml::from_str(&text).expect("deny.toml says what it must")
}

/// The packages of which this machine builds the bridge and its tests. Offline: the build of this test has fetched them
/// all, but not those of other platforms.
fn packages() -> Vec<Package> {
    let version = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo tells its host");
    // A build without the features need not have fetched their packages.
    let features: &[&str] = if cfg!(all(feature = "otel", feature = "oidc")) { &["--all-features"] } else { &[] };
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Metadata>(&output.stdout).expect("cargo metadata is understood").packages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn licence_expressions_are_read() {
        let allow = set(&["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
        for (expression, met) in [
            ("MIT", Ok(true)),
            ("GPL-3.0-only", Ok(false)),
            ("MIT OR GPL-3.0-only", Ok(true)),
            ("GPL-3.0-only / MIT", Ok(true)),
            ("GPL-3.0-only/MIT", Ok(true)),
            ("MIT AND GPL-3.0-only", Ok(false)),
            ("ISC AND MIT", Ok(true)),
            // AND binds tighter than OR, in any order.
            ("MIT OR GPL-3.0-only AND GPL-2.0-only", Ok(true)),
            ("GPL-2.0-only AND GPL-3.0-only OR MIT", Ok(true)),
            ("(MIT OR GPL-3.0-only) AND GPL-2.0-only", Ok(false)),
            ("ISC AND (GPL-3.0-only OR (MIT))", Ok(true)),
            // An exception is another licence, in both directions.
            ("Apache-2.0 WITH LLVM-exception", Ok(true)),
            ("Apache-2.0", Ok(false)),
            ("MIT WITH LLVM-exception", Ok(false)),
            ("", Err("it ends too early")),
            ("MIT OR", Err("it ends too early")),
            ("MIT MIT", Err("unexpected MIT")),
            ("(MIT", Err("a parenthesis is not closed")),
            ("MIT)", Err("unexpected )")),
            ("AND MIT", Err("unexpected AND")),
        ] {
            assert_eq!(allowed(expression, &allow), met.map_err(str::to_owned), "{expression}");
        }
    }

    #[test]
    fn every_breach_is_found() {
        let policy: Policy = toml::from_str(
            r#"
            advisories.ignore = []
            licenses.allow = ["MIT"]
            bans.deny = [{ crate = "openssl", reason = "one TLS stack" }]
            "#,
        )
        .unwrap();
        let good = Package {
            name: "good".to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT".to_owned()),
            source: Some(format!("{DEFAULT_REGISTRY}index")),
        };
        assert_eq!(faults(&[good.clone(), Package { source: None, ..good.clone() }], &policy), Vec::<String>::new());
        let bad = [
            Package { license: None, ..good.clone() },
            Package { license: Some("GPL-3.0-only".to_owned()), ..good.clone() },
            Package { license: Some("MIT OR".to_owned()), ..good.clone() },
            Package { source: Some("git+https://github.com/rust-lang/good".to_owned()), ..good.clone() },
            Package { source: Some("registry+https://example.org/index".to_owned()), ..good.clone() },
            Package { name: "openssl".to_owned(), ..good },
        ];
        assert_eq!(
            faults(&bad, &policy),
            [
                "good 1.0.0: states no licence",
                "good 1.0.0: the licence is GPL-3.0-only",
                "good 1.0.0: the licence MIT OR cannot be read: it ends too early",
                "good 1.0.0: comes from git+https://github.com/rust-lang/good",
                "good 1.0.0: comes from registry+https://example.org/index",
                "openssl 1.0.0: is denied: one TLS stack",
            ]
        );
    }
}
