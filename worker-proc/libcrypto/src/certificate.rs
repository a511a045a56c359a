//! Certificates (X.509, as RFC 5280 profiles it): what they say, whom they name, who signed them.
//!
//! Libcrypto reads the whole, and prints names and times; extensions are read here.

use std::ffi::{CStr, CString, c_ulong};
use std::ptr::null_mut;

use aws_lc_sys as lc;

use crate::asn1::{
    CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, dotted, read, take,
};
use crate::key::Key;
use crate::object::Owned;
use crate::text::printed;
use crate::{Failed, failed, ffi};

const BOOLEAN: u8 = 0x01;
/// `[3]`, constructed: where the extensions are.
const CONTEXT_3: u8 = 0xa3;
/// `[1]` and `[2]`, primitive: the unique identifiers that may be before them.
const IDENTIFIERS: [u8; 2] = [0x81, 0x82];

const SUBJECT_ALT_NAME: &[u8] = b"\x55\x1d\x11";
const EXTENDED_KEY_USAGE: &[u8] = b"\x55\x1d\x25";
const AUTHORITY_INFO_ACCESS: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x01";

/// A line a part, with escapes.
const LINES: i32 = lc::ASN1_STRFLGS_ESC_2253
    | lc::ASN1_STRFLGS_ESC_CTRL
    | lc::ASN1_STRFLGS_UTF8_CONVERT
    | lc::XN_FLAG_SEP_MULTILINE
    | lc::XN_FLAG_FN_SN;
/// RFC 2253's form, where what is not ASCII stays.
const IN_ONE_LINE: i32 =
    lc::XN_FLAG_RFC2253 & !lc::ASN1_STRFLGS_ESC_MSB & !lc::ASN1_STRFLGS_ESC_CTRL;
/// A part as it is.
const PLAIN: i32 = lc::ASN1_STRFLGS_UTF8_CONVERT | lc::XN_FLAG_SEP_COMMA_PLUS | lc::XN_FLAG_FN_SN;

/// Whose name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whom the certificate is for.
    Subject,
    /// Who signed it.
    Issuer,
}

/// What a certificate may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A host.
    Host,
    /// An address of mail.
    Email,
    /// An IP address.
    Address,
}

/// How a name is compared with those of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparing {
    /// Whether `*` stands for a label.
    pub wildcards: bool,
    /// Whether the subject's own name counts where there are no others.
    pub subject: bool,
}

/// A certificate.
pub struct Certificate {
    x509: Owned<lc::X509>,
    der: Vec<u8>,
    is_authority: bool,
}

fn print_name(name: &lc::X509_NAME, flags: i32) -> Result<String, Failed> {
    printed(|text| ffi::X509_NAME_print_ex(text, name, 0, flags as c_ulong))
}

impl Certificate {
    /// Of DER; what follows it is ignored.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn parse(der: &[u8]) -> Result<Self, Failed> {
        let (mut x509, left) = read(der, lc::d2i_X509)?;
        let is_authority = ffi::X509_check_ca(&mut x509) == 1;
        Ok(Self {
            x509,
            der: der[..der.len() - left].to_vec(),
            is_authority,
        })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it may sign others.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// The part that is signed, from the serial number on.
    fn parts(&self) -> Result<&[u8], Failed> {
        let mut der = &self.der[..];
        let mut certificate = take(&mut der, SEQUENCE)?;
        let mut parts = take(&mut certificate, SEQUENCE)?;
        // The version is 1 where it is not said.
        let _ = take(&mut parts, CONTEXT_0);
        Ok(parts)
    }

    /// The contents of an extension, if there is one.
    fn extension(&self, identifier: &[u8]) -> Result<Option<&[u8]>, Failed> {
        let mut parts = self.parts()?;
        take(&mut parts, INTEGER)?;
        for _algorithm_issuer_validity_subject_key in 0..5 {
            take(&mut parts, SEQUENCE)?;
        }
        for tag in IDENTIFIERS {
            let _ = take(&mut parts, tag);
        }
        let Ok(mut extensions) = take(&mut parts, CONTEXT_3) else {
            return Ok(None);
        };
        let mut extensions = take(&mut extensions, SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = take(&mut extensions, SEQUENCE)?;
            let is_it = take(&mut extension, OBJECT_IDENTIFIER)? == identifier;
            let _critical = take(&mut extension, BOOLEAN);
            let contents = take(&mut extension, OCTET_STRING)?;
            if is_it {
                return Ok(Some(contents));
            }
        }
        Ok(None)
    }

    /// The parts of an extension that is a sequence of them.
    fn list(&self, identifier: &[u8]) -> Option<&[u8]> {
        let mut contents = self.extension(identifier).ok()??;
        take(&mut contents, SEQUENCE).ok()
    }

    /// The serial number in hexadecimal, by pairs of capital digits.
    ///
    /// # Errors
    /// Libcrypto has read what is no DER.
    pub fn serial_number(&self) -> Result<String, Failed> {
        let number = take(&mut self.parts()?, INTEGER)?;
        let is_negative = number.first().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = number.to_vec();
        if is_negative {
            let mut carry = true;
            for byte in bytes.iter_mut().rev() {
                (*byte, carry) = (!*byte).overflowing_add(carry.into());
            }
        }
        let digits = bytes.iter().skip_while(|byte| **byte == 0);
        let hex: String = digits.map(|byte| format!("{byte:02X}")).collect();
        let sign = if is_negative { "-" } else { "" };
        Ok(if hex.is_empty() {
            "0".to_owned()
        } else {
            format!("{sign}{hex}")
        })
    }

    fn native_name(&self, party: Party) -> Result<&lc::X509_NAME, Failed> {
        let name = match party {
            Party::Subject => ffi::X509_get_subject_name(&self.x509),
            Party::Issuer => ffi::X509_get_issuer_name(&self.x509),
        };
        name.ok_or(Failed)
    }

    /// A name, a line a part: `CN=example.com`, with RFC 2253's escapes.
    ///
    /// # Errors
    /// It has none, or what is no text.
    pub fn name(&self, party: Party) -> Result<String, Failed> {
        print_name(self.native_name(party)?, LINES)
    }

    /// The parts of a name and their texts: the short name of each part, or its identifier.
    ///
    /// # Errors
    /// As for [`Self::name`].
    pub fn name_parts(&self, party: Party) -> Result<Vec<(String, String)>, Failed> {
        let whole = self.native_name(party)?;
        let part = |at| {
            let entry = ffi::X509_NAME_get_entry(whole, at).ok_or(Failed)?;
            let mut name = ffi::X509_NAME_new()?;
            crate::check(ffi::X509_NAME_add_entry(&mut name, entry, -1, 0))?;
            let text = print_name(&name, PLAIN)?;
            let (key, value) = text.split_once('=').ok_or(Failed)?;
            Ok((key.to_owned(), value.to_owned()))
        };
        (0..ffi::X509_NAME_entry_count(whole)).map(part).collect()
    }

    /// From when on it is good, as `Sep  3 21:40:37 2022 GMT`.
    ///
    /// # Errors
    /// It is no time.
    pub fn valid_from(&self) -> Result<String, Failed> {
        let time = ffi::X509_get0_notBefore(&self.x509).ok_or(Failed)?;
        printed(|text| ffi::ASN1_TIME_print(text, time))
    }

    /// To when it is good.
    ///
    /// # Errors
    /// It is no time.
    pub fn valid_to(&self) -> Result<String, Failed> {
        let time = ffi::X509_get0_notAfter(&self.x509).ok_or(Failed)?;
        printed(|text| ffi::ASN1_TIME_print(text, time))
    }

    /// Other names of the subject, as `DNS:example.com, IP Address:127.0.0.1`.
    #[must_use]
    pub fn subject_alt_name(&self) -> Option<String> {
        let mut names = self.list(SUBJECT_ALT_NAME)?;
        let mut texts = Vec::new();
        while !names.is_empty() {
            texts.push(general_name(&mut names).ok()?);
        }
        Some(texts.join(", "))
    }

    /// Where more is to be had about the issuer, a line each: `OCSP - URI:http://ocsp.example/`.
    #[must_use]
    pub fn info_access(&self) -> Option<String> {
        let mut descriptions = self.list(AUTHORITY_INFO_ACCESS)?;
        let mut text = String::new();
        while !descriptions.is_empty() {
            let start = descriptions;
            let mut description = take(&mut descriptions, SEQUENCE).ok()?;
            let header = start.len() - descriptions.len() - description.len();
            let (object, _) = read(&start[header..], lc::d2i_ASN1_OBJECT).ok()?;
            take(&mut description, OBJECT_IDENTIFIER).ok()?;
            text += &printed(|text| ffi::i2a_ASN1_OBJECT(text, &object)).ok()?;
            text += &format!(" - {}\n", general_name(&mut description).ok()?);
        }
        Some(text)
    }

    /// The identifiers of what the key is for (RFC 5280, section 4.2.1.12).
    #[must_use]
    pub fn key_usage(&self) -> Option<Vec<String>> {
        let mut identifiers = self.list(EXTENDED_KEY_USAGE)?;
        let mut usage = Vec::new();
        while !identifiers.is_empty() {
            usage.extend(dotted(take(&mut identifiers, OBJECT_IDENTIFIER).ok()?));
        }
        Some(usage)
    }

    /// The subject's public key.
    ///
    /// # Errors
    /// It is of a kind that libcrypto does not know.
    pub fn public_key(&self) -> Result<Key, Failed> {
        ffi::X509_get_pubkey(&self.x509).map(Key::from)
    }

    /// The name of the certificate's that `name` fits, if one does.
    ///
    /// # Errors
    /// It is no name.
    pub fn names(
        &self,
        identity: Identity,
        name: &str,
        comparing: Comparing,
    ) -> Result<Option<String>, Failed> {
        let text = CString::new(name).map_err(|_| Failed)?;
        // Libcrypto compares a host's name with what is none too, and takes a dot at its start for "any subdomain".
        let is_host = !name.starts_with('.') && name.bytes().all(is_of_host);
        if identity == Identity::Host && !is_host {
            return Ok(None);
        }
        let (start, length) = (text.as_ptr(), name.len());
        let mut flags = 0;
        if !comparing.wildcards {
            flags |= lc::X509_CHECK_FLAG_NO_WILDCARDS as u32;
        }
        if !comparing.subject {
            flags |= lc::X509_CHECK_FLAG_NEVER_CHECK_SUBJECT as u32;
        }
        let x509 = self.x509.get();
        let mut matched = null_mut();
        // SAFETY: the text is as long as is said and ends with a zero; the name that fits is ours, copied and freed.
        let (result, fitting) = unsafe {
            let result = match identity {
                Identity::Host => lc::X509_check_host(x509, start, length, flags, &mut matched),
                Identity::Email => lc::X509_check_email(x509, start, length, flags),
                Identity::Address => lc::X509_check_ip_asc(x509, start, flags),
            };
            let fitting = matched.as_ref().map(|first| {
                let copy = CStr::from_ptr(first).to_string_lossy().into_owned();
                lc::OPENSSL_free(matched.cast());
                copy
            });
            (result, fitting)
        };
        match result {
            1 => Ok(Some(fitting.unwrap_or_else(|| name.to_owned()))),
            0 => Ok(None),
            _ => Err(failed()),
        }
    }

    /// Whether `issuer` is named as the one who signed it, and may sign.
    ///
    /// # Errors
    /// Libcrypto refuses what it has read before.
    pub fn is_issued_by(&self, issuer: &Self) -> Result<bool, Failed> {
        let (mut subject, _) = read(&self.der, lc::d2i_X509)?;
        let (mut issuer, _) = read(&issuer.der, lc::d2i_X509)?;
        let is_issued = ffi::X509_check_issued(&mut issuer, &mut subject) == lc::X509_V_OK;
        failed();
        Ok(is_issued)
    }

    /// Whether the private key is the subject's.
    #[must_use]
    pub fn fits(&self, key: &Key) -> bool {
        crate::check(ffi::X509_check_private_key(&self.x509, key.native())).is_ok()
    }

    /// Whether the holder of the public key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &Key) -> bool {
        let verify = || {
            let (mut x509, _) = read(&self.der, lc::d2i_X509)?;
            let mut key = key.copy()?;
            crate::check(ffi::X509_verify(&mut x509, &mut key))
        };
        verify().is_ok()
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._*".contains(&byte)
}

/// A GeneralName (RFC 5280, section 4.2.1.6), as Node prints it.
fn general_name(names: &mut &[u8]) -> Result<String, Failed> {
    let tag = *names.first().ok_or(Failed)?;
    let contents = take(names, tag)?;
    Ok(match tag {
        0x81 => format!("email:{}", quoted(contents, false)),
        0x82 => format!("DNS:{}", quoted(contents, false)),
        0x86 => format!("URI:{}", quoted(contents, false)),
        0xa4 => {
            let (name, _) = read(contents, lc::d2i_X509_NAME)?;
            let text = print_name(&name, IN_ONE_LINE)?;
            format!("DirName:{}", quoted(text.as_bytes(), true))
        }
        0x87 => format!("IP Address:{}", address(contents)),
        0x88 => format!("Registered ID:{}", dotted(contents).unwrap_or_default()),
        0xa0 => "othername:<unsupported>".to_owned(),
        0xa3 => "X400Name:<unsupported>".to_owned(),
        0xa5 => "EdiPartyName:<unsupported>".to_owned(),
        _ => return Err(Failed),
    })
}

fn address(bytes: &[u8]) -> String {
    let texts: Vec<_> = match bytes.len() {
        4 => {
            return bytes
                .iter()
                .map(u8::to_string)
                .collect::<Vec<_>>()
                .join(".");
        }
        16 => bytes
            .chunks(2)
            .map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1]))
            .collect(),
        _ => return "<invalid>".to_owned(),
    };
    texts
        .iter()
        .map(|pair| format!("{pair:X}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// A name as it is, or as a string of JSON where it could be taken for several.
fn quoted(bytes: &[u8], is_utf8: bool) -> String {
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) || (is_utf8 && *byte >= 0x80);
    let is_safe = |byte: &u8| is_plain(byte) && !b"\"\\,'".contains(byte);
    if bytes.iter().all(is_safe) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut text = vec![b'"'];
    for byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend([b'\\', *byte]),
            b',' => text.extend(b"\\u002c"),
            plain if is_plain(plain) => text.push(*plain),
            other => text.extend(format!("\\u00{other:02x}").bytes()),
        }
    }
    text.push(b'"');
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_several_are_quoted() {
        assert_eq!(quoted(b"a.example", false), "a.example");
        assert_eq!(
            quoted(b"a,DNS:b\\\"\xfc", false),
            r#""a\u002cDNS:b\\\"\u00fc""#
        );
        assert_eq!(quoted("ü".as_bytes(), true), "ü");
    }

    #[test]
    fn addresses() {
        assert_eq!(address(&[127, 0, 0, 1]), "127.0.0.1");
        assert_eq!(
            address(&[[0x20, 1], [0; 2]].concat().repeat(4)),
            "2001:0:2001:0:2001:0:2001:0"
        );
        assert_eq!(address(&[1, 2, 3]), "<invalid>");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for der in [&b""[..], b"\x30\x00", b"\x30\x82\xff\xff", &[0x30; 64]] {
            assert!(Certificate::parse(der).is_err());
        }
        let mut bad = &b"\xa4\x02\x30\x80"[..];
        assert!(general_name(&mut bad).is_err());
        assert!(general_name(&mut &b""[..]).is_err());
        assert!(general_name(&mut &b"\x82\x05a"[..]).is_err());
    }
}
