//! What Rust keeps for each isolate: the realm's handles, the running context, and per-API state.

use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::args::intern;
use super::buffers::{Budget, BufferBytes};
use super::context::IoContext;

/// See [`IsolateState::create_require`].
pub type CreateRequire =
    for<'s> fn(&mut v8::PinScope<'s, '_>, &str) -> Option<v8::Local<'s, v8::Function>>;

/// State of one isolate, in its slot for as long as it lives.
pub struct IsolateState {
    /// The request that runs now.
    pub current: RefCell<Option<Rc<dyn IoContext>>>,
    /// The bootstrap script's result; set when the context is made, emptied before the isolate goes.
    pub internals: RefCell<Option<v8::Global<v8::Object>>>,
    functions: RefCell<HashMap<(&'static str, &'static str), v8::Global<v8::Function>>>,
    extensions: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
    /// Whether eval and `new Function` are allowed now.
    pub allow_eval: Cell<bool>,
    /// Shared with what makes its buffers.
    pub buffers: Arc<BufferBytes>,
    /// Where there is a limit of buffers' bytes.
    pub budget: OnceCell<Budget>,
    /// Makes a `require` that sees modules from where one of this name is; the isolate's module map sets it.
    pub create_require: Cell<Option<CreateRequire>>,
}

impl IsolateState {
    pub fn new(buffers: Arc<BufferBytes>) -> Rc<Self> {
        Rc::new(Self {
            current: RefCell::new(None),
            internals: RefCell::new(None),
            functions: RefCell::default(),
            extensions: RefCell::default(),
            allow_eval: Cell::new(false),
            buffers,
            budget: OnceCell::new(),
            create_require: Cell::new(None),
        })
    }

    /// The state of the scope's isolate.
    pub fn get(scope: &v8::Isolate) -> Rc<Self> {
        scope
            .get_slot::<Rc<Self>>()
            .expect("the isolate wrapper sets the state")
            .clone()
    }

    /// A function that an internal module exports, kept after the first look-up.
    pub fn internal<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        module: &'static str,
        name: &'static str,
    ) -> Option<v8::Local<'s, v8::Function>> {
        if let Some(function) = self.functions.borrow().get(&(module, name)) {
            return Some(v8::Local::new(scope, function));
        }
        let internals = v8::Local::new(scope, self.internals.borrow().as_ref()?);
        let key = intern(scope, "require");
        let require =
            v8::Local::<v8::Function>::try_from(internals.get(scope, key.into())?).ok()?;
        let this = v8::undefined(scope).into();
        let module_name = intern(scope, module);
        let exports = require
            .call(scope, this, &[module_name.into()])?
            .to_object(scope)?;
        let key = intern(scope, name);
        let function = v8::Local::<v8::Function>::try_from(exports.get(scope, key.into())?).ok()?;
        self.functions
            .borrow_mut()
            .insert((module, name), v8::Global::new(scope, function));
        Some(function)
    }

    /// Per-API state of this isolate, made at first use.
    pub fn extension<T: Default + 'static>(&self) -> Rc<T> {
        let mut all = self.extensions.borrow_mut();
        let any = all
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Rc::new(T::default()))
            .clone();
        any.downcast().unwrap_or_else(|_| Rc::new(T::default()))
    }

    /// Lets go of every handle; called with the isolate entered, before it is dropped.
    pub fn clear(&self) {
        self.current.borrow_mut().take();
        self.internals.borrow_mut().take();
        self.functions.borrow_mut().clear();
        self.extensions.borrow_mut().clear();
    }
}
