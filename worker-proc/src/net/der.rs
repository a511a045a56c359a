//! What webpki does not tell of a certificate (RFC 5280, section 4.1): its time, its issuer, what it may be used for.
//!
//! Called by `trust`, for certificates that the config lists.

/// What limits a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Constraints {
    /// It names itself as its issuer, and as an authority.
    pub own_authority: bool,
    /// Seconds since 1970; both ends are inside.
    pub not_before: u64,
    pub not_after: u64,
    pub purpose: Purpose,
}

/// What it may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// As a TLS server's, among others perhaps.
    Server,
    Other,
}

const BOOLEAN: u8 = 0x01;
const TRUE: &[u8] = &[0xff];
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// `id-ce-basicConstraints`, `id-ce-keyUsage` and `id-ce-extKeyUsage`.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `id-kp-serverAuth` and `anyExtendedKeyUsage`.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];
/// `digitalSignature`, `keyEncipherment`, `keyAgreement`: one of them is what a server does with its key.
const SERVER_KEY_USAGES: u8 = 0x80 | 0x20 | 0x08;

impl Constraints {
    /// `None` if it is no certificate.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let mut all = Reader(certificate);
        let mut signed = Reader(Reader(all.take(SEQUENCE)?).take(SEQUENCE)?);
        signed.take_if(VERSION);
        let _serial_number = signed.next()?;
        let _signature = signed.take(SEQUENCE)?;
        let issuer = signed.take(SEQUENCE)?;
        let mut validity = Reader(signed.take(SEQUENCE)?);
        let subject = signed.take(SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let (mut authority, mut purpose) = (false, Purpose::Server);
        while let Some((tag, content)) = signed.next() {
            if tag == EXTENSIONS {
                let mut extensions = Reader(Reader(content).take(SEQUENCE)?);
                while let Some((_, extension)) = extensions.next() {
                    let mut extension = Reader(extension);
                    let kind = extension.take(OBJECT_IDENTIFIER)?;
                    extension.take_if(BOOLEAN);
                    let mut value = Reader(extension.take(OCTET_STRING)?);
                    if kind == BASIC_CONSTRAINTS {
                        authority = Reader(value.take(SEQUENCE)?).take_if(BOOLEAN) == Some(TRUE);
                    } else if !allows_server(kind, value)? {
                        purpose = Purpose::Other;
                    }
                }
            }
        }
        Some(Self {
            own_authority: authority && issuer == subject,
            not_before,
            not_after,
            purpose,
        })
    }
}

/// Whether an extension leaves a server's use of the certificate open.
fn allows_server(kind: &[u8], mut value: Reader) -> Option<bool> {
    Some(match kind {
        KEY_USAGE => {
            // After the number of unused bits.
            let bits = value.take(BIT_STRING)?.get(1).copied().unwrap_or(0);
            bits & SERVER_KEY_USAGES != 0
        }
        EXTENDED_KEY_USAGE => {
            let mut usages = Reader(value.take(SEQUENCE)?);
            let mut all = std::iter::from_fn(|| usages.next());
            all.any(|(_, usage)| usage == SERVER_AUTH || usage == ANY_USAGE)
        }
        _ => true,
    })
}

/// Reads values of DER, one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Tag and content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.len() > size_of::<u32>() {
                return None;
            }
            length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    /// The content of the next value, if that has this tag; else it stays.
    fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        let is_next = self.0.first() == Some(&tag);
        is_next.then(|| self.take(tag)).flatten()
    }

    /// A time: `YYMMDDhhmmssZ` of the years 1950 to 2049, or `YYYYMMDDhhmmssZ`. One before 1970 counts as 1970.
    fn time(&mut self) -> Option<u64> {
        let (tag, text) = self.next()?;
        let digits = text.strip_suffix(b"Z")?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |digits: &[u8]| {
            let value = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
            digits.iter().fold(0, value)
        };
        let (year, rest) = match (tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year = number(&digits[..2]);
                (if year < 50 { 2000 } else { 1900 } + year, &digits[2..])
            }
            (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
            _ => return None,
        };
        let [month, day, hour, minute, second] =
            [0, 2, 4, 6, 8].map(|at| number(&rest[at..at + 2]));
        let days = days_since_1970(year, month, day);
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(u64::try_from(seconds).unwrap_or(0))
    }
}

/// By the Gregorian calendar. A year that begins in March has its leap day at its end.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days are from the first of March of the year 0 to 1970.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair,
        KeyUsagePurpose, date_time_ymd,
    };

    fn read(change: impl FnOnce(&mut CertificateParams)) -> Constraints {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Constraints::read(certificate.der()).unwrap()
    }

    #[test]
    fn times() {
        for (year, month, day, seconds) in [
            (1960, 1, 1, 0),
            (1970, 1, 1, 0),
            (2000, 2, 29, 951_782_400),
            (2000, 3, 1, 951_868_800),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2100, 3, 1, 4_107_542_400),
        ] {
            let found = read(|params| {
                params.not_before = date_time_ymd(year, month, day);
                params.not_after = date_time_ymd(year, month, day);
            });
            assert_eq!(
                (found.not_before, found.not_after),
                (seconds, seconds),
                "{year}"
            );
        }
    }

    #[test]
    fn authorities() {
        let by = |is_ca: IsCa| read(|params| params.is_ca = is_ca).own_authority;
        assert!(by(IsCa::Ca(BasicConstraints::Unconstrained)));
        assert!(!by(IsCa::ExplicitNoCa));
        assert!(!by(IsCa::NoCa));
    }

    #[test]
    fn purposes() {
        use ExtendedKeyUsagePurpose as Extended;
        use KeyUsagePurpose as Usage;
        let by_usage = |usages: Vec<Usage>| read(|params| params.key_usages = usages).purpose;
        assert_eq!(by_usage(vec![]), Purpose::Server);
        for usage in [
            Usage::DigitalSignature,
            Usage::KeyEncipherment,
            Usage::KeyAgreement,
        ] {
            assert_eq!(by_usage(vec![usage, Usage::KeyCertSign]), Purpose::Server);
        }
        assert_eq!(
            by_usage(vec![Usage::KeyCertSign, Usage::CrlSign]),
            Purpose::Other
        );
        let extended =
            |usages: Vec<Extended>| read(|params| params.extended_key_usages = usages).purpose;
        assert_eq!(extended(vec![Extended::ServerAuth]), Purpose::Server);
        assert_eq!(
            extended(vec![Extended::ClientAuth, Extended::Any]),
            Purpose::Server
        );
        assert_eq!(extended(vec![Extended::ClientAuth]), Purpose::Other);
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let der = certificate.der();
        assert!(Constraints::read(der).is_some_and(|found| found.own_authority));
        for length in 0..der.len() {
            assert_eq!(Constraints::read(&der[..length]), None, "{length}");
        }
    }
}
