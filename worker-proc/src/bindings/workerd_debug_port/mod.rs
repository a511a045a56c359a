//! The binding by which a worker reaches any service of this instance of workerd, or of another one that has a debug port.
//!
//! What a port shows is `service::DebugPort`; `dispatch` knows this instance's, `net` connects to others.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::api::cloudflare::rpc;
use crate::glue::{
    Api, Binding, IoContext, Maybe, Ops, ServiceHandle, as_given, native_object, op,
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
    ops.add_all(&[open, entrypoint, actor]);
}

/// A port as JavaScript holds it.
struct PortHandle(Rc<dyn DebugPort>);

/// `open(address | undefined)`: a native object with the port there, or this instance's.
#[op]
fn open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    address: Option<String>,
) -> Maybe<v8::Local<'s, v8::Object>> {
    let port = context.channels().debug_port(address.as_deref());
    Maybe(port.map(|port| native_object(scope, PortHandle(port))))
}

/// `entrypoint(port, service, name | undefined, bytes | undefined, externals | undefined)`: a native service.
#[op]
fn entrypoint<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    port: Rc<PortHandle>,
    service: &str,
    name: Option<String>,
    props: rpc::PropsArguments<'s>,
) -> v8::Local<'s, v8::Object> {
    let props = props.read(scope, &*context);
    let found = port.0.entrypoint(service, name.as_deref(), props);
    native_object(scope, handle(found))
}

/// `actor(port, service, class, id)`: a native service.
#[op]
fn actor<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    port: Rc<PortHandle>,
    service: &str,
    class: &str,
    id: &str,
) -> v8::Local<'s, v8::Object> {
    let found = port.0.actor(service, class, id);
    native_object(scope, handle(found))
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
