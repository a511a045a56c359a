//! Values as Durable Objects store them, and as RPC sends them: V8's wire format, and platform objects as the published binary writes them, so
//! that a folder of objects moves between the two, and calls pass between them.
//!
//! A platform object is a tag and its fields. What each kind's fields are, `structured_clone.js` and whoever registers a
//! cloneable kind say; how a field is written depends on its type, and how the fields of a tag are read is here.

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use super::Refused;
use super::{Hosts, RESIZABLE_TAG, call, refuse, refuse_shared};
use crate::api::base::memory_limit;
use crate::glue::args::to_string;
use crate::glue::{IsolateState, Throw, string, uint8_array_copy, with_bytes};

// The tags of the published binary's format.
const STUB: u32 = 1;
const HEADERS: u32 = 4;
const REQUEST: u32 = 5;
const RESPONSE: u32 = 6;
const DOM_EXCEPTION_V1: u32 = 7;
const DOM_EXCEPTION: u32 = 8;
const ABORT_SIGNAL: u32 = 9;
const NATIVE_ERROR: u32 = 10;
const SERVICE: u32 = 11;
const CLASS: u32 = 12;
const BLOB: u32 = 15;
const SOCKET: u32 = 16;
const WRAPPED_BINDING: u32 = 17;
/// What the published binary has in another form: one value, which this program alone reads.
const R2_RESULT: u32 = 0x1_0000;

/// Most headers of one object that are read back.
const MAX_HEADERS: u32 = 1024;

/// The version of V8's format that values without a header are of.
const FIRST_VERSION: u8 = 13;

const HEADER_TAG: u8 = 0xff;

/// The bytes of a value; none after an exception was thrown.
pub fn serialize(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<Vec<u8>> {
    let value = v8::Local::new(scope, value);
    v8::tc_scope!(let scope, scope);
    if let Some(bytes) = write(scope, value, None) {
        return Some(bytes);
    }
    // Stubs are functions, which V8 does not take: they are looked for where it has found something.
    let exception = scope.exception();
    if !scope.has_terminated() {
        scope.reset();
        let prepared = call(scope, "prepareStored", &[value]);
        match (prepared, exception) {
            (Some(prepared), _) if !prepared.is_undefined() => {
                if let Some(bytes) = write(scope, prepared, None) {
                    return Some(bytes);
                }
            }
            (Some(_), Some(exception)) => {
                scope.throw_exception(exception);
            }
            _ => {}
        }
    }
    scope.rethrow();
    None
}

/// The same for what outlives its event otherwise: props. What they refer to has numbers. Instances of classes are refused.
pub fn serialize_props(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<Vec<u8>> {
    let value = v8::Local::new(scope, value);
    let prototype = v8::Object::new(scope).get_prototype(scope)?;
    let prototype = v8::Global::new(scope, prototype);
    write(scope, value, Some(prototype))
}

/// The same for RPC, with the language's errors among what JavaScript describes or not. What the value refers to comes in order.
pub fn serialize_wire(
    scope: &mut v8::PinScope,
    value: v8::Local<v8::Value>,
    errors: bool,
) -> Option<Vec<u8>> {
    let value = v8::Local::new(scope, value);
    let prototype = v8::Object::new(scope).get_prototype(scope)?;
    let plain = Some(v8::Global::new(scope, prototype));
    let writer = Writer {
        hosts: Hosts { plain, errors },
        describe: "describeWire",
    };
    write_by(scope, value, writer)
}

fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    plain: Option<v8::Global<v8::Value>>,
) -> Option<Vec<u8>> {
    let errors = describes_errors(scope);
    let writer = Writer {
        hosts: Hosts { errors, plain },
        describe: "describeStored",
    };
    write_by(scope, value, writer)
}

fn write_by<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    writer: Writer,
) -> Option<Vec<u8>> {
    let context = scope.get_current_context();
    let serializer = v8::ValueSerializer::new(scope, Box::new(writer));
    serializer.write_header();
    serializer
        .write_value(context, value)?
        .then(|| serializer.release())
}

/// The value of `bytes`; none after an exception was thrown.
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    read(scope, bytes, Format::Stored)
}

/// The same for props.
pub fn deserialize_props<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    read(scope, bytes, Format::Props)
}

/// The same for RPC.
pub fn deserialize_wire<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    read(scope, bytes, Format::Wire)
}

/// How what a value refers to is told.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    /// By tokens.
    Stored,
    /// By numbers.
    Props,
    /// By its order.
    Wire,
}

fn read<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    format: Format,
) -> Option<v8::Local<'s, v8::Value>> {
    // The oldest values lack the header that says which version of the format they are in.
    let with_header;
    let bytes = match bytes.first() {
        Some(&HEADER_TAG) => bytes,
        _ => {
            with_header = [&[HEADER_TAG, FIRST_VERSION], bytes].concat();
            &with_header
        }
    };
    let context = scope.get_current_context();
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Reader(format)), bytes);
    deserializer.read_header(context)?;
    let value = deserializer.read_value(context)?;
    if bytes.contains(&RESIZABLE_TAG) {
        memory_limit::check_copied(scope);
    }
    Some(value)
}

/// Whether errors keep the properties that users gave them, which is a compatibility flag.
fn describes_errors(scope: &mut v8::PinScope) -> bool {
    let known = IsolateState::get(scope).extension::<DescribesErrors>();
    if let Some(known) = known.0.get() {
        return known;
    }
    let answer = call(scope, "describesErrors", &[]).is_some_and(|answer| answer.is_true());
    known.0.set(Some(answer));
    answer
}

#[derive(Default)]
struct DescribesErrors(std::cell::Cell<Option<bool>>);

struct Writer {
    hosts: Hosts,
    /// Which function of `structured_clone` says what an object is.
    describe: &'static str,
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
        let described = call(scope, self.describe, &[object.into()])?;
        let fields = v8::Local::<v8::Array>::try_from(described).ok()?;
        for index in 0..fields.length() {
            let field = fields.get_index(scope, index)?;
            write_field(scope, field, serializer)?;
        }
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        _buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        refuse_shared(scope);
        None
    }
}

/// A number or a string is written raw, bytes with their length, and anything else, which comes in an array of its own,
/// as a value.
fn write_field<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    field: v8::Local<'s, v8::Value>,
    serializer: &dyn ValueSerializerHelper,
) -> Option<()> {
    if field.is_string() {
        let text = to_string(scope, field);
        serializer.write_uint32(u32::try_from(text.len()).ok()?);
        serializer.write_raw_bytes(text.as_bytes());
    } else if field.is_array_buffer_view() {
        with_bytes(field, |bytes| {
            serializer.write_uint64(bytes.len() as u64);
            serializer.write_raw_bytes(bytes);
        });
    } else if let Ok(boxed) = v8::Local::<v8::Array>::try_from(field) {
        let value = boxed.get_index(scope, 0)?;
        let context = scope.get_current_context();
        serializer.write_value(context, value)?;
    } else {
        serializer.write_uint32(field.uint32_value(scope)?);
    }
    Some(())
}

struct Reader(Format);

impl v8::ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut fields = Fields {
            read: Vec::new(),
            deserializer,
            format: self.0,
        };
        let tag = fields.object(scope)?;
        let tag = v8::Integer::new_from_unsigned(scope, tag).into();
        let list = v8::Array::new_with_elements(scope, &fields.read).into();
        // Reading bars JavaScript, lest users' code meet half-read data; `reviveStored` runs none of theirs.
        v8::allow_javascript_execution_scope!(let scope, scope);
        let revive = match self.0 {
            Format::Wire => "reviveWire",
            Format::Stored | Format::Props => "reviveStored",
        };
        v8::Local::try_from(call(scope, revive, &[tag, list])?).ok()
    }
}

/// Data that ends early, or that nobody has written.
fn cut_short<T>(scope: &mut v8::PinScope) -> Option<T> {
    Refused::CutShort.throw(scope);
    None
}

/// The fields of one object, as they are read.
struct Fields<'a, 's> {
    read: Vec<v8::Local<'s, v8::Value>>,
    deserializer: &'a dyn ValueDeserializerHelper,
    format: Format,
}

impl<'s> Fields<'_, 's> {
    /// Reads an object and says its tag; none after an exception was thrown, as everywhere here.
    fn object(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<u32> {
        let tag = self.uint32(scope)?;
        match tag {
            HEADERS => self.headers(scope)?,
            REQUEST | DOM_EXCEPTION_V1 => {
                self.text(scope)?;
                self.value(scope)?;
            }
            RESPONSE => {
                self.value(scope)?;
                self.value(scope)?;
            }
            DOM_EXCEPTION => {
                for _ in 0..3 {
                    self.text(scope)?;
                }
            }
            NATIVE_ERROR => {
                let kind = self.number(scope)?;
                if kind == 0 {
                    self.value(scope)?;
                }
                self.value(scope)?;
                self.value(scope)?;
            }
            BLOB => {
                self.text(scope)?;
                self.bytes(scope)?;
            }
            WRAPPED_BINDING => self.value(scope)?,
            ABORT_SIGNAL => {
                self.number(scope)?;
                self.number(scope)?;
                self.value(scope)?;
            }
            SOCKET | R2_RESULT => self.value(scope)?,
            SERVICE | CLASS | STUB if self.format == Format::Props => drop(self.number(scope)?),
            SERVICE | CLASS if self.format == Format::Stored => self.bytes(scope)?,
            _ => {}
        }
        Some(tag)
    }

    fn headers(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<()> {
        self.number(scope)?;
        let count = self.uint32(scope)?;
        if count > MAX_HEADERS {
            return cut_short(scope);
        }
        for _ in 0..count {
            // A name that is not among the known ones follows in full.
            if self.number(scope)? == 0 {
                self.text(scope)?;
            }
            self.text(scope)?;
        }
        Some(())
    }

    fn uint32(&self, scope: &mut v8::PinScope) -> Option<u32> {
        let mut number = 0;
        if self.deserializer.read_uint32(&mut number) {
            Some(number)
        } else {
            cut_short(scope)
        }
    }

    fn raw(&self, scope: &mut v8::PinScope, length: u64) -> Option<&[u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.deserializer.read_raw_bytes(length);
        bytes.or_else(|| cut_short(scope))
    }

    fn number(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<u32> {
        let number = self.uint32(scope)?;
        let value = v8::Integer::new_from_unsigned(scope, number);
        self.read.push(value.into());
        Some(number)
    }

    fn text(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<()> {
        let length = self.uint32(scope)?;
        let text = String::from_utf8_lossy(self.raw(scope, length.into())?);
        let text = string(scope, &text).into();
        self.read.push(text);
        Some(())
    }

    fn bytes(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<()> {
        let mut length = 0;
        if !self.deserializer.read_uint64(&mut length) {
            return cut_short(scope);
        }
        let bytes = self.raw(scope, length)?;
        let bytes = uint8_array_copy(scope, bytes).into();
        self.read.push(bytes);
        Some(())
    }

    fn value(&mut self, scope: &mut v8::PinScope<'s, '_>) -> Option<()> {
        let context = scope.get_current_context();
        let value = self.deserializer.read_value(context)?;
        self.read.push(value);
        Some(())
    }
}
