//! A browser of this machine, without a window.

use std::path::PathBuf;
use std::process::Command;

use crate::folder::Folder;

/// How to start one that keeps what it has in the folder and asks nobody but whom it is sent to. None, which is said, where
/// there is none; in CI, which installs one, that is a failure.
pub fn browser(folder: &Folder) -> Option<Command> {
    let Some(program) = find() else {
        let in_ci = std::env::var_os("CI_RUN").is_some();
        assert!(!in_ci, "chromium is missing");
        eprintln!("skipped: there is no chromium on the PATH");
        return None;
    };
    let mut command = Command::new(program);
    let profile = folder.path("browser");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--no-first-run", "--disable-sync", "--disable-quic"])
        .arg("--disable-background-networking")
        .arg("--disable-component-update")
        .arg(format!("--user-data-dir={}", profile.display()));
    Some(command)
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    all.into_iter().find(|path| path.is_file())
}
