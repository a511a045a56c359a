//! How the course of an event reaches its tracer, where it has one.
//!
//! The contexts of events, here and in `actors`, call it; `service::trace` records and tells.

use std::rc::Rc;

use crate::glue::context::Outcome;
use crate::service::trace::{self, ErrorInfo, Tracer};
use crate::service::{Body, Error};

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
            let tracer = tracer.clone();
            let body = std::mem::take(&mut response.body);
            response.body = body.watched(move |ended| {
                if written && ended {
                    tracer.returned(status);
                }
            });
        }
        Outcome::Done => tracer.returned(None),
        // What a method throws is its caller's to handle.
        Outcome::Failed(_) if tracer.is_rpc() => {}
        Outcome::Failed(_) => tracer.failed(trace::Outcome::Exception),
    }
}

/// The runtime has ended the event with an error.
pub fn ended_with(tracer: &Tracer, error: &Error) {
    tracer.exception(
        None,
        ErrorInfo {
            name: error.class.clone(),
            message: error.message.clone(),
            stack: None,
        },
    );
    tracer.failed(trace::Outcome::Exception);
}
