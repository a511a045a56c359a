//! What the global object and Node's modules lead to, compared with the published binary's at several compatibility dates.
//!
//! `surface/published.txt` and `surface/modules.txt` hold the published binary's names: a line each of name, description
//! and dates. `surface/modules_differing.txt` lists the names of Node that differ, and may only become shorter. `WORKERD_BIN`
//! names another binary to check; with `RECORD_SURFACE` set, what that one has is written down instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::program::Program;
use tests::root;

/// Descriptions by date and name.
type Surface = BTreeMap<String, BTreeMap<String, String>>;

fn surface_of(program: &Program, config: &str, dates: usize) -> Surface {
    let config = root().join("tests/surface").join(config);
    let output = program.run(&["test".as_ref(), config.as_os_str()]);
    let text = String::from_utf8_lossy(&output.stdout);
    let surfaces = text.lines().filter_map(|line| {
        let (date, names) = line.strip_prefix("SURFACE ")?.split_once(' ')?;
        let names = serde_json::from_str(names).expect("the probe prints JSON");
        Some((date.to_owned(), names))
    });
    let surface: Surface = surfaces.collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(surface.len(), dates, "{text}\n{errors}");
    surface
}

fn written(surface: &Surface) -> String {
    let mut lines: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (date, names) in surface {
        for (name, description) in names {
            lines.entry((name, description)).or_default().push(date);
        }
    }
    let lines = lines.iter().map(|((name, description), dates)| {
        let dates = dates.join(" ");
        format!("{name}\t{description}\t{dates}\n")
    });
    lines.collect()
}

fn read(text: &str) -> Surface {
    let mut surface = Surface::new();
    for line in text.lines() {
        let mut parts = line.split('\t');
        let [Some(name), Some(description), Some(dates)] = [(); 3].map(|()| parts.next()) else {
            panic!("not a name, a description and dates: {line}");
        };
        for date in dates.split(' ') {
            let names = surface.entry(date.to_owned()).or_default();
            names.insert(name.to_owned(), description.to_owned());
        }
    }
    surface
}

/// What the binary has, and what is written down; none where that is what was asked for.
fn both(config: &str, file: &str, dates: usize) -> Option<(Surface, Surface)> {
    let found = surface_of(&Program::new(env!("CARGO_BIN_EXE_workerd")), config, dates);
    let file = root().join("tests/surface").join(file);
    if std::env::var_os("RECORD_SURFACE").is_some() {
        fs::write(file, written(&found)).expect("the names can be written");
        return None;
    }
    let expected = fs::read_to_string(file).expect("the names are there");
    Some((found, read(&expected)))
}

#[test]
fn globals_are_what_the_published_binary_has() {
    let Some((found, expected)) = both("surface.capnp", "published.txt", 3) else {
        return;
    };
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let mut unlisted = BTreeSet::new();
    for (date, names) in &expected {
        let found = &found[date];
        let differing: Vec<_> = names
            .iter()
            .filter(|(name, description)| found.get(*name) != Some(description))
            .collect();
        let same = names.len() - differing.len();
        println!("{date}: {same} of {} names are the same", names.len());
        assert!(same * 100 >= names.len() * 98, "{date}: {differing:?}");
        for (name, description) in differing {
            if !readme.contains(&format!("`{name}`")) {
                unlisted.insert(format!("{name}: {description}, here {:?}", found.get(name)));
            }
        }
    }
    assert!(unlisted.is_empty(), "not in the README: {unlisted:#?}");
}

#[test]
fn modules_of_node_are_what_the_published_binary_has() {
    let Some((found, expected)) = both("modules.capnp", "modules.txt", 2) else {
        return;
    };
    let listed = fs::read_to_string(root().join("tests/surface/modules_differing.txt"));
    let listed = listed.expect("the names that differ are there");
    let listed: BTreeSet<&str> = listed.lines().collect();
    let mut differing = BTreeSet::new();
    for (date, names) in &expected {
        let found = &found[date];
        let differ = |(name, kind): &(&String, &String)| found.get(*name) != Some(*kind);
        let here: BTreeSet<_> = names.iter().filter(differ).map(|(name, _)| name).collect();
        let same = names.len() - here.len();
        println!("{date}: {same} of {} names are the same", names.len());
        assert!(same * 100 >= names.len() * 99, "{date}: {here:?}");
        differing.extend(here.into_iter().map(String::as_str));
    }
    let added: Vec<_> = differing.difference(&listed).collect();
    assert!(added.is_empty(), "names that differ now: {added:#?}");
    // Of the published binary, none differ.
    if std::env::var_os("WORKERD_BIN").is_none() {
        let mended: Vec<_> = listed.difference(&differing).collect();
        assert!(mended.is_empty(), "names to take off the list: {mended:#?}");
    }
}
