//! Addresses of external servers.

use std::net::Ipv6Addr;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp {
        host: String,
        port: u16,
    },
    Unix(String),
    UnixAbstract(String),
    /// A socket of the same test.
    Loopback(String),
}

impl Address {
    /// `host`, `host:port`, `[v6]:port`, `unix:path`, `unix-abstract:name`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.to_owned()));
        }
        if let Some(name) = text.strip_prefix("unix-abstract:") {
            return Ok(Self::UnixAbstract(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix("loopback:") {
            return Ok(Self::Loopback(name.to_owned()));
        }
        let bad = || {
            format!(
                "\"{text}\" is not an address: write host:port, [ipv6]:port, unix:path or unix-abstract:name"
            )
        };
        if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or_else(bad)?;
            let port = match port.strip_prefix(':') {
                Some(port) => port.parse().map_err(|_| bad())?,
                None if port.is_empty() => default_port,
                None => return Err(bad()),
            };
            return Ok(Self::Tcp {
                host: host.to_owned(),
                port,
            });
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self::Tcp {
                host: text.to_owned(),
                port: default_port,
            });
        }
        match text.rsplit_once(':') {
            Some((host, port)) => Ok(Self::Tcp {
                host: host.to_owned(),
                port: port.parse().map_err(|_| bad())?,
            }),
            None => Ok(Self::Tcp {
                host: text.to_owned(),
                port: default_port,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Address::Tcp {
            host: host.to_owned(),
            port,
        };
        assert_eq!(Address::parse("a.example", 80), Ok(tcp("a.example", 80)));
        assert_eq!(Address::parse("a.example:81", 80), Ok(tcp("a.example", 81)));
        assert_eq!(Address::parse("[::1]:82", 80), Ok(tcp("::1", 82)));
        assert_eq!(Address::parse("::1", 80), Ok(tcp("::1", 80)));
        assert_eq!(
            Address::parse("unix:/tmp/x", 80),
            Ok(Address::Unix("/tmp/x".to_owned()))
        );
        for bad in ["a:b", "[::1", "[::1]x", "a:99999"] {
            assert!(Address::parse(bad, 80).is_err(), "{bad}");
        }
    }
}
