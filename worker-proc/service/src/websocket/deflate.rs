//! permessage-deflate (RFC 7692): its negotiation, and the compression of messages.
//!
//! The handshakes of the HTTP server and client negotiate, `frame` and `wire` compress.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::message::Breach;

const NAME: &str = "permessage-deflate";

/// What every message compressed by a sync flush ends with, and no frame carries (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The smallest window that the compressor can use; a side that is asked for less sends its messages uncompressed.
const MIN_WINDOW_BITS: u8 = 9;

const MAX_WINDOW_BITS: u8 = 15;

/// Parameters of the extension, offered or agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    /// The client begins each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The server does.
    pub server_no_context_takeover: bool,
    /// 8 to 15. In an offer, 15 stands for the parameter without a value too.
    pub client_max_window_bits: Option<u8>,
    /// 8 to 15.
    pub server_max_window_bits: Option<u8>,
}

impl fmt::Display for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        for (name, on) in [
            (
                "client_no_context_takeover",
                self.client_no_context_takeover,
            ),
            (
                "server_no_context_takeover",
                self.server_no_context_takeover,
            ),
        ] {
            if on {
                write!(f, "; {name}")?;
            }
        }
        for (name, bits) in [
            ("client_max_window_bits", self.client_max_window_bits),
            ("server_max_window_bits", self.server_max_window_bits),
        ] {
            if let Some(bits) = bits {
                write!(f, "; {name}={bits}")?;
            }
        }
        Ok(())
    }
}

impl Deflate {
    /// The valid offers of a `Sec-WebSocket-Extensions` header, best first. Others are skipped, as servers must.
    pub fn offers(header: &str) -> Vec<Self> {
        let offers = header
            .split(',')
            .filter_map(|offer| Self::parse(offer, true));
        offers.collect()
    }

    /// What a server answers to a client's header, given the most that it is ready to agree to.
    pub fn accept(header: &str, ready: &Self) -> Option<Self> {
        let offers = Self::offers(header);
        offers.iter().find_map(|offer| ready.meet(offer))
    }

    /// The agreement with an offer: what the client demands of the server must be granted, what it allows may be used.
    fn meet(&self, offer: &Self) -> Option<Self> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return None;
        }
        let least = |a: Option<u8>, b: Option<u8>| a.zip(b).map(|(a, b)| a.min(b));
        let server_max_window_bits =
            match (offer.server_max_window_bits, self.server_max_window_bits) {
                (Some(_), None) => return None,
                (None, ours) => ours,
                (asked, ours) => least(asked, ours),
            };
        Some(Self {
            client_max_window_bits: least(
                offer.client_max_window_bits,
                self.client_max_window_bits,
            ),
            server_max_window_bits,
            ..*self
        })
    }

    /// What a server's header says to a client that made this offer; the error is the published binary's.
    pub fn agreed(header: &str, offer: Option<&Self>) -> Result<Self, &'static str> {
        let Some(offer) = offer else {
            return Err("added Sec-WebSocket-Extensions when client did not offer any.");
        };
        if header.contains(',') {
            return Err(
                "expected exactly one extension (permessage-deflate) but received more than one.",
            );
        }
        if header.split(';').next().map(str::trim) != Some(NAME) {
            return Err(
                "response included a Sec-WebSocket-Extensions value that was not permessage-deflate.",
            );
        }
        let mut agreed = Self::parse(header, false).ok_or(
            "the Sec-WebSocket-Extensions header in the Response included an invalid value.",
        )?;
        // A server may ignore what the client says of itself; the client keeps to it all the same.
        agreed.client_no_context_takeover |= offer.client_no_context_takeover;
        agreed.client_max_window_bits =
            match (agreed.client_max_window_bits, offer.client_max_window_bits) {
                (Some(agreed), Some(offered)) => Some(agreed.min(offered)),
                (agreed, offered) => agreed.or(offered),
            };
        Ok(agreed)
    }

    fn parse(text: &str, is_offer: bool) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        if parts.next() != Some(NAME) {
            return None;
        }
        let mut deflate = Self::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim().trim_matches('"'))),
                None => (part, None),
            };
            match name {
                "client_no_context_takeover" => {
                    set_flag(&mut deflate.client_no_context_takeover, value)?;
                }
                "server_no_context_takeover" => {
                    set_flag(&mut deflate.server_no_context_takeover, value)?;
                }
                "client_max_window_bits" => {
                    let default = is_offer.then_some(MAX_WINDOW_BITS);
                    set_bits(&mut deflate.client_max_window_bits, value, default)?;
                }
                "server_max_window_bits" => {
                    set_bits(&mut deflate.server_max_window_bits, value, None)?;
                }
                _ => return None,
            }
        }
        Some(deflate)
    }
}

fn set_flag(flag: &mut bool, value: Option<&str>) -> Option<()> {
    if *flag || value.is_some() {
        return None;
    }
    *flag = true;
    Some(())
}

fn set_bits(bits: &mut Option<u8>, value: Option<&str>, default: Option<u8>) -> Option<()> {
    if bits.is_some() {
        return None;
    }
    *bits = Some(match value {
        Some(value) if value.bytes().all(|byte| byte.is_ascii_digit()) => value
            .parse()
            .ok()
            .filter(|bits| (8..=MAX_WINDOW_BITS).contains(bits))?,
        Some(_) => return None,
        None => default?,
    });
    Some(())
}

/// How one side compresses: whether each message stands alone, and its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    no_context_takeover: bool,
    window_bits: u8,
}

impl Deflate {
    fn side(&self, client: bool) -> Side {
        let (no_context_takeover, bits) = if client {
            (self.client_no_context_takeover, self.client_max_window_bits)
        } else {
            (self.server_no_context_takeover, self.server_max_window_bits)
        };
        Side {
            no_context_takeover,
            window_bits: bits.unwrap_or(MAX_WINDOW_BITS),
        }
    }
}

/// Decompresses what a peer sends.
pub struct Inflater {
    side: Side,
    /// Made when it is needed.
    stream: Option<Decompress>,
    /// The end of all messages so far, as far as the peer may refer back to it.
    window: Vec<u8>,
}

impl Inflater {
    /// For what the client sends, or the server.
    pub fn new(deflate: Deflate, from_client: bool) -> Self {
        Self {
            side: deflate.side(from_client),
            stream: None,
            window: Vec::new(),
        }
    }

    fn window_bits(&self) -> u8 {
        self.side.window_bits.max(MIN_WINDOW_BITS)
    }

    /// Decompresses part of a message to the end of `out`, which may grow to `max_bytes`.
    pub fn inflate(
        &mut self,
        input: &[u8],
        last: bool,
        out: &mut Vec<u8>,
        max_bytes: usize,
    ) -> Result<(), Breach> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        run(&mut stream, input, out, max_bytes)?;
        if last {
            run(&mut stream, &TAIL, out, max_bytes)?;
            if self.side.no_context_takeover {
                stream.reset(false);
            } else {
                self.remember(out);
            }
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn open(&self) -> Result<Decompress, Breach> {
        let mut stream = Decompress::new_with_window_bits(false, self.window_bits());
        if !self.window.is_empty() {
            stream
                .set_dictionary(&self.window)
                .map_err(|_| bad_data())?;
        }
        Ok(stream)
    }

    fn remember(&mut self, message: &[u8]) {
        let size = 1 << self.window_bits();
        let message = &message[message.len().saturating_sub(size)..];
        let forgotten = (self.window.len() + message.len()).saturating_sub(size);
        self.window.drain(..forgotten);
        self.window.extend_from_slice(message);
    }

    /// Between messages: keeps no more than what the next one may refer to.
    pub fn rest(&mut self) {
        self.stream = None;
        self.window.shrink_to_fit();
    }
}

fn bad_data() -> Breach {
    Breach {
        code: 1002,
        description: "Invalid compressed data".to_owned(),
    }
}

/// Decompresses `input` to the end of `out`.
fn run(
    stream: &mut Decompress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    max_bytes: usize,
) -> Result<(), Breach> {
    const MIN_ROOM_BYTES: usize = 4096;
    const MAX_ROOM_BYTES: usize = 1 << 20;
    while !input.is_empty() {
        if out.len() == out.capacity() {
            out.reserve(out.len().clamp(MIN_ROOM_BYTES, MAX_ROOM_BYTES));
        }
        let (before, held) = (stream.total_in(), out.len());
        let status = stream
            .decompress_vec(input, out, FlushDecompress::Sync)
            .map_err(|_| bad_data())?;
        let consumed = (stream.total_in() - before) as usize;
        input = input.get(consumed..).unwrap_or_default();
        if out.len() > max_bytes {
            return Err(Breach {
                code: 1009,
                description: "Message is too large".to_owned(),
            });
        }
        if status == Status::StreamEnd {
            // A final block ends the compressor's stream, not the message.
            stream.reset(false);
        } else if consumed == 0 && out.len() == held && out.len() < out.capacity() {
            break;
        }
        if input.is_empty() && out.len() == out.capacity() {
            // More may wait inside.
            drain(stream, out, max_bytes)?;
        }
    }
    Ok(())
}

/// Takes out what did not fit.
fn drain(stream: &mut Decompress, out: &mut Vec<u8>, max_bytes: usize) -> Result<(), Breach> {
    const ROOM_BYTES: usize = 64 * 1024;
    loop {
        out.reserve(ROOM_BYTES);
        let held = out.len();
        // Only input can be bad, and there is none.
        let _ = stream.decompress_vec(&[], out, FlushDecompress::Sync);
        if out.len() > max_bytes {
            return Err(Breach {
                code: 1009,
                description: "Message is too large".to_owned(),
            });
        }
        if out.len() == held || out.len() < out.capacity() {
            return Ok(());
        }
    }
}

/// Compresses what this side sends.
pub struct Deflater {
    stream: Compress,
    no_context_takeover: bool,
}

impl Deflater {
    /// `None` where the agreed window is smaller than the compressor's.
    pub fn new(deflate: Deflate, by_client: bool) -> Option<Self> {
        let side = deflate.side(by_client);
        (side.window_bits >= MIN_WINDOW_BITS).then(|| Self {
            stream: Compress::new_with_window_bits(Compression::default(), false, side.window_bits),
            no_context_takeover: side.no_context_takeover,
        })
    }

    /// A message's payload, compressed.
    pub fn deflate(&mut self, mut input: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(input.len() / 2 + 64);
        loop {
            if out.len() == out.capacity() {
                out.reserve(out.len().max(64));
            }
            let before = self.stream.total_in();
            // It cannot fail: the stream is never finished.
            let _ = self
                .stream
                .compress_vec(input, &mut out, FlushCompress::Sync);
            input = input
                .get((self.stream.total_in() - before) as usize..)
                .unwrap_or_default();
            if input.is_empty() && out.len() < out.capacity() {
                break;
            }
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if self.no_context_takeover {
            self.stream.reset();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_and_written() {
        let good = [
            ("permessage-deflate", "permessage-deflate"),
            (
                "permessage-deflate;client_max_window_bits",
                "permessage-deflate; client_max_window_bits=15",
            ),
            (
                " permessage-deflate ; server_max_window_bits=\"10\" ; client_no_context_takeover",
                "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
            ),
        ];
        for (header, text) in good {
            assert_eq!(Deflate::offers(header)[0].to_string(), text);
        }
        for header in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate; what",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        ] {
            assert_eq!(Deflate::offers(header), [], "{header}");
        }
    }

    #[test]
    fn a_server_grants_what_it_can() {
        let plain = Deflate::default();
        let both = "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits";
        assert_eq!(Deflate::accept(both, &plain), Some(plain));
        let ready = Deflate::offers(both)[0];
        assert_eq!(Deflate::accept(both, &ready), Some(ready));
        assert_eq!(Deflate::accept("", &plain), None);
    }

    #[test]
    fn an_agreement_answers_an_offer() {
        let offer = Deflate::offers("permessage-deflate; client_max_window_bits=12")[0];
        let agreed = Deflate::agreed("permessage-deflate", Some(&offer)).unwrap();
        assert_eq!(agreed.client_max_window_bits, Some(12));
        assert!(Deflate::agreed("permessage-deflate", None).is_err());
        assert!(Deflate::agreed("other", Some(&offer)).is_err());
        assert!(Deflate::agreed("permessage-deflate, permessage-deflate", Some(&offer)).is_err());
    }

    #[test]
    fn what_is_deflated_inflates() {
        for header in [
            "permessage-deflate",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits=9",
        ] {
            let agreed = Deflate::offers(header)[0];
            let mut deflater = Deflater::new(agreed, true).unwrap();
            let mut inflater = Inflater::new(agreed, true);
            for length in [1, 100, 5000, 300_000, 2] {
                let message: Vec<u8> = (0..length).map(|i| (i / 3 * 7 + i % 13) as u8).collect();
                let compressed = deflater.deflate(&message);
                let mut out = Vec::new();
                let (a, b) = compressed.split_at(compressed.len() / 2);
                inflater.inflate(a, false, &mut out, 1 << 20).unwrap();
                inflater.inflate(b, true, &mut out, 1 << 20).unwrap();
                assert_eq!(out, message);
                // What the peer refers back to is still there.
                inflater.rest();
            }
        }
    }

    #[test]
    fn a_message_that_swells_is_refused() {
        let agreed = Deflate::default();
        let compressed = Deflater::new(agreed, true)
            .unwrap()
            .deflate(&vec![0; 1 << 20]);
        let mut inflater = Inflater::new(agreed, true);
        let result = inflater.inflate(&compressed, true, &mut Vec::new(), 1 << 16);
        assert_eq!(result.unwrap_err().code, 1009);
    }
}
