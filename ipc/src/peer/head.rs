//! The heads of calls and answers: borrowed values to Cap'n Proto and back.
//!
//! Called by the runtime's `peer`, which makes its own types of them. Relies on `schema/peer.capnp`. A value is read inside
//! the closure that is given to `read_*`, straight from the buffer it arrived in.

use std::borrow::Cow;

use capnp::message::{Builder, ReaderOptions, ScratchSpaceHeapAllocator};
use capnp::serialize::{read_message_from_flat_slice_no_alloc, write_message};
use capnp::struct_list;
use capnp::traits::Owned;
use schema::peer_capnp as wire;

use super::frame::PeerError;
use super::value::{self, Payload};

/// One Durable Object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The key of its namespace.
    pub namespace: &'a str,
    /// Its id.
    pub id: &'a [u8; 32],
    /// The name that the id was made of, if it was.
    pub name: Option<&'a str>,
    /// What its class was given, as JSON.
    pub props: Option<&'a str>,
}

/// Names and values.
pub type Headers<'a> = Vec<(&'a [u8], &'a [u8])>;

/// What a body is, beside a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// No body.
    None,
    /// The whole body, in the head.
    Inline(&'a [u8]),
    /// Follows in chunks, of so many bytes together if that is known.
    Chunks(Option<u64>),
}

/// The head of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The object or result that is called.
    pub target: Target<'a>,
    /// What it is to do.
    pub what: What<'a>,
    /// What it is made on behalf of; none where the caller is not traced.
    pub span: Option<Span>,
}

/// A span in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace's id.
    pub trace: u128,
    /// The span's.
    pub id: u64,
}

/// What a call is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A Durable Object of the receiver.
    Actor(Address<'a>),
    /// An export of the receiver.
    Exported(u64),
    /// What a call of the sender returns.
    Result(u64),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// An HTTP request.
    Fetch(Request<'a>),
    /// An event for a handler, with JSON for its first argument.
    Event {
        /// Its name.
        handler: &'a str,
        /// JSON.
        argument: &'a str,
    },
    /// JavaScript RPC: reads a property, or calls it with arguments, or delivers an event to a handler.
    Rpc {
        /// Properties to follow; the last is what is meant.
        path: Vec<&'a str>,
        /// None reads the property.
        arguments: Option<Payload<'a>>,
        /// It is a handler, and the payload describes an event.
        is_event: bool,
    },
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// As sent, in upper case.
    pub method: &'a str,
    /// Absolute.
    pub url: &'a str,
    /// In the order in which they are sent.
    pub headers: Headers<'a>,
    /// `request.cf` as JSON.
    pub cf: Option<&'a str>,
    /// What follows, if anything does.
    pub body: Body<'a>,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// To a request.
    Response(Response<'a>),
    /// To an event that ended well.
    Done,
    /// It did not work out.
    Failed(Failure<'a>),
    /// What JavaScript RPC returned.
    Returned {
        /// What was returned.
        value: Payload<'a>,
        /// Whether it is to be told when the caller is through with it.
        has_disposer: bool,
    },
}

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// A number of three digits.
    pub status: u16,
    /// The reason, if it is not the usual one.
    pub status_text: Option<&'a str>,
    /// In the order in which they are sent.
    pub headers: Headers<'a>,
    /// What follows, if anything does.
    pub body: Body<'a>,
    /// The other end of a WebSocket, with status 101.
    pub websocket: WebSocket<'a>,
}

/// The WebSocket of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebSocket<'a> {
    /// No WebSocket.
    #[default]
    None,
    /// The frame's descriptor is the connection.
    Passed(Wire<'a>),
    /// The sender's end, by its number.
    Carried(u64),
}

/// A connection on which WebSocket frames are to be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire<'a> {
    /// Whether the one who takes it over is the client, who masks.
    pub is_client: bool,
    /// Read from it too early.
    pub leftover: &'a [u8],
    /// What was agreed on about compression; none is none.
    pub deflate: Option<Deflate>,
}

/// The parameters of permessage-deflate (RFC 7692 section 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    /// The client begins each message anew.
    pub client_no_context_takeover: bool,
    /// The server begins each message anew.
    pub server_no_context_takeover: bool,
    /// The base-2 logarithm of the client's window, 8 to 15.
    pub client_max_window_bits: Option<u8>,
    /// The same of the server's.
    pub server_max_window_bits: Option<u8>,
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Who is at fault.
    pub kind: FailureKind,
    /// JavaScript's class.
    pub class: Cow<'a, str>,
    /// What is said to whoever called.
    pub message: &'a str,
    /// What was thrown, in V8's wire format.
    pub exception: Option<&'a [u8]>,
    /// Whether the same call may work out later.
    pub retryable: bool,
    /// Whether there were too many calls.
    pub overloaded: bool,
    /// Whether the object has started anew.
    pub durable_object_reset: bool,
    /// The object that was at fault.
    pub actor: Option<&'a [u8; 32]>,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// What the worker threw.
    Worker,
    /// The connection was lost, or the process.
    Disconnected,
    /// The runtime.
    Internal,
}

/// Memory in which heads are built; a head that does not fit takes more from the heap.
#[derive(Debug)]
pub struct Scratch(Vec<u8>);

const SCRATCH_BYTES: usize = 8 * 1024;

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; SCRATCH_BYTES])
    }
}

impl Scratch {
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        build: impl FnOnce(&mut Builder<ScratchSpaceHeapAllocator>),
    ) {
        let mut message = Builder::new(ScratchSpaceHeapAllocator::new(&mut self.0));
        build(&mut message);
        // Writing to memory cannot fail.
        let _ = write_message(out, &message);
    }
}

impl Call<'_> {
    /// Adds it to a buffer.
    pub fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        scratch.write(out, |message| {
            let mut call: wire::call::Builder = message.init_root();
            let mut target = call.reborrow().init_target();
            match &self.target {
                Target::Actor(address) => write_address(target.init_actor(), address),
                Target::Exported(number) => target.set_exported(*number),
                Target::Result(number) => target.set_result(*number),
            }
            if let Some(span) = &self.span {
                let mut out = call.reborrow().init_span();
                out.set_trace_high((span.trace >> 64) as u64);
                out.set_trace_low(span.trace as u64);
                out.set_id(span.id);
            }
            match &self.what {
                What::Fetch(request) => write_request(call.init_fetch(), request),
                What::Event { handler, argument } => {
                    let mut event = call.init_event();
                    event.set_handler(*handler);
                    event.set_argument(*argument);
                }
                What::Rpc {
                    path,
                    arguments,
                    is_event,
                } => {
                    let mut invocation = call.init_rpc();
                    invocation.set_event(*is_event);
                    let mut names = invocation.reborrow().init_path(path.len() as u32);
                    for (index, name) in path.iter().enumerate() {
                        names.set(index as u32, *name);
                    }
                    match arguments {
                        None => invocation.set_get(()),
                        Some(payload) => value::write_payload(invocation.init_call(), payload),
                    }
                }
            }
        });
    }
}

impl Answer<'_> {
    /// Adds it to a buffer.
    pub fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        scratch.write(out, |message| {
            let mut answer: wire::answer::Builder = message.init_root();
            match self {
                Self::Response(response) => write_response(answer.init_response(), response),
                Self::Done => answer.set_done(()),
                Self::Failed(failure) => write_failure(answer.init_failed(), failure),
                Self::Returned {
                    value,
                    has_disposer,
                } => {
                    let mut returned = answer.init_returned();
                    returned.set_has_disposer(*has_disposer);
                    value::write_payload(returned.init_value(), value);
                }
            }
        });
    }
}

impl Wire<'_> {
    /// Adds it to a buffer.
    pub fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        scratch.write(out, |message| write_wire(message.init_root(), self));
    }
}

impl Failure<'_> {
    /// Adds it to a buffer.
    pub fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        scratch.write(out, |message| write_failure(message.init_root(), self));
    }
}

pub(super) fn write_address(mut out: wire::address::Builder, address: &Address) {
    out.set_namespace(address.namespace);
    out.set_id(address.id);
    if let Some(name) = address.name {
        out.set_name(name);
    }
    if let Some(props) = address.props {
        out.set_props(props);
    }
}

fn write_request(mut out: wire::request::Builder, request: &Request) {
    out.set_method(request.method);
    out.set_url(request.url);
    write_headers(
        out.reborrow().init_headers(request.headers.len() as u32),
        &request.headers,
    );
    if let Some(cf) = request.cf {
        out.set_cf(cf);
    }
    write_body(out.init_body(), request.body);
}

fn write_response(mut out: wire::response::Builder, response: &Response) {
    out.set_status(response.status);
    if let Some(text) = response.status_text {
        out.set_status_text(text);
    }
    write_headers(
        out.reborrow().init_headers(response.headers.len() as u32),
        &response.headers,
    );
    write_body(out.reborrow().init_body(), response.body);
    let mut websocket = out.init_web_socket();
    match &response.websocket {
        WebSocket::None => {}
        WebSocket::Passed(wire) => write_wire(websocket.init_passed(), wire),
        WebSocket::Carried(number) => websocket.set_carried(*number),
    }
}

fn write_wire(mut out: wire::wire::Builder, wire: &Wire) {
    out.set_is_client(wire.is_client);
    out.set_leftover(wire.leftover);
    if let Some(deflate) = &wire.deflate {
        let mut out = out.init_deflate();
        out.set_client_no_context_takeover(deflate.client_no_context_takeover);
        out.set_server_no_context_takeover(deflate.server_no_context_takeover);
        out.set_client_max_window_bits(deflate.client_max_window_bits.unwrap_or(0));
        out.set_server_max_window_bits(deflate.server_max_window_bits.unwrap_or(0));
    }
}

fn write_headers(mut out: struct_list::Builder<wire::header::Owned>, headers: &Headers) {
    for (index, (name, value)) in headers.iter().enumerate() {
        let mut header = out.reborrow().get(index as u32);
        header.set_name(name);
        header.set_value(value);
    }
}

fn write_body(mut out: wire::body::Builder, body: Body) {
    match body {
        Body::None => out.set_none(()),
        Body::Inline(bytes) => out.set_inline(bytes),
        Body::Chunks(None) => out.set_chunks(()),
        Body::Chunks(Some(length)) => out.set_sized_chunks(length),
    }
}

fn write_failure(mut out: wire::failure::Builder, failure: &Failure) {
    use wire::failure::Kind;
    out.set_kind(match failure.kind {
        FailureKind::Worker => Kind::Worker,
        FailureKind::Disconnected => Kind::Disconnected,
        FailureKind::Internal => Kind::Internal,
    });
    out.set_class(&*failure.class);
    out.set_message(failure.message);
    if let Some(exception) = failure.exception {
        out.set_exception(exception);
    }
    out.set_retryable(failure.retryable);
    out.set_overloaded(failure.overloaded);
    out.set_durable_object_reset(failure.durable_object_reset);
    if let Some(actor) = failure.actor {
        out.set_actor(actor);
    }
}

/// Reads the payload of a call frame.
pub fn read_call<R>(payload: &[u8], then: impl FnOnce(Call<'_>) -> R) -> Result<R, PeerError> {
    read::<wire::call::Owned, _>(payload, |call| {
        let target = match call.get_target()?.which().map_err(unknown)? {
            wire::target::Actor(address) => Target::Actor(self::address(address?)?),
            wire::target::Exported(number) => Target::Exported(number),
            wire::target::Result(number) => Target::Result(number),
        };
        let what = match call.which().map_err(unknown)? {
            wire::call::Fetch(request) => What::Fetch(self::request(request?)?),
            wire::call::Event(event) => {
                let event = event?;
                What::Event {
                    handler: event.get_handler()?.to_str()?,
                    argument: event.get_argument()?.to_str()?,
                }
            }
            wire::call::Rpc(invocation) => {
                let invocation = invocation?;
                What::Rpc {
                    path: invocation
                        .get_path()?
                        .iter()
                        .map(|name| Ok(name?.to_str()?))
                        .collect::<capnp::Result<_>>()?,
                    arguments: match invocation.which().map_err(unknown)? {
                        wire::invocation::Get(()) => None,
                        wire::invocation::Call(payload) => Some(value::payload(payload?)?),
                    },
                    is_event: invocation.get_event(),
                }
            }
        };
        let span = match call.has_span() {
            true => Some(span(call.get_span()?)),
            false => None,
        };
        Ok(then(Call { target, what, span }))
    })
}

/// Reads the payload of an answer frame.
pub fn read_answer<R>(payload: &[u8], then: impl FnOnce(Answer<'_>) -> R) -> Result<R, PeerError> {
    read::<wire::answer::Owned, _>(payload, |answer| {
        Ok(then(match answer.which().map_err(unknown)? {
            wire::answer::Response(response) => Answer::Response(self::response(response?)?),
            wire::answer::Done(()) => Answer::Done,
            wire::answer::Failed(failure) => Answer::Failed(self::failure(failure?)?),
            wire::answer::Returned(returned) => {
                let returned = returned?;
                Answer::Returned {
                    value: value::payload(returned.get_value()?)?,
                    has_disposer: returned.get_has_disposer(),
                }
            }
        }))
    })
}

/// Reads the payload of the frame that breaks a body off.
pub fn read_failure<R>(
    payload: &[u8],
    then: impl FnOnce(Failure<'_>) -> R,
) -> Result<R, PeerError> {
    read::<wire::failure::Owned, _>(payload, |failure| Ok(then(self::failure(failure)?)))
}

/// Reads the payload of the frame that passes a connection.
pub fn read_wire<R>(payload: &[u8], then: impl FnOnce(Wire<'_>) -> R) -> Result<R, PeerError> {
    read::<wire::wire::Owned, _>(payload, |wire| Ok(then(self::wire(wire)?)))
}

pub(super) fn read<T: Owned, R>(
    mut payload: &[u8],
    then: impl FnOnce(T::Reader<'_>) -> capnp::Result<R>,
) -> Result<R, PeerError> {
    // Everything is looked at once; twice as much lets nothing be made of a small message.
    let words = payload.len() / 8;
    let options = ReaderOptions {
        traversal_limit_in_words: Some(2 * words + 64),
        nesting_limit: 16,
    };
    read_message_from_flat_slice_no_alloc(&mut payload, options)
        .and_then(|message| then(message.get_root::<T::Reader<'_>>()?))
        .map_err(|error| PeerError::Payload(error.to_string()))
}

pub(super) fn unknown(error: capnp::NotInSchema) -> capnp::Error {
    error.into()
}

fn id(bytes: &[u8]) -> capnp::Result<&[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| capnp::Error::failed("an id has another length".into()))
}

pub(super) fn address<'a>(address: wire::address::Reader<'a>) -> capnp::Result<Address<'a>> {
    Ok(Address {
        namespace: address.get_namespace()?.to_str()?,
        id: id(address.get_id()?)?,
        name: match address.has_name() {
            true => Some(address.get_name()?.to_str()?),
            false => None,
        },
        props: match address.has_props() {
            true => Some(address.get_props()?.to_str()?),
            false => None,
        },
    })
}

fn span(span: wire::span::Reader) -> Span {
    Span {
        trace: u128::from(span.get_trace_high()) << 64 | u128::from(span.get_trace_low()),
        id: span.get_id(),
    }
}

fn request<'a>(request: wire::request::Reader<'a>) -> capnp::Result<Request<'a>> {
    Ok(Request {
        method: request.get_method()?.to_str()?,
        url: request.get_url()?.to_str()?,
        headers: headers(request.get_headers()?)?,
        cf: match request.has_cf() {
            true => Some(request.get_cf()?.to_str()?),
            false => None,
        },
        body: body(request.get_body()?)?,
    })
}

fn response<'a>(response: wire::response::Reader<'a>) -> capnp::Result<Response<'a>> {
    Ok(Response {
        status: response.get_status(),
        status_text: match response.has_status_text() {
            true => Some(response.get_status_text()?.to_str()?),
            false => None,
        },
        headers: headers(response.get_headers()?)?,
        body: body(response.get_body()?)?,
        websocket: match response.get_web_socket().which().map_err(unknown)? {
            wire::response::web_socket::None(()) => WebSocket::None,
            wire::response::web_socket::Passed(wire) => WebSocket::Passed(self::wire(wire?)?),
            wire::response::web_socket::Carried(number) => WebSocket::Carried(number),
        },
    })
}

fn wire<'a>(wire: wire::wire::Reader<'a>) -> capnp::Result<Wire<'a>> {
    let bits = |bits: u8| (bits > 0).then_some(bits);
    Ok(Wire {
        is_client: wire.get_is_client(),
        leftover: wire.get_leftover()?,
        deflate: match wire.has_deflate() {
            false => None,
            true => {
                let deflate = wire.get_deflate()?;
                Some(Deflate {
                    client_no_context_takeover: deflate.get_client_no_context_takeover(),
                    server_no_context_takeover: deflate.get_server_no_context_takeover(),
                    client_max_window_bits: bits(deflate.get_client_max_window_bits()),
                    server_max_window_bits: bits(deflate.get_server_max_window_bits()),
                })
            }
        },
    })
}

fn headers<'a>(list: struct_list::Reader<'a, wire::header::Owned>) -> capnp::Result<Headers<'a>> {
    list.iter()
        .map(|header| Ok((header.get_name()?, header.get_value()?)))
        .collect()
}

fn body<'a>(body: wire::body::Reader<'a>) -> capnp::Result<Body<'a>> {
    Ok(match body.which().map_err(unknown)? {
        wire::body::None(()) => Body::None,
        wire::body::Inline(bytes) => Body::Inline(bytes?),
        wire::body::Chunks(()) => Body::Chunks(None),
        wire::body::SizedChunks(length) => Body::Chunks(Some(length)),
    })
}

fn failure<'a>(failure: wire::failure::Reader<'a>) -> capnp::Result<Failure<'a>> {
    use wire::failure::Kind;
    Ok(Failure {
        kind: match failure.get_kind().map_err(unknown)? {
            Kind::Worker => FailureKind::Worker,
            Kind::Disconnected => FailureKind::Disconnected,
            Kind::Internal => FailureKind::Internal,
        },
        class: Cow::Borrowed(failure.get_class()?.to_str()?),
        message: failure.get_message()?.to_str()?,
        exception: match failure.has_exception() {
            true => Some(failure.get_exception()?),
            false => None,
        },
        retryable: failure.get_retryable(),
        overloaded: failure.get_overloaded(),
        durable_object_reset: failure.get_durable_object_reset(),
        actor: match failure.has_actor() {
            true => Some(id(failure.get_actor()?)?),
            false => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>() -> Call<'a> {
        Call {
            target: Target::Actor(Address {
                namespace: "app-Counter",
                id: &[7; 32],
                name: Some("n"),
                props: None,
            }),
            what: What::Fetch(Request {
                method: "POST",
                url: "https://example.com/?a=b",
                headers: vec![(b"accept", b"*/*"), (b"x", b"\xff"), (b"x", b"")],
                cf: Some("{}"),
                body: Body::Inline(b"hello"),
            }),
            span: None,
        }
    }

    fn written(write: impl FnOnce(&mut Scratch, &mut Vec<u8>)) -> Vec<u64> {
        let mut bytes = Vec::new();
        write(&mut Scratch::default(), &mut bytes);
        let words = bytes.chunks(8);
        words
            .map(|word| u64::from_ne_bytes(word.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn calls_come_back() {
        let mut event = call();
        event.span = Some(Span {
            trace: 1 << 127 | 1 << 64 | 2,
            id: u64::MAX,
        });
        event.what = What::Event {
            handler: "alarm",
            argument: "{}",
        };
        let mut plain = call();
        plain.what = What::Fetch(Request {
            method: "GET",
            url: "",
            headers: vec![],
            cf: None,
            body: Body::Chunks(None),
        });
        // Longer than the scratch memory.
        let mut long = call();
        let bytes = vec![9; 3 * SCRATCH_BYTES];
        if let What::Fetch(request) = &mut long.what {
            request.headers = vec![(b"a", &bytes); 5];
            request.body = Body::Inline(&bytes);
        }
        let mut rpc = call();
        rpc.target = Target::Result(5);
        rpc.what = What::Rpc {
            path: vec!["a", "b"],
            arguments: Some(value::tests::payload()),
            is_event: true,
        };
        let mut get = call();
        get.target = Target::Exported(6);
        get.what = What::Rpc {
            path: vec![],
            arguments: None,
            is_event: false,
        };
        for call in [call(), event, plain, long, rpc, get] {
            let words = written(|scratch, out| call.write(scratch, out));
            let payload = crate::fds::bytes_of_words(&words);
            assert_eq!(read_call(payload, |read| assert_eq!(read, call)), Ok(()));
        }
    }

    #[test]
    fn scratch_memory_is_clean_every_time() {
        let mut scratch = Scratch::default();
        let mut first = Vec::new();
        call().write(&mut scratch, &mut first);
        let mut second = Vec::new();
        call().write(&mut scratch, &mut second);
        assert_eq!(first, second);
        assert!(scratch.0.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn answers_come_back() {
        let failure = Failure {
            kind: FailureKind::Worker,
            class: "TypeError".into(),
            message: "no",
            exception: Some(b"\xff\x0f"),
            retryable: true,
            overloaded: false,
            durable_object_reset: true,
            actor: Some(&[3; 32]),
        };
        let response = |websocket| Response {
            status: 299,
            status_text: Some("Odd"),
            headers: vec![(b"a", b"b")],
            body: Body::Chunks(Some(5)),
            websocket,
        };
        let deflate = Deflate {
            client_no_context_takeover: true,
            server_max_window_bits: Some(9),
            ..Deflate::default()
        };
        let passed = Wire {
            is_client: true,
            leftover: b"early",
            deflate: Some(deflate),
        };
        for answer in [
            Answer::Response(response(WebSocket::None)),
            Answer::Response(response(WebSocket::Passed(passed))),
            Answer::Response(response(WebSocket::Carried(9))),
            Answer::Returned {
                value: value::tests::payload(),
                has_disposer: true,
            },
            Answer::Done,
            Answer::Failed(failure.clone()),
        ] {
            let words = written(|scratch, out| answer.write(scratch, out));
            let payload = crate::fds::bytes_of_words(&words);
            assert_eq!(
                read_answer(payload, |read| assert_eq!(read, answer)),
                Ok(())
            );
        }
        let words = written(|scratch, out| failure.write(scratch, out));
        let payload = crate::fds::bytes_of_words(&words);
        assert_eq!(
            read_failure(payload, |read| assert_eq!(read, failure)),
            Ok(())
        );
        let words = written(|scratch, out| passed.write(scratch, out));
        let payload = crate::fds::bytes_of_words(&words);
        assert_eq!(read_wire(payload, |read| assert_eq!(read, passed)), Ok(()));
    }

    #[test]
    fn changed_bytes_never_panic() {
        let mut call = call();
        call.what = What::Rpc {
            path: vec!["a"],
            arguments: Some(value::tests::payload()),
            is_event: false,
        };
        let good = written(|scratch, out| call.write(scratch, out));
        for bit in 0..good.len() * 64 {
            let mut words = good.clone();
            words[bit / 64] ^= 1 << (bit % 64);
            let _ = read_call(crate::fds::bytes_of_words(&words), |_| ());
        }
        for length in 0..good.len() {
            let cut = &crate::fds::bytes_of_words(&good)[..length * 8];
            let _ = read_call(cut, |_| ());
        }
    }
}
