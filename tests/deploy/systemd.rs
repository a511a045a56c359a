//! The units: that systemd understands all of them, what a unit is exposed to, and that what it starts serves.

use std::process::Command;

use tests::folder::Folder;
use tests::server::Start;

use crate::{has, printed, program, read};

/// systemd's measure of what a unit is exposed to, from 0 to 100: at most this.
const MAX_EXPOSURE: u32 = 20;

const UNITS: [&str; 3] = ["workerd.service", "workerd@.service", "workerd.socket"];

/// The first systemd that knows `Type=notify-reload`.
const NOTIFY_RELOAD: u32 = 253;

fn unit(name: &str) -> String {
    read(&format!("deploy/systemd/{name}"))
}

/// The units as they are installed, but for the program, which need not be: with a drop-in, if one is named.
fn installed(drop_in: Option<&str>) -> Folder {
    let folder = Folder::new(&[]);
    for name in UNITS {
        let path = program().path().display().to_string();
        folder.write(name, &unit(name).replace("/usr/bin/workerd", &path));
        if let Some(drop_in) = drop_in.filter(|_| name.ends_with(".service")) {
            folder.write(&format!("{name}.d/{drop_in}"), &unit(drop_in));
        }
    }
    folder
}

fn analyze(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).current_dir(folder.root());
    printed(command)
}

/// The number of systemd's version.
fn version() -> u32 {
    let text = analyze(&Folder::new(&[]), &["--version"]);
    let number = text.split_whitespace().nth(1);
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
fn systemd_understands_the_units() {
    if !has("systemd-analyze") {
        return;
    }
    let drop_ins = [None, Some("low-ports.conf"), Some("notify-reload.conf")];
    for drop_in in drop_ins {
        if drop_in == Some("notify-reload.conf") && version() < NOTIFY_RELOAD {
            continue;
        }
        let folder = installed(drop_in);
        let verify = ["verify", "--man=no", "--recursive-errors=no"];
        for name in [
            "./workerd.service",
            "./workerd@blog.service",
            "./workerd.socket",
        ] {
            let said = analyze(&folder, &[&verify[..], &[name]].concat());
            assert_eq!(said, "", "{name} with {drop_in:?}");
        }
    }
}

#[test]
fn the_units_are_hardly_exposed() {
    if !has("systemd-analyze") {
        return;
    }
    let threshold = format!("--threshold={MAX_EXPOSURE}");
    for drop_in in [None, Some("low-ports.conf")] {
        let folder = installed(drop_in);
        for name in ["./workerd.service", "./workerd@blog.service"] {
            // It fails beyond the threshold.
            let said = analyze(&folder, &["security", "--offline=true", &threshold, name]);
            assert!(said.contains("Overall exposure level"), "{said}");
        }
    }
}

/// Lines that say something, without comments.
fn settings(unit: &str) -> Vec<&str> {
    let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
    unit.lines().filter(says).collect()
}

#[test]
fn an_instance_is_the_service_with_names_of_its_own() {
    let service = unit("workerd.service");
    let mut instance =
        unit("workerd@.service").replace("/etc/workerd/%i.capnp", "/etc/workerd/config.capnp");
    instance = instance
        .replace("workerd-%i", "workerd")
        .replace("on every core: %i", "on every core");
    assert_eq!(settings(&instance), settings(&service));
}

#[test]
fn the_service_starts_the_program_with_options_it_has() {
    let folder = Folder::worker("export default { fetch() { return new Response('hello'); } };");
    let unit = unit("workerd.service");
    let setting = |name: &str| {
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name}"))
    };
    let options = setting("Environment")
        .trim_matches('"')
        .split_once('=')
        .expect("a variable");
    let config = folder.path("config.capnp").display().to_string();
    let runtime = folder.root().display().to_string();
    let mut words = setting("ExecStart").split(' ');
    assert_eq!(words.next(), Some("/usr/bin/workerd"));
    let mut command = program().command();
    for word in words {
        let word = word.replace("/etc/workerd/config.capnp", &config);
        let word = word.replace(&format!("${}", options.0), options.1);
        command.arg(word.replace("%t/workerd", &runtime));
    }
    let server = Start::command(command).start();
    assert_eq!(server.get("/").text(), "hello");
    assert!(folder.path("admin.sock").exists());
}
