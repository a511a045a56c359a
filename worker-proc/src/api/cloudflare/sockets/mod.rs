//! `cloudflare:sockets`: connections of bytes that workers open, and those that their `connect()` handlers get.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;

use crate::api::web::fetch::service_of;
use crate::api::web::streams::{keep_body, take_body};
use crate::glue::{
    Api, IntoJs, OpError, Ops, async_op, current, require_context, string_arg, u32_arg,
};
use crate::js;
use crate::service::{Body, Connect, Error, StartTls, Starter, Tls, promised};

pub const API: Api = Api {
    name: "sockets",
    modules: &[],
    lazy: &[js!("overrides.js"), js!("sockets.js")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("openInput", open_input);
    ops.add("connect", connect);
    ops.add("startTls", start_tls);
}

/// Where a body goes that has been promised to JavaScript.
struct InputResource(RefCell<Option<oneshot::Sender<Result<Body, Error>>>>);

impl InputResource {
    fn give(&self, body: Result<Body, Error>) {
        if let Some(sender) = self.0.take() {
            // Nobody may read it any more.
            let _ = sender.send(body);
        }
    }
}

/// What encrypts an open connection.
struct StarterResource(RefCell<Option<Starter>>);

/// `openInput()`: the number of a body that is not there yet, and that by which `connect` and `startTls` provide it.
fn open_input(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let (sender, body) = promised();
    let input = InputResource(RefCell::new(Some(sender)));
    let numbers = [
        keep_body(&*context, body),
        context.resources().insert(Rc::new(input)),
    ];
    let numbers = numbers.map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `connect(channel, authority, tls, output, input)`: a promise of a number for `startTls`, 0 if there is none. `tls` is 0 for
/// never, 1 for later, 2 for at once.
fn connect(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let service = service_of(scope, &*context, args.get(0));
    let authority = string_arg(scope, &args, 1);
    let tls = match u32_arg(scope, &args, 2) {
        0 => Tls::Never,
        1 => Tls::Later,
        _ => Tls::AtOnce,
    };
    let output = u32_arg(scope, &args, 3);
    let Some(output) = take_body(scope, output) else {
        return;
    };
    let input = u32_arg(scope, &args, 4);
    let input = context.resources().take::<InputResource>(input);
    let gate = context.output_gate();
    async_op(scope, &mut rv, async move {
        let input = input.ok_or_else(gone)?;
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service.ok_or_else(|| OpError::error("This service is not configured."))?;
        let wanted = Connect {
            authority,
            tls,
            remote: None,
            output,
        };
        let connection = service.connect(wanted).await?;
        input.give(Ok(connection.input));
        Ok(Opened(connection.starter))
    });
}

struct Opened(Option<Starter>);

impl<'s> IntoJs<'s> for Opened {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let number = match (self.0, current(scope)) {
            (Some(starter), Some(context)) => {
                let starter = StarterResource(RefCell::new(Some(starter)));
                context.resources().insert(Rc::new(starter))
            }
            _ => 0,
        };
        v8::Integer::new_from_unsigned(scope, number).into()
    }
}

/// `startTls(starter, host, output, input)`: a promise that the connection is encrypted. The bodies take the place of those
/// that it had; what was sent must end next.
fn start_tls(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let starter = u32_arg(scope, &args, 0);
    let starter = context.resources().take::<StarterResource>(starter);
    let starter = starter.and_then(|starter| starter.0.take());
    let host = string_arg(scope, &args, 1);
    let output = u32_arg(scope, &args, 2);
    let Some(output) = take_body(scope, output) else {
        return;
    };
    let input = u32_arg(scope, &args, 3);
    let input = context.resources().take::<InputResource>(input);
    let (sender, opened) = oneshot::channel();
    let start = StartTls {
        host,
        output,
        opened: sender,
    };
    // A connection that has ended drops what it is sent, and with it the sender.
    let _ = starter.map(|starter| starter.send(start));
    async_op(scope, &mut rv, async move {
        let input = input.ok_or_else(gone)?;
        input.give(Ok(opened.await.map_err(|_| gone())??));
        Ok(())
    });
}

fn gone() -> OpError {
    Error::disconnected("Network connection lost.").into()
}
