//! Base64 (RFC 4648) in either alphabet, by V8's own transcoder.
//!
//! `api` folders use it for text that users give and get.

use v8::simdutf::{self, ErrorCode, LastChunkHandling};

pub use v8::simdutf::Base64Options;

/// Why a text is no base64.
pub struct Fault {
    /// The first byte that is wrong, from 0.
    pub position: usize,
    /// What is wrong, as V8 has it.
    pub why: &'static str,
}

/// The bytes of a text: ASCII white space is skipped, padding is optional, as the Infra standard's forgiving decoding has it.
///
/// # Errors
/// Says where the text is no base64.
pub fn decode(text: &[u8], options: Base64Options) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; simdutf::maximal_binary_length_from_base64(text)];
    // SAFETY: the output has the length that the library asks for.
    #[allow(unsafe_code)]
    let result =
        unsafe { simdutf::base64_to_binary(text, &mut bytes, options, LastChunkHandling::Loose) };
    if !result.is_ok() {
        return Err(Fault {
            position: result.count,
            why: match result.error {
                ErrorCode::InvalidBase64Character => "INVALID_BASE64_CHARACTER",
                ErrorCode::Base64InputRemainder => "BASE64_INPUT_REMAINDER",
                ErrorCode::Base64ExtraBits => "BASE64_EXTRA_BITS",
                _ => "OTHER",
            },
        });
    }
    bytes.truncate(result.count);
    Ok(bytes)
}

/// The length of the text of so many bytes.
pub fn encoded_length(bytes: usize, options: Base64Options) -> usize {
    simdutf::base64_length_from_binary(bytes, options)
}

/// The text of bytes, which is ASCII.
pub fn encode(bytes: &[u8], options: Base64Options) -> Vec<u8> {
    let mut text = vec![0; encoded_length(bytes.len(), options)];
    // SAFETY: the output has the length that the library asks for.
    #[allow(unsafe_code)]
    let length = unsafe { simdutf::binary_to_base64(bytes, &mut text, options) };
    text.truncate(length);
    text
}
