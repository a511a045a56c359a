//! The binding by which a worker reaches any service of this instance of workerd, or of another one that has a debug port.
//!
//! What a port shows is `service::DebugPort`; `dispatch` knows this instance's, `net` connects to others.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;

use crate::api::cloudflare::rpc;
use crate::glue::args::to_string;
use crate::glue::{
    Api, Binding, FromJs, Ops, ServiceHandle, as_given, native_arg, native_object, require_context,
    string_arg,
};
use crate::js;
use crate::service::{DebugPort, Error, Event, Request, Response, Service, rpc as calls};

pub const BINDING: Binding = Binding {
    kind: "workerdDebugPort",
    api: Api {
        name: "bindings/workerd_debug_port",
        modules: &[],
        lazy: &[js!("workerd_debug_port.js")],
        uses: &["rpc", "webidl"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add("open", open);
    ops.add("entrypoint", entrypoint);
    ops.add("actor", actor);
}

/// A port as JavaScript holds it.
struct PortHandle(Rc<dyn DebugPort>);

/// `open(address | undefined)`: a native object with the port there, or this instance's.
fn open(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let address = args.get(0);
    let address = address.is_string().then(|| to_string(scope, address));
    if let Some(port) = context.channels().debug_port(address.as_deref()) {
        rv.set(native_object(scope, PortHandle(port)).into());
    }
}

/// `entrypoint(port, service, name | undefined, bytes | undefined, externals)`: a native service.
fn entrypoint<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let name = args.get(2);
    let name = name.is_string().then(|| to_string(scope, name));
    let bytes = Option::<Bytes>::from_js(scope, args.get(3)).flatten();
    let externals = v8::Local::<v8::Array>::try_from(args.get(4));
    let props = match (bytes, externals) {
        (Some(bytes), Ok(externals)) => Some(rpc::props_of(scope, &*context, bytes, externals)),
        _ => None,
    };
    let service = string_arg(scope, &args, 1);
    if let Some(port) = native_arg::<PortHandle>(scope, &args, 0) {
        let found = port.0.entrypoint(&service, name.as_deref(), props);
        rv.set(native_object(scope, handle(found)).into());
    }
}

/// `actor(port, service, class, id)`: a native service.
fn actor(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let [service, class, id] = [1, 2, 3].map(|index| string_arg(scope, &args, index));
    if let Some(port) = native_arg::<PortHandle>(scope, &args, 0) {
        let found = port.0.actor(&service, &class, &id);
        rv.set(native_object(scope, handle(found)).into());
    }
}

/// What is not there is told when it is called.
fn handle(found: Result<Rc<dyn Service>, Error>) -> ServiceHandle {
    ServiceHandle(found.unwrap_or_else(|error| Rc::new(Missing(error))))
}

/// A service that is not there.
struct Missing(Error);

impl Service for Missing {
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move { Err(self.0.clone()) })
    }

    fn event(self: Rc<Self>, _: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { Err(self.0.clone()) })
    }

    fn rpc(self: Rc<Self>, _: calls::Call) -> calls::Answer {
        calls::Answer::failed(self.0.clone())
    }
}
