//! A Debian of its own, which systemd runs in a container: a copy of the root that `DEBIAN_ROOT` names, made by
//! `debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,curl`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getuid, mkfifo};
use tests::folder::Folder;

use crate::{has, printed};

/// Runs a container for at most five minutes, and tells who waits for a step that there are no more.
const BOOT: &str = r#"
trap : TERM
timeout 300 systemd-nspawn "$@"
timeout 1 sh -c 'echo ended >"$0"' "$0"
"#;

/// What systemd-nspawn forbids, if it is not told.
const LANDLOCK: &str = "landlock_create_ruleset landlock_add_rule landlock_restrict_self";

pub struct Machine {
    folder: Folder,
    running: Option<(Child, BufReader<File>)>,
}

impl Machine {
    /// Not booted yet, so that files can be put into it. None where there is no root to copy.
    pub fn new() -> Option<Self> {
        let from = std::env::var_os("DEBIAN_ROOT")?;
        assert!(
            has("systemd-nspawn") && getuid().is_root(),
            "a container needs systemd-nspawn and root"
        );
        let folder = Folder::new(&[]);
        let mut copy = Command::new("cp");
        copy.args(["-a", "--reflink=auto"]).arg(from);
        copy.arg(folder.path("root"));
        printed(copy);
        Some(Self {
            folder,
            running: None,
        })
    }

    /// A path of the machine, from here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path("root").join(name)
    }

    pub fn write(&self, name: &str, contents: &str) {
        self.folder.write(&format!("root/{name}"), contents);
    }

    /// Boots, and runs a script as root. The script tells of each step in the pipe /report, and hears in /go when to go on. `network`: the
    /// machine has this one's; else it has none but its own.
    pub fn boot(&mut self, script: &str, network: bool) {
        self.write("script", script);
        fs::set_permissions(self.path("script"), fs::Permissions::from_mode(0o755)).unwrap();
        // Once the machine is up.
        let service = "[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/script\nWorkingDirectory=/tmp\n";
        self.write("etc/systemd/system/script.service", service);
        let target = "etc/systemd/system/graphical.target.d/script.conf";
        self.write(target, "[Unit]\nWants=script.service\n");
        // What an installation has.
        self.write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
        for pipe in ["report", "go"] {
            mkfifo(&self.path(pipe), Mode::S_IRWXU).unwrap();
        }
        let mut boot = Command::new("sh");
        boot.args(["-c", BOOT]).arg(self.path("report"));
        boot.args(["--boot", "--register=no", "--keep-unit", "--console=pipe"]);
        // What a real machine lets every program ask for.
        boot.arg(format!("--system-call-filter={LANDLOCK}"));
        if !network {
            boot.arg("--private-network");
        }
        boot.arg("--directory").arg(self.path(""));
        let console = File::create(self.folder.path("console")).unwrap();
        boot.stdin(Stdio::null()).process_group(0);
        boot.stdout(console.try_clone().unwrap()).stderr(console);
        let process = boot.spawn().unwrap();
        let reports = BufReader::new(File::open(self.path("report")).unwrap());
        self.running = Some((process, reports));
    }

    /// Waits for the script's next step, which must be this one.
    pub fn done(&mut self, step: &str) {
        let mut line = String::new();
        let (_, reports) = self.running.as_mut().expect("a machine that was booted");
        reports.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), step, "{}", self.log());
    }

    /// What the script printed.
    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn go_on(&self) {
        let pipe = Path::new(&self.path("go")).to_owned();
        let mut go = File::options().write(true).open(pipe).unwrap();
        go.write_all(b"on\n").unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.running {
            // One that has powered off is gone.
            let group = Pid::from_raw(process.id().cast_signed());
            let _ = killpg(group, Signal::SIGTERM);
            let _ = process.wait();
        }
    }
}
