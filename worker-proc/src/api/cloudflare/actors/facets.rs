//! The ops behind `ctx.facets`.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::{actor, local};
use crate::api::web::fetch;
use crate::glue::args::to_string;
use crate::glue::context::{FacetInfo, FacetIo, FacetStart, IoContext};
use crate::glue::{
    Ops, ServiceHandle, bool_arg, current, native_object, require_context, string_arg, throw,
    throw_error, throw_type_error, u32_arg,
};
use crate::service::{Error, Identity, Kind, from_hex};

/// The longest name of a facet, in bytes of UTF-8; workerd's limit.
const MAX_NAME_BYTES: usize = 256;

pub(super) fn register(r: &mut Ops) {
    r.add("facet", facet);
    r.add("facetStarts", facet_starts);
    r.add("facetFails", facet_fails);
    r.add("abortFacet", abort_facet);
    r.add("deleteFacet", delete_facet);
    r.add("copyFacet", copy_facet);
}

/// What waits for a facet's class and id.
type Waiting = oneshot::Sender<Result<FacetInfo, Error>>;

/// The same as JavaScript holds it, by number.
struct StartResource(RefCell<Option<Waiting>>);

/// The facets of the running object; throws where there are none.
fn facets(scope: &mut v8::PinScope) -> Option<Rc<dyn FacetIo>> {
    let facets = actor(scope)?.facets();
    if facets.is_none() {
        throw_error(
            scope,
            "This Durable Object does not support creating facets.",
        );
    }
    facets
}

/// A facet's name; throws if it is too long.
fn name_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Option<String> {
    let name = string_arg(scope, args, index);
    if name.len() > MAX_NAME_BYTES {
        let message = format!("Facet name is too long (max {MAX_NAME_BYTES} characters).");
        throw_type_error(scope, &message);
        return None;
    }
    Some(name)
}

/// `facet(name, start)`: the facet as a native service. `start(number)` is called in a turn of its own if the facet is to be
/// started, and answers by `facetStarts` or `facetFails`.
fn facet(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let (Some(facets), Some(context)) = (facets(scope), require_context(scope)) else {
        return;
    };
    let Some(name) = name_arg(scope, &args, 0) else {
        return;
    };
    let Ok(start) = v8::Local::<v8::Function>::try_from(args.get(1)) else {
        return;
    };
    let start = starter(&*context, v8::Global::new(scope, start));
    match facets.get(name, start) {
        Ok(service) => rv.set(native_object(scope, ServiceHandle(service)).into()),
        Err(error) => throw(scope, &local(error)),
    }
}

fn starter(context: &dyn IoContext, start: v8::Global<v8::Function>) -> FacetStart {
    let entrance = context.entrance();
    Box::new(move || {
        let (sender, receiver) = oneshot::channel();
        entrance(Box::new(move |scope| {
            let Some(context) = current(scope) else {
                return;
            };
            let waiting = StartResource(RefCell::new(Some(sender)));
            let number = context.resources().insert(Rc::new(waiting));
            let number = v8::Integer::new_from_unsigned(scope, number).into();
            let start = v8::Local::new(scope, start);
            let this = v8::undefined(scope).into();
            v8::tc_scope!(let scope, scope);
            // JavaScript answers for what fails; only termination comes out here.
            let _ = start.call(scope, this, &[number]);
        }));
        let gone = |_| Err(Error::disconnected("The Durable Object was shut down."));
        Box::pin(async move { receiver.await.unwrap_or_else(gone) })
    })
}

fn waiting(scope: &mut v8::PinScope, number: u32) -> Option<Waiting> {
    let context = current(scope)?;
    context.resources().take::<StartResource>(number)?.0.take()
}

/// `facetStarts(number, class, id, name, isText)`: the class as a channel or a native service, and what `ctx.id` is to be.
fn facet_starts(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    let class = fetch::service_of(scope, &*context, args.get(1));
    let text = string_arg(scope, &args, 2);
    let name = args.get(3);
    let name = name.is_string().then(|| to_string(scope, name));
    let id = match from_hex(&text) {
        Some(id) if !bool_arg(&args, 4) => Identity::Id(id, name),
        _ => Identity::Text(text),
    };
    if let Some(waiting) = waiting(scope, number) {
        let missing = || Error::internal("The class of this facet is not configured.");
        let class = class.ok_or_else(missing);
        let _ = waiting.send(class.map(|class| FacetInfo { class, id }));
    }
}

/// `facetFails(number, class, message)`: the parent threw instead.
fn facet_fails(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let error = error_args(scope, &args, 1);
    if let Some(waiting) = waiting(scope, number) {
        let _ = waiting.send(Err(error));
    }
}

/// An exception by class and message.
fn error_args(scope: &mut v8::PinScope, args: &v8::FunctionCallbackArguments, index: i32) -> Error {
    Error {
        class: string_arg(scope, args, index),
        ..Error::new(Kind::Internal, string_arg(scope, args, index + 1))
    }
}

/// `abortFacet(name, class, message)`.
fn abort_facet(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(name) = name_arg(scope, &args, 0) else {
        return;
    };
    let error = error_args(scope, &args, 1);
    if let Some(facets) = facets(scope) {
        facets.abort(&name, error);
    }
}

/// `deleteFacet(name)`.
fn delete_facet(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(name) = name_arg(scope, &args, 0) else {
        return;
    };
    if let Some(facets) = facets(scope) {
        facets.delete(&name);
    }
}

/// `copyFacet(from, to)`.
fn copy_facet(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let (Some(from), Some(to)) = (name_arg(scope, &args, 0), name_arg(scope, &args, 1)) else {
        return;
    };
    if let Some(facets) = facets(scope) {
        facets.copy(&from, &to);
    }
}
