//! Why storage refuses; the messages are workerd's.

use crate::glue::JsError;
use crate::storage::NO_POINT_IN_TIME_RECOVERY;

/// Most bytes of a key of what is kept in memory alone.
pub(super) const MAX_MEMORY_KEY_BYTES: usize = 2048;

/// Most keys of a `get` there.
pub(super) const MAX_MEMORY_PAIRS: usize = 128;

/// Most bytes of a value there, as messages state it.
pub(super) const MAX_MEMORY_VALUE_BYTES: usize = 128 * 1024;

#[derive(JsError)]
pub enum Refused {
    #[error(
        "Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, request/response bodies, and others) created in the context of one Durable Object cannot be accessed from a different Durable Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to improve overall performance."
    )]
    OtherObject,
    #[range_error(
        "Keys cannot be larger than {MAX_MEMORY_KEY_BYTES} bytes. A key of size {bytes} was provided."
    )]
    LongKey { bytes: usize },
    #[range_error(
        "Values cannot be larger than {MAX_MEMORY_VALUE_BYTES} bytes. A value of size {bytes} was provided."
    )]
    LongValue { bytes: usize },
    #[range_error(
        "Maximum number of key value pairs is {MAX_MEMORY_PAIRS}. {pairs} pairs were provided."
    )]
    ManyPairs { pairs: usize },
    #[dom(
        DataCloneError,
        "Storing RPC stubs in Durable Object KV storage is only supported when using the SQLite storage backend."
    )]
    StubsInMemory,
    #[error("Durable Object is not backed by SQL.")]
    NoSql,
    #[error("{NO_POINT_IN_TIME_RECOVERY}")]
    NoHistory {},
    #[type_error("Cannot convert a BigInt value to a number")]
    BigInt,
    #[error("The names of the cursor's columns were changed.")]
    ChangedNames,
    #[error("Expected exactly one result from SQL query, but got multiple results.")]
    ManyResults,
    #[error("Expected exactly one result from SQL query, but got no results.")]
    NoResults,
}
