//! `cloudflare:sockets`: connections of bytes that workers open, and those that their `connect()` handlers get.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;

use crate::api::web::fetch::callee;
use crate::api::web::streams::{keep_body, take_body, take_starter};
use crate::glue::{
    Api, IntoJs, IoContext, JsArray, JsNumber, OpError, Ops, OrThrow, Promise, Thrown, current, op,
    promise, why_unreachable,
};
use crate::js;
use crate::service::{Body, Connect, Error, StartTls, Starter, Tls, promised};

pub const API: Api = Api {
    name: "sockets",
    modules: &[js!("transfer.js")],
    lazy: &[
        js!("overrides.js"),
        js!("datagrams.js"),
        js!("sockets.js"),
        js!("cloudflare_sockets.js" as "cloudflare:sockets"),
        js!("module.js" as "cloudflare-internal:sockets"),
    ],
    uses: &[
        "fetch",
        "rpc",
        "streams",
        "structured_clone",
        "url",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[open_input, connect, start_tls, starter_of, unreachable_for]);
    ops.share::<Input>();
    ops.share::<Transport>();
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

/// What is received, before there is a connection.
#[derive(JsArray)]
struct Input {
    /// The number of a body that is not there yet.
    body: u32,
    /// The number by which `connect` and `startTls` provide it.
    slot: u32,
}

/// `openInput()`.
#[op]
fn open_input(context: Rc<dyn IoContext>) -> Input {
    let (sender, body) = promised();
    let slot = InputResource(RefCell::new(Some(sender)));
    Input {
        body: keep_body(&*context, body),
        slot: context.resources().insert(Rc::new(slot)),
    }
}

/// When a connection is encrypted.
#[derive(Clone, Copy, JsNumber)]
enum Transport {
    Off,
    Starttls,
    On,
}

/// `connect(channel, authority, transport, output, slot)`: a promise of a number for `startTls`, 0 if there is none.
#[op]
fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: v8::Local<'s, v8::Value>,
    authority: String,
    transport: Transport,
    output: u32,
    slot: u32,
) -> Result<Promise<'s, Opened>, Thrown> {
    let service = callee(scope, &*context, channel);
    let tls = match transport {
        Transport::Off => Tls::Never,
        Transport::Starttls => Tls::Later,
        Transport::On => Tls::AtOnce,
    };
    let output = take_body(&*context, output).or_throw(scope)?;
    let input = context.resources().take::<InputResource>(slot);
    let gate = context.output_gate();
    promise(scope, async move {
        let input = input.ok_or_else(gone)?;
        if let Some(gate) = gate {
            gate.await?;
        }
        let service = service?;
        let wanted = Connect {
            authority,
            tls,
            remote: None,
            is_datagrams: false,
            output,
        };
        let connection = service.connect(wanted).await?;
        input.give(Ok(connection.input));
        Ok(Opened(connection.starter))
    })
}

/// The number of what encrypts the connection.
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
        number.into_js(scope)
    }
}

/// `starterOf(input)`: the number of what encrypts the connection that a body is received from, 0 if nothing does.
#[op]
fn starter_of(context: Rc<dyn IoContext>, input: u32) -> u32 {
    take_starter(&*context, input).map_or(0, |starter| {
        let starter = StarterResource(RefCell::new(Some(starter)));
        context.resources().insert(Rc::new(starter))
    })
}

/// `startTls(starter, host, output, slot)`: a promise that the connection is encrypted. The bodies take the place of those
/// that it had; what was sent must end next.
#[op]
fn start_tls<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    starter: u32,
    host: String,
    output: u32,
    slot: u32,
) -> Result<Promise<'s, ()>, Thrown> {
    let starter = context.resources().take::<StarterResource>(starter);
    let starter = starter.and_then(|starter| starter.0.take());
    let output = take_body(&*context, output).or_throw(scope)?;
    let input = context.resources().take::<InputResource>(slot);
    let (sender, opened) = oneshot::channel();
    let start = StartTls {
        host,
        output,
        opened: sender,
    };
    // A connection that has ended drops what it is sent, and with it the sender.
    let _ = starter.map(|starter| starter.send(start));
    promise(scope, async move {
        let input = input.ok_or_else(gone)?;
        input.give(Ok(opened.await.map_err(|_| gone())??));
        Ok(())
    })
}

/// `unreachableFor(error)`: the name of the errno that made `connect` fail with this, `undefined` if it is not known.
#[op]
fn unreachable_for<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    why_unreachable(scope, error)
}

fn gone() -> OpError {
    Error::lost().into()
}
