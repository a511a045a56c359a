//! The ops behind `api/web/fetch/*.js`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use tokio::sync::watch;

use super::head;
use crate::api::web::streams::{OTHER_REQUEST, keep_body, take_body};
use crate::glue::args::to_string;
use crate::glue::context::{Completion, IoContext, Outcome};
use crate::glue::error::is_disconnection;
use crate::glue::native::{ServiceHandle, span_context};
use crate::glue::{
    IntoJs, OpError, Ops, async_op, context_id, current, intern, native_value, require_context,
    string, string_arg, terminate, throw_error, u32_arg, uint8_array, with_bytes,
};
use crate::service::trace::within;
use crate::service::{self, Body, Error, Kind, Loan, Request, Response, lent};

pub fn register(r: &mut Ops) {
    r.receive_requests(push_request);
    r.add("requestHeaders", request_headers);
    r.add("respond", respond);
    r.add("fail", fail);
    r.add("isDisconnection", is_disconnection_op);
    r.add("done", done);
    r.add("abort", abort);
    r.add("retain", retain);
    r.add("release", release);
    r.add("fetch", fetch);
    r.add("openCancel", open_cancel);
    r.add("cancelFetch", cancel_fetch);
    r.add("cancelEnds", cancel_ends);
    r.add("eventNumber", event_number);
    r.add("onClientGone", on_client_gone);
    r.add("contextId", context_id);
    r.add("percentDecode", percent_decode);
    r.add("decodeBase64", decode_base64);
}

/// The headers of the request that is handled, until JavaScript asks for them.
struct HeadResource(http::HeaderMap);

/// Adds what JavaScript's `workers.fetch` takes: headers' number, method, URL, body's number and length, cf.
fn push_request<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    request: Request,
    arguments: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let mut headers = request.headers;
    name_length(&mut headers, &request.body);
    let has_body = !matches!(request.body, Body::Empty) || headers.contains_key(CONTENT_LENGTH);
    let head = context.resources().insert(Rc::new(HeadResource(headers)));
    arguments.push(v8::Integer::new_from_unsigned(scope, head).into());
    arguments.push(intern(scope, request.method.as_str()).into());
    arguments.push(string(scope, &request.url).into());
    push_body(scope, context, request.body, arguments);
    // Of an empty body and of none the length tells.
    if !has_body && let Some(length) = arguments.last_mut() {
        *length = v8::Integer::new(scope, -1).into();
    }
    arguments.push(match request.cf {
        Some(cf) => string(scope, &cf).into(),
        None => v8::undefined(scope).into(),
    });
}

/// Tells a worker of its body's length as HTTP would, whatever another worker has said of it.
fn name_length(headers: &mut http::HeaderMap, body: &Body) {
    match (body, body.length()) {
        (Body::Empty, _) => {
            if headers.get(CONTENT_LENGTH).is_some_and(|told| told != "0") {
                headers.remove(CONTENT_LENGTH);
            }
            headers.remove(TRANSFER_ENCODING);
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

/// A body as its number (0 is none) and its length (-1 is unknown).
fn push_body<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    body: Body,
    arguments: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let length = body.length().map_or(-1.0, |length| length as f64);
    let number = match body {
        Body::Empty => 0,
        body => keep_body(context, body),
    };
    arguments.push(v8::Integer::new_from_unsigned(scope, number).into());
    arguments.push(v8::Number::new(scope, length).into());
}

/// `requestHeaders(number)`: the request's headers as a flat array; only once.
fn request_headers(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    match context.resources().take::<HeadResource>(number) {
        Some(headers) => rv.set(head::to_js(scope, &headers.0).into()),
        None => throw_error(scope, OTHER_REQUEST),
    }
}

/// A body as JavaScript passes it: a string, bytes, a number, or nothing.
fn body_arg(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<Body> {
    if let Ok(text) = v8::Local::<v8::String>::try_from(value) {
        let mut utf8 = String::new();
        text.write_utf8_into(scope, &mut utf8);
        return Some(Bytes::from(utf8).into());
    }
    if value.is_array_buffer_view() || value.is_array_buffer() {
        return Some(with_bytes(value, Bytes::copy_from_slice).into());
    }
    if value.is_number() {
        let number = value.uint32_value(scope)?;
        return take_body(scope, number);
    }
    Some(Body::Empty)
}

/// `respond(event, status, statusText, headers, body, webSocket)`: the event's response. `headers` is a flat array, or 1
/// for text; `webSocket` the number of an end, if there is one.
fn respond(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let status = u32_arg(scope, &args, 1);
    let status_text = args.get(2);
    let status_text = status_text
        .is_string()
        .then(|| to_string(scope, status_text));
    let headers = if args.get(3).is_number() {
        let mut headers = http::HeaderMap::with_capacity(2);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain;charset=UTF-8"),
        );
        headers
    } else {
        head::from_js(scope, args.get(3))
    };
    let Some(body) = body_arg(scope, args.get(4)) else {
        return;
    };
    let websocket = match u32_arg(scope, &args, 5) {
        0 => None,
        number => crate::api::web::websocket::take(&*context, number),
    };
    let event = u32_arg(scope, &args, 0);
    let response = Outcome::Response(Response {
        status: u16::try_from(status).unwrap_or(500),
        status_text,
        headers,
        body,
        websocket,
    });
    context.respond(event, response);
}

/// `fail(event, class, message, exception)`: the event ended with an exception.
fn fail(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(context) = current(scope) else {
        return;
    };
    let event = u32_arg(scope, &args, 0);
    let class = string_arg(scope, &args, 1);
    let message = string_arg(scope, &args, 2);
    let kind = if is_disconnection(scope, args.get(3)) {
        Kind::Disconnected
    } else {
        Kind::Worker
    };
    let failed = Outcome::Failed(Error {
        class,
        ..Error::new(kind, message)
    });
    context.respond(event, failed);
}

/// `isDisconnection(error)`: whether it tells of a lost connection.
fn is_disconnection_op(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(is_disconnection(scope, args.get(0)));
}

/// `abort(class, message)`: ends the context at once, and the JavaScript that calls it.
fn abort(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let class = string_arg(scope, &args, 0);
    let message = string_arg(scope, &args, 1);
    if let Some(context) = require_context(scope) {
        context.abort(Error {
            class,
            ..Error::new(Kind::Internal, message)
        });
        terminate(scope);
    }
}

/// `done(event)`: the event ended well.
fn done(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(context) = current(scope) {
        let event = u32_arg(scope, &args, 0);
        context.respond(event, Outcome::Done);
    }
}

/// `retain()`: the event goes on until `release()`, though it has answered.
fn retain(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(context) = require_context(scope) {
        context.retain();
    }
}

fn release(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(context) = current(scope) {
        context.release();
    }
}

/// `eventNumber()`: the event that begins in this turn, among those of its context.
fn event_number(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_uint32(current(scope).map_or(0, |context| context.event()));
}

/// `onClientGone(event, callback)`: the callback is called if nobody waits for the event's answer any more.
fn on_client_gone(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let (Some(context), Ok(callback)) = (
        current(scope),
        v8::Local::<v8::Function>::try_from(args.get(1)),
    ) else {
        return;
    };
    let event = u32_arg(scope, &args, 0);
    let callback = v8::Global::new(scope, callback);
    let turn: Completion = Box::new(move |scope| {
        v8::tc_scope!(let scope, scope);
        let callback = v8::Local::new(scope, callback);
        let this = v8::undefined(scope).into();
        // Listeners report what they throw.
        let _ = callback.call(scope, this, &[]);
    });
    context.on_gone(event, turn);
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
                class: "DOMException AbortError".to_owned(),
                ..Error::internal(ABORTED)
            });
        }
    }
}

const ABORTED: &str = "The operation was aborted";

/// `openCancel()`: a number for `fetch` and for `cancelFetch(number)`.
fn open_cancel(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(context) = require_context(scope) {
        rv.set_uint32(context.resources().insert(Rc::<CancelResource>::default()));
    }
}

/// `cancelFetch(number)`: drops the request, which cancels its work, or what is left of the response's body.
fn cancel_fetch(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope)
        && let Some(cancel) = context.resources().take::<CancelResource>(number)
    {
        cancel.cancel();
    }
}

/// `cancelEnds(number)`: a promise that there is nothing left to cancel.
fn cancel_ends(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let cancel =
        current(scope).and_then(|context| context.resources().get::<CancelResource>(number));
    async_op(scope, &mut rv, async move {
        if let Some(cancel) = cancel {
            cancel.told.closed().await;
        }
        Ok(())
    });
}

/// `fetch(channel, method, url, headers, body, cf, cancel, span)`: a promise of `[status, statusText, headers, body,
/// length, webSocket]`, the last of which is 0 for an ordinary response.
fn fetch(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let method = string_arg(scope, &args, 1);
    let url = string_arg(scope, &args, 2);
    let headers = head::from_js(scope, args.get(3));
    let Some(body) = body_arg(scope, args.get(4)) else {
        return;
    };
    let cf = args.get(5);
    let cf = cf.is_string().then(|| to_string(scope, cf));
    let service = service_of(scope, &*context, args.get(0));
    let cancel = args.get(6);
    let cancel = match cancel.is_uint32() {
        true => context
            .resources()
            .get::<CancelResource>(u32_arg(scope, &args, 6)),
        false => None,
    };
    let gate = context.output_gate();
    let span = span_context(scope, args.get(7));
    let answer = async move {
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service.ok_or_else(|| OpError::error("This service is not configured."))?;
        let method = http::Method::from_bytes(method.as_bytes())
            .map_err(|_| OpError::type_error(format!("Invalid HTTP method string: {method}")))?;
        let request = Request {
            method,
            url,
            headers,
            body,
            cf,
        };
        let Some(cancel) = cancel else {
            return Ok(Received(service.fetch(request).await?));
        };
        let response = tokio::select! {
            // Whoever aborts it before it begins is told so, even where the answer would be there at once.
            biased;
            () = cancel.told() => None,
            response = service.fetch(request) => Some(response),
        };
        match response {
            Some(response) => {
                let mut response = response?;
                if let Body::Stream(_) = response.body {
                    response.body = cancel.watch(response.body);
                }
                Ok(Received(response))
            }
            None => {
                // Whoever was asked learns of it first: its answer to that counts before the caller goes on.
                tokio::task::yield_now().await;
                Err(OpError::dom("AbortError", ABORTED))
            }
        }
    };
    async_op(scope, &mut rv, within(span, answer));
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

struct Received(Response);

impl<'s> IntoJs<'s> for Received {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let response = self.0;
        let mut all: Vec<v8::Local<v8::Value>> = Vec::with_capacity(5);
        all.push(v8::Integer::new(scope, i32::from(response.status)).into());
        all.push(match response.status_text {
            Some(text) => string(scope, &text).into(),
            None => v8::undefined(scope).into(),
        });
        all.push(head::to_js(scope, &response.headers).into());
        match current(scope) {
            Some(context) => {
                push_body(scope, &*context, response.body, &mut all);
                let give = |end| crate::api::web::websocket::give(&*context, end);
                let number = response.websocket.map_or(0, give);
                all.push(v8::Integer::new_from_unsigned(scope, number).into());
            }
            None => all.push(v8::null(scope).into()),
        }
        v8::Array::new_with_elements(scope, &all).into()
    }
}

/// `percentDecode(text)`: the bytes, by the URL standard.
fn percent_decode(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let text = string_arg(scope, &args, 0).into_bytes();
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
    rv.set(uint8_array(scope, bytes).into());
}

/// `decodeBase64(bytes)`: forgiving base64 decoding; null if it is none.
fn decode_base64(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let decoded = with_bytes(args.get(0), |text| {
        let mut output = vec![0; text.len()];
        // SAFETY: decoded bytes are fewer than the text's.
        #[allow(unsafe_code)]
        let result = unsafe {
            v8::simdutf::base64_to_binary(
                text,
                &mut output,
                v8::simdutf::Base64Options::Default,
                v8::simdutf::LastChunkHandling::Loose,
            )
        };
        result.is_ok().then(|| {
            output.truncate(result.count);
            output
        })
    });
    match decoded {
        Some(bytes) => rv.set(uint8_array(scope, bytes).into()),
        None => rv.set_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_that_a_worker_reads_is_the_bodys() {
        let told = |headers: &[(http::HeaderName, &'static str)], body: Body| {
            let headers = headers.iter().cloned();
            let mut headers: http::HeaderMap = headers
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
