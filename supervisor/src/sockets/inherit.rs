//! Listening sockets given by whoever started the program: `--socket-fd` and systemd's socket activation.
//!
//! Called by `lifecycle` before anything else opens descriptors. Follows sd_listen_fds(3): `LISTEN_PID` names this process,
//! `LISTEN_FDS` counts descriptors from 3, `LISTEN_FDNAMES` names them, here after sockets of the config.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{getsockopt, sockopt};

/// The first descriptor that systemd passes.
const FIRST_FD: RawFd = 3;

/// The most descriptors taken from `LISTEN_FDS`.
const MAX_FDS: RawFd = 1024;

/// Sockets given from outside, by the number they came with.
#[derive(Debug, Default)]
pub struct InheritedFds {
    fds: BTreeMap<RawFd, OwnedFd>,
    /// Descriptors that go with another of the same name.
    more: BTreeMap<RawFd, Vec<RawFd>>,
}

impl InheritedFds {
    /// Takes the descriptors of `--socket-fd`, each of which must be a listening socket.
    pub fn take(socket_fds: &[(String, RawFd)]) -> Result<Self, String> {
        let mut inherited = Self::default();
        for (name, fd) in socket_fds {
            inherited
                .add(*fd, name)
                .map_err(|problem| format!("--socket-fd={name}={fd}: {problem}"))?;
        }
        Ok(inherited)
    }

    /// Takes what systemd passed, less what `--socket-fd` took. Returns the sockets it names, each with its first descriptor.
    pub fn take_listen_fds(&mut self, listen: &ListenFds) -> Result<Vec<(String, RawFd)>, String> {
        let mut named: Vec<(String, RawFd)> = Vec::new();
        for (name, fd) in &listen.fds {
            if self.fds.contains_key(fd) {
                continue;
            }
            self.add(*fd, name)
                .map_err(|problem| format!("LISTEN_FDS: descriptor {fd} ({name}): {problem}"))?;
            match named.iter().find(|(known, _)| known == name) {
                Some((_, first)) => self.more.entry(*first).or_default().push(*fd),
                None => named.push((name.clone(), *fd)),
            }
        }
        Ok(named)
    }

    fn add(&mut self, fd: RawFd, name: &str) -> Result<(), String> {
        if self.fds.contains_key(&fd) {
            return Ok(());
        }
        let owned = ipc::fds::inherited(fd).map_err(|_| "File descriptor is not open.")?;
        match getsockopt(&owned, sockopt::AcceptConn) {
            Err(nix::Error::ENOTSOCK) => Err("File descriptor is not a socket.".into()),
            Ok(true) => {
                self.fds.insert(fd, owned);
                Ok(())
            }
            _ => Err(format!("Socket for {name} is not listening.")),
        }
    }

    /// Every descriptor that was taken.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.fds.values().map(AsFd::as_fd)
    }

    /// Copies of the descriptors behind the number `fd` of a socket plan.
    pub fn get(&self, fd: RawFd) -> io::Result<Vec<OwnedFd>> {
        let more = self.more.get(&fd).into_iter().flatten();
        let found = std::iter::once(&fd)
            .chain(more)
            .filter_map(|fd| self.fds.get(fd));
        let copies: Vec<_> = found
            .map(|fd| fd.as_fd().try_clone_to_owned())
            .collect::<Result<_, _>>()?;
        if copies.is_empty() {
            Err(io::Error::from_raw_os_error(libc::EBADF))
        } else {
            Ok(copies)
        }
    }
}

/// What systemd's variables say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ListenFds {
    /// Named descriptors, in order.
    fds: Vec<(String, RawFd)>,
    /// Descriptors without a name, which only `--socket-fd` can use.
    pub unnamed: Vec<RawFd>,
}

impl ListenFds {
    /// Reads the environment. Variables meant for another process say nothing.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self::parse(
            std::process::id(),
            variable("LISTEN_PID").as_deref(),
            variable("LISTEN_FDS").as_deref(),
            variable("LISTEN_FDNAMES").as_deref(),
        )
    }

    fn parse(own_pid: u32, pid: Option<&str>, count: Option<&str>, names: Option<&str>) -> Self {
        let mut listen = Self::default();
        if pid.and_then(|pid| pid.parse().ok()) != Some(own_pid) {
            return listen;
        }
        let count: RawFd = count.and_then(|count| count.parse().ok()).unwrap_or(0);
        let mut names = names.into_iter().flat_map(|names| names.split(':'));
        for fd in FIRST_FD..FIRST_FD + count.clamp(0, MAX_FDS) {
            match names.next() {
                // What systemd calls descriptors that nobody named.
                None | Some("" | "unknown") => listen.unnamed.push(fd),
                Some(name) => listen.fds.push((name.into(), fd)),
            }
        }
        listen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::IntoRawFd;

    fn listening() -> RawFd {
        TcpListener::bind("127.0.0.1:0").unwrap().into_raw_fd()
    }

    #[test]
    fn only_listening_sockets_are_taken() {
        let problem = |fd| InheritedFds::take(&[("http".into(), fd)]).unwrap_err();
        assert_eq!(
            problem(1_000_000),
            "--socket-fd=http=1000000: File descriptor is not open."
        );
        let file = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        assert_eq!(
            problem(file),
            format!("--socket-fd=http={file}: File descriptor is not a socket.")
        );
        let udp = std::net::UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .into_raw_fd();
        assert_eq!(
            problem(udp),
            format!("--socket-fd=http={udp}: Socket for http is not listening.")
        );
        let fd = listening();
        assert_eq!(
            InheritedFds::take(&[("http".into(), fd)])
                .unwrap()
                .get(fd)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn the_variables_of_socket_activation() {
        let parse = |pid, count, names| ListenFds::parse(7, pid, count, names);
        assert_eq!(parse(None, Some("2"), Some("a:b")), ListenFds::default());
        assert_eq!(
            parse(Some("8"), Some("2"), Some("a:b")),
            ListenFds::default()
        );
        let listen = parse(Some("7"), Some("4"), Some("http::api"));
        assert_eq!(listen.fds, [("http".to_owned(), 3), ("api".to_owned(), 5)]);
        assert_eq!(listen.unnamed, [4, 6]);
        assert_eq!(parse(Some("7"), Some("-1"), None), ListenFds::default());
    }

    #[test]
    fn descriptors_of_one_name_go_together() {
        let (a, b, c) = (listening(), listening(), listening());
        let mut inherited = InheritedFds::take(&[("other".into(), c)]).unwrap();
        let fds = vec![
            ("http".to_owned(), a),
            ("http".to_owned(), b),
            ("x".to_owned(), c),
        ];
        let named = inherited
            .take_listen_fds(&ListenFds {
                fds,
                unnamed: vec![],
            })
            .unwrap();
        assert_eq!(named, [("http".to_owned(), a)]);
        assert_eq!(inherited.get(a).unwrap().len(), 2);
        assert_eq!(inherited.get(c).unwrap().len(), 1);
    }
}
