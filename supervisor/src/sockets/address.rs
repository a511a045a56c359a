//! The addresses of sockets: from the text of a config or a command line to what can be bound.
//!
//! Called by `bind`. Follows upstream's notation: `host:port`, `[::1]:port`, `*:port`, `unix:path`, `unix-abstract:name`, with
//! the port optional. Relies on the system's resolver, which may wait for the network.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::PathBuf;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// One address, or all those of a name.
    Inet(Vec<SocketAddr>),
    /// Every interface, by IPv6 and IPv4.
    Wildcard { port: u16 },
    /// A socket file.
    Unix(PathBuf),
    /// A name in Linux's abstract namespace, without the leading zero byte.
    UnixAbstract(String),
}

/// Why an address cannot be used. Its text is upstream's.
#[derive(Debug)]
pub enum AddressError {
    Unclosed(String),
    AfterBracket(String),
    BadLiteral(String),
    PortTooLarge,
    UnixPath(io::Error),
    Lookup {
        host: String,
        service: String,
        reason: String,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(text) => {
                write!(f, "parseAddress: Unclosed '[' in address string. {text}")
            }
            Self::AfterBracket(text) => {
                write!(f, "parseAddress: Expected port suffix after ']'. {text}")
            }
            Self::BadLiteral(text) => write!(f, "parseAddress: Not an IPv6 address. {text}"),
            Self::PortTooLarge => f.write_str("parseAddress: Port number too large."),
            Self::UnixPath(error) => write!(f, "parseAddress: {error}"),
            Self::Lookup {
                host,
                service,
                reason,
            } => {
                write!(
                    f,
                    "getaddrinfo(): DNS lookup failed. host = {host}; service = {service}; {reason}"
                )
            }
        }
    }
}

impl std::error::Error for AddressError {}

/// Parses an address and looks its name up. `default_port` stands in when the text names no port.
pub fn resolve(text: &str, default_port: u16) -> Result<Address, AddressError> {
    if let Some(path) = text.strip_prefix("unix:") {
        UnixAddr::from_pathname(path).map_err(AddressError::UnixPath)?;
        return Ok(Address::Unix(path.into()));
    }
    if let Some(name) = text.strip_prefix("unix-abstract:") {
        UnixAddr::from_abstract_name(name).map_err(AddressError::UnixPath)?;
        return Ok(Address::UnixAbstract(name.into()));
    }
    let (host, port) = split(text)?;
    let port = match port {
        None => default_port,
        Some(port) => parse_port(host, port)?,
    };
    if host == "*" {
        return Ok(Address::Wildcard { port });
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Address::Inet(vec![(ip, port).into()]));
    }
    if text.starts_with('[') {
        return Err(AddressError::BadLiteral(text.into()));
    }
    let failed = |reason: String| AddressError::Lookup {
        host: host.into(),
        service: "(none)".into(),
        reason,
    };
    let addresses: Vec<_> = (host, port)
        .to_socket_addrs()
        .map_err(|error| failed(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(failed("the name has no address".into()));
    }
    Ok(Address::Inet(addresses))
}

/// The bindable form of a wildcard: IPv6, which takes IPv4 too, then IPv4 alone for systems without IPv6.
pub fn wildcards(port: u16) -> [SocketAddr; 2] {
    [
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ]
}

/// Splits host from port. More than one colon without brackets is a bare IPv6 address.
fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| AddressError::Unclosed(text.into()))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError::AfterBracket(text.into())),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

/// A port by number, or by its name in `/etc/services`. An empty one is 0: any free port.
fn parse_port(host: &str, text: &str) -> Result<u16, AddressError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.is_empty() {
            return Ok(0);
        }
        return text.parse().map_err(|_| AddressError::PortTooLarge);
    }
    service_port(text).ok_or_else(|| AddressError::Lookup {
        host: host.into(),
        service: text.into(),
        reason: "failed to lookup address information: Servname not supported for ai_socktype"
            .into(),
    })
}

fn service_port(name: &str) -> Option<u16> {
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let listed = services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let canonical = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        (canonical == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    });
    listed.or(match name {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        match resolve(text, 80) {
            Ok(Address::Inet(addresses)) => addresses[0].to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_notation() {
        assert_eq!(one("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(one("127.0.0.1"), "127.0.0.1:80");
        assert_eq!(one("127.0.0.1:"), "127.0.0.1:0");
        assert_eq!(one("127.0.0.1:http"), "127.0.0.1:80");
        assert_eq!(one("[::1]:8080"), "[::1]:8080");
        assert_eq!(one("[::1]"), "[::1]:80");
        assert_eq!(one("::1"), "[::1]:80");
        assert_eq!(one("*"), "Wildcard { port: 80 }");
        assert_eq!(one("*:0"), "Wildcard { port: 0 }");
        assert_eq!(one("unix:/tmp/x"), "Unix(\"/tmp/x\")");
        assert_eq!(one("unix-abstract:x"), "UnixAbstract(\"x\")");
        assert!(one("localhost:9").ends_with(":9"));
    }

    #[test]
    fn what_cannot_be_an_address_says_why() {
        assert_eq!(
            one("[::1"),
            "parseAddress: Unclosed '[' in address string. [::1"
        );
        assert_eq!(
            one("127.0.0.1:99999"),
            "parseAddress: Port number too large."
        );
        assert_eq!(
            one("127.0.0.1:-1"),
            "getaddrinfo(): DNS lookup failed. host = 127.0.0.1; service = -1; \
             failed to lookup address information: Servname not supported for ai_socktype"
        );
        assert!(
            one(":0").starts_with("getaddrinfo(): DNS lookup failed. host = ; service = (none); ")
        );
        let long = format!("unix:/{}", "a".repeat(120));
        assert_eq!(
            one(&long),
            "parseAddress: path must be shorter than SUN_LEN"
        );
        assert!(one("[x]:1").starts_with("parseAddress: "));
        assert!(one("[::1]x").starts_with("parseAddress: "));
    }
}
