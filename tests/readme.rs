//! Every command in the README's `sh` blocks does what the README says, and the files that it and other pages name exist.
//!
//! `cargo run --` stands for the program that Cargo has built for this test. A command that serves does so on a free port, and
//! the commands after it in the README ask that port instead of 8080.

use std::process::Command;

use tests::http::get;
use tests::program::{Program, output};
use tests::root;
use tests::server::{Server, Start};
use tests::stream::Address;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines of all blocks marked `sh`.
fn commands(markdown: &str) -> Vec<String> {
    let blocks = markdown
        .split("\n```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next());
    let lines = blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_readmes_commands_work() {
    let (readme, program) = (
        read("README.md"),
        Program::new(env!("CARGO_BIN_EXE_workerd")),
    );
    let commands = commands(&readme);
    assert!(
        commands[0].starts_with("cargo run -- serve --processes=2 "),
        "the first command serves"
    );
    let mut server: Option<Server> = None;
    let folder = tempfile::tempdir().unwrap();
    for command in &commands {
        let serves = command
            .strip_prefix("cargo run -- serve ")
            .filter(|arguments| !arguments.contains("--help"));
        if let Some(arguments) = serves {
            let mut start = program.command();
            start
                .arg("serve")
                .args(arguments.split(' '))
                .arg("--socket-addr=http=127.0.0.1:0");
            server = Some(Start::command(start).folder(&root()).start());
        } else if let Some(url) = command.strip_prefix("curl http://localhost:8080") {
            let server = server.as_ref().expect("a server was started before");
            let answer = get(&Address::Loopback(server.port("http")), url).unwrap();
            assert_eq!(answer.status, 200, "{command}");
            assert!(
                readme.contains(answer.text().trim()),
                "{command}: the README shows another answer than {answer:?}"
            );
        } else if command == "cargo test" {
            // That is what runs this test; the project's own checks run it by this name.
            assert!(read(".ci/run").contains("cargo test"), "{command}");
        } else {
            // Paths are variables: no replacement can meet what is in one.
            let built = command
                .replace("cargo run --", "\"$WORKERD\"")
                .replace("/tmp/", "\"$SCRATCH\"/");
            let mut shell = Command::new("sh");
            shell.env("WORKERD", program.path());
            shell.env("SCRATCH", folder.path());
            shell.current_dir(root()).args(["-ec", &built]);
            let output = output(shell, &[]);
            assert!(
                output.status.success(),
                "{command}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

/// Files are named from the repository's root, or from that of the runtime's code.
#[test]
fn the_files_that_pages_name_exist() {
    let homes = [root(), root().join("worker-proc/src")];
    for page in [
        "README.md",
        ".github/ARCHITECTURE.md",
        ".github/CONTRIBUTING.md",
    ] {
        let text = read(page);
        let paths = text.split('`').skip(1).step_by(2).filter(|text| {
            let path_like =
                text.contains('/') && !text.contains([' ', '<', '*', '(', '=', ':', '{']);
            path_like && !text.starts_with(['/', '-', '.', '@'])
        });
        let missing: Vec<_> = paths
            .filter(|path| !homes.iter().any(|home| home.join(path).exists()))
            .collect();
        assert!(missing.is_empty(), "{page}: {missing:?}");
    }
}

#[test]
fn the_readme_has_the_limits_that_the_program_has() {
    let (readme, program) = (
        read("README.md"),
        Program::new(env!("CARGO_BIN_EXE_workerd")),
    );
    let help = program.run(&["serve", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for row in readme
        .lines()
        .filter(|line| line.starts_with("| `--max-") || line.contains("-timeout` |"))
    {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        let about = help
            .split(cells[1])
            .nth(1)
            .unwrap_or_else(|| panic!("{}: no such option", cells[1]));
        let default = about
            .split("[default: ")
            .nth(1)
            .and_then(|rest| rest.split(']').next());
        assert_eq!(default, Some(cells[2]), "{row}");
    }
}
