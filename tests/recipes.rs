//! The recipes of `.github/CONTRIBUTING.md` work: their blocks, applied to a copy of the repository, build and pass their tests, and
//! adding one thing touches one folder and one line beside it.
//!
//! The copy stands in the build folder and shares it, so that only what depends on the recipes is built again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::tests::program::Program;
use ::tests::root;

/// The recipe that changes the config's schema, whose generated code is made anew.
const WITH_SCHEMA: &str = "Add a binding";

/// The program's name in the copy: the one that all other tests run stays as it is.
const PROGRAM: &str = "workerd-recipes";

/// What a block does to a file.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    New(String),
    /// Lines that go after the last of those before them.
    Lines {
        after: String,
        added: Vec<String>,
    },
}

struct Block {
    recipe: String,
    file: String,
    change: Change,
}

/// The blocks that name a file, in order.
fn blocks(markdown: &str) -> Vec<Block> {
    let (mut found, mut recipe) = (Vec::new(), String::new());
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            recipe = title.to_owned();
        }
        let Some((kind, file)) = line
            .strip_prefix("```")
            .and_then(|info| info.split_once(' '))
        else {
            continue;
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let change = if kind == "diff" {
            let (added, before): (Vec<&str>, Vec<&str>) =
                text.iter().partition(|line| line.starts_with('+'));
            Change::Lines {
                after: before.last().expect("a line before")[1..].to_owned(),
                added: added.iter().map(|line| line[1..].to_owned()).collect(),
            }
        } else {
            Change::New(text.join("\n") + "\n")
        };
        found.push(Block {
            recipe: recipe.clone(),
            file: file.to_owned(),
            change,
        });
    }
    found
}

/// What the repository's files are, with the recipes followed.
fn followed(blocks: &[Block]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::<String, String>::new();
    for block in blocks {
        let on_disk = || fs::read_to_string(root().join(&block.file));
        let text = match &block.change {
            Change::New(text) => {
                assert!(on_disk().is_err(), "{} is there already", block.file);
                text.clone()
            }
            Change::Lines { after, added } => {
                let before = files.get(&block.file).cloned();
                let before = before.unwrap_or_else(|| on_disk().expect(&block.file));
                let line = format!("{after}\n");
                let parts: Vec<&str> = before.split(&line).collect();
                assert_eq!(parts.len(), 2, "{} has this line once: {after}", block.file);
                format!("{}{line}{}\n{}", parts[0], added.join("\n"), parts[1])
            }
        };
        files.insert(block.file.clone(), text);
    }
    files
}

/// Writes a file unless it is there, so that Cargo sees what has changed.
fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
    fs::write(path, bytes).expect("a writable build folder");
}

/// The repository's own files, those that git does not know yet included; what is large is linked.
fn copy_to(copy: &Path, changed: &BTreeMap<String, String>) {
    let mut git = Command::new("git");
    git.current_dir(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = git.output().expect("git").stdout;
    let listed = String::from_utf8(listed).expect("names are UTF-8");
    let names = listed.split_terminator('\0');
    let names: BTreeSet<&str> = names.filter(|name| !name.starts_with("deploy/")).collect();
    assert!(names.len() > 100, "git lists the files of the repository");
    for name in &names {
        // What is made anew stays as it was made, or all that depends on it would be built each time.
        let is_made = name.starts_with("schema/src/generated/") && copy.join(name).exists();
        if let Ok(bytes) = fs::read(root().join(name))
            && !changed.contains_key(*name)
            && !is_made
        {
            write(&copy.join(name), &told_apart(name, bytes));
        }
    }
    for (name, text) in changed {
        write(&copy.join(name), text.as_bytes());
    }
    remove_all_but(copy, &|path| {
        let name = path.strip_prefix(copy).unwrap_or(path).to_string_lossy();
        names.contains(&*name) || changed.contains_key(&*name)
    });
    let deploy = copy.join("deploy");
    if !deploy.exists() {
        std::os::unix::fs::symlink(root().join("deploy"), deploy).expect("a link");
    }
}

/// Removes what an earlier run has left.
fn remove_all_but(folder: &Path, stays: &dyn Fn(&Path) -> bool) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder").path();
        if path.is_dir() && !path.is_symlink() {
            remove_all_but(&path, stays);
        } else if !path.is_symlink() && !stays(&path) {
            fs::remove_file(&path).expect("a writable build folder");
        }
    }
}

/// What tells the copy from the repository, whose build folder it shares: the program has another name, and the crates another
/// version, or what is built of them would take the place of the repository's own.
fn told_apart(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let (from, to) = match name {
        "Cargo.toml" => ("\nversion = \"", "\nversion = \"999".to_owned()),
        "supervisor/Cargo.toml" => (
            "[[bin]]\nname = \"workerd\"",
            format!("[[bin]]\nname = \"{PROGRAM}\""),
        ),
        _ => return bytes,
    };
    let text = String::from_utf8(bytes).expect("a manifest is text");
    assert_eq!(text.matches(from).count(), 1, "{name} has one {from}");
    text.replace(from, &to).into_bytes()
}

/// Cargo's folder for everything that is built.
fn build_folder() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary
        .parent()
        .expect("it is in the build folder")
        .to_owned()
}

fn cargo(copy: &Path, arguments: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(copy).args(arguments);
    cargo.env("CARGO_TARGET_DIR", build_folder());
    cargo.env("UPDATE_GENERATED", "1");
    // The same archive as the repository's own build, or V8's crate would be built again.
    cargo.env("RUSTY_V8_MIRROR", root().join("deploy/v8"));
    let output = cargo.output().expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn recipes_build_and_pass_their_tests() {
    let markdown = fs::read_to_string(root().join(".github/CONTRIBUTING.md")).unwrap();
    let has_compiler = Command::new("capnp").arg("--version").output().is_ok();
    assert!(
        has_compiler || std::env::var_os("CI_RUN").is_none(),
        "the schema compiler `capnp` is missing"
    );
    let mut blocks = blocks(&markdown);
    blocks.retain(|block| has_compiler || block.recipe != WITH_SCHEMA);
    let files = followed(&blocks);
    let copy = build_folder().join("recipes");
    copy_to(&copy, &files);
    if files.contains_key("schema/workerd.capnp") {
        cargo(
            &copy,
            &["test", "--offline", "--package=schema", "--test=generated"],
        );
    }
    cargo(&copy, &["build", "--offline", "--bin", PROGRAM]);
    let program = Program::at(&build_folder().join("debug").join(PROGRAM));
    let tests: Vec<_> = files
        .keys()
        .filter(|name| name.ends_with(".wd-test"))
        .collect();
    assert!(!tests.is_empty());
    for test in tests {
        let output = program.run(&[
            "test".as_ref(),
            "--experimental".as_ref(),
            copy.join(test).as_os_str(),
        ]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("[ PASS ]"),
            "{test}: {said}"
        );
    }
}

#[test]
fn a_recipe_for_one_thing_is_a_folder_and_a_line() {
    let markdown = fs::read_to_string(root().join(".github/CONTRIBUTING.md")).unwrap();
    let all = blocks(&markdown);
    for recipe in ["Add a Web API", WITH_SCHEMA] {
        let blocks = all
            .iter()
            .filter(|block| block.recipe == recipe && !block.file.starts_with("schema/"));
        let (mut folders, mut lines) = (BTreeSet::new(), 0);
        for block in blocks {
            match &block.change {
                Change::New(_) => _ = folders.insert(Path::new(&block.file).parent()),
                Change::Lines { added, .. } => lines += added.len(),
            }
        }
        assert_eq!((folders.len(), lines), (1, 1), "{recipe}");
    }
}

#[test]
fn blocks_are_read() {
    let text = "## A\n```sh\nx\n```\n```rust a/b.rs\nmod x;\n```\n## B\n```diff a/b.rs\n mod x;\n+mod y;\n```\n";
    let found = blocks(text);
    let told: Vec<_> = found
        .iter()
        .map(|block| (block.recipe.as_str(), block.file.as_str()))
        .collect();
    assert_eq!(told, [("A", "a/b.rs"), ("B", "a/b.rs")]);
    assert_eq!(followed(&found)["a/b.rs"], "mod x;\nmod y;\n");
}
