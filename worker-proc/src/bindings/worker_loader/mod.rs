//! The binding of a worker loader.
//!
//! JavaScript checks what describes a worker's code; the ops make `glue::loader`'s types of it, for `dispatch`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

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
    Api, Arguments, Binding, FromJsArray, JsError, JsNumber, List, Maybe, Ops, OrThrow, Reference,
    ServiceHandle, Thrown, Value, native_object, op, with_bytes,
};
use crate::js;
use crate::service::{Class, Error, Kind, Limits, Outlet, Service};

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
    r.add_all(&[
        modules,
        compat_flags,
        max_env_bytes,
        code,
        is_wasm_module,
        load,
        get,
        code_is,
        code_fails,
        entrypoint,
    ]);
    r.share::<ModuleKind>();
    r.share::<Module>();
}

/// What is wrong with a worker's code.
#[derive(JsError)]
enum Refused {
    #[error(
        "Dynamic Worker code size ({bytes} bytes) exceeds the maximum allowed size of {MAX_CODE_BYTES} bytes."
    )]
    TooLarge { bytes: usize },
    /// As the table of flags says it.
    #[error("{0}")]
    Flags(String),
}

/// Modules that JavaScript holds, until they are a worker's.
struct Modules(Vec<(String, Source)>);

#[derive(Clone, Copy, PartialEq, Eq, JsNumber)]
enum ModuleKind {
    Es,
    CommonJs,
    Text,
    Data,
    Json,
    Wasm,
    /// Compiled.
    WasmModule,
}

/// A module as JavaScript describes it.
#[derive(FromJsArray)]
struct Module<'s> {
    name: String,
    kind: ModuleKind,
    content: v8::Local<'s, v8::Value>,
}

fn source(
    scope: &mut v8::PinScope,
    kind: ModuleKind,
    content: v8::Local<v8::Value>,
) -> Option<Source> {
    if let Ok(module) = v8::Local::<v8::WasmModuleObject>::try_from(content) {
        return Some(Source::Compiled(Compiled::of(module)));
    }
    // Copied: the worker that gives them may change them before they are used.
    let bytes = || with_bytes(content, Bytes::copy_from_slice);
    let mut text = || Text::from(to_string(scope, content));
    Some(match kind {
        ModuleKind::Data => Source::Data(bytes()),
        ModuleKind::Wasm => Source::Wasm(bytes()),
        ModuleKind::Es => Source::Es(text()),
        ModuleKind::CommonJs => Source::CommonJs {
            text: text(),
            named_exports: Vec::new(),
        },
        ModuleKind::Text => Source::Text(text()),
        ModuleKind::Json => Source::Json(text()),
        ModuleKind::WasmModule => return None,
    })
}

/// `modules(list)`: a native object with the modules of a list of [`Module`]s. Throws if they are too large.
#[op]
fn modules<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    list: List<Module<'s>>,
) -> Result<v8::Local<'s, v8::Object>, Thrown> {
    let mut modules = Vec::new();
    for module in list.0 {
        if let Some(source) = source(scope, module.kind, module.content) {
            modules.push((module.name, source));
        }
    }
    let bytes = modules.iter().map(|(_, source)| source.len()).sum();
    if bytes > MAX_CODE_BYTES {
        return Err(Thrown::throw(scope, Refused::TooLarge { bytes }));
    }
    Ok(native_object(scope, Modules(modules)))
}

/// `compat(date, flags, allowExperimental)`: a native object with the compatibility flags. Throws what is wrong with them.
#[op(compat)]
fn compat_flags<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    date: &str,
    names: Vec<String>,
    allow_experimental: bool,
) -> Result<v8::Local<'s, v8::Object>, Thrown> {
    let options = compat::Options {
        experimental: allow_experimental,
        ..compat::Options::default()
    };
    let flags = compat::compile_flags(Some(date), names.iter().map(String::as_str), &options);
    let first = |errors: Vec<_>| errors.first().map(ToString::to_string).unwrap_or_default();
    let flags = flags.map_err(|errors| Refused::Flags(first(errors)));
    let flags = flags.or_throw(scope)?;
    Ok(native_object(scope, flags))
}

/// `maxEnvBytes()`.
#[op]
fn max_env_bytes() -> u32 {
    MAX_ENV_BYTES
}

/// `isWasmModule(value)`.
#[op]
fn is_wasm_module(value: v8::Local<v8::Value>) -> bool {
    value.is_wasm_module_object()
}

/// What a worker is made of, as JavaScript holds it.
struct CodeHandle(Rc<WorkerCode>);

/// What an event may use; undefined is no bound.
#[derive(Arguments)]
struct LimitsArguments {
    cpu_ms: Option<u32>,
    subrequests: Option<u32>,
}

impl From<LimitsArguments> for Limits {
    fn from(given: LimitsArguments) -> Self {
        let cpu = given.cpu_ms;
        Self {
            cpu: cpu.map(|millis| Duration::from_millis(millis.into())),
            subrequests: given.subrequests,
        }
    }
}

/// The services of an array.
fn services(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    list: v8::Local<v8::Array>,
) -> Vec<Rc<dyn Service>> {
    let mut services = Vec::new();
    for index in 0..list.length() {
        let item = list.get_index(scope, index);
        services.extend(item.and_then(|item| fetch::service_of(scope, context, item)));
    }
    services
}

/// A worker's code, as JavaScript describes it. Services are given as `fetch` is.
#[derive(Arguments)]
struct Description<'s> {
    modules: Rc<Modules>,
    main: String,
    flags: Rc<compat::Flags>,
    /// Null for none.
    outbound: Option<v8::Local<'s, v8::Value>>,
    env: rpc::PropsArguments<'s>,
    tails: v8::Local<'s, v8::Array>,
    streaming_tails: v8::Local<'s, v8::Array>,
    limits: LimitsArguments,
}

/// `code(modules, main, compat, outbound | null, bytes | undefined, externals | undefined, tails, streamingTails,
/// cpuMs | undefined, subRequests | undefined)`: a native object with a worker's code.
#[op]
fn code<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    described: Description<'s>,
) -> v8::Local<'s, v8::Object> {
    let outbound = described.outbound;
    let code = WorkerCode {
        modules: described.modules.0.clone(),
        main: described.main,
        flags: *described.flags,
        env: described.env.read(scope, &*context),
        global_outbound: outbound
            .and_then(|outbound| fetch::service_of(scope, &*context, outbound)),
        tails: services(scope, &*context, described.tails),
        streaming_tails: services(scope, &*context, described.streaming_tails),
        limits: described.limits.into(),
    };
    native_object(scope, CodeHandle(Rc::new(code)))
}

/// A loaded worker, as JavaScript holds it.
struct LoadedHandle(Rc<dyn Loaded>);

/// The loader of a channel.
fn loader(context: &dyn IoContext, channel: u32) -> Option<Rc<dyn Loader>> {
    let loader = context.channels().loader(channel)?;
    let loader = loader.downcast::<LoaderHandle>().ok()?;
    Some(loader.0.clone())
}

/// `load(channel, code)`: a native object with a worker of that code.
#[op]
fn load<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: u32,
    code: Rc<CodeHandle>,
) -> Maybe<v8::Local<'s, v8::Object>> {
    let source: CodeSource = Rc::new(move || {
        let code = code.0.clone();
        async move { Ok(code) }.boxed_local()
    });
    let loaded = loader(&*context, channel).map(|loader| loader.load(None, source));
    Maybe(loaded.map(|loaded| native_object(scope, LoadedHandle(loaded))))
}

/// `get(channel, name | undefined, ask)`: a native object with the worker of that name. `ask(number)` is called in a turn of
/// its own if its code is needed, and answers by `codeIs` or `codeFails`.
#[op]
fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: u32,
    name: Option<String>,
    ask: v8::Local<'s, v8::Function>,
) -> Maybe<v8::Local<'s, v8::Object>> {
    let source = asker(&*context, v8::Global::new(scope, ask));
    let loaded = loader(&*context, channel).map(|loader| loader.load(name, source));
    Maybe(loaded.map(|loaded| native_object(scope, LoadedHandle(loaded))))
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

fn answer(context: Option<Rc<dyn IoContext>>, number: u32, result: Result<Rc<WorkerCode>, Error>) {
    let asked = context.and_then(|context| context.resources().take::<AskedResource>(number));
    if let Some(waiting) = asked.and_then(|asked| asked.0.take()) {
        let _ = waiting.send(result);
    }
}

/// `codeIs(number, code)`: answers `ask`.
#[op]
fn code_is(context: Option<Rc<dyn IoContext>>, number: u32, code: Rc<CodeHandle>) {
    answer(context, number, Ok(code.0.clone()));
}

/// `codeFails(number, class, message)`: the same with what was thrown instead.
#[op]
fn code_fails(context: Option<Rc<dyn IoContext>>, number: u32, class: Class, message: String) {
    let error = Error {
        class,
        ..Error::new(Kind::Internal, message)
    };
    answer(context, number, Err(error));
}

/// `entrypoint(worker, name | undefined, bytes | undefined, externals | undefined, cpuMs | undefined, subRequests | undefined)`:
/// a native service.
#[op]
fn entrypoint<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    worker: Rc<LoadedHandle>,
    name: Option<String>,
    props: rpc::PropsArguments<'s>,
    limits: LimitsArguments,
) -> v8::Local<'s, v8::Object> {
    let props = props.read(scope, &*context);
    let service = worker.0.entrypoint(name, props, limits.into());
    native_object(scope, ServiceHandle(service))
}
