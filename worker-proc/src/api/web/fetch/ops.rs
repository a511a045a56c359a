//! The ops behind `api/web/fetch/*.js`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use tokio::sync::watch;

use super::head::{self, Head};
use crate::api::web::streams::{self, keep_body, take_body};
use crate::glue::context::{IoContext, Outcome};
use crate::glue::native::{ServiceHandle, Unreached, counted};
use crate::glue::{
    Argument, Arguments, Arity, Call, IntoJs, JsArray, JsError, JsParameters, Maybe, OpError, Ops,
    Promise, Throw, Thrown, current, intern, native_value, op, promise, require_context,
    with_bytes,
};
use crate::isolate::inspector::network;
use crate::service::trace::{Span, within};
use crate::service::{self, Body, Error, Kind, Loan, Request, Response, lent};

pub fn register(r: &mut Ops) {
    r.receive_requests(push_request);
    r.passes::<Incoming>(&[("workers", "fetch"), ("actors", "fetch")]);
    r.add_all(&[
        request_headers,
        respond,
        fetch,
        open_cancel,
        cancel_fetch,
        cancel_ends,
        percent_decode,
        decode_base64,
    ]);
    r.share::<Received>();
}

/// The headers of the request that is handled, until JavaScript asks for them.
struct HeadResource(HeaderMap);

impl<'s> IntoJs<'s> for Rc<HeadResource> {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        head::to_js(scope, &self.0).into()
    }
}

/// A request on its way to JavaScript.
#[derive(JsParameters)]
struct Incoming<'s> {
    /// The headers' number.
    head: u32,
    method: v8::Local<'s, v8::String>,
    url: String,
    /// Its number, or 0.
    body: u32,
    /// -1 if it is unknown, and where there is no body.
    length: f64,
    cf: Maybe<String>,
}

/// See [`crate::glue::registry::PushRequest`].
fn push_request<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    request: Request,
    arguments: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let mut headers = request.headers;
    name_length(&mut headers, &request.body);
    let has_body = !matches!(request.body, Body::Empty)
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING);
    let head = context.resources().insert(Rc::new(HeadResource(headers)));
    // Of an empty body and of none the length tells.
    let length = match has_body {
        true => length_of(&request.body),
        false => -1.0,
    };
    let incoming = Incoming {
        head,
        method: intern(scope, request.method.as_str()),
        url: request.url,
        body: number_of(context, request.body),
        length,
        cf: Maybe(request.cf),
    };
    incoming.push(scope, arguments);
}

/// Tells a worker of its body's length as HTTP would, whatever another worker has said of it.
fn name_length(headers: &mut HeaderMap, body: &Body) {
    match (body, body.length()) {
        (Body::Empty, _) => {
            let told = headers.get(CONTENT_LENGTH);
            // Chunks may be none.
            let is_chunked = told.is_none()
                && headers
                    .get(TRANSFER_ENCODING)
                    .is_some_and(|told| told == "chunked");
            if told.is_some_and(|told| told != "0") {
                headers.remove(CONTENT_LENGTH);
            }
            if !is_chunked {
                headers.remove(TRANSFER_ENCODING);
            }
        }
        (_, Some(length)) => {
            headers.remove(TRANSFER_ENCODING);
            // A client has said so already.
            let mut told = headers.get_all(CONTENT_LENGTH).iter();
            let is_right = told.next().is_some_and(|told| says(told, length));
            if !is_right || told.next().is_some() {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        (_, None) => {
            headers.remove(CONTENT_LENGTH);
            if !headers.contains_key(TRANSFER_ENCODING) {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
    }
}

/// Whether it is that number and no other text for it.
fn says(told: &HeaderValue, mut number: u64) -> bool {
    let mut digits = told.as_bytes().iter().rev();
    loop {
        if digits.next() != Some(&(b'0' + (number % 10) as u8)) {
            return false;
        }
        number /= 10;
        if number == 0 {
            return digits.next().is_none();
        }
    }
}

/// -1 if it is unknown.
fn length_of(body: &Body) -> f64 {
    body.length().map_or(-1.0, |length| length as f64)
}

/// The number by which JavaScript holds a body; 0 if there is none.
fn number_of(context: &dyn IoContext, body: Body) -> u32 {
    match body {
        Body::Empty => 0,
        body => keep_body(context, body),
    }
}

/// `requestHeaders(number)`: the request's headers; only once.
#[op]
fn request_headers(
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<Rc<HeadResource>, streams::Failure> {
    let head = context.resources().take::<HeadResource>(number);
    head.ok_or(streams::Failure::OtherRequest)
}

/// A body as JavaScript passes it: a string, bytes, a number, or nothing. The op throws where there is none of that number.
struct Sent(Body);

impl<'s> Argument<'s> for Sent {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        _: &'static str,
    ) -> Option<Self> {
        let value = call.arguments.get(at);
        if let Ok(text) = v8::Local::<v8::String>::try_from(value) {
            let mut utf8 = String::new();
            text.write_utf8_into(scope, &mut utf8);
            return Some(Self(Bytes::from(utf8).into()));
        }
        if value.is_array_buffer_view() || value.is_array_buffer() {
            let bytes = with_bytes(value, Bytes::copy_from_slice);
            return Some(Self(bytes.into()));
        }
        if !value.is_number() {
            return Some(Self(Body::Empty));
        }
        let number = value.uint32_value(scope)?;
        match take_body(&*require_context(scope)?, number) {
            Ok(body) => Some(Self(body)),
            Err(error) => {
                error.throw(scope);
                None
            }
        }
    }
}

/// Headers as JavaScript passes those of a response: an array, or 1 for those of text.
struct ResponseHead(HeaderMap);

impl<'s> crate::glue::FromJs<'s> for ResponseHead {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        if !value.is_number() {
            return Some(Self(head::from_js(scope, value)));
        }
        let mut headers = HeaderMap::with_capacity(2);
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        headers.insert(CONTENT_TYPE, text);
        Some(Self(headers))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_number() || value.is_array()
    }
}

/// `respond(event, status, statusText, headers, body, webSocket)`: the event's response. `webSocket` is the number of an end,
/// or 0.
#[op]
fn respond(
    context: Rc<dyn IoContext>,
    event: u32,
    status: u32,
    status_text: Option<String>,
    headers: ResponseHead,
    body: Sent,
    websocket: u32,
) {
    let websocket = match websocket {
        0 => None,
        number => crate::api::web::websocket::take(&*context, number),
    };
    let response = Outcome::Response(Response {
        status: u16::try_from(status).unwrap_or(500),
        status_text,
        headers: headers.0,
        body: body.0,
        websocket,
    });
    context.respond(event, response);
}

/// Tells a `fetch` op to end, and then the body of the response.
#[derive(Default)]
struct CancelResource {
    told: watch::Sender<bool>,
    body: RefCell<Option<Loan>>,
}

impl CancelResource {
    /// Ends once it is told to.
    async fn told(&self) {
        let mut told = self.told.subscribe();
        // The sender is there as long as `self`.
        let _ = told.wait_for(|told| *told).await;
    }

    /// The body, until then.
    fn watch(&self, body: Body) -> Body {
        // Tells the resource that there is still something to cancel.
        let open = self.told.subscribe();
        let (loan, body) = lent(body.watched(move |_| drop(open)));
        *self.body.borrow_mut() = Some(loan);
        body
    }

    fn cancel(&self) {
        self.told.send_replace(true);
        if let Some(body) = self.body.take() {
            body.end(Error {
                kind: Kind::Internal,
                ..OpError::from(Failure::Aborted).into()
            });
        }
    }
}

/// `openCancel()`: a number for `fetch` and for `cancelFetch(number)`.
#[op]
fn open_cancel(context: Rc<dyn IoContext>) -> u32 {
    context.resources().insert(Rc::<CancelResource>::default())
}

/// `cancelFetch(number)`: drops the request, which cancels its work, or what is left of the response's body.
#[op]
fn cancel_fetch(context: Option<Rc<dyn IoContext>>, number: u32) {
    let cancel = context.and_then(|context| context.resources().take::<CancelResource>(number));
    if let Some(cancel) = cancel {
        cancel.cancel();
    }
}

/// `cancelEnds(number)`: a promise that there is nothing left to cancel.
#[op]
fn cancel_ends<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<Promise<'s, ()>, Thrown> {
    let cancel = context.resources().get::<CancelResource>(number);
    promise(scope, async move {
        if let Some(cancel) = cancel {
            cancel.told.closed().await;
        }
        Ok(())
    })
}

/// What `fetch` takes.
#[derive(Arguments)]
struct Subrequest<'s> {
    /// See [`service_of`].
    channel: v8::Local<'s, v8::Value>,
    method: String,
    url: String,
    headers: Head,
    body: Sent,
    cf: Option<String>,
    /// What `openCancel` gave.
    cancel: Option<u32>,
    span: Option<Rc<Span>>,
    /// It changes nothing, and so does not wait for what is written.
    is_read: Option<bool>,
}

/// `fetch(channel, method, url, headers, body, cf, cancel, span, isRead)`: a promise of the response.
#[op]
fn fetch<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    asked: Subrequest<'s>,
) -> Result<Promise<'s, Answer>, Thrown> {
    let service = callee(scope, &*context, asked.channel);
    let exchange = network::observe(scope);
    let cancel = asked.cancel;
    let cancel = cancel.and_then(|number| context.resources().get::<CancelResource>(number));
    let gate = match asked.is_read {
        Some(true) => None,
        _ => context.output_gate(),
    };
    let span = asked.span.map(|span| span.context());
    let Subrequest {
        method,
        url,
        headers,
        body,
        cf,
        ..
    } = asked;
    let answer = async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service?;
        let method =
            http::Method::from_bytes(method.as_bytes()).map_err(|_| Failure::Method(method))?;
        let request = Request {
            method,
            url,
            headers: headers.0,
            body: body.0,
            cf,
        };
        let Some(cancel) = cancel else {
            return Ok(Answer(network::fetch(exchange, service, request).await?));
        };
        let response = tokio::select! {
            // Whoever aborts it before it begins is told so, even where the answer would be there at once.
            biased;
            () = cancel.told() => None,
            response = network::fetch(exchange, service, request) => Some(response),
        };
        match response {
            Some(response) => {
                let mut response = response?;
                if let Body::Stream(_) = response.body {
                    response.body = cancel.watch(response.body);
                }
                Ok(Answer(response))
            }
            None => {
                // Whoever was asked learns of it first: its answer to that counts before the caller goes on.
                tokio::task::yield_now().await;
                Err(Failure::Aborted.into())
            }
        }
    };
    promise(scope, within(span, answer))
}

/// Why a request is not made.
#[derive(JsError)]
pub enum Failure {
    #[type_error("Invalid HTTP method string: {0}")]
    Method(String),
    #[dom(AbortError, "The operation was aborted")]
    Aborted,
}

/// The service that a Fetcher stands for: a channel's number, or a handle.
pub fn service_of(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    channel: v8::Local<v8::Value>,
) -> Option<Rc<dyn service::Service>> {
    if channel.is_object() {
        let handle = native_value::<ServiceHandle>(scope, channel)?;
        return Some(handle.0.clone());
    }
    let channel = channel.uint32_value(scope)?;
    context.channels().service(channel)
}

/// The same for a request that is about to be made, which counts.
pub fn callee(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    channel: v8::Local<v8::Value>,
) -> Result<Rc<dyn service::Service>, Unreached> {
    let service = service_of(scope, context, channel);
    counted(context, service)
}

/// A response on its way to JavaScript.
struct Answer(Response);

#[derive(JsArray)]
struct Received<'s> {
    status: i32,
    status_text: Maybe<String>,
    headers: v8::Local<'s, v8::Array>,
    /// Its number, or 0.
    body: u32,
    /// -1 if it is unknown.
    body_length: f64,
    /// The number of an end, or 0.
    web_socket: u32,
}

impl<'s> IntoJs<'s> for Answer {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let response = self.0;
        let headers = head::to_js(scope, &response.headers);
        let length = length_of(&response.body);
        let (body, web_socket) = current(scope).map_or((0, 0), |context| {
            let give = |end| crate::api::web::websocket::give(&*context, end);
            let body = number_of(&*context, response.body);
            (body, response.websocket.map_or(0, give))
        });
        let received = Received {
            status: i32::from(response.status),
            status_text: Maybe(response.status_text),
            headers,
            body,
            body_length: length,
            web_socket,
        };
        received.into_js(scope)
    }
}

/// `percentDecode(text)`: the bytes, by the URL standard.
#[op]
fn percent_decode(text: String) -> Vec<u8> {
    let text = text.into_bytes();
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}

/// `decodeBase64(bytes)`: forgiving base64 decoding; null if it is none.
#[op]
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    crate::api::web::encoding::decode_base64(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_that_a_worker_reads_is_the_bodys() {
        let told = |headers: &[(http::HeaderName, &'static str)], body: Body| {
            let headers = headers.iter().cloned();
            let mut headers: HeaderMap = headers
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .collect();
            name_length(&mut headers, &body);
            let text = |name| {
                headers
                    .get(name)
                    .map(|value| value.to_str().unwrap().to_owned())
            };
            (text(CONTENT_LENGTH), text(TRANSFER_ENCODING))
        };
        let some = |text: &str| Some(text.to_owned());
        let three = || Body::from(Bytes::from_static(b"abc"));
        let unknown = || service::promised().1;
        for lie in [
            &[][..],
            &[(CONTENT_LENGTH, "7")],
            &[(CONTENT_LENGTH, "3"), (TRANSFER_ENCODING, "chunked")],
        ] {
            assert_eq!(told(lie, Body::Empty), (None, None));
            assert_eq!(told(lie, three()), (some("3"), None));
            assert_eq!(told(lie, unknown()), (None, some("chunked")));
        }
        assert_eq!(told(&[(CONTENT_LENGTH, "0")], Body::Empty).0, some("0"));
        let chunked = &[(TRANSFER_ENCODING, "chunked")];
        assert_eq!(told(chunked, Body::Empty), (None, some("chunked")));
        for (text, number, is_it) in [
            ("0", 0, true),
            ("120", 120, true),
            ("0120", 120, false),
            ("20", 120, false),
            ("", 0, false),
            ("18446744073709551615", u64::MAX, true),
        ] {
            assert_eq!(
                says(&HeaderValue::from_static(text), number),
                is_it,
                "{text}"
            );
        }
        let codings = &[(TRANSFER_ENCODING, "gzip, chunked")];
        assert_eq!(told(codings, unknown()), (None, some("gzip, chunked")));
    }
}
