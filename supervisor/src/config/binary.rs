//! Encoded configurations: read from outside with suspicion, written in one segment.
//!
//! `load` calls this for `--binary`, for a configuration appended to the executable, and to give
//! every configuration its final form.

use super::model::ConfigMessage;
use super::text::Message;
use capnp::dynamic_value::Reader;
use capnp::message::{self, HeapAllocator, ReaderOptions};
use capnp::{Word, dynamic_struct, serialize};
use schema::workerd_capnp::config;

/// How many times its own size reading a message may touch, before it counts as malicious.
const MAX_TRAVERSAL_FACTOR: usize = 8;
/// And what any message may touch, in words.
const MIN_TRAVERSAL_WORDS: usize = 1 << 16;

/// The options for reading `bytes` bytes of message: no fixed bound, as configurations carry whole
/// applications, but one in proportion.
fn reader_options(bytes: usize) -> ReaderOptions {
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(bytes / 8 * MAX_TRAVERSAL_FACTOR + MIN_TRAVERSAL_WORDS));
    options
}

/// Reads a message in the standard framing, and every value in it.
pub fn decode(bytes: &[u8]) -> capnp::Result<Message> {
    let options = reader_options(bytes.len());
    let reader = serialize::read_message(bytes, options)?;
    check(&reader)?;
    let reader = message::Reader::new(reader.into_segments(), options);
    let root: config::Reader<'_> = reader.get_root()?;
    let mut message = sized(root)?;
    message.set_root(root)?;
    Ok(message)
}

/// An empty message whose first segment has room for a copy of `root`.
fn sized(root: config::Reader<'_>) -> capnp::Result<Message> {
    let words = root.total_size()?.word_count + 1;
    let words = u32::try_from(words).map_err(|_| too_large())?;
    Ok(Message::new(
        HeapAllocator::new().first_segment_words(words),
    ))
}

fn too_large() -> capnp::Error {
    capnp::Error::failed("the configuration is too large for one message".into())
}

/// Reads every field once, so that whoever reads the configuration later finds no broken pointer.
fn check<S: message::ReaderSegments>(reader: &message::Reader<S>) -> capnp::Result<()> {
    match reader.get_root::<config::Reader<'_>>()?.into() {
        Reader::Struct(root) => check_struct(root),
        _ => Ok(()),
    }
}

fn check_struct(value: dynamic_struct::Reader<'_>) -> capnp::Result<()> {
    let schema = value.get_schema();
    for field in schema.get_non_union_fields()?.iter() {
        check_value(value.get(field)?)?;
    }
    // A member of a union that this schema does not know is for the validation to refuse.
    match value.which() {
        Ok(Some(field)) => check_value(value.get(field)?),
        _ => Ok(()),
    }
}

fn check_value(value: Reader<'_>) -> capnp::Result<()> {
    match value {
        Reader::Struct(value) => check_struct(value),
        Reader::List(list) => list.iter().try_for_each(|item| check_value(item?)),
        _ => Ok(()),
    }
}

/// The final form: one segment, laid out anew, with nothing in it that is not the configuration.
pub fn encode(message: Message) -> capnp::Result<ConfigMessage> {
    let root: config::Reader<'_> = message.get_root_as_reader()?;
    let mut copy = sized(root)?;
    copy.set_root(root)?;
    drop(message);
    let segments = copy.get_segments_for_output();
    let [segment] = segments[..] else {
        return Err(too_large());
    };
    let mut words = Word::allocate_zeroed_vec(1 + segment.len() / 8);
    let bytes = Word::words_to_bytes_mut(&mut words);
    // The framing: the number of segments less one, and the segment's length in words.
    bytes[4..8].copy_from_slice(&((segment.len() / 8) as u32).to_le_bytes());
    bytes[8..].copy_from_slice(segment);
    Ok(ConfigMessage::new(words))
}

/// Calls `read` with the configuration in a message that [`encode`] made.
pub fn with_config<T>(
    message: &ConfigMessage,
    read: impl FnOnce(config::Reader<'_>) -> capnp::Result<T>,
) -> capnp::Result<T> {
    with_encoded(message.as_bytes(), read)
}

/// The same for what a process is given.
pub fn with_encoded<T>(
    mut bytes: &[u8],
    read: impl FnOnce(config::Reader<'_>) -> capnp::Result<T>,
) -> capnp::Result<T> {
    let options = reader_options(bytes.len());
    let reader = serialize::read_message_from_flat_slice(&mut bytes, options)?;
    read(reader.get_root()?)
}
