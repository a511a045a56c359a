//! The Network domain: clients that want it are told of a worker's subrequests, as the published binary tells them.

use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::{CONTENT_TYPE, HeaderMap};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};

use super::Inspector;
use crate::glue::base64::{Base64Options, encode};
use crate::service::{Body, BodyStream, Error, Request, Response, Service};

/// Bytes of a response that are told with its end; of a longer one, its length alone.
const MAX_TOLD_BYTES: usize = 256 << 10;

/// Tells of one subrequest.
pub struct Exchange {
    inspector: Weak<Inspector>,
    id: u64,
}

/// For a subrequest that code of the scope's isolate makes; none if no client wants to know.
pub fn observe(scope: &v8::Isolate) -> Option<Exchange> {
    let inspector = super::of(scope)?;
    let sessions = inspector.sessions.borrow();
    if !sessions.iter().any(|session| session.voice().network.get()) {
        return None;
    }
    let id = inspector.exchanges.get();
    inspector.exchanges.set(id + 1);
    Some(Exchange {
        inspector: Rc::downgrade(&inspector),
        id,
    })
}

/// Makes a request of a service, and tells of it if somebody wants to know.
pub fn fetch(
    exchange: Option<Exchange>,
    service: Rc<dyn Service>,
    request: Request,
) -> LocalBoxFuture<'static, Result<Response, Error>> {
    match exchange {
        None => service.fetch(request),
        Some(exchange) => Box::pin(fetch_and_tell(exchange, service, request)),
    }
}

async fn fetch_and_tell(
    exchange: Exchange,
    service: Rc<dyn Service>,
    request: Request,
) -> Result<Response, Error> {
    exchange.begins(&request);
    // Whoever drops the future has aborted it.
    let unanswered = Unanswered(Some(exchange));
    let answer = service.fetch(request).await;
    let exchange = unanswered.answered();
    match answer {
        Ok(mut response) => {
            exchange.receives(&response);
            let body = std::mem::take(&mut response.body);
            response.body = Body::Stream(Box::new(Told {
                body,
                exchange: Some(exchange),
                length: 0,
                start: Vec::new(),
            }));
            Ok(response)
        }
        Err(error) => {
            exchange.fails(&error.to_string(), false);
            Err(error)
        }
    }
}

struct Unanswered(Option<Exchange>);

impl Unanswered {
    fn answered(mut self) -> Exchange {
        self.0.take().expect("it is taken once")
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.fails("net::ERR_ABORTED", true);
        }
    }
}

/// Seconds of a clock that is never set.
fn timestamp() -> f64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}

fn headers(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let all = all.entry(name.as_str());
        all.and_modify(|before| {
            *before = format!("{}, {value}", before.as_str().unwrap_or("")).into()
        })
        .or_insert_with(|| value.clone().into());
    }
    Value::Object(all)
}

impl Exchange {
    fn tell(&self, event: &str, params: Value) {
        let Some(inspector) = self.inspector.upgrade() else {
            return;
        };
        let mut all = json!({"requestId": self.id.to_string(), "timestamp": timestamp()});
        if let (Some(all), Value::Object(params)) = (all.as_object_mut(), params) {
            all.extend(params);
        }
        let message = json!({"method": format!("Network.{event}"), "params": all});
        let sessions = inspector.sessions.borrow().clone();
        for session in sessions {
            if session.voice().network.get() {
                session.voice().tell(&message);
            }
        }
    }

    fn begins(&self, request: &Request) {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.tell(
            "requestWillBeSent",
            json!({
                "loaderId": "",
                "request": {
                    "url": request.url,
                    "method": request.method.as_str(),
                    "headers": headers(&request.headers),
                    "mixedContentType": "blockable",
                    "initialPriority": "VeryLow",
                    "referrerPolicy": "unsafe-url",
                    "isLinkPreload": false,
                },
                "wallTime": since.as_secs_f64(),
                "initiator": {"type": "script", "stack": {"callFrames": []}, "lineNumber": 0},
                "type": "Fetch",
            }),
        );
    }

    fn receives(&self, response: &Response) {
        let status = http::StatusCode::from_u16(response.status).ok();
        let reason = status.and_then(|status| status.canonical_reason());
        let kind = response.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        self.tell(
            "responseReceived",
            json!({
                "type": "Other",
                "response": {
                    "status": response.status,
                    "statusText": response.status_text.as_deref().or(reason).unwrap_or_default(),
                    "headers": headers(&response.headers),
                    "mimeType": kind.split(';').next().unwrap_or_default().trim(),
                    "connectionReused": false,
                    "connectionId": 0,
                    "remotePort": 0,
                    "fromDiskCache": false,
                    "fromServiceWorker": false,
                    "encodedDataLength": 0,
                    "protocol": "http/1.1",
                    "securityState": "unknown",
                },
            }),
        );
    }

    fn fails(&self, why: &str, canceled: bool) {
        let params = json!({"type": "Fetch", "errorText": why, "canceled": canceled});
        self.tell("loadingFailed", params);
    }
}

/// A response's body that clients are told of as it is read.
struct Told {
    body: Body,
    /// Until its end has been told.
    exchange: Option<Exchange>,
    length: usize,
    /// The bytes so far, while they are few enough.
    start: Vec<u8>,
}

impl BodyStream for Told {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let polled = self.body.poll_chunk(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => self.passes(chunk),
            Poll::Ready(Some(Err(error))) => {
                if let Some(exchange) = self.exchange.take() {
                    exchange.fails(&error.to_string(), false);
                }
            }
            Poll::Ready(None) => self.finishes(),
            Poll::Pending => {}
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn refuse(&mut self, reason: Error) {
        std::mem::take(&mut self.body).refuse(reason);
    }
}

impl Told {
    fn passes(&mut self, chunk: &Bytes) {
        let length = chunk.len();
        self.length += length;
        if self.length <= MAX_TOLD_BYTES {
            self.start.extend_from_slice(chunk);
        }
        if let Some(exchange) = &self.exchange {
            let params = json!({"dataLength": length, "encodedDataLength": length});
            exchange.tell("dataReceived", params);
        }
    }

    fn finishes(&mut self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let mut params = json!({"encodedDataLength": self.length});
        if self.length <= MAX_TOLD_BYTES {
            let text = encode(&self.start, Base64Options::Default);
            let body = String::from_utf8_lossy(&text);
            params["cfResponse"] = json!({"body": body, "base64Encoded": true});
        }
        exchange.tell("loadingFinished", params);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.fails("net::ERR_ABORTED", true);
        }
    }
}
