//! Every kind of memory counts against `--limit-heap-mb`, and what cannot be had is refused before it is made.

use std::fs;

use tests::folder::{Folder, ONE_WORKER};
use tests::server::{Server, Start};

use super::program;

const EXCEEDED: &str = "Worker exceeded memory limit.";

fn serve(arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new(&[
        ("config.capnp", ONE_WORKER),
        ("worker.js", include_str!("memory_limits.js")),
    ]);
    let start = Start::serve(&program(), &folder.path("config.capnp")).processes(1);
    let start = arguments.iter().fold(start, Start::arg);
    (folder, start.start())
}

/// The most memory that a process of the server has had, in MiB.
fn peak_mib(server: &Server) -> u64 {
    let peaks = server.tree().into_iter().filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    peaks.max().expect("a process") / 1024
}

#[test]
fn what_grows_counts_with_what_it_may_grow_to() {
    let (_folder, mut server) = serve(&["--limit-heap-mb=64"]);
    let processes = server.tree();
    let refused = "RangeError: Array buffer allocation failed";
    for (path, answer) in [
        ("resizable", refused),
        ("resizableAtOnce", refused),
        ("resizableSubclass", refused),
        ("resizableByInstance", refused),
        ("growable", refused),
        ("many", refused),
        ("let_go", "true"),
        ("long_json", "15000000"),
        ("repeated", "RangeError: Invalid string length"),
        ("padded", "RangeError: Invalid string length"),
        ("summed", "RangeError: Invalid string length"),
        ("matched", "RangeError: Invalid string length"),
        ("transferred", refused),
        ("transferredToShorter", refused),
        ("clonedThenGrown", refused),
        ("clonedShared", refused),
        ("clonedByTransfer", refused),
        ("splitAtFew", "5,3,1,20000003"),
        ("sorted", "RangeError: Invalid array length"),
        ("sortedLater", "1,2"),
        ("cloneReadAlong", "41943040,41943040"),
    ] {
        assert_eq!(server.get(&format!("/{path}")).text(), answer, "{path}");
    }
    for path in ["memory", "memoryGrown"] {
        let answer = server.get(&format!("/{path}"));
        assert!(answer.text().contains("Error"), "{path}: {answer:?}");
    }
    for path in ["shared", "plain"] {
        let answer = server.get(&format!("/{path}"));
        assert!(
            [refused, EXCEEDED].contains(&answer.text()),
            "{path}: {answer:?}"
        );
    }
    for path in [
        "json",
        "parsed",
        "parsedObject",
        "cloned",
        "bodies",
        "clones",
    ] {
        let full = server.get(&format!("/{path}"));
        assert_eq!((full.status, full.text()), (503, EXCEEDED), "{path}");
        assert_eq!(server.get("/").text(), "fine", "after {path}");
    }
    assert!(peak_mib(&server) < 800, "{} MiB", peak_mib(&server));
    assert_eq!(server.tree(), processes);
    assert!(server.stop().success());
}

#[test]
fn no_array_is_larger_than_arrays_can_be() {
    for limit in ["--limit-heap-mb=64", "--limit-heap-mb=256"] {
        let (_folder, server) = serve(&[limit]);
        let processes = server.tree();
        for path in [
            "summed",
            "matched",
            "splitObject",
            "splitByRegExp",
            "splitByGroups",
            "splitBySymbol",
            "matchedBySymbol",
            "replacedByRegExp",
            "replacedByParts",
            "repeatedObject",
        ] {
            assert_eq!(
                server.get(&format!("/{path}")).text(),
                "RangeError: Invalid string length",
                "{path} with {limit}"
            );
        }
        assert!(peak_mib(&server) < 800, "{} MiB", peak_mib(&server));
        assert_eq!(server.tree(), processes);
    }
    let (_folder, free) = serve(&[]);
    let refused = "RangeError: Invalid array length";
    assert_eq!(free.get("/sorted").text(), refused);
    assert_eq!(free.get("/sortedLater").text(), "1,2");
}

#[test]
fn the_built_ins_that_ask_are_as_ever() {
    let (_folder, limited) = serve(&["--limit-heap-mb=64"]);
    let (_folder, free) = serve(&[]);
    let answer = free.get("/is_as_ever");
    assert!(answer.text().starts_with("true,true,10,ArrayBuffer,1,"));
    assert_eq!(limited.get("/is_as_ever").text(), answer.text());
}
