//! The ops behind `ctx.facets`.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::{Refused, Running, local};
use crate::api::web::fetch;
use crate::glue::context::{FacetInfo, FacetIo, FacetStart, IoContext};
use crate::glue::{
    Argument, Arguments, Arity, Call, Ops, OrThrow, ServiceHandle, Throw, Thrown, current,
    native_object, op,
};
use crate::service::{Class, Error, Identity, Kind, from_hex};

/// The longest name of a facet, in bytes of UTF-8; workerd's limit.
pub(super) const MAX_NAME_BYTES: usize = 256;

pub(super) fn register(r: &mut Ops) {
    r.add_all(&[
        facet,
        facet_starts,
        facet_fails,
        abort_facet,
        delete_facet,
        copy_facet,
    ]);
}

/// What waits for a facet's class and id.
type Waiting = oneshot::Sender<Result<FacetInfo, Error>>;

/// The same as JavaScript holds it, by number.
struct StartResource(RefCell<Option<Waiting>>);

/// The facets of the running object; throws where there are none.
struct Facets(Rc<dyn FacetIo>);

impl<'s> Argument<'s> for Facets {
    const ARITY: Arity = Arity::NONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let facets = Running::read(scope, call, at, name)?.0.facets();
        if facets.is_none() {
            Refused::NoFacets.throw(scope);
        }
        facets.map(Self)
    }
}

/// A facet's name; throws if it is too long.
struct FacetName(String);

impl<'s> Argument<'s> for FacetName {
    const ARITY: Arity = Arity::ONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'_, 's>,
        at: i32,
        name: &'static str,
    ) -> Option<Self> {
        let text = String::read(scope, call, at, name)?;
        if text.len() > MAX_NAME_BYTES {
            Refused::LongFacetName {}.throw(scope);
            return None;
        }
        Some(Self(text))
    }
}

/// `facet(name, start)`: the facet as a native service. `start(number)` is called in a turn of its own if the facet is to be
/// started, and answers by `facetStarts` or `facetFails`.
#[op]
fn facet<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    facets: Facets,
    name: FacetName,
    start: v8::Local<'s, v8::Function>,
) -> Result<v8::Local<'s, v8::Object>, Thrown> {
    let start = starter(&*context, v8::Global::new(scope, start));
    let service = facets.0.get(name.0, start).map_err(local);
    let service = service.or_throw(scope)?;
    Ok(native_object(scope, ServiceHandle(service)))
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
        let gone = |_| Err(Error::object_shut_down());
        Box::pin(async move { receiver.await.unwrap_or_else(gone) })
    })
}

fn waiting(context: &dyn IoContext, number: u32) -> Option<Waiting> {
    context.resources().take::<StartResource>(number)?.0.take()
}

/// `facetStarts(number, class, id, name, isText)`: the class as a channel or a native service, and what `ctx.id` is to be.
#[op]
fn facet_starts<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    class: v8::Local<'s, v8::Value>,
    id: String,
    name: Option<String>,
    is_text: bool,
) {
    let class = fetch::service_of(scope, &*context, class);
    let id = match from_hex(&id) {
        Some(id) if !is_text => Identity::Id(id, name),
        _ => Identity::Text(id),
    };
    if let Some(waiting) = waiting(&*context, number) {
        let missing = || Error::internal("The class of this facet is not configured.");
        let class = class.ok_or_else(missing);
        let _ = waiting.send(class.map(|class| FacetInfo { class, id }));
    }
}

/// An exception by class and message.
#[derive(Arguments)]
struct Exception {
    class: Class,
    message: String,
}

impl From<Exception> for Error {
    fn from(exception: Exception) -> Self {
        Self {
            class: exception.class,
            ..Self::new(Kind::Internal, exception.message)
        }
    }
}

/// `facetFails(number, class, message)`: the parent threw instead.
#[op]
fn facet_fails(context: Option<Rc<dyn IoContext>>, number: u32, error: Exception) {
    if let Some(waiting) = context.and_then(|context| waiting(&*context, number)) {
        let _ = waiting.send(Err(error.into()));
    }
}

/// `abortFacet(name, class, message)`.
#[op]
fn abort_facet(name: FacetName, error: Exception, facets: Facets) {
    facets.0.abort(&name.0, error.into());
}

/// `deleteFacet(name)`.
#[op]
fn delete_facet(name: FacetName, facets: Facets) {
    facets.0.delete(&name.0);
}

/// `copyFacet(from, to)`.
#[op]
fn copy_facet(from: FacetName, to: FacetName, facets: Facets) {
    facets.0.copy(&from.0, &to.0);
}
