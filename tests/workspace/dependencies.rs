//! The crates of others are those that `deny.toml` allows: their licences and sources, one version of each, none that nobody
//! maintains. `cargo deny check` reads the same file, and asks RustSec for news, which needs the network; this does not.
//!
//! Invariant: an exception that is not needed any more fails as well.

use cargo_metadata::{Metadata, Package, PackageId, semver::VersionReq};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    sources: Sources,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Listed>,
    deny: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: BTreeSet<String>,
    reason: String,
}

/// What the rules need to know of a crate of somebody else's.
struct Crate {
    name: String,
    version: cargo_metadata::semver::Version,
    license: Option<String>,
    source: String,
    users: BTreeSet<String>,
}

fn crates(m: &Metadata) -> Vec<Crate> {
    let names: BTreeMap<&PackageId, &Package> = m.packages.iter().map(|p| (&p.id, p)).collect();
    let mut users: BTreeMap<&PackageId, BTreeSet<String>> = BTreeMap::new();
    for node in &m.resolve.as_ref().expect("cargo metadata resolves").nodes {
        for dependency in &node.deps {
            users.entry(&dependency.pkg).or_default().insert(names[&node.id].name.to_string());
        }
    }
    let foreign = m.packages.iter().filter_map(|p| Some((p, p.source.as_ref()?)));
    let crates = foreign.map(|(p, source)| Crate {
        name: p.name.to_string(),
        version: p.version.clone(),
        license: p.license.clone().or_else(|| license_of_file(p)),
        source: source.to_string(),
        users: users.remove(&p.id).unwrap_or_default(),
    });
    crates.collect()
}

/// The licence of a crate that names a file alone, where it is one that can be told by a sentence.
fn license_of_file(p: &Package) -> Option<String> {
    let text = std::fs::read_to_string(p.license_file()?).ok()?;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.contains("Permission is hereby granted, free of charge, to any person").then(|| "MIT".into())
}

/// Everything that breaks a rule.
fn broken(deny: &Deny, crates: &[Crate]) -> Vec<String> {
    let mut wrong = vec![];
    for c in crates {
        let license = c.license.as_deref().unwrap_or("none");
        let expression = spdx::Expression::parse_mode(license, spdx::ParseMode::LAX);
        let allowed = expression
            .is_ok_and(|e| e.evaluate(|requirement| deny.licenses.allow.contains(&requirement.to_string())));
        if !allowed {
            wrong.push(format!("{}: the licence \"{license}\" is not among those allowed", c.name));
        }
        if !deny.sources.allow_registry.iter().any(|registry| c.source == format!("registry+{registry}")) {
            wrong.push(format!("{}: comes from {}", c.name, c.source));
        }
    }
    for listed in &deny.bans.deny {
        let found = crates.iter().filter(|c| c.name == listed.name).collect::<Vec<_>>();
        let users = found.iter().flat_map(|c| &c.users).cloned().collect::<BTreeSet<_>>();
        let more = users.difference(&listed.wrappers).cloned().collect::<Vec<_>>();
        if !more.is_empty() {
            wrong.push(format!("{}: used by {}, and {}", listed.name, more.join(", "), listed.reason));
        }
        let gone = listed.wrappers.difference(&users).cloned().collect::<Vec<_>>();
        if !gone.is_empty() {
            wrong.push(format!("{}: {} do not use it any more: take them out", listed.name, gone.join(", ")));
        }
    }
    let mut versions: BTreeMap<&str, Vec<&Crate>> = BTreeMap::new();
    crates.iter().for_each(|c| versions.entry(&c.name).or_default().push(c));
    let skipped = |listed: &Listed, c: &Crate| {
        let (name, required) = listed.name.split_once('@').expect("crate@version");
        name == c.name && VersionReq::parse(required).expect("a version").matches(&c.version)
    };
    for (name, all) in &versions {
        let left = all.iter().filter(|c| !deny.bans.skip.iter().any(|listed| skipped(listed, c)));
        let left = left.map(|c| c.version.to_string()).collect::<Vec<_>>();
        if left.len() > 1 {
            wrong.push(format!(
                "{name}: there are {}, and no reason is given for more than one",
                left.join(", ")
            ));
        }
    }
    for listed in &deny.bans.skip {
        let needed = crates.iter().any(|c| skipped(listed, c) && versions[&*c.name].len() > 1);
        if !needed {
            wrong.push(format!("{}: skipped, and there is no second version: take it out", listed.name));
        }
    }
    wrong
}

fn rules() -> Deny {
    toml_edit::de::from_str(include_str!("../../deny.toml")).expect("deny.toml reads")
}

#[test]
fn crates_of_others_are_allowed() {
    let crates = crates(&super::metadata());
    assert!(crates.len() > 100, "only {} crates were found", crates.len());
    let wrong = broken(&rules(), &crates);
    assert!(wrong.is_empty(), "deny.toml says which crates may be here:\n{}", wrong.join("\n"));
}

#[test]
fn the_rules_find_what_they_are_for() {
    let mut all = crates(&super::metadata());
    let copy = |c: &Crate, version: &str| Crate {
        name: c.name.clone(),
        version: version.parse().expect("a version"),
        license: Some("AGPL-3.0".into()),
        source: "git+https://example.org/x".into(),
        users: ["tessera-api".to_owned()].into(),
    };
    let blake = all.iter().find(|c| c.name == "blake3").map(|c| copy(c, "9.0.0")).expect("we hash");
    let atty = Crate { name: "atty".into(), ..copy(&blake, "0.2.14") };
    all.extend([blake, atty]);
    // whoever keeps `paste` alive has moved on, and so has bindgen
    all.retain(|c| c.name != "paste" && !(c.name == "shlex" && c.version.major == 1));
    let wrong = broken(&rules(), &all).join("\n");
    for part in [
        "blake3: the licence \"AGPL-3.0\" is not among those allowed",
        "blake3: comes from git+https://example.org/x",
        "blake3: there are ",
        "atty: used by tessera-api, and RUSTSEC-2024-0375",
        "paste: p3-field, tblgen do not use it any more",
        "shlex@1: skipped, and there is no second version",
    ] {
        assert!(wrong.contains(part), "{part}\nis not in\n{wrong}");
    }
}
