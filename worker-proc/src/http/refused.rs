//! What a client is told in place of an answer: by us, or by hyper's ending the exchange.

use std::fmt;

use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use ipc::metrics::Limit;

use crate::log;
use crate::service::{Error, Kind, Response};

/// What hyper is told to end a connection, or an HTTP/2 stream with that reason, in place of an answer.
#[derive(Debug)]
pub struct NoAnswer(h2::Error);

impl NoAnswer {
    pub fn because(reason: h2::Reason) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler sent no response")
    }
}

impl std::error::Error for NoAnswer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// What a client is told when the service fails. Where the worker let go of a lost connection there is no answer, unless
/// it was this client's, which sent its body badly or not to its end.
pub fn unanswered(error: &Error, broken_body: bool) -> Result<Response, NoAnswer> {
    if broken_body {
        log::error("HTTP connection failed: the request's body is malformed or incomplete");
        return Ok(bad_request("the body is malformed or incomplete"));
    }
    if error.flags.over_limit {
        return Ok(closing(Response::text(503, error.message.clone())));
    }
    if error.kind != Kind::Disconnected {
        log::unanswered(error);
        return Ok(failed());
    }
    let no_answer = NoAnswer::because(h2::Reason::INTERNAL_ERROR);
    log::error(format_args!("HTTP connection failed: {no_answer}"));
    Err(no_answer)
}

/// What a client is told that was too slow with its request.
pub fn late() -> Response {
    Limit::BodyReadTimeout.hit();
    log::error("HTTP connection failed: the client took too long to send the request's body");
    closing(Response::text(408, "Request Timeout"))
}

/// What the client is told when a service fails; the log has the details.
pub fn failed() -> Response {
    closing(Response::text(500, "Internal Server Error"))
}

pub fn bad_request(what: &str) -> Response {
    closing(Response::text(400, format!("Bad Request: {what}")))
}

pub fn bad_host() -> Result<Response, NoAnswer> {
    Ok(bad_request("the Host header names no host"))
}

pub fn refusal(status: u16, text: &'static str) -> Response {
    let mut response = closing(Response::text(status, text));
    response
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn closing(mut response: Response) -> Response {
    response
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
