//! What is released: all of it, with checksums that are right, and an SBOM of what the program is made of.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::folder::Folder;
use tests::root;

use crate::debian::{alone, makes_packages};
use crate::{has, made, printed, read, stand_in};

fn sbom() -> Value {
    let printed = printed(Command::new(root().join("deploy/build/sbom.py")));
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn the_sbom_names_what_the_program_is_made_of() {
    if !has("python3") {
        return;
    }
    let bom = sbom();
    assert_eq!(
        (&bom["bomFormat"], &bom["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    let components = bom["components"].as_array().unwrap();
    let lock = read("Cargo.lock");
    let mut refs = HashSet::from(["workerd"]);
    for component in components {
        let (name, version) = (
            component["name"].as_str().unwrap(),
            component["version"].as_str().unwrap(),
        );
        assert!(
            refs.insert(component["bom-ref"].as_str().unwrap()),
            "{name} is there twice"
        );
        assert!(
            component["licenses"][0].is_object(),
            "{name} has no licence"
        );
        if component["purl"].is_string() {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{name} {version}");
        }
    }
    for name in ["v8", "V8", "SQLite", "hyper", "rustls", "worker-proc"] {
        assert!(
            components.iter().any(|component| component["name"] == name),
            "{name}"
        );
    }
    for name in ["tempfile", "clap_mangen", "tests"] {
        assert!(
            components.iter().all(|component| component["name"] != name),
            "only tests use {name}"
        );
    }
    for of in bom["dependencies"].as_array().unwrap() {
        let used = of["dependsOn"]
            .as_array()
            .unwrap()
            .iter()
            .chain([&of["ref"]]);
        used.for_each(|name| assert!(refs.contains(name.as_str().unwrap()), "{name}"));
    }
}

#[test]
fn all_that_is_released_has_its_checksum() {
    if !has("python3") || !has("npm") || !makes_packages() {
        return;
    }
    let _alone = alone();
    let folder = Folder::new(&[]);
    let mut dist = Command::new(root().join("deploy/build/dist.sh"));
    let to = folder.path("dist");
    dist.arg(stand_in(&folder)).arg(&to);
    made(dist);
    let mut check = Command::new("sha256sum");
    check
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&to);
    let checked = printed(check);
    let files = fs::read_dir(&to).unwrap().count();
    assert_eq!(checked.lines().count(), files - 1, "{checked}");
    for ending in [".deb: OK", ".cdx.json: OK", ".tgz: OK"] {
        assert!(
            checked.lines().any(|line| line.ends_with(ending)),
            "{ending}: {checked}"
        );
    }
}
