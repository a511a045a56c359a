//! What libcrypto writes into its builders, as bytes.

use std::ffi::c_int;
use std::ptr::null_mut;

use aws_lc_sys as lc;

use crate::{Failed, check};

/// What a call writes into one of libcrypto's builders.
pub(super) fn written(write: impl FnOnce(&mut lc::CBB) -> c_int) -> Result<Vec<u8>, Failed> {
    let mut builder = lc::CBB::default();
    let (mut start, mut length) = (null_mut(), 0);
    // SAFETY: the builder is initialised before use, and cleaned up or finished; its bytes are copied and freed.
    unsafe {
        check(lc::CBB_init(&mut builder, 0))?;
        let done = check(write(&mut builder))
            .and_then(|()| check(lc::CBB_finish(&mut builder, &mut start, &mut length)));
        if let Err(failed) = done {
            lc::CBB_cleanup(&mut builder);
            return Err(failed);
        }
        let bytes = std::slice::from_raw_parts(start, length).to_vec();
        lc::OPENSSL_free(start.cast());
        Ok(bytes)
    }
}
