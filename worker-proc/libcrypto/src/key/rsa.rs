//! Keys of RSA: made, from and to their numbers; encryption with them.

use std::ffi::c_int;
use std::ptr::{from_ref, null_mut};

use aws_lc_sys as lc;

use super::Key;
use crate::digest::Digest;
use crate::object::Owned;
use crate::{Failed, check, failed, ffi, number, output};

/// What RSA does to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// With the public key, for the holder of the private one.
    Encrypt,
    /// The other way.
    Decrypt,
    /// With the private key.
    Sign,
    /// What was signed, with the public key.
    Recover,
}

/// How data becomes as long as the modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// It is already.
    None,
    /// PKCS #1 v1.5 (RFC 8017).
    Pkcs1,
}

impl Key {
    fn from_rsa(mut part: Owned<lc::RSA>) -> Result<Self, Failed> {
        let mut key = Self::empty()?;
        check(ffi::EVP_PKEY_set1_RSA(&mut key, &mut part))?;
        Ok(key.into())
    }

    /// A new private key with a modulus of so many bits.
    ///
    /// # Errors
    /// The numbers are not allowed, or `is_over` said so, which is asked often: the primes of a long key take minutes to find.
    pub fn generate_rsa(bits: i32, exponent: &[u8], is_over: fn() -> bool) -> Result<Self, Failed> {
        let exponent = number::from_bytes(exponent)?;
        let mut key = ffi::RSA_new()?;
        check(number::search(is_over, |progress| {
            ffi::RSA_generate_key_ex(&mut key, bits, &exponent, progress)
        })?)?;
        Self::from_rsa(key)
    }

    /// A key from its numbers: n and e, then d and, for a faster private key, p, q, dp, dq and qi. Whether they fit
    /// together shows when the key is used.
    ///
    /// # Errors
    /// There are other numbers, or some that no key has.
    pub fn from_rsa_numbers(numbers: &[Vec<u8>]) -> Result<Self, Failed> {
        if ![2, 3, 8].contains(&numbers.len()) {
            return Err(Failed);
        }
        let numbers = numbers.iter().map(|bytes| number::from_bytes(bytes));
        let mut numbers = numbers.collect::<Result<Vec<_>, _>>()?.into_iter();
        let has_factors = numbers.len() == 8;
        let mut next = || numbers.next().map_or(null_mut(), Owned::into_raw);
        // SAFETY: `set0` calls take over what they are given where they succeed; each number is given once.
        let rsa = unsafe {
            let rsa = Owned::new(lc::RSA_new())?;
            check(lc::RSA_set0_key(rsa.get(), next(), next(), next()))?;
            if has_factors {
                check(lc::RSA_set0_factors(rsa.get(), next(), next()))?;
                check(lc::RSA_set0_crt_params(rsa.get(), next(), next(), next()))?;
            }
            rsa
        };
        Self::from_rsa(rsa)
    }

    fn rsa(&self) -> Result<&lc::RSA, Failed> {
        ffi::EVP_PKEY_get0_RSA(&self.0).ok_or_else(failed)
    }

    /// The numbers of [`Key::from_rsa_numbers`]: all of a private key, or n and e.
    ///
    /// # Errors
    /// The key is not of RSA, or lacks some of them.
    pub fn rsa_numbers(&self, private: bool) -> Result<Vec<Vec<u8>>, Failed> {
        let numbers = [
            ffi::RSA_get0_n,
            ffi::RSA_get0_e,
            ffi::RSA_get0_d,
            ffi::RSA_get0_p,
            ffi::RSA_get0_q,
            ffi::RSA_get0_dmp1,
            ffi::RSA_get0_dmq1,
            ffi::RSA_get0_iqmp,
        ];
        let wanted = if private { &numbers[..] } else { &numbers[..2] };
        let rsa = self.rsa()?;
        let bytes = wanted.iter().map(|get| number::to_bytes(get(rsa), None));
        bytes.collect()
    }

    /// The length of the modulus in bits; none of a key of another kind.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<u32> {
        self.rsa().ok().map(ffi::RSA_bits)
    }

    /// RSA-OAEP, with one hash for message and mask.
    ///
    /// # Errors
    /// The message is too long, or none that was encrypted so.
    pub fn oaep(
        &self,
        encrypt: bool,
        digest: Digest,
        label: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let mut context = self.transform(encrypt, lc::RSA_PKCS1_OAEP_PADDING)?;
        let table = digest.table();
        check(ffi::EVP_PKEY_CTX_set_rsa_oaep_md(&mut context, table))?;
        check(ffi::EVP_PKEY_CTX_set_rsa_mgf1_md(&mut context, table))?;
        if !label.is_empty() {
            // SAFETY: the context takes over a copy of the label where it succeeds.
            unsafe {
                let copy: *mut u8 = lc::OPENSSL_memdup(label.as_ptr().cast(), label.len()).cast();
                let context = context.get();
                let set = lc::EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, label.len());
                if let Err(failed) = check(set) {
                    lc::OPENSSL_free(copy.cast());
                    return Err(failed);
                }
            }
        }
        run(&context, encrypt, data)
    }

    /// One of RSA's operations.
    ///
    /// # Errors
    /// The data does not fit the key and the padding, or the key is public where it must be private.
    pub fn rsa_primitive(
        &self,
        primitive: Primitive,
        padding: Padding,
        data: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let run = match primitive {
            Primitive::Encrypt => lc::RSA_encrypt,
            Primitive::Decrypt => lc::RSA_decrypt,
            Primitive::Sign => lc::RSA_sign_raw,
            Primitive::Recover => lc::RSA_verify_raw,
        };
        let padding = match padding {
            Padding::None => lc::RSA_NO_PADDING,
            Padding::Pkcs1 => lc::RSA_PKCS1_PADDING,
        };
        let rsa = from_ref(self.rsa()?).cast_mut();
        let most = self.rsa_bits().unwrap_or(0).div_ceil(8) as usize;
        let (mut bytes, mut length) = (vec![0; most], 0);
        let (start, size) = (data.as_ptr(), data.len());
        let place = bytes.as_mut_ptr();
        // SAFETY: the key is live, and locks what it caches; the data is read during the call; the output has the length given.
        check(unsafe { run(rsa, &mut length, place, most, start, size, padding) })?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The private operation alone, on a number as long as the modulus.
    pub(super) fn rsa_raw(&self, data: &[u8]) -> Result<Vec<u8>, Failed> {
        let context = self.transform(false, lc::RSA_NO_PADDING)?;
        run(&context, false, data)
    }

    /// A context that encrypts or decrypts.
    fn transform(&self, encrypt: bool, padding: c_int) -> Result<Owned<lc::EVP_PKEY_CTX>, Failed> {
        let mut context = self.context()?;
        check(if encrypt {
            ffi::EVP_PKEY_encrypt_init(&mut context)
        } else {
            ffi::EVP_PKEY_decrypt_init(&mut context)
        })?;
        check(ffi::EVP_PKEY_CTX_set_rsa_padding(&mut context, padding))?;
        Ok(context)
    }
}

/// Encrypts or decrypts with a context of [`Key::transform`].
fn run(context: &Owned<lc::EVP_PKEY_CTX>, encrypt: bool, data: &[u8]) -> Result<Vec<u8>, Failed> {
    let run = if encrypt {
        lc::EVP_PKEY_encrypt
    } else {
        lc::EVP_PKEY_decrypt
    };
    let (context, start, size) = (context.get(), data.as_ptr(), data.len());
    // SAFETY: the data is read during the call; the output has the length given, or is asked for.
    output(|place, length| unsafe { run(context, place, length, start, size) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::generate_rsa(1024, &[1, 0, 1], || false).expect("a key")
    }

    #[test]
    fn a_key_comes_back_from_its_numbers() {
        let key = key();
        assert_eq!(key.rsa_bits(), Some(1024));
        let numbers = key.rsa_numbers(true).expect("numbers");
        let again = Key::from_rsa_numbers(&numbers).expect("a key");
        assert_eq!(key.to_pkcs8(), again.to_pkcs8());
        let public = key.rsa_numbers(false).expect("numbers");
        assert_eq!(public, numbers[..2]);
        let again = Key::from_rsa_numbers(&public).expect("a key");
        assert_eq!(key.to_spki(), again.to_spki());
        assert!(Key::from_rsa_numbers(&numbers[..5]).is_err());
    }

    #[test]
    fn the_search_for_primes_ends_when_it_is_told_to() {
        assert!(Key::generate_rsa(16384, &[1, 0, 1], || true).is_err());
    }

    #[test]
    fn messages_are_hidden() {
        let key = key();
        let sha1 = Digest::by_web_name("SHA-1").expect("a hash");
        let hidden = key.oaep(true, sha1, b"label", b"data").expect("encrypts");
        let shown = key.oaep(false, sha1, b"label", &hidden);
        assert_eq!(shown.as_deref(), Ok(&b"data"[..]));
        assert_eq!(key.oaep(false, sha1, b"other", &hidden), Err(Failed));
    }
}
