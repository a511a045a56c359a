//! Cyclic redundancy checks, which DigestStream offers beside the hashes.

/// The checks by their names: reflected, starting from all ones and inverted at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Crc32,
    Crc32c,
    Crc64Nvme,
}

impl Kind {
    pub fn by_name(name: &str) -> Option<Self> {
        [
            ("crc32", Self::Crc32),
            ("crc32c", Self::Crc32c),
            ("crc64nvme", Self::Crc64Nvme),
        ]
        .into_iter()
        .find_map(|(known, kind)| known.eq_ignore_ascii_case(name).then_some(kind))
    }

    /// The value of each byte on its own.
    fn table(self) -> &'static [u64; 256] {
        static CRC32: [u64; 256] = table(0xedb8_8320);
        static CRC32C: [u64; 256] = table(0x82f6_3b78);
        static CRC64_NVME: [u64; 256] = table(0x9a6c_9329_ac4b_c9b5);
        match self {
            Self::Crc32 => &CRC32,
            Self::Crc32c => &CRC32C,
            Self::Crc64Nvme => &CRC64_NVME,
        }
    }
}

const fn table(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ polynomial
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// A check being computed.
pub struct Crc {
    kind: Kind,
    state: u64,
}

impl Crc {
    pub fn new(kind: Kind) -> Self {
        let state = if kind == Kind::Crc64Nvme {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        Self { kind, state }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        let table = self.kind.table();
        self.state = bytes.iter().fold(self.state, |state, byte| {
            table[usize::from(state as u8 ^ byte)] ^ state >> 8
        });
    }

    /// The value, most significant byte first.
    pub fn finish(self) -> Vec<u8> {
        match self.kind {
            Kind::Crc64Nvme => (!self.state).to_be_bytes().to_vec(),
            Kind::Crc32 | Kind::Crc32c => (!self.state as u32).to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogue() {
        for (name, expected) in [
            ("CRC32", 0xcbf4_3926),
            ("crc32c", 0xe306_9283),
            ("crc64nvme", 0xae8b_1486_0a79_9888_u64),
        ] {
            let mut crc = Crc::new(Kind::by_name(name).expect("a check"));
            crc.update(b"12345");
            crc.update(b"6789");
            let value = crc
                .finish()
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte));
            assert_eq!(value, expected, "{name}");
        }
    }
}
