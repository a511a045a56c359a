//! The encoded config as plain descriptions. Cap'n Proto readers end here.
//!
//! The supervisor has checked the config; what is wrong here all the same is an error, never a panic.

use ipc::metrics;
use schema::compat;
use schema::workerd_capnp as schema_capnp;

use super::bindings::{self, AllNamespaces, Unread};
use super::fields::{optional, read_designator, text};
use super::files::{read_assets, read_disk};
use super::workflows;
use crate::actors::{HistoryLimits, NamespaceSpec, StoreSpec};
use crate::bundled;
use crate::dispatch::spec::{Code, ExtensionModule, WorkerSpec};
use crate::dispatch::{Directory, Router};
use crate::http::{HttpOptions, server::Endpoint};
use crate::interop;
use crate::isolate::modules::{Fallback, Source};
use crate::log;
use crate::net::{
    ExternalSpec, FallbackService, FrontDoor, Inside, NetworkSpec, Plain, Protocol, Secret,
    TcpEndpoint, TlsServer, TlsSpec, UdpEndpoint,
};
use crate::service::{Designator, Limits, Outlet};
use bytes::Bytes;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Words a config message may hold: 8 GiB, far above what fits in memory usefully.
const MAX_MESSAGE_WORDS: usize = 1 << 30;

/// Struct and list nesting that a message may have.
const MAX_NESTING: i32 = 64;

/// Everything that the config says, in our types.
pub struct Config {
    pub workers: Vec<WorkerSpec>,
    pub plain: Vec<(String, Plain)>,
    pub sockets: Vec<SocketSpec>,
    pub v8_flags: Vec<String>,
    pub log: log::Settings,
    /// The workers that are to be woken when they begin to serve.
    pub schedulers: Vec<Designator>,
}

/// One socket: how it speaks and who answers.
pub struct SocketSpec {
    pub index: usize,
    pub name: &'static str,
    /// `loopback:name` is a socket for other services of a test.
    pub address: &'static str,
    pub protocol: Spoken,
    pub tls: Option<TlsServer>,
    /// The service says when TLS begins.
    pub starts_tls: bool,
    pub service: Designator,
}

/// What is spoken on a socket.
pub enum Spoken {
    Http(HttpOptions),
    Tcp,
    /// Datagrams: for how long a flow is without one, and the bytes of it that may wait.
    Udp(Duration, usize),
}

impl SocketSpec {
    /// What its connections come to, if there is a service of that name.
    pub fn entrance(self, router: &Rc<Router>) -> Option<(usize, Rc<FrontDoor>)> {
        let service = router.find(&self.service)?;
        let metrics = metrics::page().socket(self.name, &self.service.service);
        let inside = match self.protocol {
            Spoken::Http(options) => Inside::Http(Rc::new(Endpoint {
                service: match &options.capnp_connect_host {
                    Some(host) => interop::host::behind(host.clone(), service),
                    None => service,
                },
                options,
                scheme: if self.tls.is_some() { "https" } else { "http" },
                metrics,
            })),
            Spoken::Tcp => Inside::Tcp(Rc::new(TcpEndpoint {
                service,
                address: self.address.to_owned(),
            })),
            Spoken::Udp(idle_timeout, max_pending_bytes) => Inside::Udp(Rc::new(UdpEndpoint {
                service,
                address: self.address.to_owned(),
                idle_timeout,
                max_pending_bytes,
            })),
        };
        if let Some(name) = self.address.strip_prefix("loopback:") {
            crate::net::loopback::register(name, inside.clone());
        }
        let door = FrontDoor {
            inside,
            tls: self.tls,
            metrics,
            starts_tls: self.starts_tls,
        };
        Some((self.index, Rc::new(door)))
    }
}

pub(super) type Errors = Vec<String>;

/// Reads the whole config. The bytes live as long as the process: scripts are used in place. `secret` is for TLS sessions.
pub fn read(
    bytes: ipc::ConfigBytes,
    options: &ipc::Options,
    secret: Secret,
) -> Result<Config, Errors> {
    let bytes: &'static [u8] = Box::leak(Box::new(bytes));
    let reader_options = capnp::message::ReaderOptions {
        traversal_limit_in_words: Some(MAX_MESSAGE_WORDS),
        nesting_limit: MAX_NESTING,
    };
    let broken = |error: capnp::Error| vec![format!("The config message is malformed: {error}")];
    let segments =
        capnp::serialize::read_message_from_flat_slice_no_alloc(&mut &*bytes, reader_options)
            .map_err(broken)?;
    let message: &'static _ = Box::leak(Box::new(segments));
    let root = message
        .get_root::<schema_capnp::config::Reader<'static>>()
        .map_err(broken)?;
    let mut config = Config {
        workers: Vec::new(),
        plain: Vec::new(),
        sockets: Vec::new(),
        v8_flags: Vec::new(),
        schedulers: Vec::new(),
        log: read_logging(root, options).map_err(broken)?,
    };
    let mut errors = Vec::new();
    if let Err(error) = fill(root, options, secret, &mut config, &mut errors) {
        errors.extend(broken(error));
    }
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(errors)
    }
}

/// How the log is to be.
fn read_logging(
    root: schema_capnp::config::Reader<'static>,
    options: &ipc::Options,
) -> Result<log::Settings, capnp::Error> {
    let logging = root.get_logging()?;
    let prefix = |is_given, given, default: &str| match is_given {
        true => text(given?).map(str::to_owned),
        false => Ok(default.to_owned()),
    };
    let (stdout, stderr) = (logging.get_stdout_prefix(), logging.get_stderr_prefix());
    Ok(log::Settings {
        structured: schema::is_structured_logging(root)?,
        verbose: options.verbose,
        prefixes: [
            prefix(logging.has_stdout_prefix(), stdout, "stdout:")?,
            prefix(logging.has_stderr_prefix(), stderr, "stderr:")?,
        ],
    })
}

fn fill(
    root: schema_capnp::config::Reader<'static>,
    options: &ipc::Options,
    secret: Secret,
    config: &mut Config,
    errors: &mut Errors,
) -> Result<(), capnp::Error> {
    for flag in root.get_v8_flags()? {
        config.v8_flags.push(text(flag?)?.to_owned());
    }
    let extensions = Rc::new(read_extensions(root)?);
    let disks = all_disks(root)?;
    let maps = Maps {
        namespaces: all_namespaces(root)?,
        stores: all_stores(root, &disks, options.pitr_days)?,
    };
    let mut has_internet = false;
    for service in root.get_services()? {
        use schema_capnp::service::Which;
        let name = text(service.get_name()?)?.to_owned();
        has_internet |= name == "internet";
        match service.which()? {
            Which::Unspecified(()) => {
                errors.push(format!("service {name}: nothing was specified for it."))
            }
            Which::Worker(worker) => {
                let worker = worker?;
                if is_scheduler(worker)? {
                    config.schedulers.push(Designator {
                        service: name.clone(),
                        ..Designator::default()
                    });
                }
                if let Some(spec) = read_worker(name, worker, options, &extensions, &maps, errors)?
                {
                    config.workers.push(spec);
                }
            }
            Which::Network(network) => {
                let network = Plain::Network(read_network(network?)?);
                config.plain.push((name, network));
            }
            Which::External(external) => match read_external(external?)? {
                Ok(spec) => config.plain.push((name, Plain::External(spec))),
                Err(error) => errors.push(format!("service {name}: {error}")),
            },
            Which::Disk(disk) => config.plain.push((name, Plain::Disk(read_disk(disk?)?))),
            Which::Assets(assets) => match read_assets(root, assets?, options)? {
                Ok(assets) => config.plain.push((name, assets)),
                Err(found) => {
                    let found = found.into_iter();
                    errors.extend(found.map(|error| format!("service {name}: {error}")));
                }
            },
            Which::Bucket(_) => config.plain.push((name, Plain::Later("bucket"))),
        }
    }
    if !has_internet {
        config
            .plain
            .push(("internet".to_owned(), Plain::Network(public())));
    }
    for (index, socket) in root.get_sockets()?.iter().enumerate() {
        match read_socket(index, socket, secret)? {
            Ok(socket) => config.sockets.push(socket),
            Err(error) => errors.push(error),
        }
    }
    Ok(())
}

fn read_extensions(
    root: schema_capnp::config::Reader<'static>,
) -> Result<Vec<ExtensionModule>, capnp::Error> {
    let mut extensions = Vec::new();
    for extension in root.get_extensions()? {
        for module in extension.get_modules()? {
            extensions.push(ExtensionModule {
                name: text(module.get_name()?)?,
                internal: module.get_internal(),
                code: text(module.get_es_module()?)?,
            });
        }
    }
    Ok(extensions)
}

fn read_network(
    network: schema_capnp::network::Reader<'static>,
) -> Result<NetworkSpec, capnp::Error> {
    let mut spec = NetworkSpec::default();
    for allowed in network.get_allow()? {
        spec.allow.push(text(allowed?)?.to_owned());
    }
    for denied in network.get_deny()? {
        spec.deny.push(text(denied?)?.to_owned());
    }
    if network.has_tls_options() {
        spec.tls = Some(read_tls(network.get_tls_options()?)?);
    }
    Ok(spec)
}

/// The service `internet` of a config that has none.
fn public() -> NetworkSpec {
    NetworkSpec {
        allow: vec!["public".to_owned()],
        deny: Vec::new(),
        tls: Some(TlsSpec {
            trust_browser_cas: true,
            ..TlsSpec::default()
        }),
    }
}

/// The socket of that index, or what is wrong with it.
fn read_socket(
    index: usize,
    socket: schema_capnp::socket::Reader<'static>,
    secret: Secret,
) -> Result<Result<SocketSpec, String>, capnp::Error> {
    use schema_capnp::socket::Which;
    let name = optional(socket.get_name()).unwrap_or_default();
    let mut starts_tls = false;
    let (http, tls) = match socket.which()? {
        Which::Http(http) => (Some(http?), None),
        Which::Https(https) => (Some(https.get_options()?), Some(https.get_tls_options()?)),
        Which::Tcp(tcp) => {
            starts_tls = tcp.get_tls_mode()? == schema_capnp::socket::TcpTlsMode::StartTls;
            let has_tls = tcp.has_tls_options();
            (None, has_tls.then(|| tcp.get_tls_options()).transpose()?)
        }
        Which::Udp(_) => (None, None),
    };
    let tls = match tls {
        Some(tls) => TlsServer::new(&read_tls(tls)?, secret).map(Some),
        None => Ok(None),
    };
    let tls = match tls {
        Ok(tls) => tls,
        Err(error) => return Ok(Err(format!("Socket \"{name}\": {error}"))),
    };
    let protocol = match (http, socket.which()?) {
        (Some(http), _) => read_http(http)?.map(Spoken::Http),
        (None, Which::Udp(udp)) => {
            let idle_timeout = Duration::from_millis(udp.get_idle_timeout_ms().into());
            Ok(Spoken::Udp(
                idle_timeout,
                udp.get_max_pending_bytes() as usize,
            ))
        }
        (None, _) => Ok(Spoken::Tcp),
    };
    let service = read_designator(socket.get_service()?)?;
    let address = optional(socket.get_address()).unwrap_or_default();
    let spec = protocol.map(|protocol| SocketSpec {
        index,
        name,
        address,
        protocol,
        tls,
        starts_tls,
        service,
    });
    Ok(spec.map_err(|error| format!("socket {name}: {error}")))
}

fn read_designators(
    list: capnp::struct_list::Reader<'static, schema_capnp::service_designator::Owned>,
) -> Result<Vec<Designator>, capnp::Error> {
    list.iter().map(read_designator).collect()
}

fn read_http(
    http: schema_capnp::http_options::Reader<'static>,
) -> Result<Result<HttpOptions, String>, capnp::Error> {
    use crate::http::Injected;
    let mut options = HttpOptions {
        capnp_connect_host: optional(http.get_capnp_connect_host()).map(str::to_owned),
        proxy: http.get_style()? == schema_capnp::http_options::Style::Proxy,
        ..HttpOptions::default()
    };
    for (given, slot) in [
        (
            optional(http.get_forwarded_proto_header()),
            &mut options.forwarded_proto,
        ),
        (optional(http.get_cf_blob_header()), &mut options.cf_blob),
    ] {
        if let Some(name) = given {
            match HttpOptions::header_name(name) {
                Ok(name) => *slot = Some(name),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
    for (list, into) in [
        (
            http.get_inject_request_headers()?,
            &mut options.inject_request,
        ),
        (
            http.get_inject_response_headers()?,
            &mut options.inject_response,
        ),
    ] {
        for header in list {
            let name = HttpOptions::header_name(text(header.get_name()?)?);
            let value = match header.has_value() {
                true => Some(HttpOptions::header_value(text(header.get_value()?)?)).transpose(),
                false => Ok(None),
            };
            match (name, value) {
                (Ok(name), Ok(value)) => into.push(Injected { name, value }),
                (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
            }
        }
    }
    Ok(Ok(options))
}

fn read_tls(tls: schema_capnp::tls_options::Reader<'static>) -> Result<TlsSpec, capnp::Error> {
    use crate::net::{Keypair, Oldest};
    use schema_capnp::tls_options::Version;
    let keypair = match tls.has_keypair() {
        true => {
            let keypair = tls.get_keypair()?;
            Some(Keypair {
                private_key: text(keypair.get_private_key()?)?,
                certificate_chain: text(keypair.get_certificate_chain()?)?,
            })
        }
        false => None,
    };
    let mut trusted = Vec::new();
    for certificate in tls.get_trusted_certificates()? {
        trusted.push(text(certificate?)?);
    }
    Ok(TlsSpec {
        keypair,
        require_client_certs: tls.get_require_client_certs(),
        trust_browser_cas: tls.get_trust_browser_cas(),
        trusted,
        oldest: match tls.get_min_version()? {
            Version::Ssl3 | Version::Tls1Dot0 | Version::Tls1Dot1 => Oldest::Older,
            Version::GoodDefault | Version::Tls1Dot2 => Oldest::Tls1_2,
            Version::Tls1Dot3 => Oldest::Tls1_3,
        },
        ciphers: optional(tls.get_cipher_list()),
    })
}

fn read_external(
    external: schema_capnp::external_server::Reader<'static>,
) -> Result<Result<ExternalSpec, String>, capnp::Error> {
    use schema_capnp::external_server::Which;
    let address = text(external.get_address()?)?.to_owned();
    let host = |given: capnp::Result<capnp::text::Reader<'static>>| {
        let given = optional(given).map(str::to_owned);
        given.unwrap_or_else(|| host_of(&address).to_owned())
    };
    let (http, tls) = match external.which()? {
        Which::Http(http) => (Some(http?), None),
        Which::Https(https) => {
            let tls = read_tls(https.get_tls_options()?)?;
            let host = host(https.get_certificate_host());
            (Some(https.get_options()?), Some((host, tls)))
        }
        Which::Tcp(tcp) if tcp.has_tls_options() => {
            let tls = read_tls(tcp.get_tls_options()?)?;
            (None, Some((host(tcp.get_certificate_host()), tls)))
        }
        Which::Tcp(_) => (None, None),
    };
    let protocol = match http {
        Some(http) => read_http(http)?.map(Protocol::Http),
        None => Ok(Protocol::Tcp),
    };
    Ok(protocol.map(|protocol| ExternalSpec {
        address,
        protocol,
        tls,
    }))
}

fn host_of(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    }
}

fn read_worker(
    name: String,
    worker: schema_capnp::worker::Reader<'static>,
    options: &ipc::Options,
    extensions: &Rc<Vec<ExtensionModule>>,
    maps: &Maps,
    errors: &mut Errors,
) -> Result<Option<WorkerSpec>, capnp::Error> {
    let before = errors.len();
    let Some((code, flags)) = read_flagged_code(&name, worker, options, errors)? else {
        return Ok(None);
    };
    let mut properties = Vec::new();
    for binding in worker.get_bindings()? {
        match bindings::read(binding, &name, &maps.namespaces) {
            Ok(property) => properties.push(property),
            Err(Unread::Wrong(error)) => errors.push(format!("service {name}: {error}")),
            Err(Unread::Malformed(error)) => return Err(error),
        }
    }
    let cache_outbound = match worker.has_cache_api_outbound() {
        true => Some(read_designator(worker.get_cache_api_outbound()?)?),
        false => None,
    };
    let global_outbound = Outlet::Named(read_designator(worker.get_global_outbound()?)?);
    let named = |all: Vec<_>| all.into_iter().map(Outlet::Named).collect();
    let tails = named(read_designators(worker.get_tails()?)?);
    let streaming_tails = named(read_designators(worker.get_streaming_tails()?)?);
    let fallback = match read_fallback(worker) {
        Ok(fallback) => fallback,
        Err(error) => {
            errors.push(format!("service {name}: moduleFallback: {error}"));
            None
        }
    };
    let access = workflows::read_access(worker)?.unwrap_or_else(|error| {
        errors.push(format!("service {name}: {error}"));
        None
    });
    let namespaces = read_namespaces(worker)?;
    let workflows = workflows::read_workflows(worker, &maps.stores)?;
    let storage = maps.stores.get(name.as_str()).cloned();
    let storage = storage.unwrap_or(StoreSpec::None);
    let spec = WorkerSpec {
        name,
        code,
        flags,
        properties,
        extensions: extensions.clone(),
        fallback,
        global_outbound,
        cache_outbound,
        slot: None,
        given: None,
        limits: Limits::default(),
        namespaces,
        storage,
        tails,
        streaming_tails,
        access,
        workflows,
    };
    Ok((errors.len() == before).then_some(spec))
}

/// The code of a worker, and its flags, which say how it is read.
fn read_flagged_code(
    name: &str,
    worker: schema_capnp::worker::Reader<'static>,
    options: &ipc::Options,
    errors: &mut Errors,
) -> Result<Option<(Code, compat::Flags)>, capnp::Error> {
    let Some(code) = read_code(name, worker, errors)? else {
        return Ok(None);
    };
    let date = optional(worker.get_compatibility_date());
    let flags = match read_flags(date, worker.get_compatibility_flags()?, options)? {
        Ok(flags) => flags,
        Err(found) => {
            let found = found.into_iter();
            errors.extend(found.map(|error| format!("service {name}: {error}")));
            return Ok(None);
        }
    };
    let code = match code {
        Code::Modules(modules) if flags.get(compat::field::TYPESCRIPT_STRIP_TYPES) => {
            Code::Modules(strip_types(name, modules, errors))
        }
        code => code,
    };
    Ok(Some((code, flags)))
}

/// Who is asked for modules that the worker lacks.
fn read_fallback(
    worker: schema_capnp::worker::Reader<'static>,
) -> Result<Option<Rc<dyn Fallback>>, String> {
    let Some(address) = optional(worker.get_module_fallback()) else {
        return Ok(None);
    };
    Ok(Some(Rc::new(FallbackService::new(address)?)))
}

/// The code of a worker as it is written; none of one that has no code of its own.
fn read_code(
    name: &str,
    worker: schema_capnp::worker::Reader<'static>,
    errors: &mut Errors,
) -> Result<Option<Code>, capnp::Error> {
    use schema_capnp::worker::Which;
    Ok(match worker.which()? {
        Which::Modules(modules) => {
            let (mut all, mut parts) = (Vec::new(), Vec::new());
            for module in modules? {
                match read_module(module, &mut parts)? {
                    Ok(module) => all.push(module),
                    Err(error) => errors.push(format!("service {name}: {error}")),
                }
            }
            all.extend(parts);
            Some(Code::Modules(all))
        }
        Which::ServiceWorkerScript(script) => Some(Code::Script(text(script?)?)),
        Which::Inherit(_) => {
            errors.push(format!("service {name}: \"inherit\" is not supported."));
            None
        }
    })
}

/// Whether the program's own scheduler is among the modules of a worker.
fn is_scheduler(worker: schema_capnp::worker::Reader<'static>) -> Result<bool, capnp::Error> {
    let schema_capnp::worker::Which::Modules(modules) = worker.which()? else {
        return Ok(false);
    };
    for module in modules? {
        if let schema_capnp::worker::module::Which::Bundled(path) = module.which()?
            && text(path?)? == bundled::SCHEDULER
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The flags of a worker, or what is wrong with them.
pub(super) fn read_flags(
    date: Option<&str>,
    flags: capnp::text_list::Reader<'static>,
    options: &ipc::Options,
) -> Result<Result<compat::Flags, Vec<String>>, capnp::Error> {
    let mut names = Vec::new();
    for flag in flags {
        names.push(text(flag?)?);
    }
    let options = compat::Options {
        experimental: options.experimental,
        date_override: options.compat_date.as_deref(),
        ..compat::Options::default()
    };
    Ok(compat::compile_flags(date, names, &options))
}

/// What workers refer to elsewhere in the config.
struct Maps {
    namespaces: AllNamespaces,
    stores: workflows::Stores,
}

fn all_namespaces(
    root: schema_capnp::config::Reader<'static>,
) -> Result<AllNamespaces, capnp::Error> {
    use schema_capnp::service::Which;
    let mut all = AllNamespaces::new();
    for service in root.get_services()? {
        let Which::Worker(worker) = service.which()? else {
            continue;
        };
        let name = text(service.get_name()?)?;
        let worker = worker?;
        for namespace in read_namespaces(worker)? {
            let value = (namespace.key(name), namespace.unique_key.is_none());
            all.insert((name.to_owned(), namespace.class_name), value);
        }
        for workflow in worker.get_workflows_engine()?.get_workflows()? {
            let namespace = schema::workflow_namespace(text(workflow.get_name()?)?);
            all.insert((name.to_owned(), namespace.clone()), (namespace, false));
        }
    }
    Ok(all)
}

fn read_namespaces(
    worker: schema_capnp::worker::Reader<'static>,
) -> Result<Vec<NamespaceSpec>, capnp::Error> {
    use schema_capnp::worker::durable_object_namespace::Which;
    let mut namespaces = Vec::new();
    for namespace in worker.get_durable_object_namespaces()? {
        namespaces.push(NamespaceSpec {
            class_name: text(namespace.get_class_name()?)?.to_owned(),
            unique_key: match namespace.which()? {
                Which::UniqueKey(key) => Some(text(key?)?.to_owned()),
                Which::EphemeralLocal(()) => None,
            },
            prevent_eviction: namespace.get_prevent_eviction(),
            enable_sql: namespace.get_enable_sql(),
        });
    }
    Ok(namespaces)
}

/// Paths of the disk services, by name.
fn all_disks(
    root: schema_capnp::config::Reader<'static>,
) -> Result<HashMap<&'static str, &'static str>, capnp::Error> {
    use schema_capnp::service::Which;
    let mut all = HashMap::new();
    for service in root.get_services()? {
        if let Which::Disk(disk) = service.which()? {
            all.insert(text(service.get_name()?)?, text(disk?.get_path()?)?);
        }
    }
    Ok(all)
}

fn read_storage(
    worker: schema_capnp::worker::Reader<'static>,
    disks: &HashMap<&'static str, &'static str>,
    pitr_days: u32,
) -> Result<StoreSpec, capnp::Error> {
    use schema_capnp::worker::durable_object_storage::Which;
    Ok(match worker.get_durable_object_storage().which()? {
        Which::None(()) => StoreSpec::None,
        Which::InMemory(()) => StoreSpec::InMemory,
        Which::LocalDisk(service) => match disks.get(text(service?)?) {
            Some(path) => StoreSpec::Disk {
                folder: path.into(),
                history: (pitr_days > 0).then(|| HistoryLimits {
                    days: pitr_days,
                    ..HistoryLimits::default()
                }),
            },
            None => StoreSpec::None,
        },
    })
}

/// Where each worker keeps its objects.
fn all_stores(
    root: schema_capnp::config::Reader<'static>,
    disks: &HashMap<&'static str, &'static str>,
    pitr_days: u32,
) -> Result<workflows::Stores, capnp::Error> {
    let mut stores = workflows::Stores::new();
    for service in root.get_services()? {
        if let schema_capnp::service::Which::Worker(worker) = service.which()? {
            let store = read_storage(worker?, disks, pitr_days)?;
            stores.insert(text(service.get_name()?)?, store);
        }
    }
    Ok(stores)
}

/// The modules without their types. What cannot be stripped is an error, and left out.
fn strip_types(
    worker: &str,
    modules: Vec<(String, Source)>,
    errors: &mut Errors,
) -> Vec<(String, Source)> {
    let stripped = modules.into_iter().filter_map(|(name, source)| {
        let Source::Es(code) = source else {
            return Some((name, source));
        };
        match super::typescript::strip(&name, &code) {
            Ok(code) => Some((name, Source::Es(code.into()))),
            Err(error) => {
                errors.push(format!("service {worker}: {error}"));
                None
            }
        }
    });
    stripped.collect()
}

/// Says of a module that it is of a kind that is still missing.
fn later(module: &str, kind: &str) -> String {
    format!("module \"{module}\": {kind} is not supported yet.")
}

/// One module; what it imports of the program's own is added to `parts`.
fn read_module(
    module: schema_capnp::worker::module::Reader<'static>,
    parts: &mut Vec<(String, Source)>,
) -> Result<Result<(String, Source), String>, capnp::Error> {
    use schema_capnp::worker::module::Which;
    let name = text(module.get_name()?)?.to_owned();
    let source = match module.which()? {
        Which::EsModule(code) => Source::Es(text(code?)?.into()),
        Which::CommonJsModule(code) => {
            let mut named_exports = Vec::new();
            for export in module.get_named_exports()? {
                named_exports.push(text(export?)?.to_owned());
            }
            Source::CommonJs {
                text: text(code?)?.into(),
                named_exports,
            }
        }
        Which::Text(content) => Source::Text(text(content?)?.into()),
        Which::Data(content) => Source::Data(Bytes::from_static(content?)),
        Which::Wasm(content) => Source::Wasm(Bytes::from_static(content?)),
        Which::Json(content) => Source::Json(text(content?)?.into()),
        Which::PythonModule(_) => return Ok(Err(later(&name, "pythonModule"))),
        Which::Bundled(path) => {
            let path = text(path?)?;
            match bundled::code(path) {
                Some((code, imported)) => {
                    let imported = imported.iter();
                    parts.extend(
                        imported
                            .map(|(name, code)| ((*name).to_owned(), Source::Es((*code).into()))),
                    );
                    Source::Es(code.into())
                }
                None => return Ok(Err(format!("No bundled module named \"{path}\"."))),
            }
        }
        Which::Obsolete(_) | Which::ObsoletePythonRequirement(_) => {
            return Ok(Err(format!(
                "module \"{name}\": this kind of module is not in use anymore."
            )));
        }
    };
    Ok(Ok((name, source)))
}
