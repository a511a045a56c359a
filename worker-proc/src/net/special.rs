//! The kinds of addresses: IANA's registries of special-purpose addresses and of multicast, as one table.
//!
//! Called by `rules`. What the registries call globally reachable is public here; blocks whose entry leaves that open embed an IPv4
//! address, by which they are judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rules::is_inside;

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Public,
    /// For networks of one's own.
    Private,
    /// This machine.
    Local,
    /// For no connection to a server: multicast, documentation, protocols, reserved.
    Special,
}

use Kind::{Local, Private, Public, Special};

/// Blocks of IPv4 with the RFC that says so. The narrowest that holds an address counts; what none holds is public.
const V4: &[([u8; 4], u8, Kind, u16)] = &[
    ([0, 0, 0, 0], 8, Special, 791),        // this network
    ([0, 0, 0, 0], 32, Local, 1122),        // this host; systems connect to themselves
    ([10, 0, 0, 0], 8, Private, 1918),      // private use
    ([100, 64, 0, 0], 10, Private, 6598),   // shared address space
    ([127, 0, 0, 0], 8, Local, 1122),       // loopback
    ([169, 254, 0, 0], 16, Private, 3927),  // link-local
    ([172, 16, 0, 0], 12, Private, 1918),   // private use
    ([192, 0, 0, 0], 24, Special, 6890),    // IETF protocol assignments
    ([192, 0, 0, 9], 32, Public, 7723),     // Port Control Protocol anycast
    ([192, 0, 0, 10], 32, Public, 8155),    // TURN anycast
    ([192, 0, 2, 0], 24, Special, 5737),    // documentation
    ([192, 88, 99, 0], 24, Special, 7526),  // 6to4 relay anycast, deprecated
    ([192, 168, 0, 0], 16, Private, 1918),  // private use
    ([198, 18, 0, 0], 15, Special, 2544),   // benchmarking
    ([198, 51, 100, 0], 24, Special, 5737), // documentation
    ([203, 0, 113, 0], 24, Special, 5737),  // documentation
    ([224, 0, 0, 0], 4, Special, 5771),     // multicast
    ([240, 0, 0, 0], 4, Special, 1112),     // reserved, and limited broadcast
];

/// The same for IPv6.
const V6: &[([u16; 8], u8, Kind, u16)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 3, Special, 4291), // no global unicast
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Local, 4291), // unspecified; systems connect to themselves
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Local, 4291), // loopback
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Public, 4291), // IPv4-mapped: as what it embeds
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Public, 6052), // NAT64: as what it embeds
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Special, 2928), // IETF protocol assignments
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Public, 4380), // Teredo: as what it embeds
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, Public, 7723), // Port Control Protocol anycast
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, Public, 8155), // TURN anycast
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, Public, 9665), // DNS-SD registration anycast
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, Public, 7450), // multicast tunnels (AMT)
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, Public, 7535), // AS112
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, Public, 7343), // ORCHIDv2
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, Public, 9374), // drone remote identification
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Special, 3849), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Public, 3056), // 6to4: as what it embeds
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Special, 9637), // documentation
    ([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, Special, 4291), // no global unicast
    ([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, Special, 4291), // no global unicast, multicast
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Private, 4193), // unique local
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Private, 4291), // link-local
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Private, 3879), // site-local, deprecated
];

/// An address, as itself or as what it embeds.
#[derive(Debug)]
pub struct Form {
    pub ip: IpAddr,
    /// How many bits come before it in the whole address.
    pub offset: u8,
    pub kind: Kind,
    /// The length of the prefix of the block that makes it so; 0 if there is none.
    pub prefix: u8,
}

/// The address itself first.
pub fn forms(ip: IpAddr) -> Vec<Form> {
    let mut forms = vec![form(ip, 0)];
    if let IpAddr::V6(ip) = ip {
        forms.extend(embedded(ip).map(|(ip, offset)| form(ip.into(), offset)));
    }
    forms
}

fn form(ip: IpAddr, offset: u8) -> Form {
    let v4 = V4.iter().map(|row| (IpAddr::from(row.0), row.1, row.2));
    let v6 = V6.iter().map(|row| (IpAddr::from(row.0), row.1, row.2));
    let inside = v4
        .chain(v6)
        .filter(|(network, prefix, _)| is_inside(ip, *network, *prefix));
    let narrowest = inside.max_by_key(|(_, prefix, _)| *prefix);
    let (prefix, kind) = narrowest.map_or((0, Public), |(_, prefix, kind)| (prefix, kind));
    Form {
        ip,
        offset,
        kind,
        prefix,
    }
}

/// The IPv4 addresses in an IPv6 one, and how many bits come before each.
fn embedded(ip: Ipv6Addr) -> impl Iterator<Item = (Ipv4Addr, u8)> {
    let bits = ip.to_bits();
    let at = |offset: u8| (bits >> (96 - offset)) as u32;
    let found = match ip.segments() {
        // Unspecified and loopback are no IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // IPv4-compatible and IPv4-mapped (RFC 4291), IPv4-translated (RFC 2765), NAT64 (RFC 6052, RFC 8215).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..] => [Some((at(96), 96)), None],
        // 6to4 (RFC 3056).
        [0x2002, ..] => [Some((at(16), 16)), None],
        // Teredo (RFC 4380): a server, and a client whose bits are turned over.
        [0x2001, 0, ..] => [Some((at(32), 32)), Some((!at(96), 96))],
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => [Some((at(96), 96)), None],
        _ => [None, None],
    };
    let found = found.into_iter().flatten();
    found.map(|(bits, offset)| (Ipv4Addr::from_bits(bits), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of a block and its kind, and the kinds of its neighbours; `-` where there is none.
    const BLOCKS: &str = "
        0.0.0.0 0.255.255.255 Special - Public
        0.0.0.0 0.0.0.0 Local - Special
        10.0.0.0 10.255.255.255 Private Public Public
        100.64.0.0 100.127.255.255 Private Public Public
        127.0.0.0 127.255.255.255 Local Public Public
        169.254.0.0 169.254.255.255 Private Public Public
        172.16.0.0 172.31.255.255 Private Public Public
        192.0.0.0 192.0.0.255 Special Public Public
        192.0.0.9 192.0.0.9 Public Special Public
        192.0.0.10 192.0.0.10 Public Public Special
        192.0.2.0 192.0.2.255 Special Public Public
        192.88.99.0 192.88.99.255 Special Public Public
        192.168.0.0 192.168.255.255 Private Public Public
        198.18.0.0 198.19.255.255 Special Public Public
        198.51.100.0 198.51.100.255 Special Public Public
        203.0.113.0 203.0.113.255 Special Public Public
        224.0.0.0 239.255.255.255 Special Public Special
        240.0.0.0 255.255.255.255 Special Special -
        :: 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff Special - Public
        :: :: Local - Local
        ::1 ::1 Local Local Special
        ::ffff:0:0 ::ffff:ffff:ffff Public Special Special
        64:ff9b:: 64:ff9b::ffff:ffff Public Special Special
        2001:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff Special Public Public
        2001:: 2001:0:ffff:ffff:ffff:ffff:ffff:ffff Public Public Special
        2001:1::1 2001:1::1 Public Special Public
        2001:1::2 2001:1::2 Public Public Public
        2001:1::3 2001:1::3 Public Public Special
        2001:3:: 2001:3:ffff:ffff:ffff:ffff:ffff:ffff Public Special Special
        2001:4:112:: 2001:4:112:ffff:ffff:ffff:ffff:ffff Public Special Special
        2001:20:: 2001:2f:ffff:ffff:ffff:ffff:ffff:ffff Public Special Public
        2001:30:: 2001:3f:ffff:ffff:ffff:ffff:ffff:ffff Public Public Special
        2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff Special Public Public
        2002:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff Public Public Public
        3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff Special Public Public
        4000:: 7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff Special Public Special
        8000:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff Special Special -
        fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff Private Special Special
        fe80:: febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff Private Special Private
        fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff Private Private Special
    ";

    /// What the registries have inside those blocks, and multicast.
    const WITHIN: &str = "
        0.0.0.1 192.0.0.0 192.0.0.7 192.0.0.8 192.0.0.170 192.0.0.171 192.88.99.2 224.0.0.1 255.255.255.255
        64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 100:: 100:0:0:1:: 2001:2:: 2001:2:0:ffff:: 2001:10:: 2001:1f:ffff::
        5f00:: 5f00:ffff:: ff00:: ff02::1 ffff:ffff:: ::1:0:0:0 ::2 ::ffff:0:808:808
    ";

    fn kind(ip: IpAddr) -> Kind {
        form(ip, 0).kind
    }

    fn next(ip: IpAddr, forward: bool) -> Option<IpAddr> {
        let step = |bits: u128| {
            if forward {
                bits.checked_add(1)
            } else {
                bits.checked_sub(1)
            }
        };
        match ip {
            IpAddr::V4(ip) => {
                let bits = step(ip.to_bits().into())?;
                Some(Ipv4Addr::from_bits(bits.try_into().ok()?).into())
            }
            IpAddr::V6(ip) => Some(Ipv6Addr::from_bits(step(ip.to_bits())?).into()),
        }
    }

    #[test]
    fn every_block_begins_and_ends_where_its_rfc_says() {
        let lines = BLOCKS
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let mut seen = 0;
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [first, last, this, before, after] = words[..] else {
                panic!("{line}");
            };
            let (first, last): (IpAddr, IpAddr) = (first.parse().unwrap(), last.parse().unwrap());
            let ends = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => u128::from(ip.to_bits()),
                IpAddr::V6(ip) => ip.to_bits(),
            };
            let prefixes = V4.iter().map(|row| (IpAddr::from(row.0), row.1, 32));
            let mut rows = prefixes.chain(V6.iter().map(|row| (IpAddr::from(row.0), row.1, 128)));
            let spans =
                |length: u8| (1_u128.checked_shl(length.into()).unwrap_or(0)).wrapping_sub(1);
            let row = rows.find(|(network, prefix, bits)| {
                *network == first && ends(first).wrapping_add(spans(bits - prefix)) == ends(last)
            });
            assert!(row.is_some(), "no row for {line}");
            seen += 1;
            // A narrower block that begins or ends with this one is on a line of its own.
            let narrower = |ip: IpAddr| {
                BLOCKS
                    .lines()
                    .filter(|other| {
                        let mut words = other.split_whitespace();
                        let at = words.next().zip(words.next());
                        at.is_some_and(|(first, last)| {
                            [first, last].contains(&ip.to_string().as_str())
                        })
                    })
                    .count()
                    > 1
            };
            for ip in [first, last] {
                if !narrower(ip) {
                    assert_eq!(format!("{:?}", kind(ip)), this, "{ip} of {line}");
                }
            }
            for (ip, expected) in [(next(first, false), before), (next(last, true), after)] {
                let found = ip.map_or("-".to_owned(), |ip| format!("{:?}", kind(ip)));
                assert_eq!(found, expected, "beside {line}");
            }
        }
        assert_eq!(seen, V4.len() + V6.len());
    }

    #[test]
    fn what_is_inside_a_wider_block_is_not_public() {
        for ip in WITHIN.split_whitespace() {
            assert_eq!(kind(ip.parse().unwrap()), Special, "{ip}");
        }
    }
}
