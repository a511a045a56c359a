//! What one exchange is made of: a client's request, what the worker does with it and with the answer, how the origin answers.
//!
//! A seed makes a session: the cases of one client's connection. All that the checks expect follows from the case.

use std::fmt;
use std::io::{Read, Write};

use tests::random::Random;

/// Cases of one session; the last digits of a case's id.
pub const SESSION: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// How the client's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    None,
    Length,
    Chunked,
    /// Less is sent than was announced, and then nothing.
    LengthCut,
    ChunkedCut,
    ChunkedBad,
}

/// Where the exchange with the origin takes place, seen from the worker that the client talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Here,
    Service,
    Object,
    Rpc,
    ObjectRpc,
}

/// What the worker sends to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Up {
    /// `new Request(url, request)`
    Forward,
    /// Method, headers and body one by one.
    Init,
    Clone,
    /// The headers, and no body.
    Keep,
    /// A method alone.
    Bare,
    Head,
    Get,
    /// The headers, with another body.
    Double,
    Replace,
    Text,
    Bytes,
    /// Through a FixedLengthStream of the right length, of one byte less, one more.
    Fixed,
    FixedOver,
    FixedUnder,
    /// A body that fails behind its first bytes.
    Fail,
    /// Headers of framing that are wrong.
    Lie,
}

/// What the worker makes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    Pass,
    Rebuild,
    Copy,
    Clone,
    Cloned,
    Tee,
    /// HTMLRewriter.
    Grow,
    Shrink,
    /// TransformStream, with the headers of the answer.
    Double,
    Halve,
    Identity,
    Fixed,
    FixedOver,
    FixedUnder,
    Text,
    Bytes,
    /// The body is dropped, the headers stay.
    Null,
    /// A body of its own; the answer's is not read, or cancelled.
    Ignore,
    Cancel,
    /// Headers of framing that are wrong.
    LieLonger,
    LieShorter,
    LieTwice,
    LieCoding,
    LieStream,
    /// A body that fails behind its first bytes.
    Fail,
}

/// How the origin frames its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    /// Bytes follow that the length does not count.
    LengthShort,
    /// The end comes before the length.
    LengthLong,
    LengthTwice,
    LengthsDiffer,
    LengthBad,
    Chunked,
    ChunkedTrailers,
    ChunkedCut,
    ChunkedBad,
    /// Whose length is wrong.
    ChunkedAndLength,
    Close,
    Http10,
    Http10Length,
    Reset,
    NoHead,
    HalfHead,
}

/// What `Content-Encoding` says, and whether the bytes agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    None,
    Gzip,
    Brotli,
    Identity,
    Unknown,
    Upper,
    GzipTwice,
    GzipLie,
    BrotliLie,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub id: u64,
    pub protocol: Protocol,
    pub method: &'static str,
    pub upload: Upload,
    pub upload_bytes: usize,
    /// The client goes away after so many bytes of the answer's body; at once for 0.
    pub leaves: Option<usize>,
    /// Headers of the client's connection, which are nobody else's.
    pub client_hop: bool,
    pub via: Via,
    /// Through an external server rather than a network.
    pub external: bool,
    pub object: usize,
    pub up: Up,
    pub down: Down,
    pub status: u16,
    pub framing: Framing,
    pub coding: Coding,
    pub bytes: usize,
    /// 1xx before the answer.
    pub interim: usize,
    /// Headers of the origin's connection.
    pub origin_hop: bool,
    /// The answer comes before the request's body is read.
    pub early: bool,
    /// The origin reads no more once it has answered.
    pub deaf: bool,
    /// Something that looks like another answer follows.
    pub garbage: bool,
    /// Writes that the answer is sent with.
    pub writes: usize,
}

const SIZES: [usize; 24] = [
    0,
    0,
    1,
    2,
    9,
    40,
    100,
    100,
    300,
    1000,
    2000,
    4095,
    4096,
    4097,
    8191,
    8192,
    8193,
    16384,
    16385,
    65535,
    65536,
    65537,
    262_145,
    1 << 20,
];

/// The largest answer that comes with what follows it in one read of whoever receives it.
const SEEN_AT_ONCE_BYTES: usize = 2000;

impl Case {
    pub fn new(random: &mut Random, id: u64, protocol: Protocol) -> Self {
        let method = random.pick(&[
            "GET", "GET", "GET", "HEAD", "POST", "POST", "POST", "PUT", "PATCH", "DELETE",
        ]);
        let mut uploads = vec![Upload::None];
        if !matches!(method, "GET" | "HEAD") {
            uploads.extend([Upload::Length; 6]);
            uploads.extend([Upload::Chunked; 6]);
            uploads.extend([Upload::LengthCut, Upload::ChunkedCut]);
            if protocol == Protocol::Http1 {
                uploads.push(Upload::ChunkedBad);
            }
        }
        let framing = random.pick(&FRAMINGS);
        let mut case = Self {
            id,
            protocol,
            method,
            upload: random.pick(&uploads),
            upload_bytes: random.pick(&SIZES),
            leaves: None,
            client_hop: random.one_in(4),
            via: random.pick(&[
                Via::Here,
                Via::Here,
                Via::Here,
                Via::Service,
                Via::Object,
                Via::Rpc,
                Via::ObjectRpc,
            ]),
            external: random.one_in(2),
            object: random.below(8),
            up: random.pick(&UPS),
            down: random.pick(&DOWNS),
            status: random.pick(&[200, 200, 200, 200, 200, 201, 204, 304, 404, 500]),
            framing,
            coding: random.pick(&CODINGS),
            bytes: random.pick(&SIZES),
            interim: if random.one_in(6) {
                1 + random.below(3)
            } else {
                0
            },
            origin_hop: random.one_in(4),
            early: random.one_in(6),
            deaf: random.one_in(4),
            garbage: random.one_in(8),
            writes: random.pick(&[1, 1, 2, 5]),
        };
        if random.one_in(20) {
            case.leaves = Some(random.pick(&[0, 0, 1, 100, 5000]));
        }
        case.deaf &= case.early;
        if case.upload == Upload::None {
            case.upload_bytes = 0;
        }
        if matches!(case.down, Down::Grow | Down::Shrink)
            && matches!(case.coding, Coding::Upper | Coding::GzipTwice)
        {
            // What HTMLRewriter makes of such bytes is nobody's business.
            case.coding = Coding::Identity;
        }
        if case.framing == Framing::LengthShort {
            case.bytes = case.bytes.min(SEEN_AT_ONCE_BYTES);
            case.writes = 1;
            case.interim = 0;
        }
        case.garbage &= case.bytes <= SEEN_AT_ONCE_BYTES
            && case.interim == 0
            && matches!(case.framing, Framing::Length | Framing::Chunked);
        if case.garbage {
            case.writes = 1;
        }
        case
    }

    /// The same, so that another request can follow on the connection.
    pub fn followed(mut self) -> Self {
        self.leaves = None;
        if self.is_cut_upload() {
            self.upload = Upload::Length;
        }
        self
    }

    /// The method that the origin gets.
    pub fn origin_method(&self) -> &'static str {
        match self.up {
            Up::Head => "HEAD",
            Up::Get => "GET",
            _ => self.method,
        }
    }

    /// Whether the origin's answer has no body, whatever its headers say.
    pub fn is_null(&self) -> bool {
        self.origin_method() == "HEAD" || matches!(self.status, 204 | 304)
    }

    /// The client's body: all that it announces.
    pub fn uploaded(&self) -> Vec<u8> {
        match self.upload {
            Upload::None => Vec::new(),
            _ => text(self.id, b'u', self.upload_bytes),
        }
    }

    pub fn is_cut_upload(&self) -> bool {
        match self.upload {
            Upload::LengthCut => self.upload_bytes > 0,
            Upload::ChunkedCut | Upload::ChunkedBad => true,
            _ => false,
        }
    }

    /// The origin's content before any coding.
    pub fn plain(&self) -> Vec<u8> {
        text(self.id, b'd', self.bytes)
    }

    /// The origin's content as it is sent.
    pub fn wire(&self) -> Vec<u8> {
        let plain = self.plain();
        match self.coding {
            Coding::Gzip => encode("gzip", &plain),
            Coding::Brotli => encode("br", &plain),
            Coding::GzipTwice => encode("gzip", &encode("gzip", &plain)),
            Coding::Upper => encode("gzip", &plain),
            _ => plain,
        }
    }

    /// The bytes of the origin's body that its framing lets through, before any decoding.
    pub fn received(&self) -> Vec<u8> {
        if self.is_null() {
            return Vec::new();
        }
        self.wire()
    }

    /// What JavaScript reads of them, if it can.
    pub fn read(&self) -> Vec<u8> {
        match self.coding {
            Coding::Gzip | Coding::Brotli if !self.is_null() => self.plain(),
            _ => self.received(),
        }
    }

    /// The host of the URL that the worker asks the origin for.
    pub fn host(&self, port: u16) -> String {
        match self.external {
            true => format!("h{}.example", self.id % 5),
            false => format!("127.0.0.1:{port}"),
        }
    }

    /// The client's request line's target: all that the worker needs to know.
    pub fn target(&self, port: u16) -> String {
        let length = |over, under, of: usize| match (over, under) {
            (true, _) => of.saturating_sub(1),
            (_, true) => of + 1,
            _ => of,
        };
        let up = length(
            self.up == Up::FixedOver,
            self.up == Up::FixedUnder,
            self.upload_bytes,
        );
        let down = length(
            self.down == Down::FixedOver,
            self.down == Down::FixedUnder,
            self.read().len(),
        );
        format!(
            "/{}?via={:?}&up={:?}&down={:?}&host={}&external={}&object={}&body={}&upLength={up}&downLength={down}",
            self.id,
            self.via,
            self.up,
            self.down,
            self.host(port),
            u8::from(self.external),
            self.object,
            u8::from(self.upload != Upload::None),
        )
    }
}

const FRAMINGS: [Framing; 28] = {
    use Framing::*;
    [
        Length,
        Length,
        Length,
        Length,
        Length,
        Length,
        Chunked,
        Chunked,
        Chunked,
        Chunked,
        Chunked,
        Close,
        Close,
        LengthShort,
        LengthLong,
        LengthTwice,
        LengthsDiffer,
        LengthBad,
        ChunkedTrailers,
        ChunkedCut,
        ChunkedBad,
        ChunkedAndLength,
        ChunkedAndLength,
        Http10,
        Http10Length,
        Reset,
        NoHead,
        HalfHead,
    ]
};

const UPS: [Up; 20] = {
    use Up::*;
    [
        Forward, Forward, Forward, Forward, Init, Init, Clone, Keep, Bare, Head, Get, Double,
        Replace, Text, Bytes, Fixed, FixedOver, FixedUnder, Fail, Lie,
    ]
};

const DOWNS: [Down; 31] = {
    use Down::*;
    [
        Pass, Pass, Pass, Pass, Rebuild, Rebuild, Copy, Clone, Cloned, Tee, Grow, Grow, Shrink,
        Shrink, Double, Halve, Identity, Fixed, FixedOver, FixedUnder, Text, Bytes, Null, Ignore,
        Cancel, LieLonger, LieShorter, LieTwice, LieCoding, LieStream, Fail,
    ]
};

const CODINGS: [Coding; 14] = {
    use Coding::*;
    [
        None, None, None, None, None, None, Gzip, Brotli, Identity, Unknown, Upper, GzipTwice,
        GzipLie, BrotliLie,
    ]
};

impl Coding {
    /// Whether bodies are read as they are.
    pub fn is_plain(self) -> bool {
        !matches!(
            self,
            Self::Gzip | Self::Brotli | Self::GzipLie | Self::BrotliLie
        )
    }

    /// The header's value.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip | Self::GzipLie => Some("gzip"),
            Self::Brotli | Self::BrotliLie => Some("br"),
            Self::Identity => Some("identity"),
            Self::Unknown => Some("unheard-of"),
            Self::Upper => Some("GZIP"),
            Self::GzipTwice => Some("gzip, gzip"),
        }
    }
}

/// Text of a length that names its exchange all over, with elements for HTMLRewriter.
fn text(id: u64, letter: u8, length: usize) -> Vec<u8> {
    let unit = format!("{}{id} <i>ab</i>", char::from(letter));
    let mut text = unit.repeat(length / unit.len()).into_bytes();
    text.resize(length, b'x');
    text
}

pub fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let done = match coding {
        "gzip" => flate2::write::GzEncoder::new(&mut encoded, flate2::Compression::fast())
            .write_all(bytes),
        _ => brotli::CompressorWriter::new(&mut encoded, 4096, 1, 22).write_all(bytes),
    };
    done.expect("in memory");
    encoded
}

/// None if it is not that coding, or not whole.
pub fn decode(coding: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    match coding {
        "gzip" => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut decoded),
        _ => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
    }
    .ok()?;
    Some(decoded)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
