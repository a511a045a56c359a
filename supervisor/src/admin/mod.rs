//! The admin pages: what the server's processes and its live Durable Objects do, for people and programs that may reach
//! the address of `--admin-addr`.
//!
//! Served by the supervisor itself, in its poll loop (`lifecycle::admin`), so that the pages are there while processes
//! crash, hang or reload. They only read: nothing can be changed here. Without a token they are for this machine alone: a
//! loopback address, or a Unix socket that its owner alone may open. `access` says who may ask, `http` what is asked, `objects`
//! gathers what processes say, `page` writes HTML.

pub mod access;
pub mod http;
pub mod objects;
pub mod page;
pub mod processes;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use access::{Access, AdminAddress, Settings};

use crate::http::Server;
use crate::sockets::address::{Address, resolve, wildcards};
use crate::sockets::bind::{BoundListener, bind};

/// How long the processes may take to say what they have.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads `--admin-addr`.
pub fn address(text: &str) -> Result<AdminAddress, String> {
    const WANTED: &str = "expected an address with a port, such as 127.0.0.1:9090, or unix:<path>";
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if !text.starts_with("unix:") && !text.rsplit_once(':').is_some_and(|(_, port)| is_port(port)) {
        return Err(WANTED.into());
    }
    match resolve(text, 0).map_err(|error| error.to_string())? {
        Address::Unix(path) if !path.as_os_str().is_empty() => Ok(AdminAddress::Unix(path)),
        Address::Inet(all) => {
            // Of a name's addresses one that others reach counts most.
            let is_loopback = |one: &&SocketAddr| one.ip().to_canonical().is_loopback();
            let public = all.iter().find(|one| !is_loopback(one));
            let one = public.or(all.first()).ok_or(WANTED)?;
            Ok(AdminAddress::Inet(text.to_owned(), *one))
        }
        Address::Wildcard { port } => {
            let [first, _] = wildcards(port);
            Ok(AdminAddress::Inet(text.to_owned(), first))
        }
        _ => Err(WANTED.into()),
    }
}

/// The pages' server.
pub struct Admin {
    pub server: Server,
    pub access: Access,
}

impl Admin {
    /// Binds and listens.
    pub fn open(settings: &Settings) -> io::Result<Self> {
        let access = Access::new(settings)?;
        let bound = match &settings.address {
            AdminAddress::Inet(text, address) if text.starts_with('*') => {
                let port = address.port();
                bind(&Address::Wildcard { port }, 1)?
            }
            AdminAddress::Inet(_, address) => bind(&Address::Inet(vec![*address]), 1)?,
            AdminAddress::Unix(path) => bind_file(path)?,
        };
        let refuse = |refusal| http::Response::refusal(refusal).bytes(false);
        Ok(Self {
            server: Server::listen(bound, refuse)?,
            access,
        })
    }
}

/// Binds a socket file for its owner alone. One that a server left behind which is gone makes room.
fn bind_file(path: &std::path::Path) -> io::Result<Vec<BoundListener>> {
    let address = Address::Unix(path.to_owned());
    let bound = match bind(&address, 1) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_dead(path) => {
            std::fs::remove_file(path)?;
            bind(&address, 1)?
        }
        bound => bound?,
    };
    // Nobody can connect before it listens.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(bound)
}

fn is_dead(path: &std::path::Path) -> bool {
    std::os::unix::net::UnixStream::connect(path)
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: AdminAddress) -> Settings {
        Settings {
            address,
            hosts: Vec::new(),
            token_file: None,
        }
    }

    #[test]
    fn only_this_machine_needs_no_token() {
        let check = |text: &str| settings(address(text).unwrap()).check();
        for good in [
            "127.0.0.1:0",
            "127.9.9.9:80",
            "[::1]:9090",
            "localhost:9090",
            "unix:a/b",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for public in [
            "0.0.0.0:80",
            "*:80",
            "10.0.0.1:80",
            "[::]:80",
            "[2001:db8::1]:80",
        ] {
            let error = check(public).unwrap_err();
            assert!(error.contains("--admin-token-file"), "{error}");
            let with_token = Settings {
                token_file: Some("token".into()),
                ..settings(address(public).unwrap())
            };
            assert!(with_token.check().is_ok(), "{public}");
        }
        for bad in [
            "127.0.0.1",
            "9090",
            "",
            "unix:",
            "unix-abstract:a",
            "127.0.0.1:x",
            "127.0.0.1:70000",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_was_left_behind_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let admin = Admin::open(&settings(AdminAddress::Unix(path.clone()))).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            Admin::open(&settings(AdminAddress::Unix(path.clone()))).is_err(),
            "it is in use"
        );
        drop(admin);
        assert!(!path.exists());
    }
}
