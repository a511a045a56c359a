//! A decoder that takes its input in pieces, by the Encoding standard's labels and error modes.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Wrong input is an error and not U+FFFD.
    pub fatal: bool,
    /// A byte order mark is text.
    pub ignore_bom: bool,
    /// UTF-16 keeps lone surrogates, as before the compat flag `text_decoder_replace_surrogates`.
    pub keep_surrogates: bool,
}

/// Text as the decoder makes it.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    Utf8(String),
    Utf16(Vec<u16>),
}

/// The input is not of the encoding.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongInput;

pub struct Decoder {
    options: Options,
    encoding: &'static Encoding,
    state: State,
}

enum State {
    Standard(encoding_rs::Decoder),
    Units(Units),
}

/// UTF-16 whose lone surrogates stay.
#[derive(Default)]
struct Units {
    odd: Option<u8>,
    started: bool,
}

impl Decoder {
    /// For a label; one that is unknown means UTF-8.
    pub fn new(label: &str, options: Options) -> Self {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(UTF_8);
        Self {
            options,
            encoding,
            state: Self::start(encoding, options),
        }
    }

    fn start(encoding: &'static Encoding, options: Options) -> State {
        if options.keep_surrogates && (encoding == UTF_16LE || encoding == UTF_16BE) {
            return State::Units(Units::default());
        }
        State::Standard(if options.ignore_bom {
            encoding.new_decoder_without_bom_handling()
        } else {
            encoding.new_decoder_with_bom_removal()
        })
    }

    /// Decodes a piece; after the last one, and after an error, the next piece starts anew.
    pub fn decode(&mut self, bytes: &[u8], last: bool) -> Result<Decoded, WrongInput> {
        let result = match &mut self.state {
            State::Standard(decoder) => {
                decode_standard(decoder, bytes, last, self.options.fatal).map(Decoded::Utf8)
            }
            State::Units(units) => units
                .decode(bytes, last, self.encoding == UTF_16BE, self.options)
                .map(Decoded::Utf16),
        };
        if last || result.is_err() {
            self.state = Self::start(self.encoding, self.options);
        }
        result
    }
}

fn decode_standard(
    decoder: &mut encoding_rs::Decoder,
    bytes: &[u8],
    last: bool,
    fatal: bool,
) -> Result<String, WrongInput> {
    if fatal {
        let room = decoder
            .max_utf8_buffer_length_without_replacement(bytes.len())
            .unwrap_or(0);
        let mut text = String::with_capacity(room);
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, last);
        return if result == DecoderResult::InputEmpty {
            Ok(text)
        } else {
            Err(WrongInput)
        };
    }
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0);
    let mut text = String::with_capacity(room);
    // The room is the most that the input can need.
    let _ = decoder.decode_to_string(bytes, &mut text, last);
    Ok(text)
}

impl Units {
    fn decode(
        &mut self,
        bytes: &[u8],
        last: bool,
        big: bool,
        options: Options,
    ) -> Result<Vec<u16>, WrongInput> {
        const MARK: u16 = 0xfeff;
        let unit = |pair: [u8; 2]| {
            if big {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        };
        let mut units = Vec::with_capacity(bytes.len() / 2 + 1);
        let mut rest = bytes;
        if let (Some(first), Some((second, after))) = (self.odd, rest.split_first()) {
            units.push(unit([first, *second]));
            self.odd = None;
            rest = after;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        units.extend(pairs.iter().map(|pair| unit(*pair)));
        self.odd = odd.first().copied().or(self.odd);
        if !self.started && !units.is_empty() {
            self.started = true;
            if units[0] == MARK && !options.ignore_bom {
                units.remove(0);
            }
        }
        if last && self.odd.is_some() {
            if options.fatal {
                return Err(WrongInput);
            }
            units.push(0xfffd);
        }
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(decoded: Result<Decoded, WrongInput>) -> Option<String> {
        match decoded.ok()? {
            Decoded::Utf8(text) => Some(text),
            Decoded::Utf16(units) => Some(String::from_utf16_lossy(&units)),
        }
    }

    #[test]
    fn pieces_join() {
        let mut decoder = Decoder::new("utf-8", Options::default());
        assert_eq!(
            text(decoder.decode(b"\xef\xbb", false)).as_deref(),
            Some("")
        );
        assert_eq!(
            text(decoder.decode(b"\xbfA\xe2\x82", false)).as_deref(),
            Some("A")
        );
        assert_eq!(
            text(decoder.decode(b"\xac", true)).as_deref(),
            Some("\u{20ac}")
        );
    }

    #[test]
    fn fatal_fails_once_and_starts_anew() {
        let mut decoder = Decoder::new(
            "shift_jis",
            Options {
                fatal: true,
                ..Options::default()
            },
        );
        assert_eq!(decoder.decode(b"\x93", true), Err(WrongInput));
        assert_eq!(text(decoder.decode(b"a", true)).as_deref(), Some("a"));
    }

    #[test]
    fn units_keep_lone_surrogates() {
        let options = Options {
            keep_surrogates: true,
            ..Options::default()
        };
        let mut decoder = Decoder::new("utf-16le", options);
        assert_eq!(
            decoder.decode(b"\xff\xfe\0", false),
            Ok(Decoded::Utf16(vec![]))
        );
        assert_eq!(
            decoder.decode(b"\xd8A", true),
            Ok(Decoded::Utf16(vec![0xd800, 0xfffd]))
        );
    }
}
