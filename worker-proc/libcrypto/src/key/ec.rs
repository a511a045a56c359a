//! Keys of elliptic curves: made, from and to points and numbers; signatures as the two numbers that they are.

use std::ffi::c_int;
use std::ptr::null_mut;

use aws_lc_sys as lc;

use super::Key;
use super::builder::written;
use crate::object::Owned;
use crate::{Failed, check, failed, ffi, number};

/// The curves that Web Crypto names, and an older one that `node:crypto` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// secp224r1.
    P224,
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    const ALL: [Self; 4] = [Self::P224, Self::P256, Self::P384, Self::P521];

    /// By the name that [`Curve::name`] tells.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    /// As Web Crypto has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P224 => "P-224",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn nid(self) -> c_int {
        match self {
            Self::P224 => lc::NID_secp224r1,
            Self::P256 => lc::NID_X9_62_prime256v1,
            Self::P384 => lc::NID_secp384r1,
            Self::P521 => lc::NID_secp521r1,
        }
    }

    /// The length of a coordinate in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The curve's object identifier, as DER has it.
    pub(super) fn oid(self) -> &'static [u8] {
        match self {
            Self::P224 => b"\x2b\x81\x04\x00\x21",
            Self::P256 => b"\x2a\x86\x48\xce\x3d\x03\x01\x07",
            Self::P384 => b"\x2b\x81\x04\x00\x22",
            Self::P521 => b"\x2b\x81\x04\x00\x23",
        }
    }

    fn new_key(self) -> Result<Owned<lc::EC_KEY>, Failed> {
        ffi::EC_KEY_new_by_curve_name(self.nid())
    }
}

impl Key {
    fn from_ec(mut part: Owned<lc::EC_KEY>) -> Result<Self, Failed> {
        let mut key = Self::empty()?;
        check(ffi::EVP_PKEY_set1_EC_KEY(&mut key, &mut part))?;
        Ok(key.into())
    }

    /// A new private key.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn generate_ec(curve: Curve) -> Result<Self, Failed> {
        let mut key = curve.new_key()?;
        check(ffi::EC_KEY_generate_key(&mut key))?;
        Self::from_ec(key)
    }

    /// A public key from a point, compressed or not (SEC 1, section 2.3.4), but not hybrid.
    ///
    /// # Errors
    /// It is none, or not on the curve.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, Failed> {
        if !matches!(point.first(), Some(2..=4)) {
            return Err(Failed);
        }
        let key = curve.new_key()?;
        // SAFETY: the group is the key's; a new point is ours, and copied into the key.
        unsafe {
            let group = lc::EC_KEY_get0_group(key.get());
            let place = Owned::new(lc::EC_POINT_new(group))?;
            let (start, length) = (point.as_ptr(), point.len());
            check(lc::EC_POINT_oct2point(
                group,
                place.get(),
                start,
                length,
                null_mut(),
            ))?;
            check(lc::EC_KEY_set_public_key(key.get(), place.get()))?;
        }
        Self::from_ec(key)
    }

    /// A key from coordinates, private where `d` is there.
    ///
    /// # Errors
    /// They are not on the curve, or `d` is not of that point.
    pub fn from_coordinates(
        curve: Curve,
        x: &[u8],
        y: &[u8],
        d: Option<&[u8]>,
    ) -> Result<Self, Failed> {
        let mut key = curve.new_key()?;
        let (x, y) = (number::from_bytes(x)?, number::from_bytes(y)?);
        check(ffi::EC_KEY_set_public_key_affine_coordinates(
            &mut key, &x, &y,
        ))?;
        if let Some(d) = d {
            check(ffi::EC_KEY_set_private_key(
                &mut key,
                &*number::from_bytes(d)?,
            ))?;
        }
        check(ffi::EC_KEY_check_key(&key))?;
        Self::from_ec(key)
    }

    /// A private key of a number, with no public one.
    ///
    /// # Errors
    /// The curve has no such number.
    pub fn from_scalar(curve: Curve, d: &[u8]) -> Result<Self, Failed> {
        let mut key = curve.new_key()?;
        check(ffi::EC_KEY_set_private_key(
            &mut key,
            &*number::from_bytes(d)?,
        ))?;
        Self::from_ec(key)
    }

    fn ec(&self) -> Result<&lc::EC_KEY, Failed> {
        ffi::EVP_PKEY_get0_EC_KEY(&self.0).ok_or_else(failed)
    }

    /// The curve of a key that has one which Web Crypto names.
    pub(super) fn curve(&self) -> Option<Curve> {
        let group = ffi::EC_KEY_get0_group(self.ec().ok()?)?;
        let nid = ffi::EC_GROUP_get_curve_name(group);
        Curve::ALL.into_iter().find(|curve| curve.nid() == nid)
    }

    /// x and y, then d for a private key, each of the curve's length.
    ///
    /// # Errors
    /// The key is not of that curve, or has no such part.
    pub fn coordinates(&self, curve: Curve, private: bool) -> Result<Vec<Vec<u8>>, Failed> {
        let point = self.point(curve)?;
        let (x, y) = point[1..].split_at(curve.size());
        let mut all = vec![x.to_vec(), y.to_vec()];
        if private {
            let d = ffi::EC_KEY_get0_private_key(self.ec()?);
            all.push(number::to_bytes(d, Some(curve.size()))?);
        }
        Ok(all)
    }

    /// The public point, uncompressed.
    ///
    /// # Errors
    /// The key is not of that curve, or has no public part.
    pub fn point(&self, curve: Curve) -> Result<Vec<u8>, Failed> {
        let key = self.ec()?;
        let group = ffi::EC_KEY_get0_group(key).ok_or_else(failed)?;
        let point = ffi::EC_KEY_get0_public_key(key).ok_or_else(failed)?;
        let mut bytes = vec![0; 1 + 2 * curve.size()];
        let (place, length) = (bytes.as_mut_ptr(), bytes.len());
        // SAFETY: both are live; the output has the length given.
        let written = unsafe {
            lc::EC_POINT_point2oct(
                group,
                point,
                lc::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                place,
                length,
                null_mut(),
            )
        };
        if written == length {
            Ok(bytes)
        } else {
            Err(failed())
        }
    }
}

/// r and s of a DER signature, side by side.
pub(super) fn plain_signature(der: &[u8], curve: Curve) -> Result<Vec<u8>, Failed> {
    // SAFETY: the bytes are read during the call; a new signature is ours.
    let signature = unsafe { Owned::new(lc::ECDSA_SIG_from_bytes(der.as_ptr(), der.len())) }?;
    let r = ffi::ECDSA_SIG_get0_r(&signature);
    let s = ffi::ECDSA_SIG_get0_s(&signature);
    let mut plain = number::to_bytes(r, Some(curve.size()))?;
    plain.extend(number::to_bytes(s, Some(curve.size()))?);
    Ok(plain)
}

/// The DER of a signature of r and s.
pub(super) fn encoded_signature(plain: &[u8]) -> Result<Vec<u8>, Failed> {
    let (r, s) = plain.split_at(plain.len() / 2);
    let (r, s) = (number::from_bytes(r)?, number::from_bytes(s)?);
    // SAFETY: a new signature is ours, and takes over both numbers: it refuses none that is there.
    let signature = unsafe {
        let signature = Owned::new(lc::ECDSA_SIG_new())?;
        let set = lc::ECDSA_SIG_set0(signature.get(), r.into_raw(), s.into_raw());
        check(set)?;
        signature
    };
    written(|builder| ffi::ECDSA_SIG_marshal(builder, &signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_parts() {
        for curve in Curve::ALL {
            assert_eq!(Curve::by_name(curve.name()), Some(curve));
            let key = Key::generate_ec(curve).expect("a key");
            assert_eq!(key.curve(), Some(curve));
            let parts = key.coordinates(curve, true).expect("coordinates");
            let [x, y, d] = &parts[..] else {
                panic!("three parts")
            };
            let again = Key::from_coordinates(curve, x, y, Some(d)).expect("a key");
            assert_eq!(key.to_pkcs8(), again.to_pkcs8());
            let point = key.point(curve).expect("a point");
            let again = Key::from_point(curve, &point).expect("a key");
            assert_eq!(key.to_spki(), again.to_spki());
            let scalar = Key::from_scalar(curve, d).expect("a key");
            assert_eq!(scalar.derive(&again), key.derive(&again));
            assert!(Key::from_coordinates(curve, x, x, None).is_err());
        }
        assert_eq!(Curve::by_name("p-256"), None);
    }
}
