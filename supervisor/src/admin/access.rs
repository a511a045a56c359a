//! Who may ask the admin pages: by the host that a request names, and by a token.
//!
//! A page from elsewhere whose name was made to point here (DNS rebinding) names a host that is not ours. Over TCP, so, a request's
//! host is one that is known: this machine's own names and addresses, those that the options say, and, where every address is
//! listened on, any address, which no name can stand for. A Unix socket is no web page's to ask.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::http::head::{Head, Refusal, host_name, is_local};

/// A token is at least so long, that it cannot be guessed.
const MIN_TOKEN_BYTES: usize = 16;
const MAX_TOKEN_BYTES: usize = 4096;

/// Where the pages are served, and for whom: what the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub address: AdminAddress,
    /// `--admin-host`: names that this machine has for others.
    pub hosts: Vec<String>,
    /// `--admin-token-file`.
    pub token_file: Option<PathBuf>,
}

/// Where the pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// As the option has it, and what that is.
    Inet(String, SocketAddr),
    Unix(PathBuf),
}

impl Settings {
    /// # Errors
    /// Others could reach the pages, and nothing is asked of them.
    pub fn check(self) -> Result<Self, String> {
        match &self.address {
            AdminAddress::Inet(text, address)
                if !address.ip().to_canonical().is_loopback() && self.token_file.is_none() =>
            {
                Err(format!(
                    "--admin-addr={text} can be reached from other machines, and the admin pages have no login: give them a token by \
                     --admin-token-file, or take a loopback address with a port, such as 127.0.0.1:9090, or unix:<path>"
                ))
            }
            _ => Ok(self),
        }
    }
}

/// What a request must show.
pub struct Access {
    /// None of a Unix socket.
    hosts: Option<Hosts>,
    token: Option<Vec<u8>>,
}

struct Hosts {
    names: Vec<String>,
    /// Every address is listened on.
    any_address: bool,
}

impl Access {
    /// # Errors
    /// The token cannot be read, or is none.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        let token = settings.token_file.as_deref().map(read_token).transpose()?;
        let hosts = match &settings.address {
            AdminAddress::Unix(_) => None,
            AdminAddress::Inet(text, address) => {
                let mut names = settings.hosts.clone();
                names.push(host_name(text).to_owned());
                let any_address = address.ip().is_unspecified();
                Some(Hosts { names, any_address })
            }
        };
        Ok(Self { hosts, token })
    }

    /// Whether the host that a request names is one of ours.
    pub fn check_host(&self, head: &Head) -> Result<(), Refusal> {
        let (Some(hosts), Some(host)) = (&self.hosts, &head.host) else {
            return Ok(());
        };
        let name = host_name(host);
        let is_known = is_local(host)
            || hosts
                .names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            || hosts.any_address && name.parse::<IpAddr>().is_ok();
        match is_known && !name.is_empty() {
            true => Ok(()),
            false => Err(Refusal(
                403,
                "Ask for localhost, a loopback address, or a host of --admin-host: no other is here.",
            )),
        }
    }

    /// Whether the request shows the token, if one is wanted: as a bearer's, or, from a browser, as a password.
    pub fn check_token(&self, head: &Head) -> Result<(), Refusal> {
        const WANTED: Refusal = Refusal(
            401,
            "Send the token of --admin-token-file: Authorization: Bearer <token>, or as a password.",
        );
        let Some(token) = &self.token else {
            return Ok(());
        };
        let given = head.header("authorization").unwrap_or_default();
        let (scheme, value) = given.split_once(' ').unwrap_or_default();
        let shown = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(value.trim().as_bytes().to_vec()),
            "basic" => password(value.trim()),
            _ => None,
        };
        let shown = shown.ok_or(WANTED)?;
        verify_slices_are_equal(&shown, token).map_err(|_| WANTED)
    }
}

fn read_token(path: &Path) -> io::Result<Vec<u8>> {
    let named = |why: String| {
        let path = path.display();
        io::Error::other(format!("the token of --admin-token-file={path} {why}"))
    };
    let file =
        std::fs::File::open(path).map_err(|error| named(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    file.take(MAX_TOKEN_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| named(format!("cannot be read: {error}")))?;
    let token = bytes.trim_ascii().to_vec();
    if token.len() < MIN_TOKEN_BYTES || bytes.len() > MAX_TOKEN_BYTES {
        let length = token.len();
        return Err(named(format!(
            "has {length} bytes: write {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES}, such as `openssl rand -hex 32` prints"
        )));
    }
    match token.iter().all(u8::is_ascii_graphic) {
        true => Ok(token),
        false => Err(named(
            "has bytes that no header carries: write one line of visible ASCII".into(),
        )),
    }
}

/// The password of HTTP's basic authentication (RFC 7617).
fn password(encoded: &str) -> Option<Vec<u8>> {
    let bytes = from_base64(encoded)?;
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    Some(bytes[colon + 1..].to_vec())
}

/// RFC 4648, section 4; padding may be left out.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::parse;

    fn access(address: &str, hosts: &[&str], token: Option<&str>) -> Access {
        let folder = tempfile::tempdir().unwrap();
        let token_file = token.map(|token| {
            let path = folder.path().join("token");
            std::fs::write(&path, token).unwrap();
            path
        });
        let settings = Settings {
            address: crate::admin::address(address).unwrap(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            token_file,
        };
        Access::new(&settings).unwrap()
    }

    fn head(host: &str, authorization: &str) -> Head {
        let text =
            format!("GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n\r\n");
        parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn hosts_are_known_or_refused() {
        let check = |access: &Access, host: &str| access.check_host(&head(host, "")).is_ok();
        let local = access("127.0.0.1:0", &[], None);
        for good in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:9",
        ] {
            assert!(check(&local, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            ":80",
            "[::1",
            "[::2]",
        ] {
            assert!(!check(&local, bad), "{bad}");
        }
        let everywhere = access("0.0.0.0:0", &["metrics.example"], None);
        for good in [
            "10.0.0.1:9",
            "[2001:db8::1]:9",
            "Metrics.example:9",
            "localhost",
        ] {
            assert!(check(&everywhere, good), "{good}");
        }
        assert!(!check(&everywhere, "other.example"));
        assert!(check(&access("unix:a", &[], None), "evil.example"));
    }

    #[test]
    fn a_token_is_a_bearers_or_a_password() {
        let access = access("127.0.0.1:0", &[], Some("0123456789abcdef\n"));
        let check = |text: &str| access.check_token(&head("localhost", text)).is_ok();
        assert!(check("Bearer 0123456789abcdef") && check("bearer  0123456789abcdef"));
        // "anyone:0123456789abcdef"
        assert!(check("Basic YW55b25lOjAxMjM0NTY3ODlhYmNkZWY="));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcdef0",
            "Basic MDEyMzQ1Njc4OWFiY2RlZg==",
            "Basic !",
            "Token 0123456789abcdef",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn a_token_that_is_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_token(&path).unwrap_err().to_string()
        };
        assert!(refused(b"").contains("has 0 bytes"));
        assert!(refused(b"short\n").contains("has 5 bytes"));
        assert!(refused(&[b'a'; MAX_TOKEN_BYTES + 1]).contains("has 4097 bytes"));
        assert!(refused(b"0123456789 abcdef").contains("visible ASCII"));
        std::fs::remove_file(&path).unwrap();
        assert!(
            read_token(&path)
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
        assert!(read_token(folder.path()).is_err());
    }
}
