//! What the program is made of: every crate's licence is one that `.github/deny.toml` allows, and its source the registry.

use std::process::Command;

use ::tests::root;

use crate::complain;

/// The strings of the first `allow` list.
fn allowed(deny: &str) -> Vec<&str> {
    let list = deny
        .split("allow = [")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    let list = list.unwrap_or_default();
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be satisfied with these licences; `/` is an older way to write OR.
fn is_allowed(expression: &str, allow: &[&str]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let any = any_of(&words, &mut at, allow);
    any && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allow: &[&str]) -> bool {
    let mut any = all_of(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        any |= all_of(words, at, allow);
    }
    any
}

fn all_of(words: &[&str], at: &mut usize, allow: &[&str]) -> bool {
    let mut all = one(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        all &= one(words, at, allow);
    }
    all
}

fn one(words: &[&str], at: &mut usize, allow: &[&str]) -> bool {
    let mut next = || {
        *at += 1;
        words.get(*at - 1).copied().unwrap_or_default()
    };
    let name = next();
    if name == "(" {
        let inside = any_of(words, at, allow);
        *at += 1;
        return inside;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allow.contains(&format!("{name} WITH {exception}").as_str());
    }
    allow.contains(&name)
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let deny = std::fs::read_to_string(root().join(".github/deny.toml")).unwrap();
    let allow = allowed(&deny);
    // What another platform needs is not there to be asked.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo.args(["metadata", "--offline", "--locked", "--format-version=1"]);
    cargo.args(["--filter-platform", &target]);
    let output = ::tests::program::output(cargo, &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let wrong = packages.iter().filter(|package| {
        let source = package["source"].as_str();
        !is_allowed(package["license"].as_str().unwrap_or_default(), &allow)
            || source.is_some_and(|source| !source.starts_with("registry+"))
    });
    let wrong: Vec<_> = wrong
        .map(|package| {
            format!(
                "{} {} {}",
                package["name"], package["license"], package["source"]
            )
        })
        .collect();
    complain("crates with another licence or source", &wrong);
}

#[test]
fn expressions_are_read() {
    let allow =
        allowed("x = []\nallow = [\n  \"MIT\",\n  \"Apache-2.0 WITH LLVM-exception\",\n]\n");
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "Apache-2.0/MIT",
        "GPL-3.0 AND X OR MIT",
        "Apache-2.0 WITH LLVM-exception AND (MIT OR GPL-3.0)",
    ] {
        assert!(is_allowed(good, &allow), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT OR X) AND GPL-3.0",
        "MIT MIT",
    ] {
        assert!(!is_allowed(bad, &allow), "{bad}");
    }
}
