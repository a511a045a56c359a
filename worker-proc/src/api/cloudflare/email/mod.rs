//! `cloudflare:email`: the class of messages, which an extension provides.

use crate::glue::{Api, Maybe, Ops, intern, op};
use crate::isolate::modules;
use crate::js;

pub const API: Api = Api {
    name: "email",
    modules: &[],
    lazy: &[js!("email.js" as "cloudflare:email")],
    uses: &[],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[provided]);
}

/// The extension's module.
const PROVIDER: &str = "cloudflare-internal:email";

/// `provided()`: the default export of the extension's module; throws where there is none.
#[op]
fn provided<'s>(scope: &mut v8::PinScope<'s, '_>) -> Maybe<v8::Local<'s, v8::Value>> {
    Maybe(default_export(scope))
}

fn default_export<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
    let (module, evaluated) = modules::evaluate(scope, PROVIDER)?;
    if evaluated.state() == v8::PromiseState::Rejected {
        evaluated.mark_as_handled();
        let reason = evaluated.result(scope);
        scope.throw_exception(reason);
        return None;
    }
    let namespace = module.get_module_namespace().to_object(scope)?;
    let key = intern(scope, "default");
    namespace.get(scope, key.into())
}
