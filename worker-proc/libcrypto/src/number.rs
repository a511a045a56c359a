//! Big numbers as bytes, most significant first.

use aws_lc_sys as lc;

use crate::object::Owned;
use crate::{Failed, check, ffi};

/// The number that these bytes are.
pub fn from_bytes(bytes: &[u8]) -> Result<Owned<lc::BIGNUM>, Failed> {
    // SAFETY: the bytes are read during the call, which makes a new number.
    unsafe {
        Owned::new(lc::BN_bin2bn(
            bytes.as_ptr(),
            bytes.len(),
            std::ptr::null_mut(),
        ))
    }
}

/// `base` to the power of `exponent`, modulo an odd number above 1, as long as that; in a time that does not tell the exponent.
///
/// # Errors
/// The modulus is even or none.
pub fn modular_power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Failed> {
    let (base, exponent) = (from_bytes(base)?, from_bytes(exponent)?);
    let length = modulus.len();
    let modulus = from_bytes(modulus)?;
    let is_more_than_one = ffi::BN_num_bits(&modulus) > 1;
    if ffi::BN_is_odd(&modulus) != 1 || !is_more_than_one {
        return Err(Failed);
    }
    let (mut reduced, result) = (ffi::BN_new()?, ffi::BN_new()?);
    let mut context = ffi::BN_CTX_new()?;
    check(ffi::BN_nnmod(&mut reduced, &base, &modulus, &mut context))?;
    // SAFETY: all numbers are live and the modulus is odd; without Montgomery's numbers they are made.
    check(unsafe {
        let (to, context) = (result.get(), context.get());
        lc::BN_mod_exp_mont_consttime(
            to,
            reduced.get(),
            exponent.get(),
            modulus.get(),
            context,
            std::ptr::null(),
        )
    })?;
    to_bytes(Some(&result), Some(length))
}

/// The bytes of a number, if there is one: padded to `length`, or the fewest.
pub fn to_bytes(number: Option<&lc::BIGNUM>, length: Option<usize>) -> Result<Vec<u8>, Failed> {
    let number = number.ok_or(Failed)?;
    let mut bytes = vec![0; length.unwrap_or(ffi::BN_num_bytes(number) as usize)];
    // SAFETY: the number is live; the output has the length given.
    check(unsafe { lc::BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), number) })?;
    Ok(bytes)
}
