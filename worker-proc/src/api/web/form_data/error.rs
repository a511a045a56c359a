//! What is wrong with a form's body; the messages are the published runtime's.

use crate::glue::JsError;

/// Why there is no form.
#[derive(Debug, PartialEq, Eq, JsError)]
pub enum Error {
    #[error("There is no entropy.")]
    NoEntropy,
    #[type_error(
        "Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded"
    )]
    NoForm,
    #[type_error(
        "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4."
    )]
    NoBoundary,
    #[type_error("Non-utf-8 application/x-www-form-urlencoded body.")]
    NotUtf8,
    #[type_error("No initial boundary string (or you have a truncated message).")]
    NoStart,
    #[type_error("Boundary string was not succeeded by CRLF, LF, or '--'.")]
    BadDelimiter,
    #[type_error("No multipart message header termination found.")]
    NoHeaderEnd,
    #[type_error("FormData part had invalid headers.")]
    BadHeaders,
    #[type_error("No valid Content-Disposition header found in FormData part.")]
    NoDisposition,
    #[type_error("Invalid Content-Disposition header found in FormData part.")]
    BadDisposition,
    #[type_error(
        "Content-Disposition header for FormData part must have the value \"form-data\", possibly followed by parameters. Got: \"{0}\""
    )]
    NotFormData(String),
    #[type_error("Content-Disposition header in FormData part is missing a name.")]
    NoName,
    #[type_error("No subsequent boundary string after multipart message.")]
    NoEnd,
}
