//! Structured clone over V8's serializer, with platform objects described by JavaScript.
//!
//! `serialize` and `deserialize` are for whoever sends values within the process, `stored` for who keeps them: their bytes
//! are V8's wire format.

pub mod stored;

use std::cell::RefCell;
use std::rc::Rc;

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use crate::api::base::memory_limit;
use crate::glue::{Api, IsolateState, JsError, JsNumber, Ops, Throw, Thrown, intern, op};
use crate::js;

pub const API: Api = Api {
    name: "structured_clone",
    modules: &[js!("prepare.js"), js!("structured_clone.js")],
    lazy: &[],
    uses: &["dom_exception", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        clone,
        serialize_op,
        deserialize_op,
        serialize_props,
        deserialize_props,
        deserialize_wire,
        constructor_name,
        is_error,
        kind_of,
    ]);
    ops.share::<Nature>();
}

/// What `prepare.js` tells apart.
#[derive(Clone, Copy, JsNumber)]
enum Nature {
    Other,
    Proxy,
    Array,
    Map,
    Set,
    Error,
}

/// `kindOf(value)`: what an object is by its nature, without running any code.
#[op]
fn kind_of(value: v8::Local<v8::Value>) -> Nature {
    if value.is_proxy() {
        Nature::Proxy
    } else if value.is_array() {
        Nature::Array
    } else if value.is_map() {
        Nature::Map
    } else if value.is_set() {
        Nature::Set
    } else if value.is_native_error() {
        Nature::Error
    } else {
        Nature::Other
    }
}

/// `clone(value, transfer | undefined, errors)`: throws a DataCloneError for what cannot be cloned.
#[op]
fn clone<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    transfer: Option<v8::Local<'s, v8::Array>>,
    errors: bool,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    let buffers = match transfer {
        Some(list) => transferred(scope, list).ok_or(Thrown)?,
        None => Vec::new(),
    };
    let shared = Rc::new(Shared::default());
    let writer = Writer {
        shared: Some(shared.clone()),
        hosts: Hosts {
            plain: None,
            errors,
        },
    };
    let bytes = write(scope, value, &buffers, writer).ok_or(Thrown)?;
    let copies: Vec<_> = buffers
        .iter()
        .map(|buffer| detach(scope, *buffer))
        .collect();
    read(scope, &bytes, &copies, &shared).ok_or(Thrown)
}

/// The buffers of a transfer list, each once; throws and returns none if it holds anything else.
fn transferred<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    list: v8::Local<'s, v8::Array>,
) -> Option<Vec<v8::Local<'s, v8::ArrayBuffer>>> {
    let mut buffers = Vec::new();
    for index in 0..list.length() {
        let item = list.get_index(scope, index)?;
        let buffer = match v8::Local::<v8::ArrayBufferView>::try_from(item) {
            Ok(view) => transferred_buffer(scope, view)?,
            Err(_) => match v8::Local::<v8::ArrayBuffer>::try_from(item) {
                Ok(buffer) => buffer,
                Err(_) => {
                    Refused::NotTransferable {}.throw(scope);
                    return None;
                }
            },
        };
        if !buffers.contains(&buffer) {
            buffers.push(buffer);
        }
    }
    Some(buffers)
}

const NOT_TRANSFERABLE: &str = "Object is not transferable";

/// Why there is no copy.
#[derive(JsError)]
enum Refused {
    #[type_error("{NOT_TRANSFERABLE}")]
    NotTransferable {},
    /// The buffer of a view in shared memory.
    #[dom(DataCloneError, "{NOT_TRANSFERABLE}")]
    Shared {},
    /// Data that ends early, or that nobody has written.
    #[error("Unable to deserialize cloned data.")]
    CutShort,
}

/// The buffer of a view in a transfer list; throws and returns none for shared memory.
fn transferred_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
    // The accessor of V8's API is for both kinds of buffer.
    let buffer: v8::Local<v8::Value> = view.buffer(scope)?.into();
    let buffer = v8::Local::<v8::ArrayBuffer>::try_from(buffer).ok();
    if buffer.is_none() {
        Refused::Shared {}.throw(scope);
    }
    buffer
}

/// A buffer with the contents of another, which loses them.
fn detach<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    buffer: v8::Local<'s, v8::ArrayBuffer>,
) -> v8::Local<'s, v8::ArrayBuffer> {
    let store = buffer.get_backing_store();
    buffer.detach(None);
    let moved = v8::ArrayBuffer::with_backing_store(scope, &store);
    memory_limit::adopt(scope, buffer.into(), moved.into());
    moved
}

/// `serialize(value)`: a Uint8Array.
#[op(serialize)]
fn serialize_op<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Vec<u8>, Thrown> {
    serialize(scope, value).ok_or(Thrown)
}

/// `serializeProps(value)`: a Uint8Array; see [`stored::serialize_props`].
#[op]
fn serialize_props<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Vec<u8>, Thrown> {
    stored::serialize_props(scope, value).ok_or(Thrown)
}

/// `deserializeProps(bytes)`.
#[op]
fn deserialize_props<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    stored::deserialize_props(scope, &bytes).ok_or(Thrown)
}

/// `deserializeWire(bytes)`: of RPC.
#[op]
fn deserialize_wire<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    stored::deserialize_wire(scope, &bytes).ok_or(Thrown)
}

/// `isError(value)`: whether it is an error of the language.
#[op]
fn is_error(value: v8::Local<v8::Value>) -> bool {
    value.is_native_error()
}

/// `constructorName(object)`: the name of its class, without running any code.
#[op]
fn constructor_name<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) -> v8::Local<'s, v8::String> {
    v8::Local::new(scope, object.get_constructor_name())
}

/// `deserialize(bytes)`.
#[op(deserialize)]
fn deserialize_op<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    deserialize(scope, &bytes).ok_or(Thrown)
}

/// The bytes of a value; none after an exception was thrown.
pub fn serialize(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<Vec<u8>> {
    let value = v8::Local::new(scope, value);
    let writer = Writer {
        shared: None,
        hosts: Hosts {
            plain: None,
            errors: false,
        },
    };
    write(scope, value, &[], writer)
}

/// The value of `bytes`; none after an exception was thrown.
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    read(scope, bytes, &[], &Shared::default())
}

/// Shared buffers, in the order met.
type Shared = RefCell<Vec<v8::Global<v8::SharedArrayBuffer>>>;

/// V8's mark of a buffer that can grow. Other data may have it as well.
const RESIZABLE_TAG: u8 = b'~';

fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    buffers: &[v8::Local<'s, v8::ArrayBuffer>],
    writer: Writer,
) -> Option<Vec<u8>> {
    let context = scope.get_current_context();
    let serializer = v8::ValueSerializer::new(scope, Box::new(writer));
    serializer.write_header();
    for (id, buffer) in (0..).zip(buffers) {
        serializer.transfer_array_buffer(id, *buffer);
    }
    serializer
        .write_value(context, value)?
        .then(|| serializer.release())
}

fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    buffers: &[v8::Local<'s, v8::ArrayBuffer>],
    shared: &Shared,
) -> Option<v8::Local<'s, v8::Value>> {
    let context = scope.get_current_context();
    let reader = Reader {
        shared: shared.borrow().clone(),
    };
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(reader), bytes);
    deserializer.read_header(context)?;
    for (id, buffer) in (0..).zip(buffers) {
        deserializer.transfer_array_buffer(id, *buffer);
    }
    let value = deserializer.read_value(context)?;
    if bytes.contains(&RESIZABLE_TAG) {
        memory_limit::check_copied(scope);
    }
    Some(value)
}

struct Writer {
    /// Where shared buffers go, while the copy stays in the isolate.
    shared: Option<Rc<Shared>>,
    hosts: Hosts,
}

/// Which objects are described by JavaScript rather than written by V8.
struct Hosts {
    /// `Object.prototype`, where objects of any other prototype are not plain.
    plain: Option<v8::Global<v8::Value>>,
    /// Whether the language's errors are among them: V8 knows only their own fields.
    errors: bool,
}

impl Hosts {
    fn has(&self, scope: &mut v8::PinScope, object: v8::Local<v8::Object>) -> bool {
        match &self.plain {
            _ if object.is_native_error() => self.errors,
            Some(plain) => object
                .get_prototype(scope)
                .is_none_or(|prototype| prototype != *plain),
            None => is_platform_object(scope, object),
        }
    }
}

impl v8::ValueSerializerImpl for Writer {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        refuse(scope, message);
    }

    fn has_custom_host_object(&self, _isolate: &v8::Isolate) -> bool {
        true
    }

    fn is_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Option<bool> {
        Some(self.hosts.has(scope, object))
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        serializer: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        let described = call(scope, "describe", &[object.into()])?.to_object(scope)?;
        let kind = described.get_index(scope, 0)?.uint32_value(scope)?;
        let value = described.get_index(scope, 1)?;
        serializer.write_uint32(kind);
        let context = scope.get_current_context();
        serializer.write_value(context, value)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let Some(shared) = &self.shared else {
            refuse_shared(scope);
            return None;
        };
        let mut list = shared.borrow_mut();
        list.push(v8::Global::new(scope, buffer));
        u32::try_from(list.len() - 1).ok()
    }

    fn get_wasm_module_transfer_id(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        _module: v8::Local<v8::WasmModuleObject>,
    ) -> Option<u32> {
        let message = intern(scope, "#<Module> could not be cloned.");
        self.throw_data_clone_error(scope, message);
        None
    }
}

/// Throws a DataCloneError.
fn refuse<'s>(scope: &mut v8::PinScope<'s, '_>, message: v8::Local<'s, v8::String>) {
    call(scope, "throwDataCloneError", &[message.into()]);
}

fn refuse_shared(scope: &mut v8::PinScope) {
    let message = intern(scope, "#<SharedArrayBuffer> could not be cloned.");
    refuse(scope, message);
}

/// Platform classes mark their prototypes; plain objects are told by their prototype at once.
fn is_platform_object(scope: &mut v8::PinScope, object: v8::Local<v8::Object>) -> bool {
    let mut prototype = object.get_prototype(scope);
    let mark = IsolateState::get(scope).extension::<Mark>();
    let Some(mark) = mark.get(scope) else {
        return false;
    };
    // A chain of more prototypes than this is no platform object's.
    const MAX_PROTOTYPES: usize = 32;
    for _ in 0..MAX_PROTOTYPES {
        let Some(Ok(object)) = prototype.map(v8::Local::<v8::Object>::try_from) else {
            return false;
        };
        if object.is_proxy() {
            return false;
        }
        if object.has_own_property(scope, mark.into()).unwrap_or(false) {
            return true;
        }
        prototype = object.get_prototype(scope);
    }
    false
}

/// The symbol on the prototypes of platform classes, looked up once an isolate.
#[derive(Default)]
struct Mark(RefCell<Option<v8::Global<v8::Symbol>>>);

impl Mark {
    fn get<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Symbol>> {
        if let Some(mark) = &*self.0.borrow() {
            return Some(v8::Local::new(scope, mark));
        }
        let state = IsolateState::get(scope);
        let get = state.internal(scope, "webidl", "getInspectMark")?;
        let this = v8::undefined(scope).into();
        let mark = v8::Local::<v8::Symbol>::try_from(get.call(scope, this, &[])?).ok()?;
        *self.0.borrow_mut() = Some(v8::Global::new(scope, mark));
        Some(mark)
    }
}

struct Reader {
    shared: Vec<v8::Global<v8::SharedArrayBuffer>>,
}

impl v8::ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut kind = 0;
        if !deserializer.read_uint32(&mut kind) {
            Refused::CutShort.throw(scope);
            return None;
        }
        let context = scope.get_current_context();
        let value = deserializer.read_value(context)?;
        let kind = v8::Integer::new_from_unsigned(scope, kind).into();
        // Reading bars JavaScript, lest users' code meet half-read data; `revive` runs none of theirs.
        v8::allow_javascript_execution_scope!(let scope, scope);
        v8::Local::try_from(call(scope, "revive", &[kind, value])?).ok()
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        match self.shared.get(id as usize) {
            Some(original) => {
                let original = v8::Local::new(scope, original);
                let store = original.get_backing_store();
                let copy = v8::SharedArrayBuffer::with_backing_store(scope, &store);
                // None of users' code runs in it.
                v8::allow_javascript_execution_scope!(let scope, scope);
                memory_limit::adopt(scope, original.into(), copy.into());
                Some(copy)
            }
            None => {
                Refused::CutShort.throw(scope);
                None
            }
        }
    }
}

fn call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &'static str,
    args: &[v8::Local<v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let function = IsolateState::get(scope).internal(scope, "structured_clone", name)?;
    let this = v8::undefined(scope).into();
    function.call(scope, this, args)
}
