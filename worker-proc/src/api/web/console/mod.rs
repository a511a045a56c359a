//! The console and the inspector: ops that print, and that tell what the engine knows of a value.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Instant;

use crate::glue::{Api, JsArray, JsNumber, Maybe, Ops, intern, op};
use crate::isolate::inspector;
use crate::js;
use crate::log;

pub const API: Api = Api {
    name: "console",
    modules: &[js!("listener.js")],
    lazy: &[
        js!("introspect.js"),
        js!("text.js"),
        js!("inspect_interface.js"),
        js!("inspect_error.js"),
        js!("inspect_values.js"),
        js!("inspect.js"),
        js!("format.js"),
        js!("console.js").defining(&["console"]),
        js!("output.js"),
    ],
    uses: &["clock", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        print,
        entry,
        is_structured,
        colors,
        now,
        kind,
        proxy_details,
        preview_entries,
        own_non_index_keys,
        promise_details,
        constructor_name,
        is_inspected,
        told,
    ]);
    ops.share::<Kind>();
    ops.share::<Stream>();
    ops.share::<Preview>();
    ops.share::<Settled>();
    ops.share::<State>();
}

/// Where text is printed.
#[derive(Clone, Copy, JsNumber)]
enum Stream {
    Stdout,
    Stderr,
}

/// `print(stream, text)`: a stream that nobody reads is no error.
#[op]
fn print(stream: Stream, text: &str) {
    let stream = match stream {
        Stream::Stdout => ipc::log::Stream::Stdout,
        Stream::Stderr => ipc::log::Stream::Stderr,
    };
    ipc::log::write(stream, text);
}

/// `entry(level, message)`: a line of the log where lines are JSON, as the message is already.
#[op]
fn entry(level: &str, message: &str) {
    let now = ipc::log::now_ms();
    let line = format!(r#"{{"timestamp":{now},"level":"{level}","message":{message}}}"#);
    ipc::log::write(ipc::log::Stream::Stdout, &format!("{line}\n"));
}

/// `isStructured()`: whether lines are JSON.
#[op]
fn is_structured() -> bool {
    log::is_structured()
}

/// `colors(stream)`: whether to colour. FORCE_COLOR decides, else NO_COLOR and CI forbid, else a terminal gets colours.
#[op]
fn colors(stream: Stream) -> bool {
    static COLORS: OnceLock<[bool; 2]> = OnceLock::new();
    let colors = COLORS.get_or_init(|| match std::env::var("FORCE_COLOR") {
        Ok(value) => [matches!(value.as_str(), "" | "1" | "2" | "3" | "true"); 2],
        Err(_) if std::env::var_os("NO_COLOR").is_some() || std::env::var_os("CI").is_some() => {
            [false; 2]
        }
        Err(_) => [
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        ],
    });
    colors[stream as usize]
}

/// `now()`: milliseconds of real time, for the console's own output; workers never see the number.
#[op]
fn now() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}

/// The built-in kinds of values.
#[derive(Clone, Copy, JsNumber)]
enum Kind {
    Plain,
    Array,
    Function,
    AsyncFunction,
    GeneratorFunction,
    AsyncGeneratorFunction,
    Date,
    RegExp,
    Error,
    Promise,
    Map,
    Set,
    WeakMap,
    WeakSet,
    WeakRef,
    MapIterator,
    SetIterator,
    Generator,
    Proxy,
    Arguments,
    Namespace,
    ArrayBuffer,
    SharedArrayBuffer,
    DataView,
    NumberObject,
    StringObject,
    BooleanObject,
    SymbolObject,
    BigIntObject,
    External,
    TypedArray,
}

/// `kind(value)`: its built-in kind.
#[op]
fn kind(value: v8::Local<v8::Value>) -> Kind {
    kind_of(value)
}

fn kind_of(value: v8::Local<v8::Value>) -> Kind {
    if !value.is_object() {
        return match value.is_external() {
            true => Kind::External,
            false => Kind::Plain,
        };
    }
    if value.is_proxy() {
        return Kind::Proxy;
    }
    if value.is_function() {
        return match (value.is_async_function(), value.is_generator_function()) {
            (true, true) => Kind::AsyncGeneratorFunction,
            (false, true) => Kind::GeneratorFunction,
            (true, false) => Kind::AsyncFunction,
            (false, false) => Kind::Function,
        };
    }
    type Check = fn(&v8::Value) -> bool;
    const CHECKS: [(Check, Kind); 26] = [
        (v8::Value::is_array, Kind::Array),
        (v8::Value::is_typed_array, Kind::TypedArray),
        (v8::Value::is_native_error, Kind::Error),
        (v8::Value::is_date, Kind::Date),
        (v8::Value::is_reg_exp, Kind::RegExp),
        (v8::Value::is_promise, Kind::Promise),
        (v8::Value::is_map, Kind::Map),
        (v8::Value::is_set, Kind::Set),
        (v8::Value::is_array_buffer, Kind::ArrayBuffer),
        (v8::Value::is_shared_array_buffer, Kind::SharedArrayBuffer),
        (v8::Value::is_data_view, Kind::DataView),
        (v8::Value::is_weak_map, Kind::WeakMap),
        (v8::Value::is_weak_set, Kind::WeakSet),
        (v8::Value::is_map_iterator, Kind::MapIterator),
        (v8::Value::is_set_iterator, Kind::SetIterator),
        (v8::Value::is_generator_object, Kind::Generator),
        (v8::Value::is_arguments_object, Kind::Arguments),
        (v8::Value::is_module_namespace_object, Kind::Namespace),
        (v8::Value::is_number_object, Kind::NumberObject),
        (v8::Value::is_string_object, Kind::StringObject),
        (v8::Value::is_boolean_object, Kind::BooleanObject),
        (v8::Value::is_symbol_object, Kind::SymbolObject),
        (v8::Value::is_big_int_object, Kind::BigIntObject),
        (v8::Value::is_external, Kind::External),
        (v8::Value::is_proxy, Kind::Proxy),
        (v8::Value::is_function, Kind::Function),
    ];
    CHECKS
        .iter()
        .find(|(check, _)| check(&value))
        .map_or(Kind::Plain, |(_, kind)| *kind)
}

/// `proxyDetails(value)`: target and handler, undefined for what is no proxy.
#[op]
fn proxy_details<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Maybe<[v8::Local<'s, v8::Value>; 2]> {
    let proxy = v8::Local::<v8::Proxy>::try_from(value).ok();
    Maybe(proxy.map(|proxy| [proxy.get_target(scope), proxy.get_handler(scope)]))
}

/// What is in a collection or iterator.
#[derive(JsArray)]
struct Preview<'s> {
    entries: v8::Local<'s, v8::Array>,
    is_key_value: bool,
}

/// `previewEntries(value)`: undefined for what has none.
#[op]
fn preview_entries<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Maybe<Preview<'s>> {
    let object = v8::Local::<v8::Object>::try_from(value).ok();
    let preview = object.map(|object| object.preview_entries(scope));
    Maybe(preview.and_then(|(entries, is_key_value)| {
        let entries = entries?;
        Some(Preview {
            entries,
            is_key_value,
        })
    }))
}

/// `ownNonIndexKeys(object, onlyEnumerable)`: own keys that are no array indices.
#[op]
fn own_non_index_keys<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    only_enumerable: bool,
) -> Maybe<v8::Local<'s, v8::Array>> {
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        return Maybe(Some(v8::Array::new(scope, 0)));
    };
    let options = v8::GetPropertyNamesArgs {
        mode: v8::KeyCollectionMode::OwnOnly,
        property_filter: match only_enumerable {
            true => v8::PropertyFilter::ONLY_ENUMERABLE,
            false => v8::PropertyFilter::ALL_PROPERTIES,
        },
        index_filter: v8::IndexFilter::SkipIndices,
        key_conversion: v8::KeyConversionMode::ConvertToString,
    };
    Maybe(object.get_property_names(scope, options))
}

/// How a promise stands.
#[derive(Clone, Copy, JsNumber)]
enum State {
    Pending,
    Fulfilled,
    Rejected,
}

#[derive(JsArray)]
struct Settled<'s> {
    state: State,
    result: v8::Local<'s, v8::Value>,
}

/// `promiseDetails(promise)`: undefined for what is none.
#[op]
fn promise_details<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Maybe<Settled<'s>> {
    let promise = v8::Local::<v8::Promise>::try_from(value).ok();
    Maybe(promise.map(|promise| {
        let (state, result) = match promise.state() {
            v8::PromiseState::Pending => (State::Pending, v8::undefined(scope).into()),
            v8::PromiseState::Fulfilled => (State::Fulfilled, promise.result(scope)),
            v8::PromiseState::Rejected => (State::Rejected, promise.result(scope)),
        };
        Settled { state, result }
    }))
}

/// `constructorName(object)`: what the engine calls the constructor; undefined for what is no object.
#[op]
fn constructor_name<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Maybe<v8::Local<'s, v8::Value>> {
    let object = v8::Local::<v8::Object>::try_from(value).ok();
    Maybe(object.map(|object| {
        let name: v8::Local<v8::Value> = object.get_constructor_name().into();
        // The name is the engine's own handle: a local of this scope keeps it alive for the caller.
        let name = v8::Global::new(scope, name);
        v8::Local::new(scope, name)
    }))
}

/// `isInspected()`: whether clients of an inspector may want to know what is printed; a worker's own code may by a flag.
#[op]
fn is_inspected() -> bool {
    inspector::is_open()
}

/// `told(name, method)`: the console's method, as a function that tells the inspector's clients too. They are told by V8's own
/// console, which looks at who calls it: a native function, that its caller calls, is not in the way.
#[op]
fn told<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: v8::Local<'s, v8::String>,
    method: v8::Local<'s, v8::Function>,
) -> v8::Local<'s, v8::Function> {
    let own = |scope: &mut v8::PinScope<'s, '_>| {
        let extras = scope.get_current_context().get_extras_binding_object(scope);
        let key = intern(scope, "console");
        let console = extras.get(scope, key.into())?.to_object(scope)?;
        let own = console.get(scope, name.into())?;
        let own = v8::Local::<v8::Function>::try_from(own).ok()?;
        let both = v8::Array::new_with_elements(scope, &[own.into(), method.into()]);
        let told = v8::Function::builder(tell)
            .data(both.into())
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)?;
        told.set_name(name);
        Some(told)
    };
    own(scope).unwrap_or(method)
}

/// Calls V8's own method, then ours.
fn tell<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s>,
) {
    let Ok(both) = v8::Local::<v8::Object>::try_from(args.data()) else {
        return;
    };
    let given: Vec<v8::Local<v8::Value>> = (0..args.length()).map(|at| args.get(at)).collect();
    for at in 0..2 {
        let method = both.get_index(scope, at);
        let method = method.and_then(|method| v8::Local::<v8::Function>::try_from(method).ok());
        match method.and_then(|method| method.call(scope, args.this().into(), &given)) {
            Some(value) => result.set(value),
            None => return,
        }
    }
}
