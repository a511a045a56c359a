//! Deflate whose levels work as zlib's own do, so that what comes out is, nearly always, what zlib gives byte for byte.
//!
//! zlib-rs has the searches of zlib-ng: its levels 1, 3 to 6 and 9 are others than zlib's. Each of zlib's levels is made of
//! a search that both have, and of zlib's own bounds for it, which only the functions below its stable interface can set.

use std::cell::RefCell;

use zlib_rs::c_api::z_stream;
use zlib_rs::deflate::{self, DeflateStream};
use zlib_rs::{DeflateConfig, DeflateFlush, ReturnCode, Status, Strategy};

/// One of zlib's levels.
struct Level {
    /// The level of zlib-rs with the same search.
    search: i32,
    /// A match from which on others are looked for less.
    good: usize,
    /// A match that no better one is waited for.
    lazy: usize,
    /// A match that ends the search.
    nice: usize,
    /// Places looked at. Above 1,024 zlib-rs hashes in another way than zlib.
    chain: usize,
}

const fn level(search: i32, good: usize, lazy: usize, nice: usize, chain: usize) -> Level {
    Level {
        search,
        good,
        lazy,
        nice,
        chain,
    }
}

/// zlib's table of its levels.
const LEVELS: [Level; 10] = [
    level(0, 0, 0, 0, 0),
    level(2, 4, 4, 8, 4),
    level(2, 4, 5, 16, 8),
    level(2, 4, 6, 32, 32),
    level(7, 4, 4, 16, 16),
    level(7, 8, 16, 32, 32),
    level(7, 8, 16, 128, 128),
    level(7, 8, 32, 128, 256),
    level(8, 32, 128, 258, 1024),
    level(8, 32, 258, 258, 1024),
];

/// What -1 stands for.
const DEFAULT_LEVEL: i32 = 6;

fn zlibs(level: i32) -> &'static Level {
    let level = if level < 0 { DEFAULT_LEVEL } else { level };
    &LEVELS[level.min(9) as usize]
}

/// A strategy by zlib's number; those that there are not are the default.
fn strategy(number: i32) -> Strategy {
    match number {
        1 => Strategy::Filtered,
        2 => Strategy::HuffmanOnly,
        3 => Strategy::Rle,
        4 => Strategy::Fixed,
        _ => Strategy::Default,
    }
}

/// Writes the level into zlib's header as zlib does (RFC 1950 section 2.2).
fn tell_level(header: &mut [u8], level: i32) {
    let told = match level {
        0 | 1 => 0,
        2..6 => 1,
        -1 | 6 => 2,
        _ => 3,
    };
    let kept = header[1] & 0x20 | told << 6;
    let sum = u16::from_be_bytes([header[0], kept]);
    // Both bytes as one number are a multiple of 31.
    header[1] = kept + (31 - sum % 31) as u8;
}

/// What zlib has of a compressor.
struct Stream(z_stream);

impl Stream {
    fn inner<'s>(&'s mut self) -> &'s mut DeflateStream<'s> {
        #[allow(unsafe_code)]
        // SAFETY: `init` has set the stream up, and only `drop` ends it.
        let inner = unsafe { DeflateStream::from_stream_mut(&raw mut self.0) };
        inner.expect("a stream that is set up")
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = deflate::end(self.inner());
    }
}

/// What a compressor is made with, as `new` takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    level: i32,
    window_bits: i32,
    memory_level: i32,
    strategy: i32,
}

thread_local! {
    /// The last compressor that was done with, for the next one made in the same way: what is small takes less time to
    /// compress than a compressor's memory, some 300 KiB, to get.
    static SPARE: RefCell<Option<(Made, Stream)>> = const { RefCell::new(None) };
}

/// A compressor that is fed piece by piece.
pub(super) struct Deflate {
    /// None only while it is dropped.
    stream: Option<Stream>,
    /// None once it works in another way.
    made: Option<Made>,
    /// What zlib's header, which is still to come, says of the level.
    told: Option<i32>,
}

impl Deflate {
    /// `window_bits` as zlib has it: negative without a wrapping, 16 more for gzip. What is out of range is taken to the nearest.
    pub fn new(level: i32, window_bits: i32, memory_level: i32, strategy_number: i32) -> Self {
        let made = Made {
            level,
            window_bits,
            memory_level,
            strategy: strategy_number,
        };
        // Without matches, no level is any deeper than another.
        let level_told = if strategy_number >= 2 { 0 } else { level };
        let told = matches!(window_bits, 8..16).then_some(level_told);
        let mut new = Self {
            stream: Some(spare(made).unwrap_or_else(|| begin(made))),
            made: Some(made),
            told,
        };
        new.tune(level);
        new
    }

    fn inner<'s>(&'s mut self) -> &'s mut DeflateStream<'s> {
        self.stream().inner()
    }

    fn stream(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("it is not yet dropped")
    }

    fn tune(&mut self, level: i32) {
        let level = zlibs(level);
        if level.search > 0 {
            deflate::tune(
                self.inner(),
                level.good,
                level.lazy,
                level.nice,
                level.chain,
            );
        }
    }

    pub fn set_dictionary(&mut self, dictionary: &[u8]) {
        deflate::set_dictionary(self.inner(), dictionary);
    }

    /// Another level and strategy from here on. What was given must have been flushed; else nothing changes, and it is false.
    pub fn set_params(&mut self, level: i32, strategy_number: i32) -> bool {
        // It asks for a place of output, and writes none of what has been flushed.
        let mut nowhere = 0;
        self.made = None;
        self.stream().0.next_out = &raw mut nowhere;
        let changed = deflate::params(self.inner(), zlibs(level).search, strategy(strategy_number));
        self.stream().0.next_out = std::ptr::null_mut();
        if changed == ReturnCode::Ok {
            self.tune(level);
        }
        changed == ReturnCode::Ok
    }

    /// Takes some of the input and adds up to `room` bytes to the output: how much it took, and the state; none after a wrong
    /// order of calls.
    pub fn compress(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        room: usize,
        flush: DeflateFlush,
    ) -> Option<(usize, Status)> {
        let before = output.len();
        output.resize(before + room, 0);
        let given = input.len().min(u32::MAX as usize);
        let stream = self.stream();
        stream.0.next_in = input.as_ptr();
        stream.0.avail_in = given as u32;
        stream.0.next_out = output[before..].as_mut_ptr();
        stream.0.avail_out = room as u32;
        let code = deflate::deflate(stream.inner(), flush);
        let (left, free) = (stream.0.avail_in as usize, stream.0.avail_out as usize);
        // Between calls it points nowhere.
        stream.0.next_in = std::ptr::null();
        stream.0.next_out = std::ptr::null_mut();
        (stream.0.avail_in, stream.0.avail_out) = (0, 0);
        output.truncate(before + room - free);
        if output.len() > before + 1
            && let Some(level) = self.told.take()
        {
            tell_level(&mut output[before..], level);
        }
        let status = match code {
            ReturnCode::Ok => Status::Ok,
            ReturnCode::StreamEnd => Status::StreamEnd,
            ReturnCode::BufError => Status::BufError,
            _ => return None,
        };
        Some((given - left, status))
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        if let (Some(made), Some(stream)) = (self.made, self.stream.take()) {
            // At the end of its thread there is no place for it.
            let _ = SPARE.try_with(|spare| spare.replace(Some((made, stream))));
        }
    }
}

/// The spare compressor, as new, if it was made in this way.
fn spare(made: Made) -> Option<Stream> {
    let kept = SPARE.take().filter(|(of_spare, _)| *of_spare == made);
    let (_, mut stream) = kept?;
    let reset = deflate::reset(stream.inner());
    (reset == ReturnCode::Ok).then_some(stream)
}

fn begin(made: Made) -> Stream {
    let mut stream = z_stream::default();
    let config = DeflateConfig {
        level: zlibs(made.level).search,
        window_bits: made.window_bits,
        mem_level: made.memory_level.clamp(1, 9),
        strategy: strategy(made.strategy),
        ..DeflateConfig::default()
    };
    let begun = deflate::init(&mut stream, config);
    assert_eq!(begun, ReturnCode::Ok, "every setting is in its range");
    Stream(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(deflate: &mut Deflate, text: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let ended = deflate.compress(text, &mut output, 4096, DeflateFlush::Finish);
        assert_eq!(ended, Some((text.len(), Status::StreamEnd)));
        output
    }

    #[test]
    fn a_spare_compressor_is_as_new() {
        let texts: [&[u8]; 3] = [&[7; 3000], b"a text, a text", b"another text, another text"];
        let of_new = texts.map(|text| {
            SPARE.take();
            packed(&mut Deflate::new(6, 15, 8, 0), text)
        });
        for _ in 0..2 {
            for (text, of_new) in texts.iter().zip(&of_new) {
                assert_eq!(&packed(&mut Deflate::new(6, 15, 8, 0), text), of_new);
                assert!(SPARE.with_borrow(Option::is_some));
            }
        }
        // One that was set otherwise is not used again.
        let mut changed = Deflate::new(6, 15, 8, 0);
        assert!(changed.set_params(1, 0));
        drop(changed);
        assert!(SPARE.with_borrow(Option::is_none));
        // Half a text is forgotten.
        let mut half = Deflate::new(6, 15, 8, 0);
        half.compress(texts[0], &mut Vec::new(), 10, DeflateFlush::NoFlush);
        drop(half);
        assert_eq!(packed(&mut Deflate::new(6, 15, 8, 0), texts[1]), of_new[1]);
    }
}
