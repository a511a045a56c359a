//! The planned services as a message.

use capnp::text_list;
use schema::workerd_capnp::{assets_service, config, service, service_designator, worker};

use super::modules::{Code, Module};
use super::plan::{
    AssetsPlan, Behind, Binding, Designator, Service, Source, WORKFLOW_BINDING, Worker,
};
use crate::config::text::Message;

/// Where the one socket listens, unless the command line says otherwise.
const ADDRESS: &str = "localhost:8787";

/// The class of the workflows' back-end that is an instance.
const ENGINE: &str = "Engine";

/// What a binding that wraps a service calls it.
const WRAPPED: &str = "fetcher";

/// Lists have 32-bit lengths. There is no room in memory for more.
fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

pub fn message(services: &[Service]) -> capnp::Result<Message> {
    let mut message = Message::new_default();
    let mut root = message.init_root::<config::Builder<'_>>();
    let mut list = root.reborrow().init_services(length(services));
    for (i, planned) in (0..).zip(services) {
        let mut service = list.reborrow().get(i);
        service.set_name(planned.name());
        match planned {
            Service::Worker(worker) => encode_worker(worker, service.init_worker())?,
            Service::Disk { path, .. } => encode_disk(path, service)?,
            Service::Assets(assets) => encode_assets(assets, service.init_assets())?,
        }
    }
    // What is asked for goes by the assets first.
    let front = match services.last() {
        Some(Service::Assets(assets)) => Some(assets.name.as_str()),
        _ => services.first().map(Service::name),
    };
    let mut socket = root.init_sockets(1).get(0);
    socket.set_name("http");
    socket.set_address(ADDRESS);
    socket.reborrow().init_http();
    socket.init_service().set_name(front.unwrap_or_default());
    Ok(message)
}

fn encode_disk(path: &std::path::Path, service: service::Builder<'_>) -> capnp::Result<()> {
    let mut disk = service.init_disk();
    disk.set_path(utf8(path)?);
    disk.set_writable(true);
    Ok(())
}

fn utf8(path: &std::path::Path) -> capnp::Result<&str> {
    let text = path.to_str();
    text.ok_or_else(|| capnp::Error::failed(format!("{}: not UTF-8", path.display())))
}

fn encode_assets(assets: &AssetsPlan, mut to: assets_service::Builder<'_>) -> capnp::Result<()> {
    to.set_path(utf8(&assets.path)?);
    to.set_config(assets.config.to_string());
    match &assets.behind {
        Behind::Worker(name) => to.init_user_worker().set_name(name),
        Behind::Nothing { date, flags } => {
            to.set_compatibility_date(date);
            encode_texts(flags, to.init_compatibility_flags(length(flags)));
        }
    }
    Ok(())
}

fn encode_texts(texts: &[String], mut to: text_list::Builder<'_>) {
    for (i, text) in (0..).zip(texts) {
        to.set(i, text);
    }
}

fn encode_worker(worker: &Worker, mut to: worker::Builder<'_>) -> capnp::Result<()> {
    match &worker.code {
        Source::Bundled(name) => {
            let mut module = to.reborrow().init_modules(1).get(0);
            module.set_name(name);
            module.set_bundled(format!("/workerd/{name}"));
        }
        Source::Modules(modules) => {
            let mut list = to.reborrow().init_modules(length(modules));
            for (i, module) in (0..).zip(modules) {
                encode_module(module, list.reborrow().get(i));
            }
        }
    }
    to.set_compatibility_date(&worker.date);
    let flags = to
        .reborrow()
        .init_compatibility_flags(length(&worker.flags));
    encode_texts(&worker.flags, flags);
    let mut bindings = to.reborrow().init_bindings(length(&worker.bindings));
    for (i, (name, binding)) in (0..).zip(&worker.bindings) {
        let mut to = bindings.reborrow().get(i);
        to.set_name(name);
        encode_binding(binding, to);
    }
    if !worker.classes.is_empty() {
        let classes = length(&worker.classes);
        let mut list = to.reborrow().init_durable_object_namespaces(classes);
        for (i, class) in (0..).zip(&worker.classes) {
            let mut namespace = list.reborrow().get(i);
            namespace.set_class_name(&class.name);
            namespace.set_unique_key(&class.key);
            namespace.set_enable_sql(class.has_sql);
        }
    }
    if let Some(disk) = &worker.disk {
        to.reborrow()
            .init_durable_object_storage()
            .set_local_disk(disk);
    }
    if let Some((service, workflows)) = &worker.workflows {
        let mut engine = to.init_workflows_engine();
        let mut class = engine.reborrow().init_actor_class();
        class.set_name(service);
        class.set_entrypoint(ENGINE);
        let mut list = engine.init_workflows(length(workflows));
        for (i, (class, name)) in (0..).zip(workflows) {
            let mut workflow = list.reborrow().get(i);
            workflow.set_class_name(class);
            workflow.set_name(name);
            let designator = Designator {
                service: service.clone(),
                entrypoint: Some(WORKFLOW_BINDING),
                props: Some(serde_json::json!({ "workflow": name })),
            };
            encode_designator(&designator, workflow.init_binding_service());
        }
    }
    Ok(())
}

fn encode_module(module: &Module, mut to: worker::module::Builder<'_>) {
    to.set_name(&module.name);
    match &module.code {
        Code::Es(text) => to.set_es_module(text),
        Code::CommonJs(text) => to.set_common_js_module(text),
        Code::Text(text) => to.set_text(text),
        Code::Data(bytes) => to.set_data(bytes),
        Code::Wasm(bytes) => to.set_wasm(bytes),
    }
}

fn encode_binding(binding: &Binding, mut to: worker::binding::Builder<'_>) {
    match binding {
        Binding::Text(text) => to.set_text(text),
        Binding::Json(value) => to.set_json(value.to_string()),
        Binding::Service(service) => encode_designator(service, to.init_service()),
        Binding::Kv(service) => encode_designator(service, to.init_kv_namespace()),
        Binding::Queue(service) => encode_designator(service, to.init_queue()),
        Binding::Namespace(class, service) => {
            let mut namespace = to.init_durable_object_namespace();
            namespace.set_class_name(class);
            if let Some(service) = service {
                namespace.set_service_name(service);
            }
        }
        Binding::Wrapped(module, service) => {
            let mut wrapped = to.init_wrapped();
            wrapped.set_module_name(*module);
            let mut inner = wrapped.init_inner_bindings(1).get(0);
            inner.set_name(WRAPPED);
            encode_designator(service, inner.init_service());
        }
    }
}

fn encode_designator(designator: &Designator, mut to: service_designator::Builder<'_>) {
    to.set_name(&designator.service);
    if let Some(entrypoint) = designator.entrypoint {
        to.set_entrypoint(entrypoint);
    }
    if let Some(props) = &designator.props {
        to.init_props().set_json(props.to_string());
    }
}
