//! The Cache API, over the service that the config names for it. JavaScript makes the requests; the ops are for their parts.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::fetch::{give_body, take_body};
use crate::glue::{Api, Ops, bytes_arg, require_context, u32_arg};
use crate::js;
use crate::service::{Body, BodyStream, Error};

pub const API: Api = Api {
    name: "cache",
    modules: &[],
    lazy: &[js!("cache.js").defining(&["Cache", "CacheStorage", "caches"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("isConfigured", is_configured);
    ops.add("putBefore", put_before);
}

/// `isConfigured(channel)`: whether a service is behind it. Throws at global scope.
fn is_configured(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let channel = u32_arg(scope, &args, 0);
    if let Some(context) = require_context(scope) {
        rv.set_bool(context.channels().service(channel).is_some());
    }
}

/// `putBefore(bytes, number)`: the number of a body that has the bytes before those of that one.
fn put_before(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let head = bytes_arg(&args, 0);
    let number = u32_arg(scope, &args, 1);
    let Some(rest) = take_body(scope, number) else {
        return;
    };
    let body = Body::Stream(Box::new(Headed {
        head: Some(head),
        rest,
    }));
    if let Some(number) = give_body(scope, body) {
        rv.set_uint32(number);
    }
}

/// Bytes, then another body.
struct Headed {
    head: Option<Bytes>,
    rest: Body,
}

impl BodyStream for Headed {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match self.head.take() {
            Some(head) => Poll::Ready(Some(Ok(head))),
            None => self.rest.poll_chunk(cx),
        }
    }

    fn length(&self) -> Option<u64> {
        let head = self.head.as_ref().map_or(0, Bytes::len) as u64;
        self.rest.length().map(|rest| rest + head)
    }
}
