//! Every `.wd-test` file of the repository passes: a config whose workers export `test()` handlers, beside the code it tests.
//!
//! `WORKERD_BIN` names another binary to check: they pass on the published one as well.

use std::ffi::OsString;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tests::program::Program;

/// The disk service whose folder the test's caller chooses.
const DISK: &str = "TEST_TMPDIR";

fn main() -> ExitCode {
    let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
    let trials = tests::files_with_ending(".wd-test")
        .into_iter()
        .map(|file| {
            let program = program.clone();
            let name = file
                .strip_prefix(tests::root())
                .unwrap_or(&file)
                .display()
                .to_string();
            Trial::test(name, move || {
                let mut arguments =
                    vec!["test".into(), "--experimental".into(), file.clone().into()];
                // A config that keeps objects on a disk gets an empty one.
                let disk = tempfile::tempdir()?;
                if std::fs::read_to_string(&file)?.contains(DISK) {
                    let mut directory = OsString::from(format!("-d{DISK}="));
                    directory.push(disk.path());
                    arguments.push(directory);
                }
                let output = program.run(&arguments);
                let stderr = String::from_utf8_lossy(&output.stderr);
                // A config without tests passes vacuously.
                if output.status.success() && stderr.contains("[ PASS ]") {
                    return Ok(());
                }
                let stdout = String::from_utf8_lossy(&output.stdout);
                Err(Failed::from(format!(
                    "{}\n{stdout}\n{stderr}",
                    output.status
                )))
            })
        });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
