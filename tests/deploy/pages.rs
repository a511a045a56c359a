//! The pages that are installed with the program: their commands do what they say, and the log lines that they explain exist.

use std::fs;

use tests::{files_with_ending, root};

use crate::debian::{alone, make, makes_packages};
use crate::machine::Machine;
use crate::{program, read};

/// Pages with commands, in the order in which one would go through them.
const WALK: [&str; 4] = ["tutorial.md", "upgrades.md", "backup.md", "moving.md"];

fn page(name: &str) -> String {
    read(&format!("deploy/docs/{name}"))
}

/// The fenced blocks of a page: what stands after the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    let blocks = fenced.map(|block| block.split_once('\n').expect("a block of lines"));
    blocks.collect()
}

/// A word of the shell that means exactly this.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What a page says as a script: files are written, commands run, and what they print is compared.
fn script(name: &str) -> String {
    let mut script = String::new();
    for (info, text) in blocks(&page(name)) {
        if info == "sh" {
            for line in text.lines() {
                let (command, prints) = line.rsplit_once(" # ").unwrap_or((line, ""));
                let command = command.trim();
                script += &format!("echo {}\n", quoted(&format!("# {command}")));
                script += &format!("{{ {command}\n}} >/tmp/said 2>&1\ncat /tmp/said\n");
                if !prints.is_empty() {
                    script += &format!("grep -qF -- {} /tmp/said\n", quoted(prints.trim()));
                }
            }
        } else if let Some((_, path)) = info.split_once(' ') {
            let end = "END OF FILE";
            script +=
                &format!("mkdir -p $(dirname {path})\ncat >{path} <<'{end}'\n{text}\n{end}\n");
        }
    }
    script
}

/// How a script begins that tells when a command of it fails.
const BEGIN: &str = r#"#!/bin/bash
exec >/log 2>&1 3>/report
set -Eeu
trap 'cat /tmp/said; journalctl --no-pager --lines=60 >&2; echo "failed at line $LINENO" >&3; systemctl --no-block poweroff' ERR
cp /workerd.deb /tmp
"#;

#[test]
fn the_commands_of_the_pages_work_on_debian() {
    if !makes_packages() {
        return;
    }
    let Some(mut machine) = Machine::new() else {
        return;
    };
    let _alone = alone();
    make(program().path(), &machine.path("workerd.deb"), "1.0-1");
    let mut all = String::from(BEGIN);
    for name in WALK {
        all += &format!("{}echo {name} >&3\n", script(name));
    }
    all += "systemctl --no-block poweroff\n";
    machine.boot(&all, false);
    for name in WALK {
        machine.done(name);
    }
}

#[test]
fn a_page_becomes_a_script() {
    let all: String = WALK.into_iter().map(script).collect();
    assert!(
        all.contains("grep -qF -- '[\"milk\"]' /tmp/said\n"),
        "{all}"
    );
    assert!(
        all.contains("\ncat >/etc/workerd/notes.js <<'END OF FILE'\nimport { "),
        "{all}"
    );
}

#[test]
fn every_log_line_that_is_explained_exists() {
    let sources = files_with_ending(".rs").into_iter();
    let sources = sources.filter(|path| !path.starts_with(root().join("tests")));
    // Texts go over lines in the source.
    let code: String = sources
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut explained = 0;
    for row in page("logs.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
    {
        let line = row.split('`').nth(1).unwrap();
        assert!(code.contains(line), "no code says {line:?}");
        explained += 1;
    }
    assert!(explained > 8);
}

#[test]
fn the_list_of_pages_is_whole() {
    let listed = page("README.md");
    for path in files_with_ending(".md") {
        let Ok(inside) = path.strip_prefix(root().join("deploy/docs")) else {
            continue;
        };
        let name = inside.to_str().unwrap();
        assert!(
            name == "README.md" || listed.contains(&format!("`{name}`")),
            "{name} is not listed"
        );
    }
}
