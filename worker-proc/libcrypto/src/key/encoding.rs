//! The forms in which files have keys: PKCS #1, PKCS #8, SEC 1 and SubjectPublicKeyInfo, plain or under a password, in DER.
//!
//! Libcrypto reads and writes PKCS #8 and SubjectPublicKeyInfo; the other two are parts of them. A password protects PKCS #8
//! by PBES2 (RFC 8018, section 6.2), and what PEM has in its headers (RFC 1421) by OpenSSL's derivation over MD5.

use super::{Curve, Key, Kind};
use crate::asn1::{
    BIT_STRING, CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, take, value,
};
use crate::cipher::{Algorithm, Cipher};
use crate::digest::Digest;
use crate::{Failed, kdf, random};

/// How the bytes of a key are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RSA alone (RFC 8017, appendix A.1).
    Pkcs1,
    /// Private keys of every kind (RFC 5958).
    Pkcs8,
    /// Private keys of curves (SEC 1, section C.4).
    Sec1,
    /// Public keys of every kind (RFC 5280, section 4.1).
    Spki,
}

/// What hides a private key.
pub struct Protection<'a> {
    /// A cipher in CBC mode, by OpenSSL's name.
    pub cipher: &'a str,
    /// The password.
    pub passphrase: &'a [u8],
}

const NULL: &[u8] = b"\x05\x00";

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";

const PBKDF2_ITERATIONS: u16 = 2048;
const SALT_BYTES: usize = 16;

/// Ciphers of PBES2: names and object identifiers.
const CIPHERS: [(&str, &[u8]); 4] = [
    ("aes-128-cbc", b"\x60\x86\x48\x01\x65\x03\x04\x01\x02"),
    ("aes-192-cbc", b"\x60\x86\x48\x01\x65\x03\x04\x01\x16"),
    ("aes-256-cbc", b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a"),
    ("des-ede3-cbc", b"\x2a\x86\x48\x86\xf7\x0d\x03\x07"),
];

/// Hashes of PBKDF2's HMAC; SHA-1 is the one that is not named.
const HASHES: [(&str, &[u8]); 5] = [
    ("sha1", b"\x2a\x86\x48\x86\xf7\x0d\x02\x07"),
    ("sha224", b"\x2a\x86\x48\x86\xf7\x0d\x02\x08"),
    ("sha256", b"\x2a\x86\x48\x86\xf7\x0d\x02\x09"),
    ("sha384", b"\x2a\x86\x48\x86\xf7\x0d\x02\x0a"),
    ("sha512", b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b"),
];

/// The key that PKCS #8 has inside.
fn inner_of(pkcs8: &[u8]) -> Result<&[u8], Failed> {
    let mut der = pkcs8;
    let mut parts = take(&mut der, SEQUENCE)?;
    take(&mut parts, INTEGER)?;
    take(&mut parts, SEQUENCE)?;
    take(&mut parts, OCTET_STRING)
}

impl Key {
    /// A private key in a form; what follows it is ignored.
    ///
    /// # Errors
    /// The bytes are none, or need another password.
    pub fn read_private(
        der: &[u8],
        form: Form,
        passphrase: Option<&[u8]>,
        is_over: impl Fn() -> bool,
    ) -> Result<Self, Failed> {
        let key = match (form, passphrase) {
            (Form::Pkcs8, Some(passphrase)) => match decrypt_pkcs8(der, passphrase, is_over) {
                Ok(plain) => Self::from_pkcs8(&plain)?.0,
                // It was not encrypted.
                Err(Failed) => Self::from_pkcs8(der)?.0,
            },
            (Form::Pkcs8 | Form::Pkcs1 | Form::Sec1, _) => Self::from_pkcs8(der)?.0,
            (Form::Spki, _) => return Err(Failed),
        };
        let fits = match form {
            Form::Pkcs1 => key.kind() == Some(Kind::Rsa),
            Form::Sec1 => matches!(key.kind(), Some(Kind::Ec(_))),
            _ => true,
        };
        if fits { Ok(key) } else { Err(Failed) }
    }

    /// A public key in a form; what follows it is ignored.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn read_public(der: &[u8], form: Form) -> Result<Self, Failed> {
        if form != Form::Pkcs1 {
            return Ok(Self::from_spki(der)?.0);
        }
        let algorithm = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[RSA]), NULL]);
        let bits = value(BIT_STRING, &[&[0], der]);
        Ok(Self::from_spki(&value(SEQUENCE, &[&algorithm, &bits]))?.0)
    }

    /// A private key of a curve's number, with its public one.
    ///
    /// # Errors
    /// The curve has no such number.
    pub fn from_private_number(curve: Curve, d: &[u8]) -> Result<Self, Failed> {
        let zeros = d.len().saturating_sub(curve.size());
        if d[..zeros].iter().any(|byte| *byte != 0) {
            return Err(Failed);
        }
        let mut padded = vec![0; curve.size() - (d.len() - zeros)];
        padded.extend_from_slice(&d[zeros..]);
        let name = |oid| value(OBJECT_IDENTIFIER, &[oid]);
        let algorithm = value(SEQUENCE, &[&name(EC), &name(curve.oid())]);
        let number = value(OCTET_STRING, &[&padded]);
        let sec1 = value(SEQUENCE, &[&value(INTEGER, &[&[1]]), &number]);
        let (version, inner) = (value(INTEGER, &[&[0]]), value(OCTET_STRING, &[&sec1]));
        Ok(Self::from_pkcs8(&value(SEQUENCE, &[&version, &algorithm, &inner]))?.0)
    }

    /// The private key in a form.
    ///
    /// # Errors
    /// The key is public, or not of the form's kind.
    pub fn write_private(&self, form: Form) -> Result<Vec<u8>, Failed> {
        let pkcs8 = self.to_pkcs8()?;
        match (form, self.kind()) {
            (Form::Pkcs8, _) => Ok(pkcs8),
            (Form::Pkcs1, Some(Kind::Rsa)) => Ok(inner_of(&pkcs8)?.to_vec()),
            (Form::Sec1, Some(Kind::Ec(curve))) => {
                let mut sec1 = inner_of(&pkcs8)?;
                let mut parts = take(&mut sec1, SEQUENCE)?;
                let version = value(INTEGER, &[take(&mut parts, INTEGER)?]);
                let number = value(OCTET_STRING, &[take(&mut parts, OCTET_STRING)?]);
                // PKCS #8 has the curve outside (RFC 5915, section 3).
                let name = value(CONTEXT_0, &[&value(OBJECT_IDENTIFIER, &[curve.oid()])]);
                Ok(value(SEQUENCE, &[&version, &number, &name, parts]))
            }
            _ => Err(Failed),
        }
    }

    /// The public key in a form.
    ///
    /// # Errors
    /// The key is not of the form's kind.
    pub fn write_public(&self, form: Form) -> Result<Vec<u8>, Failed> {
        let spki = self.to_spki()?;
        match (form, self.kind()) {
            (Form::Pkcs1, Some(Kind::Rsa)) => {
                let mut der = &spki[..];
                let mut parts = take(&mut der, SEQUENCE)?;
                take(&mut parts, SEQUENCE)?;
                let bits = take(&mut parts, BIT_STRING)?;
                Ok(bits.get(1..).ok_or(Failed)?.to_vec())
            }
            (Form::Pkcs1, _) => Err(Failed),
            _ => Ok(spki),
        }
    }

    /// The private key in PKCS #8, encrypted by PBES2.
    ///
    /// # Errors
    /// The key is public, or the cipher is none of PBES2's.
    pub fn write_encrypted(&self, protection: &Protection) -> Result<Vec<u8>, Failed> {
        let lower = protection.cipher.to_ascii_lowercase();
        let known = CIPHERS.iter().find(|(name, _)| *name == lower);
        let (name, oid) = known.ok_or(Failed)?;
        let algorithm = Algorithm::by_name(name).ok_or(Failed)?;
        let (mut salt, mut iv) = (
            [0; SALT_BYTES],
            vec![0; algorithm.facts().iv_bytes as usize],
        );
        random(&mut salt)?;
        random(&mut iv)?;
        let (hash, hash_oid) = HASHES[2];
        let digest = Digest::by_name(hash).ok_or(Failed)?;
        let (rounds, length) = (PBKDF2_ITERATIONS, algorithm.facts().key_bytes as usize);
        let passphrase = protection.passphrase;
        let key = kdf::pbkdf2(digest, passphrase, &salt, rounds.into(), length, || false)?;
        let hidden = run(algorithm, &key, &iv, true, &self.to_pkcs8()?)?;

        let name = |oid: &[u8]| value(OBJECT_IDENTIFIER, &[oid]);
        let prf = value(SEQUENCE, &[&name(hash_oid), NULL]);
        let iterations = value(INTEGER, &[&rounds.to_be_bytes()]);
        let derivation = value(
            SEQUENCE,
            &[&value(OCTET_STRING, &[&salt]), &iterations, &prf],
        );
        let derivation = value(SEQUENCE, &[&name(PBKDF2), &derivation]);
        let scheme = value(SEQUENCE, &[&name(oid), &value(OCTET_STRING, &[&iv])]);
        let both = value(SEQUENCE, &[&derivation, &scheme]);
        let algorithm = value(SEQUENCE, &[&name(PBES2), &both]);
        Ok(value(
            SEQUENCE,
            &[&algorithm, &value(OCTET_STRING, &[&hidden])],
        ))
    }
}

fn run(
    algorithm: Algorithm,
    key: &[u8],
    iv: &[u8],
    encrypt: bool,
    data: &[u8],
) -> Result<Vec<u8>, Failed> {
    let mut output = Vec::new();
    let mut cipher = Cipher::new(algorithm, key, iv, encrypt)?;
    cipher.update(data, &mut output)?;
    cipher.finish(&mut output)?;
    Ok(output)
}

/// The PKCS #8 in an EncryptedPrivateKeyInfo of PBES2.
fn decrypt_pkcs8(
    der: &[u8],
    passphrase: &[u8],
    is_over: impl Fn() -> bool,
) -> Result<Vec<u8>, Failed> {
    let mut der = der;
    let mut parts = take(&mut der, SEQUENCE)?;
    let mut algorithm = take(&mut parts, SEQUENCE)?;
    let hidden = take(&mut parts, OCTET_STRING)?;
    if take(&mut algorithm, OBJECT_IDENTIFIER)? != PBES2 {
        return Err(Failed);
    }
    let mut both = take(&mut algorithm, SEQUENCE)?;
    let mut derivation = take(&mut both, SEQUENCE)?;
    let mut scheme = take(&mut both, SEQUENCE)?;
    if take(&mut derivation, OBJECT_IDENTIFIER)? != PBKDF2 {
        return Err(Failed);
    }
    let mut numbers = take(&mut derivation, SEQUENCE)?;
    let salt = take(&mut numbers, OCTET_STRING)?;
    let rounds = take(&mut numbers, INTEGER)?;
    let rounds = rounds.iter().try_fold(0u32, |sum, byte| {
        sum.checked_mul(256)?.checked_add(u32::from(*byte))
    });
    // The length of the key may be there; the cipher has it too.
    let _ = take(&mut numbers, INTEGER);
    let hash = match take(&mut numbers, SEQUENCE) {
        Ok(mut prf) => take(&mut prf, OBJECT_IDENTIFIER)?,
        Err(Failed) => HASHES[0].1,
    };
    let digest = HASHES.iter().find(|(_, oid)| *oid == hash);
    let digest = digest.and_then(|(name, _)| Digest::by_name(name));
    let cipher = take(&mut scheme, OBJECT_IDENTIFIER)?;
    let iv = take(&mut scheme, OCTET_STRING)?;
    let algorithm = CIPHERS.iter().find(|(_, oid)| *oid == cipher);
    let algorithm = algorithm.and_then(|(name, _)| Algorithm::by_name(name));
    let (algorithm, digest) = (algorithm.ok_or(Failed)?, digest.ok_or(Failed)?);
    let length = algorithm.facts().key_bytes as usize;
    let rounds = rounds.filter(|rounds| *rounds > 0).ok_or(Failed)?;
    let key = kdf::pbkdf2(digest, passphrase, salt, rounds, length, is_over)?;
    run(algorithm, &key, iv, false, hidden)
}

impl Protection<'_> {
    /// Hides or shows what PEM has under headers: the first 8 bytes of the IV are the salt.
    ///
    /// # Errors
    /// There is no such cipher in CBC mode, the IV has another length, or the password is another.
    pub fn run_legacy(&self, iv: &[u8], encrypt: bool, data: &[u8]) -> Result<Vec<u8>, Failed> {
        let algorithm = Algorithm::by_name(self.cipher).ok_or(Failed)?;
        let salt = iv.get(..8).ok_or(Failed)?;
        let md5 = Digest::by_name("md5").ok_or(Failed)?;
        let length = algorithm.facts().key_bytes as usize;
        let (mut key, mut block) = (Vec::new(), Vec::new());
        while key.len() < length {
            block = md5.of(&[&block, self.passphrase, salt].concat())?;
            key.extend_from_slice(&block);
        }
        run(algorithm, &key[..length], iv, encrypt, data)
    }

    /// The length of the cipher's IV in bytes, where it is one for [`Protection::run_legacy`].
    #[must_use]
    pub fn iv_bytes(&self) -> Option<usize> {
        const CBC: u32 = 2;
        let facts = Algorithm::by_name(self.cipher)?.facts();
        (facts.mode == CBC).then_some(facts.iv_bytes as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Raw;

    #[test]
    fn a_key_comes_back_from_its_forms() {
        let rsa = Key::generate_rsa(1024, &[1, 0, 1], || false).expect("a key");
        for form in [Form::Pkcs1, Form::Pkcs8] {
            let der = rsa.write_private(form).expect("DER");
            let again = Key::read_private(&der, form, None, || false).expect("a key");
            assert_eq!(again.to_pkcs8(), rsa.to_pkcs8());
        }
        for form in [Form::Pkcs1, Form::Spki] {
            let der = rsa.write_public(form).expect("DER");
            let again = Key::read_public(&der, form).expect("a key");
            assert_eq!(again.to_spki(), rsa.to_spki());
        }
        let raw = Key::generate_raw(Raw::Ed25519).expect("a key");
        assert_eq!(raw.write_private(Form::Pkcs1), Err(Failed));
        assert!(Key::read_public(b"none", Form::Pkcs1).is_err());
    }

    #[test]
    fn a_password_hides_a_key() {
        let key = Key::generate_ec(Curve::P256).expect("a key");
        for cipher in ["aes-128-cbc", "AES-256-CBC", "des-ede3-cbc"] {
            let passphrase = b"secret";
            let protection = Protection { cipher, passphrase };
            let der = key.write_encrypted(&protection).expect("DER");
            let read = |word: &[u8]| Key::read_private(&der, Form::Pkcs8, Some(word), || false);
            assert_eq!(read(passphrase).expect("a key").to_pkcs8(), key.to_pkcs8());
            assert!(read(b"other").is_err());
            assert!(Key::read_private(&der, Form::Pkcs8, None, || false).is_err());
            let iv = [7; 16];
            let iv = &iv[..protection.iv_bytes().expect("CBC")];
            let hidden = protection.run_legacy(iv, true, b"data").expect("bytes");
            assert_eq!(
                protection.run_legacy(iv, false, &hidden).as_deref(),
                Ok(&b"data"[..])
            );
        }
    }

    #[test]
    fn a_private_number_has_its_point() {
        for curve in [Curve::P224, Curve::P256, Curve::P384, Curve::P521] {
            let key = Key::generate_ec(curve).expect("a key");
            let parts = key.coordinates(curve, true).expect("parts");
            let again = Key::from_private_number(curve, &parts[2]).expect("a key");
            assert_eq!(again.point(curve), key.point(curve));
            assert!(Key::from_private_number(curve, &[0]).is_err());
            assert!(Key::from_private_number(curve, &[0xff; 67]).is_err());
        }
    }
}
