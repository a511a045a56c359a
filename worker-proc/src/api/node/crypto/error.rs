//! Why ops of `node:crypto` fail.

use libcrypto::Failed;

use crate::glue::OpError;

/// Why an op of the folder fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Libcrypto refused. Where more can be told, JavaScript does.
    Failed,
    /// There is no hash of the name, or no HMAC with it.
    NoSuchDigest,
    /// There is no cipher of the name, or key and IV do not fit it.
    NoSuchCipher,
    /// None of the kind was found.
    NoPrime,
}

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Failed
    }
}

impl From<Error> for OpError {
    fn from(error: Error) -> Self {
        Self::error(match error {
            Error::Failed => "The cryptographic operation failed.",
            Error::NoSuchDigest => "Digest method not supported",
            Error::NoSuchCipher => "Failed to initialize the cipher",
            Error::NoPrime => "Error while generating prime",
        })
    }
}
