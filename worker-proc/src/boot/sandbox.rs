//! What a runtime process gives up before it runs anybody's code: files but those of the config's folders, new programs and
//! processes, sockets but those of the internet and of Unix, capabilities.
//!
//! Called by `boot` once it has read the config and before any other thread is started: what is given up is the calling thread's
//! and that of all it starts. With one process that is the program's main thread; the supervising one keeps what it has. Where the
//! kernel lacks a part, the others hold: `workerd doctor` tells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};
use nix::libc;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::config::Config;
use crate::actors::StoreSpec;
use crate::net::Plain;
use crate::storage::keep_temporary_files_in;

/// The newest of Landlock that is asked for: files, their truncation, devices, TCP.
const LANDLOCK: ABI = ABI::V5;

/// What the C library and V8 read: how names are resolved, time zones, libraries, the machine's shape.
const READ_BY_LIBRARIES: [&str; 17] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/var/run/nscd",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// Programs, other processes, the kernel: no runtime process has business with any of it.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
];

const NO_LANDLOCK: &str = "this kernel has no Landlock, or it is off";

/// The families of sockets that there may be: the last one tells the C library which addresses the machine has.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// A part of the sandbox: its name, and what is in force or why nothing is.
pub type Part = (&'static str, Result<String, String>);

/// The folders that a config names.
#[derive(Default)]
pub struct Folders {
    read: Vec<PathBuf>,
    written: Vec<PathBuf>,
}

impl Folders {
    pub(super) fn of(config: &Config) -> Self {
        let mut folders = Self::default();
        let stores = config
            .workers
            .iter()
            .filter_map(|worker| match &worker.storage {
                StoreSpec::Disk { folder, .. } => Some(folder.clone()),
                _ => None,
            });
        folders.written.extend(stores);
        for (_, plain) in &config.plain {
            match plain {
                Plain::Disk(disk) if disk.writable => folders.written.push(disk.path.clone()),
                Plain::Disk(disk) => folders.read.push(disk.path.clone()),
                Plain::Assets(assets, _) => folders.read.push(assets.path.clone()),
                _ => {}
            }
        }
        folders
    }
}

/// Gives up, for good, all that is not needed to serve the config. Tells each part.
pub fn enter(folders: &Folders) -> Vec<Part> {
    if let Some(folder) = folders.written.first() {
        // The system's own folder for them is out of reach.
        keep_temporary_files_in(folder);
    }
    vec![
        ("files and TCP ports (Landlock)", restrict_files(folders)),
        ("capabilities", drop_capabilities()),
        // Last, as it forbids what the others may ask of the kernel.
        ("system calls (seccomp)", filter_calls()),
    ]
}

fn restrict_files(folders: &Folders) -> Result<String, String> {
    let (read, all) = (AccessFs::from_read(LANDLOCK), AccessFs::from_all(LANDLOCK));
    let restrict = || {
        let handled = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .handle_access(AccessNet::BindTcp)?;
        let libraries = READ_BY_LIBRARIES.iter().map(Path::new);
        // The executable names the places of a stack.
        let read_only = libraries.chain([Path::new("/proc/self/exe")]);
        let read_only = read_only.chain(folders.read.iter().map(PathBuf::as_path));
        let written = folders.written.iter().map(PathBuf::as_path);
        let rules = rules(read_only, read).chain(rules(written, all));
        handled
            .create()?
            .add_rules(rules.map(Ok::<_, landlock::RulesetError>))?
            .restrict_self()
    };
    let status = restrict().map_err(|error: landlock::RulesetError| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok("the config's folders; none can be bound".into()),
        RulesetStatus::PartiallyEnforced => {
            Ok("the config's folders, as far as this kernel can".into())
        }
        RulesetStatus::NotEnforced => Err(NO_LANDLOCK.into()),
    }
}

/// A path that is not there needs no rule.
fn rules<'a>(
    paths: impl Iterator<Item = &'a Path> + 'a,
    access: BitFlags<AccessFs>,
) -> impl Iterator<Item = PathBeneath<PathFd>> + 'a {
    paths.filter_map(move |path| {
        let is_folder = path.is_dir();
        let fd = PathFd::new(path).ok()?;
        let access = match is_folder {
            true => access,
            false => access & AccessFs::from_file(LANDLOCK),
        };
        Some(PathBeneath::new(fd, access))
    })
}

/// Root keeps the right to open files of others, of which the rules above leave those of the config's folders.
fn drop_capabilities() -> Result<String, String> {
    let kept = caps::CapsHashSet::from([Capability::CAP_DAC_OVERRIDE]);
    let had = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    let kept: caps::CapsHashSet = kept.intersection(&had).copied().collect();
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        // Not all kernels have ambient ones.
        let _ = caps::clear(None, set);
    }
    let set = |set| caps::set(None, set, &kept).map_err(|error| error.to_string());
    set(CapSet::Effective)?;
    set(CapSet::Permitted)?;
    Ok(match kept.is_empty() {
        true => "none".into(),
        false => "CAP_DAC_OVERRIDE, as root: files of other users in the config's folders".into(),
    })
}

fn filter_calls() -> Result<String, String> {
    let failed = |error: seccompiler::Error| error.to_string();
    for (calls, errno) in [(refused(), libc::EPERM), (unknown(), libc::ENOSYS)] {
        let architecture = std::env::consts::ARCH
            .try_into()
            .map_err(|error| format!("{error}"))?;
        let filter = SeccompFilter::new(
            calls.map_err(|error| error.to_string())?,
            SeccompAction::Allow,
            SeccompAction::Errno(errno.cast_unsigned()),
            architecture,
        );
        let program = filter.map_err(|error| error.to_string())?.try_into();
        let program: seccompiler::BpfProgram =
            program.map_err(|error: seccompiler::BackendError| error.to_string())?;
        seccompiler::apply_filter(&program).map_err(failed)?;
    }
    Ok("no programs, no processes, no other sockets, no kernel interfaces".into())
}

type Calls = Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError>;

fn refused() -> Calls {
    let mut calls: BTreeMap<_, _> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    calls.extend([libc::SYS_fork, libc::SYS_vfork].map(|call| (call, Vec::new())));
    let thread = libc::CLONE_THREAD as u64;
    let no_thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )?;
    calls.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_thread])?]);
    let other = |family: libc::c_int| {
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family as u64)
    };
    let others: Result<Vec<_>, _> = FAMILIES.into_iter().map(other).collect();
    calls.insert(libc::SYS_socket, vec![SeccompRule::new(others?)?]);
    Ok(calls)
}

/// What it starts is behind a pointer, where no filter looks. The C library goes on with `clone`.
fn unknown() -> Calls {
    Ok(BTreeMap::from([(libc::SYS_clone3, Vec::new())]))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::ErrorKind::PermissionDenied;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;

    use nix::errno::Errno;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::signal::kill;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    use nix::unistd::getppid;

    use super::*;

    /// What is given up is a thread's own.
    fn inside(folders: Folders, tries: impl FnOnce() + Send + 'static) {
        let thread = thread::spawn(move || {
            for (name, state) in enter(&folders) {
                match state {
                    // There is nothing to try.
                    Err(why) if why == NO_LANDLOCK => return,
                    state => _ = state.unwrap_or_else(|why| panic!("{name}: {why}")),
                }
            }
            tries();
        });
        thread.join().unwrap();
    }

    #[test]
    fn files_are_those_of_the_configs_folders() {
        let [read, written, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        for folder in [&read, &written, &other] {
            fs::write(folder.path().join("f"), "text").unwrap();
        }
        let folders = Folders {
            read: vec![read.path().into()],
            written: vec![written.path().into(), "/nowhere".into()],
        };
        inside(folders, move || {
            let denied =
                |result: std::io::Result<()>| result.unwrap_err().kind() == PermissionDenied;
            for folder in [&read, &written] {
                assert_eq!(fs::read_to_string(folder.path().join("f")).unwrap(), "text");
            }
            fs::create_dir(written.path().join("new")).unwrap();
            fs::write(written.path().join("new/f"), "text").unwrap();
            fs::remove_dir_all(written.path().join("new")).unwrap();
            assert!(denied(fs::write(read.path().join("f"), "other")));
            assert!(denied(fs::write(read.path().join("g"), "")));
            assert!(denied(fs::remove_file(read.path().join("f"))));
            assert!(denied(File::open(other.path().join("f")).map(drop)));
            assert!(denied(fs::write(other.path().join("g"), "")));
            assert!(denied(fs::rename(
                written.path().join("f"),
                other.path().join("g")
            )));
            // What libraries need.
            for file in ["/proc/self/status", "/etc/hosts", "/dev/urandom"] {
                File::open(file).unwrap();
            }
        });
    }

    #[test]
    fn there_are_no_programs_and_no_other_processes() {
        inside(Folders::default(), || {
            let started = Command::new("/bin/true").spawn();
            assert_eq!(started.unwrap_err().kind(), PermissionDenied);
            assert_eq!(kill(getppid(), None), Err(Errno::EPERM));
            assert_eq!(unshare(CloneFlags::CLONE_NEWNET), Err(Errno::EPERM));
            let memory = format!("/proc/{}/mem", getppid());
            assert!(File::open(memory).is_err());
            // Threads there are.
            assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        });
    }

    #[test]
    fn sockets_connect_and_do_not_listen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        inside(Folders::default(), move || {
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            UdpSocket::bind("127.0.0.1:0").unwrap();
            let bound = TcpListener::bind("127.0.0.1:0");
            assert_eq!(bound.unwrap_err().kind(), PermissionDenied);
            let raw = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::empty(),
                None,
            );
            assert_eq!(raw.unwrap_err(), Errno::EPERM);
        });
    }

    #[test]
    fn root_keeps_one_capability_at_most() {
        inside(Folders::default(), || {
            let left = caps::read(None, CapSet::Permitted).unwrap();
            assert!(left.is_subset(&caps::CapsHashSet::from([Capability::CAP_DAC_OVERRIDE])));
        });
    }
}
