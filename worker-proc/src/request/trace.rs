//! How the course of an event reaches its tracer, where it has one.
//!
//! The contexts of events, here and in `actors`, call it; `service::trace` records and tells.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::glue::context::Outcome;
use crate::service::trace::{self, ErrorInfo, Tracer};
use crate::service::{Body, BodyStream, Error, Kind};

/// The event has an outcome. A body that answers it keeps the trace open until it is through; `written` tells that the event
/// itself writes it, and so has not returned before.
pub fn answered(tracer: &Rc<Tracer>, outcome: &mut Outcome, written: bool) {
    match outcome {
        Outcome::Response(response) => {
            // A WebSocket is no answer of HTTP's.
            let status = response.websocket.is_none().then_some(response.status);
            if !matches!(response.body, Body::Stream(_)) {
                return tracer.returned(status);
            }
            if !written {
                tracer.returned(status);
            }
            let body = std::mem::take(&mut response.body);
            response.body = Body::Stream(Box::new(Answer {
                body,
                tracer: Some(tracer.clone()),
                status: written.then_some(status),
            }));
        }
        Outcome::Done => tracer.done(),
        Outcome::Failed(_) => tracer.threw(),
    }
}

/// The body of a traced event's response.
struct Answer {
    body: Body,
    /// Until the end.
    tracer: Option<Rc<Tracer>>,
    /// What the event returns at the end of the body, if it did not before.
    status: Option<Option<u16>>,
}

impl BodyStream for Answer {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let polled = self.body.poll_chunk(cx);
        match &polled {
            Poll::Ready(None) => {
                if let (Some(tracer), Some(status)) = (self.tracer.take(), self.status) {
                    tracer.returned(status);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(tracer) = self.tracer.take() {
                    tracer.failed(match error.kind {
                        Kind::Disconnected => trace::EventOutcome::ResponseStreamDisconnected,
                        _ => trace::EventOutcome::Exception,
                    });
                }
            }
            _ => {}
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn refuse(&mut self, reason: Error) {
        self.tracer.take();
        std::mem::take(&mut self.body).refuse(reason);
    }
}

/// The runtime has ended the event with an error.
pub fn ended_with(tracer: &Tracer, error: &Error) {
    tracer.exception(
        None,
        ErrorInfo {
            name: error.class.name().into_owned(),
            message: error.message.clone(),
            stack: None,
        },
    );
    tracer.failed(trace::EventOutcome::Exception);
}
