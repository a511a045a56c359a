//! Addresses of external servers, and which addresses a network may reach.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

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

/// The rules of a `network` service: the most specific that matches decides, deny before allow.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<(Pattern, bool)>,
}

#[derive(Debug)]
enum Pattern {
    /// The address family and prefix of a CIDR.
    Cidr(IpAddr, u8),
    Public,
    Private,
    Local,
    Network,
    Unix,
}

impl Rules {
    /// Parses `public`, `private`, `local`, `network`, `unix`, and CIDRs.
    pub fn parse(allow: &[String], deny: &[String]) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (list, allowed) in [(allow, true), (deny, false)] {
            for text in list {
                rules.push((Pattern::parse(text)?, allowed));
            }
        }
        Ok(Self { rules })
    }

    /// Whether an address may be connected to.
    pub fn allows(&self, address: &SocketAddr) -> bool {
        let ip = canonical(address.ip());
        let mut best: Option<(u16, bool)> = None;
        for (pattern, allowed) in &self.rules {
            if let Some(weight) = pattern.matches(ip) {
                // Of equal weight, deny wins.
                if best.is_none_or(|(found, was)| weight > found || (weight == found && was)) {
                    best = Some((weight, *allowed));
                }
            }
        }
        best.is_some_and(|(_, allowed)| allowed)
    }
}

fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        v4 => v4,
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "public" => Self::Public,
            "private" => Self::Private,
            "local" => Self::Local,
            "network" => Self::Network,
            "unix" | "unix-abstract" => Self::Unix,
            cidr => {
                let bad = || {
                    format!(
                        "\"{text}\" is not a network: write public, private, local, network, unix, or a CIDR"
                    )
                };
                let (ip, prefix) = cidr.split_once('/').ok_or_else(bad)?;
                let ip: IpAddr = ip.parse().map_err(|_| bad())?;
                let prefix: u8 = prefix.parse().map_err(|_| bad())?;
                if prefix > if ip.is_ipv4() { 32 } else { 128 } {
                    return Err(bad());
                }
                Self::Cidr(ip, prefix)
            }
        })
    }

    /// How specific the match is, if it matches: a longer prefix wins.
    fn matches(&self, ip: IpAddr) -> Option<u16> {
        let local = is_local(ip);
        let private = local || is_private(ip);
        match self {
            Self::Network => Some(0),
            Self::Public => (!private).then_some(1),
            Self::Private => private.then_some(1),
            Self::Local => local.then_some(2),
            Self::Unix => None,
            Self::Cidr(network, prefix) => {
                in_network(ip, *network, *prefix).then(|| u16::from(*prefix) + 3)
            }
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified(),
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_link_local()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || a >= 240
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allow: &[&str], deny: &[&str], address: &str) -> bool {
        let own = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        Rules::parse(&own(allow), &own(deny))
            .unwrap()
            .allows(&SocketAddr::new(address.parse().unwrap(), 80))
    }

    #[test]
    fn public_leaves_out_private_and_local() {
        for (address, allowed) in [
            ("8.8.8.8", true),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("fd00::1", false),
            ("2606:4700::1", true),
        ] {
            assert_eq!(allows(&["public"], &[], address), allowed, "{address}");
        }
    }

    #[test]
    fn the_more_specific_rule_decides() {
        assert!(allows(&["private"], &[], "127.0.0.1"));
        assert!(!allows(&["private"], &["local"], "127.0.0.1"));
        assert!(allows(&["public", "10.0.0.0/8"], &[], "10.1.1.1"));
        assert!(!allows(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.1.1"));
        assert!(!allows(&["10.0.0.0/8"], &["10.0.0.0/8"], "10.1.1.1"));
        assert!(!allows(&[], &[], "8.8.8.8"));
        assert!(allows(&["0.0.0.0/0"], &[], "127.0.0.1"));
    }

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
