//! Native state owned by a JavaScript object: it lives until the object is collected or the isolate goes.
//!
//! `api` folders use it for what streams on (decoders, hashers) and for what users keep (keys). The object is opaque
//! and stays inside internal JavaScript, in a private field.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::JsError;
use super::context::IoContext;
use super::state::IsolateState;
use crate::service::Service;

/// A service that JavaScript holds: a stub.
pub struct ServiceHandle(pub Rc<dyn Service>);

/// Why a service is not reached.
#[derive(JsError)]
pub enum Unreached {
    /// A channel leads nowhere.
    #[error("This service is not configured.")]
    NotConfigured,
    /// The event has made as many requests as it may; Cloudflare's text.
    #[error("Too many subrequests by single Worker invocation.")]
    TooMany,
}

/// A service that a request is about to be made to, if there may be one more.
pub fn counted(
    context: &dyn IoContext,
    service: Option<Rc<dyn Service>>,
) -> Result<Rc<dyn Service>, Unreached> {
    let service = service.ok_or(Unreached::NotConfigured)?;
    match context.may_request() {
        true => Ok(service),
        false => Err(Unreached::TooMany),
    }
}

struct Owned {
    value: Rc<dyn Any>,
    /// Keeps the finalizer armed.
    _owner: v8::Weak<v8::Object>,
}

#[derive(Default)]
struct Natives {
    next: Cell<u32>,
    entries: RefCell<HashMap<u32, Owned>>,
}

/// A JavaScript object that owns `value`.
pub fn native_object<'s, T: 'static>(
    scope: &mut v8::PinScope<'s, '_>,
    value: T,
) -> v8::Local<'s, v8::Object> {
    let natives = IsolateState::get(scope).extension::<Natives>();
    let id = natives.next.get();
    natives.next.set(id.wrapping_add(1));
    let object = v8::Object::new(scope);
    let number = v8::Integer::new_from_unsigned(scope, id).into();
    object.set_index(scope, 0, number);
    let weak_natives = Rc::downgrade(&natives);
    let finalizer = Box::new(move || {
        let natives = weak_natives.upgrade();
        let entry = natives.and_then(|natives| natives.entries.borrow_mut().remove(&id));
        drop(entry);
    });
    let owner = v8::Weak::with_guaranteed_finalizer(scope, object, finalizer);
    natives.entries.borrow_mut().insert(
        id,
        Owned {
            value: Rc::new(value),
            _owner: owner,
        },
    );
    object
}

/// What an object owns, if it is of that type.
pub fn native_value<T: 'static>(
    scope: &mut v8::PinScope,
    value: v8::Local<v8::Value>,
) -> Option<Rc<T>> {
    let object = v8::Local::<v8::Object>::try_from(value).ok()?;
    let id = object.get_index(scope, 0)?.uint32_value(scope)?;
    let natives = IsolateState::get(scope).extension::<Natives>();
    let value = natives.entries.borrow().get(&id)?.value.clone();
    value.downcast().ok()
}
