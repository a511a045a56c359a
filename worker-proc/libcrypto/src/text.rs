//! What libcrypto writes as text, as a string.

use std::ffi::c_int;

use aws_lc_sys as lc;

use crate::object::Owned;
use crate::{Failed, failed, ffi};

/// What a call prints, unless it says 0 or less. Bytes that are no UTF-8 are replaced.
pub(crate) fn printed(print: impl FnOnce(&mut lc::BIO) -> c_int) -> Result<String, Failed> {
    let mut text: Owned<lc::BIO> = ffi::BIO_new(ffi::BIO_s_mem().ok_or(Failed)?)?;
    if print(&mut text) <= 0 {
        return Err(failed());
    }
    let (mut start, mut length) = (std::ptr::null(), 0);
    // SAFETY: the text is live and does not change while its bytes are read; one that is empty may have no start.
    let bytes = unsafe {
        crate::check(lc::BIO_mem_contents(text.get(), &mut start, &mut length))?;
        if length == 0 {
            return Ok(String::new());
        }
        std::slice::from_raw_parts(start, length)
    };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
