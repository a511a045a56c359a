//! The console and the inspector: ops that print, and that tell what the engine knows of a value.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Instant;

use crate::glue::{Api, Ops, i32_arg, string_arg, u32_arg};
use crate::js;

pub const API: Api = Api {
    name: "console",
    modules: &[],
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
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("print", print);
    ops.add("colors", colors);
    ops.add("now", now);
    ops.add("kind", kind);
    ops.add("proxyDetails", proxy_details);
    ops.add("previewEntries", preview_entries);
    ops.add("ownNonIndexKeys", own_non_index_keys);
    ops.add("promiseDetails", promise_details);
    ops.add("constructorName", constructor_name);
}

/// `print(stream, text)`: to standard output (0) or error (1). A stream that nobody reads is no error.
fn print(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let text = string_arg(scope, &args, 1);
    if u32_arg(scope, &args, 0) == 0 {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    } else {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// `colors(stream)`: whether to colour. FORCE_COLOR decides, else NO_COLOR and CI forbid, else a terminal gets colours.
fn colors(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
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
    rv.set_bool(colors[usize::from(u32_arg(scope, &args, 0) != 0)]);
}

/// `now()`: milliseconds of real time, for the console's own output; workers never see the number.
fn now(_: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    static START: OnceLock<Instant> = OnceLock::new();
    rv.set_double(START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0);
}

/// `kind(value)`: its built-in kind, numbered as in `introspect.js`.
fn kind(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_int32(kind_of(args.get(0)));
}

fn kind_of(value: v8::Local<v8::Value>) -> i32 {
    if !value.is_object() {
        return if value.is_external() { 29 } else { 0 };
    }
    if value.is_proxy() {
        return 18;
    }
    if value.is_function() {
        return match (value.is_async_function(), value.is_generator_function()) {
            (true, true) => 5,
            (false, true) => 4,
            (true, false) => 3,
            (false, false) => 2,
        };
    }
    type Check = fn(&v8::Value) -> bool;
    const CHECKS: [(Check, i32); 26] = [
        (v8::Value::is_array, 1),
        (v8::Value::is_typed_array, 30),
        (v8::Value::is_native_error, 8),
        (v8::Value::is_date, 6),
        (v8::Value::is_reg_exp, 7),
        (v8::Value::is_promise, 9),
        (v8::Value::is_map, 10),
        (v8::Value::is_set, 11),
        (v8::Value::is_array_buffer, 21),
        (v8::Value::is_shared_array_buffer, 22),
        (v8::Value::is_data_view, 23),
        (v8::Value::is_weak_map, 12),
        (v8::Value::is_weak_set, 13),
        (v8::Value::is_map_iterator, 15),
        (v8::Value::is_set_iterator, 16),
        (v8::Value::is_generator_object, 17),
        (v8::Value::is_arguments_object, 19),
        (v8::Value::is_module_namespace_object, 20),
        (v8::Value::is_number_object, 24),
        (v8::Value::is_string_object, 25),
        (v8::Value::is_boolean_object, 26),
        (v8::Value::is_symbol_object, 27),
        (v8::Value::is_big_int_object, 28),
        (v8::Value::is_external, 29),
        (v8::Value::is_proxy, 18),
        (v8::Value::is_function, 2),
    ];
    CHECKS
        .iter()
        .find(|(check, _)| check(&value))
        .map_or(0, |(_, kind)| *kind)
}

/// `proxyDetails(value)`: `[target, handler]`, undefined for what is no proxy.
fn proxy_details(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(args.get(0)) else {
        return;
    };
    let pair = [proxy.get_target(scope), proxy.get_handler(scope)];
    rv.set(v8::Array::new_with_elements(scope, &pair).into());
}

/// `previewEntries(value)`: `[entries, isKeyValue]` of a collection or iterator, undefined for anything else.
fn preview_entries(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return;
    };
    let (Some(entries), is_key_value) = object.preview_entries(scope) else {
        return;
    };
    let pair = [entries.into(), v8::Boolean::new(scope, is_key_value).into()];
    rv.set(v8::Array::new_with_elements(scope, &pair).into());
}

/// `ownNonIndexKeys(object, filter)`: own keys that are no array indices; filter 2 leaves only enumerable ones.
fn own_non_index_keys(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return rv.set(v8::Array::new(scope, 0).into());
    };
    let filter = if i32_arg(scope, &args, 1) == 2 {
        v8::PropertyFilter::ONLY_ENUMERABLE
    } else {
        v8::PropertyFilter::ALL_PROPERTIES
    };
    let options = v8::GetPropertyNamesArgs {
        mode: v8::KeyCollectionMode::OwnOnly,
        property_filter: filter,
        index_filter: v8::IndexFilter::SkipIndices,
        key_conversion: v8::KeyConversionMode::ConvertToString,
    };
    if let Some(keys) = object.get_property_names(scope, options) {
        rv.set(keys.into());
    }
}

/// `promiseDetails(promise)`: `[state, result]`, state 0 pending, 1 fulfilled, 2 rejected.
fn promise_details(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else {
        return;
    };
    let (state, result) = match promise.state() {
        v8::PromiseState::Pending => (0, v8::undefined(scope).into()),
        v8::PromiseState::Fulfilled => (1, promise.result(scope)),
        v8::PromiseState::Rejected => (2, promise.result(scope)),
    };
    let pair = [v8::Integer::new(scope, state).into(), result];
    rv.set(v8::Array::new_with_elements(scope, &pair).into());
}

/// `constructorName(object)`: what the engine calls the constructor.
fn constructor_name(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return;
    };
    let name: v8::Local<v8::Value> = object.get_constructor_name().into();
    // The name is the engine's own handle: a local of this scope keeps it alive for the caller.
    let name = v8::Global::new(scope, name);
    rv.set(v8::Local::new(scope, name));
}
