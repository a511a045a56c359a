//! The binding of a worker loader.
//!
//! JavaScript checks what describes a worker's code; the ops make `glue::loader`'s types of it, for `dispatch`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use schema::compat;
use tokio::sync::oneshot;

use crate::api::cloudflare::rpc;
use crate::api::web::fetch;
use crate::glue::args::to_string;
use crate::glue::code::{Compiled, Source, Text};
use crate::glue::context::{IoContext, current};
use crate::glue::loader::{CodeSource, Loaded, Loader, LoaderHandle, WorkerCode};
use crate::glue::{
    Api, Binding, FromJs, Ops, Reference, ServiceHandle, Value, bool_arg, native_arg,
    native_object, require_context, string_arg, throw_error, u32_arg, with_bytes,
};
use crate::js;
use crate::service::{Error, Kind, Outlet, Props, Service};

pub const BINDING: Binding = Binding {
    kind: "workerLoader",
    api: Api {
        name: "bindings/worker_loader",
        modules: &[js!("worker_loader.js")],
        lazy: &[],
        uses: &[
            "actors",
            "fetch",
            "report_error",
            "rpc",
            "webidl",
            "workers",
        ],
        lazy_uses: &[],
        ops,
    },
    prepare: loader_of,
};

/// The loader of that id, or of none.
fn loader_of(_: &str, mut given: Value) -> Result<Value, String> {
    let id = given.take("id");
    let id = (!id.text().is_empty()).then(|| id.text().to_owned());
    Ok(Value::Reference(Reference::Outlet(Outlet::Loader(id))))
}

/// Most bytes of all modules of a worker; workerd's limit.
const MAX_CODE_BYTES: usize = 64 << 20;

/// Most bytes of what a worker is given as its `env`; workerd's limit.
const MAX_ENV_BYTES: u32 = 1 << 20;

/// What is told of a worker whose code nobody can give any more.
const NOBODY_ASKED: &str =
    "The Worker cannot be started, because the request that was to give its code has ended.";

fn ops(r: &mut Ops) {
    r.add("modules", modules);
    r.add("compat", compat_flags);
    r.add("maxEnvBytes", max_env_bytes);
    r.add("code", code);
    r.add("isWasmModule", is_wasm_module);
    r.add("load", load);
    r.add("get", get);
    r.add("codeIs", code_is);
    r.add("codeFails", code_fails);
    r.add("entrypoint", entrypoint);
}

/// Modules that JavaScript holds, until they are a worker's.
struct Modules(Vec<(String, Source)>);

/* Kinds of modules, as JavaScript numbers them. */
const ES: u32 = 0;
const COMMON_JS: u32 = 1;
const TEXT: u32 = 2;
const DATA: u32 = 3;
const JSON: u32 = 4;
const WASM: u32 = 5;

fn source(scope: &mut v8::PinScope, kind: u32, content: v8::Local<v8::Value>) -> Option<Source> {
    if let Ok(module) = v8::Local::<v8::WasmModuleObject>::try_from(content) {
        return Some(Source::Compiled(Compiled::of(module)));
    }
    // Copied: the worker that gives them may change them before they are used.
    if matches!(kind, DATA | WASM) {
        let bytes = with_bytes(content, Bytes::copy_from_slice);
        return Some(match kind {
            DATA => Source::Data(bytes),
            _ => Source::Wasm(bytes),
        });
    }
    let text = Text::from(to_string(scope, content));
    Some(match kind {
        ES => Source::Es(text),
        COMMON_JS => Source::CommonJs {
            text,
            named_exports: Vec::new(),
        },
        TEXT => Source::Text(text),
        JSON => Source::Json(text),
        _ => return None,
    })
}

/// `modules(list)`: a native object with the modules of a list of names, kinds and contents. Throws if they are too large.
fn modules(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(0)) else {
        return;
    };
    let mut modules = Vec::new();
    let mut length = 0;
    for index in (0..list.length()).step_by(3) {
        let entry = [0, 1, 2].map(|offset| list.get_index(scope, index + offset));
        let [Some(name), Some(kind), Some(content)] = entry else {
            return;
        };
        let kind = kind.uint32_value(scope).unwrap_or(u32::MAX);
        if let Some(source) = source(scope, kind, content) {
            length += source.len();
            modules.push((to_string(scope, name), source));
        }
    }
    if length > MAX_CODE_BYTES {
        return throw_error(
            scope,
            &format!(
                "Dynamic Worker code size ({length} bytes) exceeds the maximum allowed size of {MAX_CODE_BYTES} bytes."
            ),
        );
    }
    rv.set(native_object(scope, Modules(modules)).into());
}

/// `compat(date, flags, allowExperimental)`: a native object with the compatibility flags. Throws what is wrong with them.
fn compat_flags(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let date = string_arg(scope, &args, 0);
    let mut names = Vec::new();
    if let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(1)) {
        for index in 0..list.length() {
            if let Some(name) = list.get_index(scope, index) {
                names.push(to_string(scope, name));
            }
        }
    }
    let options = compat::Options {
        experimental: bool_arg(&args, 2),
        ..compat::Options::default()
    };
    match compat::compile_flags(Some(&date), names.iter().map(String::as_str), &options) {
        Ok(flags) => rv.set(native_object(scope, flags).into()),
        Err(errors) => {
            let first = errors.first().map(ToString::to_string);
            throw_error(scope, &first.unwrap_or_default());
        }
    }
}

/// `maxEnvBytes()`.
fn max_env_bytes(_: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_uint32(MAX_ENV_BYTES);
}

/// `isWasmModule(value)`.
fn is_wasm_module(
    _: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(args.get(0).is_wasm_module_object());
}

/// What a worker is made of, as JavaScript holds it.
struct CodeHandle(Rc<WorkerCode>);

/// Props of two arguments, the bytes of which may be undefined.
fn props_arg<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    bytes: v8::Local<'s, v8::Value>,
    externals: v8::Local<'s, v8::Value>,
) -> Option<Props> {
    let bytes = Option::<Bytes>::from_js(scope, bytes)??;
    let externals = externals.try_into().ok()?;
    Some(rpc::props_of(scope, context, bytes, externals))
}

/// The services of an array.
fn services(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    list: v8::Local<v8::Value>,
) -> Vec<Rc<dyn Service>> {
    let Ok(list) = v8::Local::<v8::Array>::try_from(list) else {
        return Vec::new();
    };
    let mut services = Vec::new();
    for index in 0..list.length() {
        let item = list.get_index(scope, index);
        services.extend(item.and_then(|item| fetch::service_of(scope, context, item)));
    }
    services
}

/// `code(modules, main, compat, outbound | null, bytes | undefined, externals, tails, streamingTails)`: a native object with a
/// worker's code. Services are given as `fetch` is.
fn code<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let modules = native_arg::<Modules>(scope, &args, 0);
    let flags = native_arg::<compat::Flags>(scope, &args, 2);
    let (Some(modules), Some(flags)) = (modules, flags) else {
        return;
    };
    let global_outbound = match args.get(3) {
        outbound if outbound.is_null() => None,
        outbound => fetch::service_of(scope, &*context, outbound),
    };
    let env = props_arg(scope, &*context, args.get(4), args.get(5));
    let [tails, streaming_tails] = [6, 7].map(|index| services(scope, &*context, args.get(index)));
    let code = WorkerCode {
        modules: modules.0.clone(),
        main: string_arg(scope, &args, 1),
        flags: *flags,
        env,
        global_outbound,
        tails,
        streaming_tails,
    };
    rv.set(native_object(scope, CodeHandle(Rc::new(code))).into());
}

/// A loaded worker, as JavaScript holds it.
struct LoadedHandle(Rc<dyn Loaded>);

/// The loader of a channel.
fn loader(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    args: &v8::FunctionCallbackArguments,
) -> Option<Rc<dyn Loader>> {
    let channel = u32_arg(scope, args, 0);
    let loader = context.channels().loader(channel)?;
    let loader = loader.downcast::<LoaderHandle>().ok()?;
    Some(loader.0.clone())
}

/// `load(channel, code)`: a native object with a worker of that code.
fn load(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let code = native_arg::<CodeHandle>(scope, &args, 1);
    let (Some(loader), Some(code)) = (loader(scope, &*context, &args), code) else {
        return;
    };
    let source: CodeSource = Rc::new(move || {
        let code = code.0.clone();
        async move { Ok(code) }.boxed_local()
    });
    let loaded = loader.load(None, source);
    rv.set(native_object(scope, LoadedHandle(loaded)).into());
}

/// `get(channel, name | undefined, ask)`: a native object with the worker of that name. `ask(number)` is called in a turn of
/// its own if its code is needed, and answers by `codeIs` or `codeFails`.
fn get(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let name = args.get(1);
    let name = name.is_string().then(|| to_string(scope, name));
    let ask = v8::Local::<v8::Function>::try_from(args.get(2));
    let (Some(loader), Ok(ask)) = (loader(scope, &*context, &args), ask) else {
        return;
    };
    let source = asker(&*context, v8::Global::new(scope, ask));
    let loaded = loader.load(name, source);
    rv.set(native_object(scope, LoadedHandle(loaded)).into());
}

/// What waits for a worker's code.
type Waiting = oneshot::Sender<Result<Rc<WorkerCode>, Error>>;

/// The same as JavaScript holds it, by number.
struct AskedResource(RefCell<Option<Waiting>>);

fn asker(context: &dyn IoContext, ask: v8::Global<v8::Function>) -> CodeSource {
    let entrance = context.entrance();
    Rc::new(move || {
        let (sender, receiver) = oneshot::channel();
        let ask = ask.clone();
        entrance(Box::new(move |scope| {
            let Some(context) = current(scope) else {
                return;
            };
            let asked = AskedResource(RefCell::new(Some(sender)));
            let number = context.resources().insert(Rc::new(asked));
            let number = v8::Integer::new_from_unsigned(scope, number).into();
            let ask = v8::Local::new(scope, ask);
            let this = v8::undefined(scope).into();
            v8::tc_scope!(let scope, scope);
            // JavaScript answers for what fails; only termination comes out here.
            let _ = ask.call(scope, this, &[number]);
        }));
        let nobody = |_| Err(Error::internal(NOBODY_ASKED));
        async move { receiver.await.unwrap_or_else(nobody) }.boxed_local()
    })
}

fn answer(scope: &mut v8::PinScope, number: u32, result: Result<Rc<WorkerCode>, Error>) {
    let asked =
        current(scope).and_then(|context| context.resources().take::<AskedResource>(number));
    if let Some(waiting) = asked.and_then(|asked| asked.0.take()) {
        let _ = waiting.send(result);
    }
}

/// `codeIs(number, code)`: answers `ask`.
fn code_is(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(code) = native_arg::<CodeHandle>(scope, &args, 1) {
        answer(scope, number, Ok(code.0.clone()));
    }
}

/// `codeFails(number, class, message)`: the same with what was thrown instead.
fn code_fails(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let error = Error {
        class: string_arg(scope, &args, 1).as_str().into(),
        ..Error::new(Kind::Internal, string_arg(scope, &args, 2))
    };
    answer(scope, number, Err(error));
}

/// `entrypoint(worker, name | undefined, bytes | undefined, externals)`: a native service.
fn entrypoint<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let name = args.get(1);
    let name = name.is_string().then(|| to_string(scope, name));
    let props = props_arg(scope, &*context, args.get(2), args.get(3));
    if let Some(worker) = native_arg::<LoadedHandle>(scope, &args, 0) {
        let service = worker.0.entrypoint(name, props);
        rv.set(native_object(scope, ServiceHandle(service)).into());
    }
}
