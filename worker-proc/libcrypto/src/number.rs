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

/// The bytes of a number, if there is one: padded to `length`, or the fewest.
pub fn to_bytes(number: Option<&lc::BIGNUM>, length: Option<usize>) -> Result<Vec<u8>, Failed> {
    let number = number.ok_or(Failed)?;
    let mut bytes = vec![0; length.unwrap_or(ffi::BN_num_bytes(number) as usize)];
    // SAFETY: the number is live; the output has the length given.
    check(unsafe { lc::BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), number) })?;
    Ok(bytes)
}
