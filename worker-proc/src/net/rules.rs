//! Which addresses a `network` service may reach, by the `allow` and `deny` of its config.
//!
//! Called by `outbound` with the config's lists and by `connect` with each address that a name has. Relies on `special` for what
//! kind an address is. Of all blocks that hold an address the narrowest decides, and of equal ones that of `deny`.

use std::net::{IpAddr, SocketAddr};

use super::special::{Form, Kind, forms};

/// The rules of a network.
#[derive(Debug)]
pub struct Rules {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
}

#[derive(Debug)]
enum Pattern {
    /// The first address of a CIDR, and its prefix length.
    Cidr(IpAddr, u8),
    Public,
    Private,
    Local,
    Network,
    /// No socket of a machine's own has an address here.
    Unix,
}

impl Rules {
    /// Parses `public`, `private`, `local`, `network`, `unix`, `unix-abstract`, and CIDRs.
    ///
    /// # Errors
    /// What is wrong with an entry.
    pub fn parse(allow: &[String], deny: &[String]) -> Result<Self, String> {
        let parse = |list: &[String]| {
            list.iter()
                .map(|text| Pattern::parse(text))
                .collect::<Result<Vec<_>, _>>()
        };
        // What is everything but something else has no width of its own to weigh against another's.
        for (text, instead) in [("public", "private"), ("network", "local")] {
            if deny.iter().any(|denied| denied == text) {
                return Err(format!("don't deny '{text}', allow '{instead}' instead"));
            }
        }
        Ok(Self {
            allow: parse(allow)?,
            deny: parse(deny)?,
        })
    }

    /// Whether an address may be connected to.
    pub fn allows(&self, address: &SocketAddr) -> bool {
        let forms = forms(address.ip());
        let narrowest = |patterns: &[Pattern]| {
            let widths = patterns.iter().map(|pattern| pattern.matches(&forms));
            widths.max().flatten()
        };
        match (narrowest(&self.allow), narrowest(&self.deny)) {
            (Some(allowed), Some(denied)) => allowed > denied,
            (allowed, _) => allowed.is_some(),
        }
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
                let bad = || format!("invalid CIDR: {text}");
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

    /// The length of the prefix that the narrowest block of this pattern has in common with an address, if any block holds it.
    /// An address that embeds others is in a block if any of its forms is; it is public only if all of them are.
    fn matches(&self, forms: &[Form]) -> Option<u8> {
        let in_blocks = |kind| {
            let of_kind = forms.iter().filter(|form| form.kind == kind);
            of_kind.map(|form| form.offset + form.prefix).max()
        };
        let everything = |but: bool| (!but).then_some(0);
        match self {
            Self::Network => everything(forms.iter().any(|form| form.kind == Kind::Local)),
            Self::Public => everything(forms.iter().any(|form| form.kind != Kind::Public)),
            // What is local is private in the widest sense only, so that `local` on the other list decides.
            Self::Private => in_blocks(Kind::Private).or_else(|| in_blocks(Kind::Local).map(|_| 0)),
            Self::Local => in_blocks(Kind::Local),
            Self::Cidr(network, prefix) => {
                let inside = forms
                    .iter()
                    .filter(|form| is_inside(form.ip, *network, *prefix));
                inside.map(|form| form.offset + prefix).max()
            }
            Self::Unix => None,
        }
    }
}

/// Whether a block holds an address.
pub(super) fn is_inside(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            (ip.to_bits() ^ network.to_bits()) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            (ip.to_bits() ^ network.to_bits()) & mask == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn allows(allow: &[&str], deny: &[&str], address: &str) -> bool {
        Rules::parse(&own(allow), &own(deny))
            .unwrap()
            .allows(&SocketAddr::new(address.parse().unwrap(), 80))
    }

    #[test]
    fn the_words() {
        for (address, public, private, local, network) in [
            ("8.8.8.8", true, false, false, true),
            ("10.1.2.3", false, true, false, true),
            ("127.0.0.1", false, true, true, false),
            ("0.0.0.0", false, true, true, false),
            ("169.254.1.1", false, true, false, true),
            ("224.0.0.1", false, false, false, true),
            ("192.0.0.1", false, false, false, true),
            ("::1", false, true, true, false),
            ("::", false, true, true, false),
            ("fd00::1", false, true, false, true),
            ("ff02::1", false, false, false, true),
            ("2606:4700::1", true, false, false, true),
        ] {
            for (word, allowed) in [
                ("public", public),
                ("private", private),
                ("local", local),
                ("network", network),
                ("unix", false),
                ("unix-abstract", false),
            ] {
                assert_eq!(allows(&[word], &[], address), allowed, "{word} {address}");
            }
        }
    }

    #[test]
    fn an_address_that_embeds_another_is_judged_by_both() {
        for (form, public, private, local) in [
            ("::ffff:V4", "8.8.8.8", "10.0.0.1", "127.0.0.1"),
            ("64:ff9b::V4", "8.8.8.8", "10.0.0.1", "127.0.0.1"),
            ("2002:V4::1", "0808:0808", "0a00:0001", "7f00:0001"),
            ("2001:0:808:808::V4", "f7f7:f7f7", "f5ff:fffe", "80ff:fffe"),
            ("2001:0:V4::f7f7:f7f7", "808:808", "a00:1", "7f00:1"),
            ("2606:4700::5efe:V4", "8.8.8.8", "10.0.0.1", "127.0.0.1"),
            ("2606:4700::200:5efe:V4", "8.8.8.8", "10.0.0.1", "127.0.0.1"),
        ] {
            let embedding = |v4: &str| form.replace("V4", v4);
            let (public, private, local) =
                (embedding(public), embedding(private), embedding(local));
            assert!(allows(&["public"], &[], &public), "{public}");
            assert!(!allows(&["public"], &[], &private), "{private}");
            assert!(!allows(&["public"], &[], &local), "{local}");
            assert!(!allows(&["network"], &[], &local), "{local}");
            assert!(allows(&["private"], &[], &private), "{private}");
            assert!(!allows(&["private"], &["local"], &local), "{local}");
            assert!(!allows(&["::/0"], &["10.0.0.0/8"], &private), "{private}");
            assert!(allows(&["::/0"], &["10.0.0.0/8"], &public), "{public}");
            assert!(!allows(&["::/0"], &["private"], &private), "{private}");
        }
        for never_public in ["64:ff9b:1::8.8.8.8", "::8.8.8.8", "::ffff:0:8.8.8.8"] {
            assert!(!allows(&["public"], &[], never_public), "{never_public}");
        }
    }

    #[test]
    fn the_narrowest_block_decides() {
        for (allow, deny, address, allowed) in [
            (&["private"][..], &[][..], "127.0.0.1", true),
            (&["private"], &["local"], "127.0.0.1", false),
            (&["private"], &["private"], "127.0.0.1", false),
            (&["local"], &["private"], "127.0.0.1", true),
            (&["public", "local"], &[], "127.0.0.1", true),
            (&["public", "private"], &[], "10.1.1.1", true),
            (&["public", "10.0.0.0/8"], &[], "10.1.1.1", true),
            (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.1.1", false),
            (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.2.1.1", true),
            (&["10.0.0.0/8"], &["10.0.0.0/8"], "10.1.1.1", false),
            (&["10.1.0.0/16"], &["private"], "10.1.1.1", true),
            (&["0.0.0.0/0"], &["private"], "10.1.1.1", false),
            (&["8.0.0.0/6"], &["private"], "10.1.1.1", false),
            (&["0.0.0.0/0"], &["private"], "127.0.0.1", false),
            (&["private"], &["0.0.0.0/4"], "10.1.1.1", true),
            (&["network"], &["private"], "10.1.1.1", false),
            (&[], &[], "8.8.8.8", false),
            (&["0.0.0.0/0"], &[], "127.0.0.1", true),
            (&["0.0.0.0/0"], &[], "::1", false),
            (&["::/0"], &[], "127.0.0.1", false),
            (&["::ffff:127.0.0.1/128"], &[], "::ffff:127.0.0.1", true),
            (&["224.0.0.0/4"], &[], "224.0.0.1", true),
        ] {
            let found = allows(allow, deny, address);
            assert_eq!(found, allowed, "{allow:?} {deny:?} {address}");
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        let error = |allow: &[&str], deny: &[&str]| Rules::parse(&own(allow), &own(deny)).err();
        for bad in ["bogus", "127.0.0.1", "127.0.0.1/33", "::/129", "::/-1", ""] {
            let expected = Some(format!("invalid CIDR: {bad}"));
            assert_eq!(error(&[bad], &[]), expected);
            assert_eq!(error(&[], &[bad]), expected);
        }
        let instead = "don't deny 'public', allow 'private' instead";
        assert_eq!(error(&[], &["public"]).as_deref(), Some(instead));
        let instead = "don't deny 'network', allow 'local' instead";
        assert_eq!(error(&[], &["network"]).as_deref(), Some(instead));
    }
}
