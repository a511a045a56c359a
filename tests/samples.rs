//! Every sample answers its requests as its `answers.http` says, which is what the published binary answers.
//!
//! `WORKERD_BIN` names another binary to check; with `RECORD_ANSWERS` set, its answers are written down instead.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tests::program::Program;
use tests::samples;

fn main() -> ExitCode {
    let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
    let trials = samples::all().into_iter().map(|sample| {
        let program = program.clone();
        let name = sample
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Trial::test(name, move || {
            let found = samples::transcript(&program, &sample);
            let file = sample.join("answers.http");
            if std::env::var_os("RECORD_ANSWERS").is_some() {
                return Ok(std::fs::write(file, found)?);
            }
            let expected = std::fs::read_to_string(file)?;
            if found == expected {
                Ok(())
            } else {
                Err(Failed::from(difference(&expected, &found)))
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected
        .iter()
        .zip(&found)
        .take_while(|(expected, found)| expected == found)
        .count();
    let from = |lines: &[&str]| lines[same.min(lines.len())..].join("\n");
    format!(
        "after line {same}, expected:\n{}\n\nfound:\n{}",
        from(&expected),
        from(&found)
    )
}
