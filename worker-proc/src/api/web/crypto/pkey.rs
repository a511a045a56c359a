//! Keys of RSA, elliptic curves, Ed25519 and X25519 over libcrypto, with safe signatures.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys as lc;

use super::evp::{Failed, Hash, check, failed, owned, random};
use crate::service::processor;

/// A public or private key. Libcrypto counts references, so that a copy is cheap and may go to another thread.
pub struct Pkey(NonNull<lc::EVP_PKEY>);

// SAFETY: libcrypto's keys are immutable once made and their counts are atomic.
unsafe impl Send for Pkey {}

impl Clone for Pkey {
    fn clone(&self) -> Self {
        // SAFETY: the key is live; each count is given back by `drop`.
        unsafe { lc::EVP_PKEY_up_ref(self.0.as_ptr()) };
        Self(self.0)
    }
}

impl Drop for Pkey {
    fn drop(&mut self) {
        // SAFETY: gives back the one count that `self` has.
        unsafe { lc::EVP_PKEY_free(self.0.as_ptr()) }
    }
}

/// Frees a libcrypto object when it goes out of use.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Result<Self, Failed> {
        Ok(Self(owned(pointer)?, free))
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// The pointer, for a call that takes it over.
    fn into_raw(self) -> *mut T {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the function is the type's own, called once.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

/// Called at each candidate for a prime; 0 ends the search.
unsafe extern "C" fn on_progress(_: c_int, _: c_int, _: *mut lc::BN_GENCB) -> c_int {
    c_int::from(!processor::is_used_up())
}

fn number(bytes: &[u8]) -> Result<Owned<lc::BIGNUM>, Failed> {
    // SAFETY: the bytes are read during the call.
    Owned::new(
        unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) },
        lc::BN_free,
    )
}

/// A number's bytes, most significant first, padded to `length` or in the fewest.
fn number_bytes(number: *const lc::BIGNUM, length: Option<usize>) -> Result<Vec<u8>, Failed> {
    if number.is_null() {
        return Err(Failed);
    }
    // SAFETY: the number is live; the output has the length given.
    unsafe {
        let length = length.unwrap_or(lc::BN_num_bytes(number) as usize);
        let mut bytes = vec![0; length];
        check(lc::BN_bn2bin_padded(bytes.as_mut_ptr(), length, number))?;
        Ok(bytes)
    }
}

/// The curves that Web Crypto names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub fn by_name(name: &str) -> Option<Self> {
        [
            ("P-256", Self::P256),
            ("P-384", Self::P384),
            ("P-521", Self::P521),
        ]
        .into_iter()
        .find_map(|(known, curve)| (known == name).then_some(curve))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn id(self) -> c_int {
        match self {
            Self::P256 => lc::NID_X9_62_prime256v1,
            Self::P384 => lc::NID_secp384r1,
            Self::P521 => lc::NID_secp521r1,
        }
    }

    /// The length of a coordinate in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn new_key(self) -> Result<Owned<lc::EC_KEY>, Failed> {
        // SAFETY: makes a key of a known curve.
        Owned::new(
            unsafe { lc::EC_KEY_new_by_curve_name(self.id()) },
            lc::EC_KEY_free,
        )
    }
}

/// The curves of 32-byte keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Raw {
    Ed25519,
    X25519,
}

pub const RAW_KEY_BYTES: usize = 32;

impl Raw {
    fn id(self) -> c_int {
        match self {
            Self::Ed25519 => lc::EVP_PKEY_ED25519,
            Self::X25519 => lc::EVP_PKEY_X25519,
        }
    }
}

/// What kind of key a caller expects of an encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rsa,
    Ec(Curve),
    Raw(Raw),
}

/// How a signature is made.
#[derive(Clone, Copy)]
pub enum Scheme {
    Pkcs1(Hash),
    Pss {
        hash: Hash,
        salt_bytes: i32,
    },
    Ecdsa {
        hash: Hash,
        curve: Curve,
    },
    Ed25519,
    /// The private operation alone, on a number as long as the modulus.
    RsaRaw,
}

impl Pkey {
    fn empty() -> Result<Self, Failed> {
        // SAFETY: a new key is ours.
        owned(unsafe { lc::EVP_PKEY_new() }).map(Self)
    }

    fn from_ec(key: &Owned<lc::EC_KEY>) -> Result<Self, Failed> {
        let pkey = Self::empty()?;
        // SAFETY: both are live; the key's count is raised.
        check(unsafe { lc::EVP_PKEY_set1_EC_KEY(pkey.0.as_ptr(), key.get()) })?;
        Ok(pkey)
    }

    fn from_rsa(key: &Owned<lc::RSA>) -> Result<Self, Failed> {
        let pkey = Self::empty()?;
        // SAFETY: both are live; the key's count is raised.
        check(unsafe { lc::EVP_PKEY_set1_RSA(pkey.0.as_ptr(), key.get()) })?;
        Ok(pkey)
    }

    /// Fails too where it takes longer than its event has processor time: the primes of a long key take minutes to find.
    pub fn generate_rsa(bits: i32, exponent: &[u8]) -> Result<Self, Failed> {
        let exponent = number(exponent)?;
        // SAFETY: a new key is ours; the exponent is live during the call.
        let rsa = unsafe {
            let rsa = Owned::new(lc::RSA_new(), lc::RSA_free)?;
            let progress = Owned::new(lc::BN_GENCB_new(), lc::BN_GENCB_free)?;
            lc::BN_GENCB_set(progress.get(), Some(on_progress), null_mut());
            check(lc::RSA_generate_key_ex(
                rsa.get(),
                bits,
                exponent.get(),
                progress.get(),
            ))?;
            rsa
        };
        Self::from_rsa(&rsa)
    }

    pub fn generate_ec(curve: Curve) -> Result<Self, Failed> {
        let key = curve.new_key()?;
        // SAFETY: the key is live.
        check(unsafe { lc::EC_KEY_generate_key(key.get()) })?;
        Self::from_ec(&key)
    }

    pub fn generate_raw(raw: Raw) -> Result<Self, Failed> {
        let mut seed = [0; RAW_KEY_BYTES];
        random(&mut seed)?;
        Self::from_raw_private(raw, &seed)
    }

    pub fn from_raw_private(raw: Raw, bytes: &[u8]) -> Result<Self, Failed> {
        // SAFETY: the bytes are copied.
        let key = unsafe {
            lc::EVP_PKEY_new_raw_private_key(raw.id(), null_mut(), bytes.as_ptr(), bytes.len())
        };
        owned(key).map(Self)
    }

    pub fn from_raw_public(raw: Raw, bytes: &[u8]) -> Result<Self, Failed> {
        // SAFETY: the bytes are copied.
        let key = unsafe {
            lc::EVP_PKEY_new_raw_public_key(raw.id(), null_mut(), bytes.as_ptr(), bytes.len())
        };
        owned(key).map(Self)
    }

    /// A public key from a point, compressed or not (SEC 1, section 2.3.4), but not hybrid.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, Failed> {
        if !matches!(point.first(), Some(2..=4)) {
            return Err(Failed);
        }
        let key = curve.new_key()?;
        // SAFETY: the group is the key's; the point is freed after it was copied.
        unsafe {
            let group = lc::EC_KEY_get0_group(key.get());
            let place = Owned::new(lc::EC_POINT_new(group), lc::EC_POINT_free)?;
            check(lc::EC_POINT_oct2point(
                group,
                place.get(),
                point.as_ptr(),
                point.len(),
                null_mut(),
            ))?;
            check(lc::EC_KEY_set_public_key(key.get(), place.get()))?;
        }
        Self::from_ec(&key)
    }

    /// A key from coordinates, private where `d` is there.
    pub fn from_coordinates(
        curve: Curve,
        x: &[u8],
        y: &[u8],
        d: Option<&[u8]>,
    ) -> Result<Self, Failed> {
        let key = curve.new_key()?;
        let (x, y) = (number(x)?, number(y)?);
        // SAFETY: the numbers are copied.
        unsafe {
            check(lc::EC_KEY_set_public_key_affine_coordinates(
                key.get(),
                x.get(),
                y.get(),
            ))?;
            if let Some(d) = d {
                check(lc::EC_KEY_set_private_key(key.get(), number(d)?.get()))?;
            }
            check(lc::EC_KEY_check_key(key.get()))?;
        }
        Self::from_ec(&key)
    }

    /// A private key of a number, with a public one that is not looked at.
    pub fn from_scalar(curve: Curve, d: &[u8]) -> Result<Self, Failed> {
        let key = curve.new_key()?;
        // SAFETY: the number is copied.
        check(unsafe { lc::EC_KEY_set_private_key(key.get(), number(d)?.get()) })?;
        Self::from_ec(&key)
    }

    /// A key from its numbers: n and e, then d and, for a faster private key, p, q, dp, dq and qi. Whether they fit
    /// together shows when the key is used.
    pub fn from_rsa_numbers(numbers: &[Vec<u8>]) -> Result<Self, Failed> {
        let [n, e, private @ ..] = numbers else {
            return Err(Failed);
        };
        let (n, e) = (number(n)?, number(e)?);
        // SAFETY: `set0` calls take over what they are given where they succeed; each is given once.
        unsafe {
            let rsa = Owned::new(lc::RSA_new(), lc::RSA_free)?;
            let (d, rest) = match private {
                [] => (null_mut(), None),
                [d] => (number(d)?.into_raw(), None),
                [d, p, q, dp, dq, qi] => (
                    number(d)?.into_raw(),
                    Some([
                        number(p)?,
                        number(q)?,
                        number(dp)?,
                        number(dq)?,
                        number(qi)?,
                    ]),
                ),
                _ => return Err(Failed),
            };
            check(lc::RSA_set0_key(rsa.get(), n.into_raw(), e.into_raw(), d))?;
            if let Some([p, q, dp, dq, qi]) = rest {
                check(lc::RSA_set0_factors(rsa.get(), p.into_raw(), q.into_raw()))?;
                check(lc::RSA_set0_crt_params(
                    rsa.get(),
                    dp.into_raw(),
                    dq.into_raw(),
                    qi.into_raw(),
                ))?;
            }
            Self::from_rsa(&rsa)
        }
    }

    /// A private key in PKCS #8, or as PKCS #1 and SEC 1 have it; with how many bytes follow it.
    pub fn from_pkcs8(der: &[u8]) -> Result<(Self, usize), Failed> {
        Self::from_der(der, |next, length| {
            // SAFETY: reads at most `length` bytes and moves `next` past what it read.
            unsafe { lc::d2i_AutoPrivateKey(null_mut(), next, length) }
        })
    }

    /// A public key as a SubjectPublicKeyInfo; with how many bytes follow it.
    pub fn from_spki(der: &[u8]) -> Result<(Self, usize), Failed> {
        Self::from_der(der, |next, length| {
            // SAFETY: as in `from_pkcs8`.
            unsafe { lc::d2i_PUBKEY(null_mut(), next, length) }
        })
    }

    fn from_der(
        der: &[u8],
        read: impl FnOnce(*mut *const u8, c_long) -> *mut lc::EVP_PKEY,
    ) -> Result<(Self, usize), Failed> {
        let mut next = der.as_ptr();
        let length = c_long::try_from(der.len()).map_err(|_| Failed)?;
        let key = Self(owned(read(&mut next, length))?);
        let used = (next as usize).saturating_sub(der.as_ptr() as usize);
        // What was tried first and did not fit has left errors.
        failed();
        Ok((key, der.len().saturating_sub(used)))
    }

    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Failed> {
        // SAFETY: see `marshal`.
        unsafe { self.marshal(lc::EVP_marshal_private_key) }
    }

    pub fn to_spki(&self) -> Result<Vec<u8>, Failed> {
        // SAFETY: see `marshal`.
        unsafe { self.marshal(lc::EVP_marshal_public_key) }
    }

    /// # Safety
    /// `write` is one of libcrypto's functions that append a key to a builder.
    unsafe fn marshal(
        &self,
        write: unsafe extern "C" fn(*mut lc::CBB, *const lc::EVP_PKEY) -> c_int,
    ) -> Result<Vec<u8>, Failed> {
        // SAFETY: the builder is initialised before use, and cleaned up or finished; its bytes are copied and freed.
        unsafe {
            let mut builder = std::mem::zeroed();
            check(lc::CBB_init(&mut builder, 0))?;
            let (mut bytes, mut length) = (null_mut(), 0);
            let written = check(write(&mut builder, self.0.as_ptr()))
                .and_then(|()| check(lc::CBB_finish(&mut builder, &mut bytes, &mut length)));
            if written.is_err() {
                lc::CBB_cleanup(&mut builder);
                return Err(Failed);
            }
            let der = std::slice::from_raw_parts(bytes, length).to_vec();
            lc::OPENSSL_free(bytes.cast());
            Ok(der)
        }
    }

    /// What the key is, where it is of a kind that Web Crypto has.
    pub fn kind(&self) -> Option<Kind> {
        // SAFETY: the key is live; what it lends is used at once.
        unsafe {
            match lc::EVP_PKEY_id(self.0.as_ptr()) {
                lc::EVP_PKEY_RSA => Some(Kind::Rsa),
                lc::EVP_PKEY_EC => {
                    let key = lc::EVP_PKEY_get0_EC_KEY(self.0.as_ptr());
                    match lc::EC_GROUP_get_curve_name(lc::EC_KEY_get0_group(key)) {
                        lc::NID_X9_62_prime256v1 => Some(Kind::Ec(Curve::P256)),
                        lc::NID_secp384r1 => Some(Kind::Ec(Curve::P384)),
                        lc::NID_secp521r1 => Some(Kind::Ec(Curve::P521)),
                        _ => None,
                    }
                }
                lc::EVP_PKEY_ED25519 => Some(Kind::Raw(Raw::Ed25519)),
                lc::EVP_PKEY_X25519 => Some(Kind::Raw(Raw::X25519)),
                _ => None,
            }
        }
    }

    /// The numbers of [`Pkey::from_rsa_numbers`].
    pub fn rsa_numbers(&self, private: bool) -> Result<Vec<Vec<u8>>, Failed> {
        let mut numbers = [null(); 8];
        let [n, e, d, p, q, dp, dq, qi] = &mut numbers;
        // SAFETY: the key is live and lends its numbers; none is written to.
        unsafe {
            let rsa = lc::EVP_PKEY_get0_RSA(self.0.as_ptr());
            if rsa.is_null() {
                return Err(failed());
            }
            lc::RSA_get0_key(rsa, n, e, d);
            lc::RSA_get0_factors(rsa, p, q);
            lc::RSA_get0_crt_params(rsa, dp, dq, qi);
        }
        let wanted = if private { &numbers[..] } else { &numbers[..2] };
        wanted
            .iter()
            .map(|number| number_bytes(*number, None))
            .collect()
    }

    /// x and y, then d for a private key, each of the curve's length.
    pub fn coordinates(&self, curve: Curve, private: bool) -> Result<Vec<Vec<u8>>, Failed> {
        let point = self.point(curve)?;
        let (x, y) = point[1..].split_at(curve.size());
        let mut all = vec![x.to_vec(), y.to_vec()];
        if private {
            // SAFETY: the key is live and lends its number.
            let d =
                unsafe { lc::EC_KEY_get0_private_key(lc::EVP_PKEY_get0_EC_KEY(self.0.as_ptr())) };
            all.push(number_bytes(d, Some(curve.size()))?);
        }
        Ok(all)
    }

    /// The public point, uncompressed.
    pub fn point(&self, curve: Curve) -> Result<Vec<u8>, Failed> {
        let mut bytes = vec![0; 1 + 2 * curve.size()];
        // SAFETY: the key is live; the output has the length of an uncompressed point.
        let written = unsafe {
            let key = lc::EVP_PKEY_get0_EC_KEY(self.0.as_ptr());
            if key.is_null() {
                return Err(failed());
            }
            lc::EC_POINT_point2oct(
                lc::EC_KEY_get0_group(key),
                lc::EC_KEY_get0_public_key(key),
                lc::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                bytes.as_mut_ptr(),
                bytes.len(),
                null_mut(),
            )
        };
        if written == bytes.len() {
            Ok(bytes)
        } else {
            Err(failed())
        }
    }

    pub fn raw_public(&self) -> Result<Vec<u8>, Failed> {
        let (mut bytes, mut length) = (vec![0; RAW_KEY_BYTES], RAW_KEY_BYTES);
        // SAFETY: the output has the length given.
        check(unsafe {
            lc::EVP_PKEY_get_raw_public_key(self.0.as_ptr(), bytes.as_mut_ptr(), &mut length)
        })?;
        Ok(bytes)
    }

    pub fn raw_private(&self) -> Result<Vec<u8>, Failed> {
        let (mut bytes, mut length) = (vec![0; RAW_KEY_BYTES], RAW_KEY_BYTES);
        // SAFETY: the output has the length given.
        check(unsafe {
            lc::EVP_PKEY_get_raw_private_key(self.0.as_ptr(), bytes.as_mut_ptr(), &mut length)
        })?;
        Ok(bytes)
    }

    /// A context that signs or verifies by `scheme`.
    fn signer(&self, scheme: Scheme, sign: bool) -> Result<Owned<lc::EVP_MD_CTX>, Failed> {
        let hash = match scheme {
            Scheme::Pkcs1(hash) | Scheme::Pss { hash, .. } | Scheme::Ecdsa { hash, .. } => {
                hash.algorithm()
            }
            Scheme::Ed25519 | Scheme::RsaRaw => null(),
        };
        // SAFETY: the context is ours, and owns the key context that it lends.
        unsafe {
            let context = Owned::new(lc::EVP_MD_CTX_new(), lc::EVP_MD_CTX_free)?;
            let mut inner = null_mut();
            let init = if sign {
                lc::EVP_DigestSignInit
            } else {
                lc::EVP_DigestVerifyInit
            };
            check(init(
                context.get(),
                &mut inner,
                hash,
                null_mut(),
                self.0.as_ptr(),
            ))?;
            if let Scheme::Pss { salt_bytes, .. } = scheme {
                check(lc::EVP_PKEY_CTX_set_rsa_padding(
                    inner,
                    lc::RSA_PKCS1_PSS_PADDING,
                ))?;
                check(lc::EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt_bytes))?;
            }
            Ok(context)
        }
    }

    /// Whether a private operation takes so long that others should not wait for it.
    pub fn is_slow(&self) -> bool {
        const QUICK_BITS: c_int = 2048;
        // SAFETY: the key is live.
        unsafe {
            lc::EVP_PKEY_id(self.0.as_ptr()) == lc::EVP_PKEY_RSA
                && lc::EVP_PKEY_bits(self.0.as_ptr()) > QUICK_BITS
        }
    }

    fn sign_raw(&self, data: &[u8]) -> Result<Vec<u8>, Failed> {
        // SAFETY: the key is live and lends its RSA half; the output has the length given.
        unsafe {
            let rsa = lc::EVP_PKEY_get0_RSA(self.0.as_ptr());
            if rsa.is_null() {
                return Err(failed());
            }
            let mut signature = vec![0; lc::RSA_size(rsa) as usize];
            let mut length = 0;
            check(lc::RSA_decrypt(
                rsa,
                &mut length,
                signature.as_mut_ptr(),
                signature.len(),
                data.as_ptr(),
                data.len(),
                lc::RSA_NO_PADDING,
            ))?;
            signature.truncate(length);
            Ok(signature)
        }
    }

    /// A signature; of ECDSA, r and s side by side.
    pub fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Failed> {
        if let Scheme::RsaRaw = scheme {
            return self.sign_raw(data);
        }
        let context = self.signer(scheme, true)?;
        let mut length = 0;
        // SAFETY: the first call asks for the length, the second has room for it.
        let signature = unsafe {
            check(lc::EVP_DigestSign(
                context.get(),
                null_mut(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ))?;
            let mut signature = vec![0; length];
            check(lc::EVP_DigestSign(
                context.get(),
                signature.as_mut_ptr(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ))?;
            signature.truncate(length);
            signature
        };
        match scheme {
            Scheme::Ecdsa { curve, .. } => plain_signature(&signature, curve),
            _ => Ok(signature),
        }
    }

    /// Whether a signature is right; one that is malformed is not.
    pub fn verify(&self, scheme: Scheme, signature: &[u8], data: &[u8]) -> Result<bool, Failed> {
        let encoded;
        let signature = match scheme {
            Scheme::Ecdsa { curve, .. } => {
                if signature.len() != 2 * curve.size() {
                    return Ok(false);
                }
                encoded = encoded_signature(signature)?;
                &encoded
            }
            _ => signature,
        };
        let context = self.signer(scheme, false)?;
        // SAFETY: signature and data are valid for their lengths.
        let result = unsafe {
            lc::EVP_DigestVerify(
                context.get(),
                signature.as_ptr(),
                signature.len(),
                data.as_ptr(),
                data.len(),
            )
        };
        Ok(check(result).is_ok())
    }

    fn context(&self) -> Result<Owned<lc::EVP_PKEY_CTX>, Failed> {
        // SAFETY: a new context keeps the key alive.
        Owned::new(
            unsafe { lc::EVP_PKEY_CTX_new(self.0.as_ptr(), null_mut()) },
            lc::EVP_PKEY_CTX_free,
        )
    }

    /// RSA-OAEP, with one hash for message and mask.
    pub fn oaep(
        &self,
        encrypt: bool,
        hash: Hash,
        label: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let context = self.context()?;
        // SAFETY: the context takes over a copy of the label where it succeeds; the first call asks for the length.
        unsafe {
            let (init, run) = if encrypt {
                (
                    lc::EVP_PKEY_encrypt_init as unsafe extern "C" fn(_) -> _,
                    lc::EVP_PKEY_encrypt as Transform,
                )
            } else {
                (
                    lc::EVP_PKEY_decrypt_init as unsafe extern "C" fn(_) -> _,
                    lc::EVP_PKEY_decrypt as Transform,
                )
            };
            check(init(context.get()))?;
            check(lc::EVP_PKEY_CTX_set_rsa_padding(
                context.get(),
                lc::RSA_PKCS1_OAEP_PADDING,
            ))?;
            check(lc::EVP_PKEY_CTX_set_rsa_oaep_md(
                context.get(),
                hash.algorithm(),
            ))?;
            check(lc::EVP_PKEY_CTX_set_rsa_mgf1_md(
                context.get(),
                hash.algorithm(),
            ))?;
            if !label.is_empty() {
                let copy: *mut u8 = lc::OPENSSL_memdup(label.as_ptr().cast(), label.len()).cast();
                let taken = check(lc::EVP_PKEY_CTX_set0_rsa_oaep_label(
                    context.get(),
                    copy,
                    label.len(),
                ));
                if taken.is_err() {
                    lc::OPENSSL_free(copy.cast());
                    return Err(Failed);
                }
            }
            let mut length = 0;
            check(run(
                context.get(),
                null_mut(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ))?;
            let mut output = vec![0; length];
            check(run(
                context.get(),
                output.as_mut_ptr(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ))?;
            output.truncate(length);
            Ok(output)
        }
    }

    /// The secret that a private key shares with the holder of `peer`.
    pub fn derive(&self, peer: &Self) -> Result<Vec<u8>, Failed> {
        let context = self.context()?;
        // SAFETY: both keys are live; the first call asks for the length.
        unsafe {
            check(lc::EVP_PKEY_derive_init(context.get()))?;
            check(lc::EVP_PKEY_derive_set_peer(context.get(), peer.0.as_ptr()))?;
            let mut length = 0;
            check(lc::EVP_PKEY_derive(context.get(), null_mut(), &mut length))?;
            let mut secret = vec![0; length];
            check(lc::EVP_PKEY_derive(
                context.get(),
                secret.as_mut_ptr(),
                &mut length,
            ))?;
            secret.truncate(length);
            Ok(secret)
        }
    }
}

type Transform =
    unsafe extern "C" fn(*mut lc::EVP_PKEY_CTX, *mut u8, *mut usize, *const u8, usize) -> c_int;

/// r and s of a DER signature, side by side.
fn plain_signature(der: &[u8], curve: Curve) -> Result<Vec<u8>, Failed> {
    // SAFETY: the signature is ours and lends its numbers.
    unsafe {
        let signature = Owned::new(
            lc::ECDSA_SIG_from_bytes(der.as_ptr(), der.len()),
            lc::ECDSA_SIG_free,
        )?;
        let (mut r, mut s) = (null(), null());
        lc::ECDSA_SIG_get0(signature.get(), &mut r, &mut s);
        let mut plain = number_bytes(r, Some(curve.size()))?;
        plain.extend(number_bytes(s, Some(curve.size()))?);
        Ok(plain)
    }
}

/// The DER of a signature of r and s.
fn encoded_signature(plain: &[u8]) -> Result<Vec<u8>, Failed> {
    let (r, s) = plain.split_at(plain.len() / 2);
    let (r, s) = (number(r)?, number(s)?);
    // SAFETY: the signature takes over both numbers where it succeeds; its bytes are copied and freed.
    unsafe {
        let signature = Owned::new(lc::ECDSA_SIG_new(), lc::ECDSA_SIG_free)?;
        check(lc::ECDSA_SIG_set0(
            signature.get(),
            r.into_raw(),
            s.into_raw(),
        ))?;
        let (mut bytes, mut length) = (null_mut(), 0);
        check(lc::ECDSA_SIG_to_bytes(
            &mut bytes,
            &mut length,
            signature.get(),
        ))?;
        let der = std::slice::from_raw_parts(bytes, length).to_vec();
        lc::OPENSSL_free(bytes.cast());
        Ok(der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_verify() {
        let hash = Hash::Sha256;
        let rsa = Pkey::generate_rsa(1024, &[1, 0, 1]).expect("a key");
        let ec = Pkey::generate_ec(Curve::P384).expect("a key");
        let ed = Pkey::generate_raw(Raw::Ed25519).expect("a key");
        for (key, scheme) in [
            (&rsa, Scheme::Pkcs1(hash)),
            (
                &rsa,
                Scheme::Pss {
                    hash,
                    salt_bytes: 20,
                },
            ),
            (
                &ec,
                Scheme::Ecdsa {
                    hash,
                    curve: Curve::P384,
                },
            ),
            (&ed, Scheme::Ed25519),
        ] {
            let mut signature = key.sign(scheme, b"data").expect("a signature");
            let public = Pkey::from_spki(&key.to_spki().expect("DER"))
                .expect("a public key")
                .0;
            assert_eq!(public.verify(scheme, &signature, b"data"), Ok(true));
            signature[3] ^= 1;
            assert_eq!(public.verify(scheme, &signature, b"data"), Ok(false));
        }
    }

    #[test]
    fn keys_come_back_from_their_parts() {
        let rsa = Pkey::generate_rsa(1024, &[1, 0, 1]).expect("a key");
        let again =
            Pkey::from_rsa_numbers(&rsa.rsa_numbers(true).expect("numbers")).expect("a key");
        assert_eq!(rsa.to_pkcs8(), again.to_pkcs8());
        let ec = Pkey::generate_ec(Curve::P521).expect("a key");
        let parts = ec.coordinates(Curve::P521, true).expect("coordinates");
        let again = Pkey::from_coordinates(Curve::P521, &parts[0], &parts[1], Some(&parts[2]))
            .expect("a key");
        assert_eq!(ec.to_pkcs8(), again.to_pkcs8());
        let point =
            Pkey::from_point(Curve::P521, &ec.point(Curve::P521).expect("a point")).expect("a key");
        assert_eq!(ec.to_spki(), point.to_spki());
        assert!(Pkey::from_pkcs8(b"no DER").is_err());
    }

    #[test]
    fn secrets_are_shared_and_messages_hidden() {
        let (a, b) = (
            Pkey::generate_raw(Raw::X25519).expect("a key"),
            Pkey::generate_raw(Raw::X25519).expect("a key"),
        );
        assert_eq!(a.derive(&b), b.derive(&a));
        let rsa = Pkey::generate_rsa(1024, &[1, 0, 1]).expect("a key");
        let hidden = rsa
            .oaep(true, Hash::Sha1, b"label", b"data")
            .expect("encrypts");
        assert_eq!(
            rsa.oaep(false, Hash::Sha1, b"label", &hidden).as_deref(),
            Ok(&b"data"[..])
        );
        assert_eq!(rsa.oaep(false, Hash::Sha1, b"other", &hidden), Err(Failed));
    }
}
