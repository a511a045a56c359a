//! Big numbers as bytes, most significant first.

use std::ffi::c_int;
use std::ptr::{from_ref, null};

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
    let (mut reduced, mut result) = (ffi::BN_new()?, ffi::BN_new()?);
    let mut context = ffi::BN_CTX_new()?;
    check(ffi::BN_nnmod(&mut reduced, &base, &modulus, &mut context))?;
    let field = ffi::BN_MONT_CTX_new_consttime(&modulus, &mut context)?;
    check(ffi::BN_mod_exp_mont_consttime(
        &mut result,
        &reduced,
        &exponent,
        &modulus,
        &mut context,
        &field,
    ))?;
    to_bytes(Some(&result), Some(length))
}

/// Called at each candidate for a prime; 0 ends the search.
extern "C" fn on_progress(_: c_int, _: c_int, progress: *mut lc::BN_GENCB) -> c_int {
    // SAFETY: the argument is what `search` keeps until the search is over.
    let is_over = unsafe { &*lc::BN_GENCB_get_arg(progress).cast::<fn() -> bool>() };
    c_int::from(!is_over())
}

/// Looks for primes until there are enough, or `is_over` says that it has taken long enough, which is asked often.
pub(crate) fn search<R>(
    is_over: fn() -> bool,
    look: impl FnOnce(&mut lc::BN_GENCB) -> R,
) -> Result<R, Failed> {
    let mut progress = ffi::BN_GENCB_new()?;
    let argument = from_ref(&is_over).cast_mut().cast();
    // SAFETY: what the callback is given lives until the search is over.
    unsafe { lc::BN_GENCB_set(progress.get(), Some(on_progress), argument) };
    Ok(look(&mut progress))
}

/// A random prime of so many bits; a safe one is twice another and one more.
///
/// # Errors
/// There is none of so few bits, or `is_over` said so: long ones take minutes to find.
pub fn generate_prime(bits: i32, safe: bool, is_over: fn() -> bool) -> Result<Vec<u8>, Failed> {
    // Its two highest bits are set, and no safe prime of 4 or 5 bits has them so.
    if safe && (4..6).contains(&bits) {
        return Err(Failed);
    }
    let prime = ffi::BN_new()?;
    let safe = c_int::from(safe);
    check(search(is_over, |progress| {
        // SAFETY: the number and the progress are live; null asks for nothing else of the prime.
        unsafe { lc::BN_generate_prime_ex(prime.get(), bits, safe, null(), null(), progress) }
    })?)?;
    to_bytes(Some(&prime), None)
}

/// The same of a prime that leaves `rest` when it is divided by `step`. It may be longer where there are few.
pub fn generate_prime_that_leaves(
    rest: &[u8],
    step: &[u8],
    bits: i32,
    safe: bool,
    is_over: fn() -> bool,
) -> Result<Vec<u8>, Failed> {
    let (step, rest) = (from_bytes(step)?, from_bytes(rest)?);
    let mut prime = ffi::BN_new()?;
    let safe = c_int::from(safe);
    check(search(is_over, |progress| {
        ffi::BN_generate_prime_ex(&mut prime, bits, safe, &step, &rest, progress)
    })?)?;
    to_bytes(Some(&prime), None)
}

/// Whether a number is a prime, by so many rounds of Miller and Rabin's test; 0 rounds are as many as its length asks for.
///
/// # Errors
/// `is_over` said so.
pub fn is_prime(number: &[u8], rounds: i32, is_over: fn() -> bool) -> Result<bool, Failed> {
    let number = from_bytes(number)?;
    let mut context = ffi::BN_CTX_new()?;
    let mut is_prime = 0;
    check(search(is_over, |progress| {
        ffi::BN_primality_test(&mut is_prime, &number, rounds, &mut context, 1, progress)
    })?)?;
    Ok(is_prime == 1)
}

/// The bytes of a number, if there is one: padded to `length`, or the fewest.
pub fn to_bytes(number: Option<&lc::BIGNUM>, length: Option<usize>) -> Result<Vec<u8>, Failed> {
    let number = number.ok_or(Failed)?;
    let mut bytes = vec![0; length.unwrap_or(ffi::BN_num_bytes(number) as usize)];
    // SAFETY: the number is live; the output has the length given.
    check(unsafe { lc::BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), number) })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> u64 {
        bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    #[test]
    fn primes_are_as_they_are_asked_for() {
        let never = || false;
        let is_prime = |number: u64| is_prime(&number.to_be_bytes(), 0, never) == Ok(true);
        let prime = value(&generate_prime(32, false, never).expect("a prime"));
        assert!(prime >> 30 == 3 && is_prime(prime));
        let safe = value(&generate_prime(32, true, never).expect("a prime"));
        assert!(is_prime(safe) && is_prime(safe / 2));
        let stepped = generate_prime_that_leaves(&[11], &[12], 16, false, never);
        assert_eq!(value(&stepped.expect("a prime")) % 12, 11);
        for bits in [-1, 0, 1] {
            assert!(generate_prime(bits, false, never).is_err());
        }
        for bits in [2, 4, 5] {
            assert!(generate_prime(bits, true, never).is_err());
        }
        assert!(!is_prime(0) && !is_prime(1) && !is_prime(7917));
    }

    #[test]
    fn a_search_ends_when_it_is_told_to() {
        assert!(generate_prime(8192, true, || true).is_err());
    }
}
