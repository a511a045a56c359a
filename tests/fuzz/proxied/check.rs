//! What must come of a case, by the case alone, and whether it did.

use std::time::Duration;

use crate::case::{Case, Coding, Down, Framing, Protocol, Up, Upload, Via, decode};
use crate::origin::ReceivedRequest;

/// An exchange that takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// What a client got.
#[derive(Default)]
pub struct Got {
    /// 0 where no answer came.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub end: End,
}

#[derive(Default, Debug, PartialEq, Eq)]
pub enum End {
    #[default]
    Whole,
    /// The connection, or the stream, ended within the answer.
    Cut,
    /// It ended before the answer.
    Closed,
    Hang,
    /// The client had enough.
    Left,
    /// What came is not HTTP.
    Bad(String),
}

impl Got {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// Whether something succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Success {
    Must,
    May,
    Never,
}
use Success::{May, Must, Never};

impl Success {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Never, _) | (_, Never) => Never,
            (Must, Must) => Must,
            _ => May,
        }
    }
}

/// A message that is sent on: whether it arrives whole, and with which content.
#[derive(Debug)]
struct Want {
    success: Success,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// These bytes as they are sent.
    Raw(Vec<u8>),
    /// These once the coding is undone that the headers name.
    Decoded(Vec<u8>),
}

impl Content {
    fn is(&self, bytes: &[u8], coding: Option<&str>) -> bool {
        match (self, coding) {
            // An answer that can have no body has no coded form of it either.
            (Self::Decoded(content), Some("gzip" | "br"))
                if content.is_empty() && bytes.is_empty() =>
            {
                true
            }
            (Self::Decoded(content), Some(coding @ ("gzip" | "br"))) => {
                decode(coding, bytes).as_ref() == Some(content)
            }
            // A worker that takes an empty body apart and puts it together again has it coded.
            (Self::Raw(content), Some(coding @ ("gzip" | "br"))) if content.is_empty() => {
                bytes.is_empty() || decode(coding, bytes).is_some_and(|decoded| decoded.is_empty())
            }
            (Self::Raw(content) | Self::Decoded(content), _) => content == bytes,
        }
    }

    /// Whether an answer that breaks off may have begun with these bytes.
    fn begins(&self, bytes: &[u8], coding: Option<&str>) -> bool {
        match (self, coding) {
            (Self::Decoded(_), Some("gzip" | "br")) => true,
            (Self::Raw(content) | Self::Decoded(content), _) => content.starts_with(bytes),
        }
    }
}

fn doubled(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| [byte, byte]).collect()
}

fn replaced(bytes: &[u8], to: &str) -> Vec<u8> {
    String::from_utf8_lossy(bytes)
        .replace("<i>ab</i>", to)
        .into_bytes()
}

impl Case {
    /// The body that the origin is to get.
    fn sent(&self) -> Want {
        let mut content = self.uploaded();
        let mut success = if self.is_cut_upload() { Never } else { Must };
        let own = format!("up {} own", self.id).into_bytes();
        let has_body = self.upload != Upload::None;
        match self.up {
            Up::Keep | Up::Bare | Up::Head | Up::Get => (content, success) = (Vec::new(), Must),
            Up::Replace | Up::Lie if has_body => (content, success) = (own, Must),
            Up::Fail if has_body => (content, success) = (own, Never),
            Up::Double => content = doubled(&content),
            // All that fits may have come before the end that does not.
            Up::Fixed if has_body && self.upload_bytes == 0 => success = May,
            Up::FixedOver if has_body => {
                content.pop();
                success = match self.upload_bytes {
                    0..=2 => May,
                    _ => success.and(May),
                };
            }
            Up::FixedUnder if has_body => success = Never,
            _ => {}
        }
        let content = Content::Raw(content);
        Want { success, content }
    }

    /// Whether `fetch` gives the worker an answer.
    fn answered(&self) -> Success {
        match self.framing {
            Framing::NoHead | Framing::HalfHead => Never,
            Framing::LengthBad | Framing::LengthsDiffer if self.is_null() => May,
            Framing::LengthBad | Framing::LengthsDiffer => Never,
            // The reset may overtake the head.
            Framing::LengthTwice | Framing::ChunkedAndLength | Framing::Reset => May,
            _ => Must,
        }
    }

    /// Whether the origin's body comes to its end.
    fn ended(&self) -> Success {
        match self.framing {
            _ if self.is_null() => Must,
            Framing::LengthLong | Framing::ChunkedCut | Framing::ChunkedBad | Framing::Reset => {
                Never
            }
            _ => Must,
        }
    }

    /// Whether the body can be decoded.
    fn decodes(&self) -> Success {
        match self.coding {
            _ if self.is_null() => Must,
            Coding::GzipLie | Coding::BrotliLie if self.bytes == 0 => May,
            Coding::GzipLie | Coding::BrotliLie => Never,
            _ => Must,
        }
    }

    /// What the client is to get.
    fn answer(&self) -> Want {
        // Nobody says which of two errors comes first, or whether the answer comes before one.
        let up = if self.sent().success == Must && !self.is_cut_upload() {
            Must
        } else {
            May
        };
        let answered = self.answered().and(up);
        let whole = answered.and(self.ended());
        let coded = whole.and(self.decodes());
        let own = || Content::Decoded(format!("down {} own", self.id).into_bytes());
        let read = self.read();
        let recoded = matches!(self.via, Via::Rpc | Via::ObjectRpc)
            && matches!(self.down, Down::Pass | Down::Rebuild | Down::Copy);
        let (success, content) = match self.down {
            // RPC undoes a coding and does it anew: what cannot be decoded fails.
            _ if recoded && self.decodes() != Must => {
                (whole.and(May), Content::Raw(self.received()))
            }
            _ if recoded => (whole, Content::Decoded(read)),
            Down::Pass | Down::Rebuild | Down::Copy => (whole, Content::Raw(self.received())),
            // They may have been decoded or not.
            Down::Clone | Down::Cloned | Down::Tee if self.decodes() != Must => {
                (whole.and(May), Content::Raw(self.received()))
            }
            Down::Clone | Down::Cloned | Down::Tee => (whole, Content::Decoded(read)),
            Down::Grow => (
                coded,
                Content::Decoded(replaced(&read, "<i>longer than before</i>")),
            ),
            Down::Shrink => (coded, Content::Decoded(replaced(&read, ""))),
            Down::Double => (coded, Content::Decoded(doubled(&read))),
            Down::Halve => (
                coded,
                Content::Decoded(read.into_iter().filter(|byte| byte & 1 == 1).collect()),
            ),
            Down::Identity | Down::Bytes => (coded, Content::Decoded(read)),
            Down::Text => (
                coded,
                Content::Decoded(String::from_utf8_lossy(&read).into_owned().into_bytes()),
            ),
            _ if self.is_null() && self.is_fixed() => (coded, Content::Decoded(read)),
            // All bytes have come when the end does not.
            Down::Fixed if self.ended() == Never && self.coding.is_plain() => {
                (answered.and(May), Content::Decoded(read))
            }
            Down::Fixed => (coded, Content::Decoded(read)),
            Down::FixedOver => {
                let over = if read.is_empty() { Must } else { May };
                let rest = &read[..read.len().saturating_sub(1)];
                let whole = if self.ended() == Never {
                    answered.and(May)
                } else {
                    coded
                };
                (whole.and(over), Content::Decoded(rest.to_vec()))
            }
            // What has no bytes may be no body.
            Down::FixedUnder if self.bytes == 0 => (answered.and(May), Content::Decoded(read)),
            Down::FixedUnder => (Never, Content::Decoded(read)),
            Down::Null => (answered, Content::Raw(Vec::new())),
            Down::Ignore
            | Down::Cancel
            | Down::LieLonger
            | Down::LieShorter
            | Down::LieTwice
            | Down::LieCoding => (answered, own()),
            // Either the length or the body is right.
            Down::LieStream => (answered.and(May), own()),
            Down::Fail => (Never, own()),
        };
        if self.method == "HEAD" {
            // Whether a body would have failed need not be known.
            let content = Content::Raw(Vec::new());
            let success = match success {
                Never if self.answered() != Never => May,
                success => success,
            };
            return Want { success, content };
        }
        // A GET that is answered with an answer to HEAD: its headers tell of a body that is not there.
        let headless = self.up == Up::Head && self.method != "HEAD";
        let success = if headless { success.and(May) } else { success };
        Want { success, content }
    }

    fn is_fixed(&self) -> bool {
        matches!(self.down, Down::Fixed | Down::FixedOver | Down::FixedUnder)
    }

    /// Whether the connection may be good for another request.
    pub fn may_go_on(&self, got: &Got) -> bool {
        match self.protocol {
            Protocol::Http1 => {
                got.end == End::Whole && got.all("connection").is_empty() && !self.is_cut_upload()
            }
            Protocol::Http2 => got.end != End::Hang,
        }
    }

    /// Whether it must be.
    pub fn must_go_on(&self, got: &Got) -> bool {
        // What the worker has not read of a body may be too much.
        let reads = matches!(
            self.up,
            Up::Forward | Up::Init | Up::Text | Up::Bytes | Up::Double
        ) && !self.early;
        self.may_go_on(got)
            && (self.protocol == Protocol::Http2 || self.upload == Upload::None || reads)
    }

    /// Whether the client got an answer of the worker's, which then has been to the origin.
    pub fn has_answer(&self, got: &Got) -> bool {
        got.end == End::Whole && self.is_own(got)
    }

    /// What is wrong with what the client got, and with what the origin was asked.
    pub fn faults(&self, got: &Got, asked: &[ReceivedRequest], port: u16) -> Vec<String> {
        let mut faults = Vec::new();
        self.check_got(got, &mut faults);
        self.check_asked(asked, port, got, &mut faults);
        faults
    }

    /// Whether the answer is the worker's, not the runtime's.
    fn is_own(&self, got: &Got) -> bool {
        got.all("x-id") == [self.id.to_string()]
    }

    fn check_got(&self, got: &Got, faults: &mut Vec<String>) {
        let want = self.answer();
        for name in [
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "upgrade",
            "proxy-connection",
        ] {
            if got.all(name).iter().any(|value| *value != "close") {
                faults.push(format!("the client got {name}: {:?}", got.all(name)));
            }
        }
        let coding = got.all("content-encoding").first().copied();
        match &got.end {
            End::Hang => return faults.push("the client waits in vain".into()),
            End::Bad(what) => return faults.push(format!("the client got no HTTP: {what}")),
            End::Closed if want.success == Must => {
                return faults.push("the client's connection ended before an answer".into());
            }
            End::Closed | End::Left => return,
            _ => {}
        }
        if !self.is_own(got) {
            if got.status < 400 || !got.all("x-id").is_empty() {
                faults.push(format!(
                    "the client got another's answer: {} {:?}",
                    got.status, got.headers
                ));
            } else if want.success == Must {
                faults.push(format!(
                    "the client got {} {:?}",
                    got.status,
                    String::from_utf8_lossy(&got.body)
                ));
            }
            return;
        }
        let own_status = matches!(
            self.down,
            Down::Ignore
                | Down::Cancel
                | Down::LieLonger
                | Down::LieShorter
                | Down::LieTwice
                | Down::LieCoding
                | Down::LieStream
                | Down::Fail
        );
        let status = if own_status { 200 } else { self.status };
        if got.status != status {
            faults.push(format!(
                "the client got {} rather than {status}",
                got.status
            ));
        }
        let told = got
            .all("content-length")
            .first()
            .map(|text| (*text).to_owned());
        if got.end == End::Whole {
            if want.success == Never {
                faults.push(format!(
                    "the client got a whole answer of {} bytes, length {told:?}, though it is not",
                    got.body.len()
                ));
            } else if !want.content.is(&got.body, coding) {
                faults.push(format!(
                    "the client got {}, length {told:?}, coding {coding:?}",
                    differs(&want.content, &got.body)
                ));
            }
        } else if want.success == Must {
            faults.push(format!(
                "the answer is cut after {} bytes, length {told:?}",
                got.body.len()
            ));
        } else if !want.content.begins(&got.body, coding) {
            faults.push(format!(
                "the client got in part {}",
                differs(&want.content, &got.body)
            ));
        }
    }

    fn check_asked(
        &self,
        asked: &[ReceivedRequest],
        port: u16,
        got: &Got,
        faults: &mut Vec<String>,
    ) {
        let want = self.sent();
        let asked = match asked {
            [asked] => asked,
            [] => {
                // What cannot be read whole is perhaps not sent; what the client broke off perhaps never began.
                if want.success == Must && !self.is_cut_upload() && got.end != End::Left {
                    faults.push("the origin was not asked".into());
                }
                return;
            }
            many => return faults.push(format!("the origin was asked {} times", many.len())),
        };
        let mut fault =
            |text: String| faults.push(format!("the origin got {text}: {:?}", asked.headers));
        if asked.method != self.origin_method() || asked.target != format!("/{}", self.id) {
            fault(format!("{} {}", asked.method, asked.target));
        }
        if asked.all("host") != [self.host(port)] {
            fault(format!(
                "host {:?}, not {}",
                asked.all("host"),
                self.host(port)
            ));
        }
        for name in ["connection", "keep-alive", "te", "trailer", "upgrade"] {
            if !asked.all(name).is_empty() {
                fault(format!("{name} {:?}", asked.all(name)));
            }
        }
        if asked.all("x-id") != [self.id.to_string()] {
            fault("headers of another request".into());
        }
        let bodiless = matches!(asked.method.as_str(), "GET" | "HEAD");
        match (
            &asked.all("content-length")[..],
            &asked.all("transfer-encoding")[..],
        ) {
            ([], []) if bodiless => {}
            ([_], []) | ([], ["chunked"]) if !bodiless => {}
            other => fault(format!("framing {other:?} for {}", asked.method)),
        }
        if !asked.done {
            return fault(format!(
                "a body that does not end, {} bytes of it",
                asked.body.len()
            ));
        }
        let may_stop = self.early || got.end != End::Whole;
        if asked.whole && want.success == Never {
            fault(format!(
                "a whole body of {} bytes, though it is not",
                asked.body.len()
            ));
        } else if asked.whole && !want.content.is(&asked.body, None) {
            fault(differs(&want.content, &asked.body));
        } else if !asked.whole && !want.content.begins(&asked.body, None) {
            fault(format!("in part {}", differs(&want.content, &asked.body)));
        } else if !asked.whole && want.success == Must && !may_stop {
            fault(format!(
                "{} bytes of a body that is cut off",
                asked.body.len()
            ));
        }
    }
}

/// Says how a body is not what it should be.
fn differs(want: &Content, got: &[u8]) -> String {
    let (Content::Raw(content) | Content::Decoded(content)) = want;
    let same = content.iter().zip(got).take_while(|(a, b)| a == b).count();
    let show = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[same.min(bytes.len())..bytes.len().min(same + 30)])
            .into_owned()
    };
    format!(
        "a body of {} bytes rather than {}, other from {same}: {:?} rather than {:?}",
        got.len(),
        content.len(),
        show(got),
        show(content)
    )
}
