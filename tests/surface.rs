//! What the global object leads to, compared with the published binary's at three compatibility dates.
//!
//! `surface/published.txt` holds the published binary's names: a line each of name, description and dates. `WORKERD_BIN`
//! names another binary to check; with `RECORD_SURFACE` set, what that one has is written down instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::program::Program;
use tests::root;

/// Descriptions by date and name.
type Surface = BTreeMap<String, BTreeMap<String, String>>;

fn surface_of(program: &Program) -> Surface {
    let config = root().join("tests/surface/surface.capnp");
    let output = program.run(&["test".as_ref(), config.as_os_str()]);
    let text = String::from_utf8_lossy(&output.stdout);
    let surfaces = text.lines().filter_map(|line| {
        let (date, names) = line.strip_prefix("SURFACE ")?.split_once(' ')?;
        let names = serde_json::from_str(names).expect("the probe prints JSON");
        Some((date.to_owned(), names))
    });
    let surface: Surface = surfaces.collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(surface.len(), 3, "{text}\n{errors}");
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
            panic!("published.txt: {line}");
        };
        for date in dates.split(' ') {
            let names = surface.entry(date.to_owned()).or_default();
            names.insert(name.to_owned(), description.to_owned());
        }
    }
    surface
}

#[test]
fn globals_are_what_the_published_binary_has() {
    let found = surface_of(&Program::new(env!("CARGO_BIN_EXE_workerd")));
    let file = root().join("tests/surface/published.txt");
    if std::env::var_os("RECORD_SURFACE").is_some() {
        fs::write(file, written(&found)).expect("published.txt can be written");
        return;
    }
    let expected = read(&fs::read_to_string(file).expect("published.txt is there"));
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
