//! `node:inspector`: a session with the isolate's own inspector where a flag allows it, for tools that measure code.

use std::rc::Rc;

use crate::glue::{Api, IntoJs, List, Maybe, Ops, native_object, op};
use crate::isolate::inspector::own::OwnSession;
use crate::js;

pub const API: Api = Api {
    name: "node/inspector",
    modules: &[],
    lazy: &[
        js!("inspector.js" as "node:inspector"),
        js!("promises.js" as "node:inspector/promises"),
        js!("session.js"),
    ],
    uses: &["node/common", "node/events", "report_error", "timers"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[connect, disconnect, dispatch]);
}

impl<'s> IntoJs<'s> for OwnSession {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, self).into()
    }
}

/// `connect()`: a session of the protocol; undefined where there is no inspector.
#[op]
fn connect(scope: &mut v8::PinScope) -> Maybe<OwnSession> {
    Maybe(OwnSession::open(scope))
}

/// `dispatch(session, message)`: sends a message in JSON; those that came back since the last, in their order.
#[op]
fn dispatch(session: Rc<OwnSession>, message: &str) -> List<String> {
    List(session.dispatch(message))
}

/// `disconnect(session)`: ends a session; it may have ended.
#[op]
fn disconnect(session: Rc<OwnSession>) {
    session.disconnect();
}
