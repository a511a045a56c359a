//! What is made of the command line for the packages: manual pages, completions of shells, the page of all options.
//!
//! The files are in the repository, so that a package is made without running the program; they are right or this test fails.
//! `UPDATE_DOCS=1` writes them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use tests::root;

use super::Cli;

/// Fails where a file is not what it should be, or writes it.
fn hold(name: &str, text: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write in");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let now = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        now == text,
        "{name} is out of date: UPDATE_DOCS=1 cargo test -p supervisor --bin workerd cli"
    );
}

/// A command and those below it that do something, each with its whole name.
fn commands(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
    found.push((name.to_owned(), command.clone()));
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        commands(below, &format!("{name} {}", below.get_name()), found);
    }
}

fn all() -> Vec<(String, Command)> {
    let mut cli = Cli::command();
    cli.build();
    let mut found = Vec::new();
    commands(&cli, "workerd", &mut found);
    found
}

fn manual(name: &str, command: &Command) -> String {
    // clap takes only names that live on.
    let (page, name): (&str, &str) = (name.replace(' ', "-").leak(), name.to_owned().leak());
    let command = command.clone().name(page).display_name(page);
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(command.bin_name(name))
        .title(page)
        .manual("workerd");
    man.render(&mut text).expect("a vector takes all");
    String::from_utf8(text).expect("UTF-8")
}

/// What a cell of a table says.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('\n', " ")
}

fn row(page: &mut String, arg: &Arg) {
    let mut name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (_, Some(long)) => format!("--{long}"),
        _ => String::new(),
    };
    let values: Vec<_> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|value| format!("<{value}>"))
        .collect();
    if arg.is_positional() || arg.get_action().takes_values() {
        name = format!("{name} {}", values.join(" "));
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    let default = match arg.get_action().takes_values() && !defaults.is_empty() {
        true => format!("`{}`", defaults.join(" ")),
        false => String::new(),
    };
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    writeln!(
        page,
        "| `{}` | {default} | {} |",
        name.trim().replace('|', "\\|"),
        cell(&help)
    )
    .expect("a string takes all");
}

fn options() -> String {
    let mut page = String::from(
        "# Commands and options\n\nMade from the program, whose `--help` says the same. A time is a number of seconds, or one with `ms`, `s` or `m`.\n",
    );
    for (name, mut command) in all() {
        let usage = command.render_usage().to_string();
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        write!(
            page,
            "\n## {name}\n\n{about}.\n\n    {}\n",
            usage.replacen("Usage: ", "", 1).trim()
        )
        .expect("a string takes all");
        let shown = |arg: &&Arg| {
            !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
        };
        let args: Vec<&Arg> = command.get_arguments().filter(shown).collect();
        if !args.is_empty() {
            page.push_str("\n| argument or option | default | does |\n|---|---|---|\n");
        }
        let (places, options): (Vec<_>, Vec<_>) =
            args.into_iter().partition(|arg| arg.is_positional());
        places
            .into_iter()
            .chain(options)
            .for_each(|arg| row(&mut page, arg));
        if let Some(notes) = command.get_after_long_help() {
            write!(page, "\n```text\n{}\n```\n", notes.to_string().trim())
                .expect("a string takes all");
        }
    }
    page
}

#[test]
fn the_page_of_options_is_that_of_the_program() {
    hold("deploy/docs/options.md", &options());
}

#[test]
fn manual_pages_are_those_of_the_program() {
    for (name, command) in all() {
        hold(
            &format!("deploy/man/{}.1", name.replace(' ', "-")),
            &manual(&name, &command),
        );
    }
    // No page is left of a command that is gone.
    let pages = fs::read_dir(root().join("deploy/man")).expect("a folder");
    assert_eq!(pages.count(), all().len());
}

#[test]
fn completions_are_those_of_the_program() {
    for (shell, name) in [
        (Shell::Bash, "workerd.bash"),
        (Shell::Zsh, "_workerd"),
        (Shell::Fish, "workerd.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "workerd", &mut text);
        let path = Path::new("deploy/completions").join(name);
        hold(
            &path.to_string_lossy(),
            &String::from_utf8(text).expect("UTF-8"),
        );
    }
}
