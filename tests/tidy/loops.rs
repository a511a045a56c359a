//! Who imports whom in circles: no folders do, and of files in one folder at most three.

use std::collections::{BTreeMap, BTreeSet};

use crate::complain;
use crate::modules::{Modules, Use, inside};
use crate::source::{Source, rust};

/// Files of one folder that may import each other: a type, what it is made of, and its module.
const MAX_FILES: usize = 3;

/// Every loop that is too large, with the imports that make it.
fn check(sources: &[Source]) -> Vec<String> {
    let uses = Modules::new(sources).uses();
    let mut wrong = Vec::new();
    for folder in folders(sources) {
        let edges = inside(&uses, &folder);
        for members in loops(&edges) {
            let folders = members.iter().filter(|name| name.ends_with('/')).count();
            if folders > 1 || members.len() > MAX_FILES {
                wrong.push(describe(&folder, &members, &edges));
            }
        }
    }
    wrong
}

fn folders(sources: &[Source]) -> BTreeSet<String> {
    let above = |name: &str| {
        let parts: Vec<&str> = name.split('/').collect();
        (1..parts.len())
            .map(|end| parts[..end].join("/"))
            .collect::<Vec<_>>()
    };
    let all = sources.iter().flat_map(|source| above(&source.name));
    all.collect()
}

/// Groups of two or more that reach each other.
fn loops(edges: &BTreeMap<(String, String), Use>) -> Vec<BTreeSet<String>> {
    let nodes: BTreeSet<&String> = edges.keys().flat_map(|(from, to)| [from, to]).collect();
    let reach = |start: &String| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(node) = left.pop() {
            for (from, to) in edges.keys() {
                if *from == node && seen.insert(to.clone()) {
                    left.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        nodes.iter().map(|node| (*node, reach(node))).collect();
    let group = |node: &&String| {
        let others = reached[*node].iter();
        others
            .filter(|other| reached[*other].contains(*node))
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let groups: BTreeSet<_> = nodes.iter().map(group).collect();
    groups.into_iter().filter(|group| group.len() > 1).collect()
}

fn describe(
    folder: &str,
    members: &BTreeSet<String>,
    edges: &BTreeMap<(String, String), Use>,
) -> String {
    let names: Vec<_> = members.iter().map(String::as_str).collect();
    let mut text = format!("{folder}: {}", names.join(" "));
    for ((from, to), found) in edges {
        if members.contains(from) && members.contains(to) {
            text += &format!(
                "\n    {from} -> {to}: {}:{} {}",
                found.from, found.line, found.path
            );
        }
    }
    text
}

#[test]
fn no_folders_and_few_files_import_each_other_in_circles() {
    complain("import loops", &check(&rust()));
}

#[test]
fn a_loop_of_folders_is_found() {
    let folders = [
        Source::new("w/src/lib.rs", "mod a; mod b;"),
        Source::new("w/src/a/mod.rs", "mod x; pub struct A;"),
        Source::new("w/src/a/x.rs", "fn f() { super::super::b::g() }"),
        Source::new("w/src/b/mod.rs", "use crate::a::A; pub fn g() {}"),
    ];
    let found = check(&folders);
    assert!(
        found.len() == 1 && found[0].starts_with("w/src: a/ b/"),
        "{found:?}"
    );
}

#[test]
fn a_loop_of_four_files_is_found_and_one_of_three_is_not() {
    let ring = |size: usize| {
        let file = |at: usize| {
            let next = (at + 1) % size;
            Source::new(
                &format!("w/src/a/f{at}.rs"),
                &format!("use super::f{next}::T{next}; pub struct T{at};"),
            )
        };
        (0..size).map(file).collect::<Vec<_>>()
    };
    assert_eq!(check(&ring(3)).len(), 0);
    assert_eq!(check(&ring(4)).len(), 1);
}
