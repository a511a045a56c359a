//! The house rules that a program can check: who imports whom, how long files are, what no file may contain, what no file
//! refers to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::{files_with_ending, root};

/// Lines of a file without its tests.
const MAX_LINES: usize = 800;

/// The runtime's layers, lowest first: each may use those before it.
const LAYERS: [&str; 7] = [
    "glue", "isolate", "request", "actors", "dispatch", "http", "net",
];

fn name(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(endings: &[&str]) -> Vec<(String, String)> {
    let paths = endings.iter().flat_map(|ending| files_with_ending(ending));
    let ours = paths
        .map(|path| (name(&path), read(&path)))
        .filter(|(name, _)| !name.contains("/generated/"));
    ours.filter(|(name, _)| !name.starts_with("deploy/v8/"))
        .collect()
}

/// The text before a Rust file's own tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

fn complain(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The module of worker-proc that a `crate::` path begins with, wherever one stands in the text.
fn modules_used(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = without_tests(text)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut used = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            None => _ = used.insert(identifier(path)),
            Some(group) => used.extend(first_segments(group)),
        }
    }
    used
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// What `{a, b::{c, d}, e}` begins with, after its first brace: a, b, e.
fn first_segments(group: &str) -> Vec<String> {
    let (mut depth, mut segments, mut current) = (1, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => segments.push(std::mem::take(&mut current)),
            _ => current.push(c),
        }
    }
    segments.push(current);
    segments
        .iter()
        .map(|segment| identifier(segment.trim()))
        .filter(|segment| !segment.is_empty())
        .collect()
}

#[test]
fn groups_are_taken_apart() {
    let used =
        modules_used("use crate::{http, net::{a, b}, x::y};\nuse crate::glue::z; // crate::not\n");
    assert_eq!(
        used.into_iter().collect::<Vec<_>>(),
        ["glue", "http", "net", "not", "x"]
    );
}

#[test]
fn the_runtimes_layers_look_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources(&[".rs"]) {
        let Some(inside) = file.strip_prefix("worker-proc/src/") else {
            continue;
        };
        let own = inside.split(['/', '.']).next().unwrap_or_default();
        let level = LAYERS.iter().position(|layer| *layer == own);
        for used in modules_used(&text) {
            let allowed = match (level, LAYERS.iter().position(|layer| *layer == used)) {
                (Some(own), Some(used)) => used <= own,
                // The registry of APIs is given to the lowest layers as data.
                (Some(own), None) => {
                    own > 1 || !["api", "bindings", "boot"].contains(&used.as_str())
                }
                (None, Some(used)) => match own {
                    "api" | "bindings" => used <= 2,
                    "service" | "storage" => false,
                    _ => true,
                },
                (None, None) => !["service", "storage"].contains(&own) || used == own,
            };
            if !allowed {
                wrong.push(format!("{file} uses crate::{used}"));
            }
        }
    }
    complain("dependencies that point up", &wrong);
}

#[test]
fn foreign_types_stop_at_their_borders() {
    let borders: [(&str, &[&str]); 5] = [
        (
            "hyper::",
            &["worker-proc/src/http/", "worker-proc/src/net/"],
        ),
        (
            "v8::",
            &[
                "worker-proc/src/isolate/",
                "worker-proc/src/glue/",
                "worker-proc/src/api/",
                "worker-proc/src/bindings/",
                "worker-proc/src/request/",
                "worker-proc/src/actors/",
                "worker-proc/src/dispatch/",
                "worker-proc/src/lib.rs",
                "tests/tidy.rs",
            ],
        ),
        ("rusqlite::", &["worker-proc/src/storage/"]),
        (
            "capnp::",
            &[
                "supervisor/src/config/",
                "supervisor/src/sockets/",
                "ipc/",
                "schema/",
                "worker-proc/src/boot/",
                "tests/",
            ],
        ),
        (
            "worker_proc::",
            &[
                "supervisor/src/main.rs",
                "supervisor/build.rs",
                "tests/tidy.rs",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources(&[".rs"]) {
        for (word, homes) in borders {
            let uses = |line: &str| {
                let line = line.split("//").next().unwrap_or_default();
                let mut parts = line.split(word);
                let before = parts.next().unwrap_or_default();
                parts.next().is_some()
                    && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"')
            };
            let at_home =
                homes.iter().any(|home| file.starts_with(home)) || file == "tests/tidy.rs";
            if !at_home && without_tests(&text).lines().any(uses) {
                wrong.push(format!("{file} uses {word}"));
            }
        }
    }
    complain("foreign types past their borders", &wrong);
}

#[test]
fn crates_depend_downward() {
    let order = ["schema", "ipc", "worker-proc", "supervisor"];
    for (level, krate) in order.iter().enumerate() {
        let manifest = read(&root().join(krate).join("Cargo.toml"));
        for upper in &order[level + 1..] {
            assert!(
                !manifest.contains(&format!("{upper}.workspace")),
                "{krate} depends on {upper}"
            );
        }
    }
}

#[test]
fn files_are_short() {
    let long = sources(&[".rs", ".js", ".py", ".sh"])
        .into_iter()
        .filter(|(name, _)| !is_test(name));
    let long: Vec<_> = long
        .map(|(name, text)| (without_tests(&text).lines().count(), name))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, name)| format!("{name}: {lines} lines"))
        .collect();
    complain("longer than 800 lines", &long);
}

fn is_test(name: &str) -> bool {
    name.starts_with("tests/")
        || name.contains("/tests/")
        || name.ends_with("tests.rs")
        || name.contains("-test")
}

#[test]
fn files_say_what_they_are() {
    let silent = sources(&[".rs"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"));
    complain(
        "Rust files without a first comment",
        &silent.map(|(name, _)| name).collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_blocks_say_why_they_are_safe() {
    let mut silent = Vec::new();
    for (name, text) in sources(&[".rs"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !(code.contains("unsafe {") || code.contains("unsafe impl"))
                || name == "tests/tidy.rs"
            {
                continue;
            }
            if !lines[index.saturating_sub(6)..=index]
                .iter()
                .any(|line| line.contains("SAFETY:"))
            {
                silent.push(format!("{name}:{}", index + 1));
            }
        }
    }
    complain("unsafe without SAFETY", &silent);
}

#[test]
fn the_runtime_logs_in_one_place() {
    let wrong = sources(&[".rs"]).into_iter().filter(|(file, text)| {
        file.starts_with("worker-proc/src/")
            && file != "worker-proc/src/log.rs"
            && text.contains("eprint")
    });
    complain(
        "writes to standard error past worker-proc/src/log.rs",
        &wrong.map(|(file, _)| file).collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words: Vec<String> = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("todo", "!("),
        ("unimple", "mented!("),
        ("for n", "ow"),
        ("placeh", "older"),
    ]
    .iter()
    .map(|(start, end)| format!("{start}{end}"))
    .collect();
    let mut found = Vec::new();
    for (name, text) in sources(&[
        ".rs", ".js", ".py", ".sh", ".md", ".toml", ".capnp", ".wd-test",
    ]) {
        for (index, line) in text.lines().enumerate() {
            let names_input = line.contains("::placeholder") || line.contains("placeholder:");
            if words.iter().any(|word| line.contains(word)) && !names_input {
                found.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    complain("left for later", &found);
}

#[test]
fn nothing_names_a_machine() {
    let roots: Vec<String> = ["work", "farm", "root"]
        .iter()
        .map(|folder| format!("/{folder}/"))
        .collect();
    let mut found = Vec::new();
    for (name, text) in sources(&[
        ".rs", ".js", ".py", ".sh", ".md", ".toml", ".capnp", ".wd-test", ".lock",
    ]) {
        for (index, line) in text.lines().enumerate() {
            let starts_path = |at: usize| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.)}".contains(c))
            };
            if roots.iter().any(|root| {
                line.match_indices(root.as_str())
                    .any(|(at, _)| starts_path(at))
            }) {
                found.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    complain("machine paths", &found);
}

/// Every JavaScript file is named by a file beside it or above it: a Rust registry, a config, another script.
#[test]
fn no_file_is_dead() {
    let namers = sources(&[".rs", ".capnp", ".wd-test", ".toml", ".md"]);
    let mut dead = Vec::new();
    for (file, _) in sources(&[".js"]) {
        let path = PathBuf::from(&file);
        let named = namers.iter().any(|(namer, text)| {
            let folder = Path::new(namer).parent().unwrap_or(Path::new(""));
            path.strip_prefix(folder)
                .is_ok_and(|inside| text.contains(&format!("\"{}\"", inside.display())))
        });
        if !named {
            dead.push(file);
        }
    }
    complain("JavaScript that nothing names", &dead);
    let rust = sources(&[".rs"]);
    let mut dead = Vec::new();
    for (file, _) in &rust {
        let path = Path::new(file);
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let in_src = file.contains("/src/") && !["main", "lib", "mod"].contains(&stem.as_str());
        let declares = |text: &str| {
            [format!("mod {stem};"), format!("/{stem}.rs\"]")]
                .iter()
                .any(|form| text.contains(form))
        };
        if in_src && !rust.iter().any(|(_, text)| declares(text)) {
            dead.push(file.clone());
        }
    }
    complain("Rust files that no module declares", &dead);
}
