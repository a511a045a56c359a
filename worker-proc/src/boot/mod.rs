//! Joins everything: reads the config, starts the workers, opens the doors, and talks to the supervisor.
//!
//! The one place that sees all parts. The supervisor calls [`serve`] and [`test()`]; its build script [`build_snapshot`].

mod bindings;
mod config;
mod control;
mod fields;
mod files;
mod gauges;
mod nesting;
pub mod objects;
mod routes;
mod sandbox;
mod schedulers;
mod test_command;
mod typescript;
mod workflows;

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ipc::Start;

use crate::dispatch::spec::WorkerSpec;
use crate::dispatch::{Directory, Router};
use crate::glue::Api;
use crate::peer::{PeerLinks, ProcessPlace};
use crate::storage::FolderLock;
use crate::{api, http, isolate, log, net};

use schedulers::Schedulers;
pub use test_command::test;

/// The exit code of a process that could not start because of its config or its code.
pub const EXIT_START_FAILED: u8 = ipc::handshake::EXIT_START_FAILED;

/// Evaluates the internal JavaScript and returns V8's start-up snapshot.
///
/// # Errors
/// The exception, if internal JavaScript throws.
pub fn build_snapshot() -> Result<Vec<u8>, String> {
    isolate::setup(apis(), &[])?;
    isolate::snapshot::create()
}

/// Everything that internal JavaScript is made of.
pub(crate) fn apis() -> Vec<&'static Api> {
    let bindings = crate::bindings::ALL.iter().map(|binding| &binding.api);
    api::ALL.iter().chain(bindings).collect()
}

/// Takes a folder that objects are kept in for this server, for as long as the descriptor is open.
///
/// # Errors
/// Which other server has it, or what is wrong with the folder.
pub fn lock_folder(folder: &Path) -> Result<OwnedFd, String> {
    let lock = FolderLock::acquire(folder);
    lock.map(OwnedFd::from)
        .map_err(|error| error.message().to_owned())
}

/// Has the calling thread give up what a runtime process gives up whose config names no folder. Each part by its name, with what
/// is in force, or why nothing is.
pub fn sandbox() -> Vec<sandbox::Part> {
    sandbox::enter(&sandbox::Folders::default())
}

/// Everything that runs, ready to serve.
struct Runtime {
    router: Rc<Router>,
    links: Rc<PeerLinks>,
    sockets: Vec<config::SocketSpec>,
    workers: Vec<String>,
    schedulers: Schedulers,
}

/// Freed memory that the allocator keeps for the next buffers: the kernel would have to zero what it gives again.
const KEPT_BYTES: libc::c_int = 64 << 20;

/// Larger blocks go back at once; glibc's own bound, which it would come to by itself.
const MAPPED_BYTES: libc::c_int = 32 << 20;

/// Has the allocator keep freed memory.
#[allow(unsafe_code)]
fn keep_freed_memory() {
    // SAFETY: these set numbers of the allocator, which checks them.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
    }
}

/// Reads the config and runs every worker's code. All errors at once.
fn start_runtime(
    config: ipc::ConfigBytes,
    locks: Option<OwnedFd>,
    options: &ipc::Options,
    snapshot: &'static [u8],
) -> Result<Runtime, Vec<String>> {
    keep_freed_memory();
    tokio::task::spawn_local(isolate::attend());
    if isolate::inspector::is_open() {
        tokio::task::spawn_local(isolate::inspector::attend());
    }
    let secret = net::Secret::of(locks.as_ref().map(AsFd::as_fd));
    let read = config::read(config, options, secret)?;
    if options.sandbox {
        sandbox::enter(&sandbox::Folders::of(&read));
    }
    log::set(read.log);
    if options.limit_heap_mb > 0 {
        isolate::limits::set_heap((options.limit_heap_mb as usize) << 20);
    }
    isolate::setup(apis(), &read.v8_flags).map_err(|error| vec![error])?;
    if options.limit_cpu_ms > 0 {
        isolate::limits::set_cpu(Duration::from_millis(options.limit_cpu_ms.into()));
    }
    isolate::snapshot::install(snapshot).map_err(|error| vec![error])?;
    let router = Rc::new(Router::default());
    router.dial_with(net::debug_port);
    let links = PeerLinks::new(ProcessPlace {
        slot: options.process,
        slots: options.processes,
        generation: options.generation,
    });
    if let Some(locks) = locks {
        router.host().set_locks(locks);
    }
    routes::connect(router.host(), &links);
    routes::name_services(&router, &links);
    let mut errors = Vec::new();
    for (name, plain) in read.plain {
        if let Err(error) = build_plain(&router, &name, plain, options.process) {
            errors.push(format!("service {name}: {error}"));
        }
    }
    let mut workers = Vec::new();
    for spec in read.workers {
        workers.push(spec.name.clone());
        if let Err(found) = start_worker(&router, spec) {
            errors.extend(found);
        }
    }
    if errors.is_empty() {
        router.open_workflows()?;
        let schedulers = read
            .schedulers
            .iter()
            .filter_map(|named| router.find(named));
        Ok(Runtime {
            schedulers: Schedulers::new(schedulers.collect()),
            router,
            links,
            sockets: read.sockets,
            workers,
        })
    } else {
        Err(errors)
    }
}

/// Makes a service that is no worker. What is wrong with it and not fatal every process has to tell, and the first one does.
fn build_plain(
    router: &Rc<Router>,
    name: &str,
    plain: net::Plain,
    process: u32,
) -> Result<(), String> {
    let directory: Rc<dyn Directory> = router.clone();
    let built = net::build(name, plain, &directory)?;
    router.add(name, None, built.service);
    if let Some((entrypoint, service)) = built.entrypoint {
        router.add(name, Some(entrypoint), service);
    }
    if process == 0 {
        let warnings = built.warnings.iter();
        warnings.for_each(|warning| log::warn(format_args!("service {name}: {warning}")));
    }
    Ok(())
}

fn start_worker(router: &Rc<Router>, spec: WorkerSpec) -> Result<(), Vec<String>> {
    router.start(spec).map(|_| ())
}

/// Serves until told to stop; the exit code of the process.
pub fn serve(mut start: Start, snapshot: &'static [u8]) -> u8 {
    if let Some(Err(error)) = start.metrics.take().map(ipc::metrics::install) {
        log::error(format_args!("what is counted nobody sees: {error}"));
    }
    // One thread; V8's background threads are its own.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log::error(format_args!("the event loop cannot start: {error}"));
            return 1;
        }
    };
    runtime.block_on(async move {
        if let Some(Err(error)) = start.inspector.map(open_inspector) {
            log::error(format_args!("the inspector cannot be used: {error}"));
        }
        let built = start_runtime(start.config, start.locks, &start.options, snapshot);
        let control = start.control.map(Arc::new);
        if let Some(control) = &control {
            // The channel is not to outlive the process's own end of it.
            let supervisor = Arc::downgrade(control);
            isolate::stall::attend(isolate::stack, move || {
                let supervisor = supervisor.upgrade();
                let _ = supervisor.map(|supervisor| supervisor.try_send(&ipc::ToSupervisor::Pong));
            });
        }
        let control = match control.map(control::SupervisorLink::new).transpose() {
            Ok(control) => control,
            Err(error) => {
                log::error(format_args!("the control channel cannot be used: {error}"));
                return 1;
            }
        };
        let built = match built {
            Ok(built) => built,
            Err(errors) => {
                match &control {
                    Some(control) => control.failed(errors).await,
                    None => log::fail(&errors),
                }
                return EXIT_START_FAILED;
            }
        };
        let server = http::Server::new(limits(&start.options.limits));
        routes::take_connections(&built.links, &server);
        let doors = doors(start.listeners, built.sockets, &built.router, &server);
        control::run(
            control,
            doors,
            server,
            built.router.host().clone(),
            built.links,
            built.schedulers,
            start.options.drain_timeout,
        )
        .await
    })
}

fn open_inspector(end: ipc::InspectorEnd) -> std::io::Result<()> {
    isolate::inspector::open(end, http::accept_key)
}

/// The sockets of the config with the services that answer on them.
fn doors(
    listeners: Vec<ipc::Listener>,
    sockets: Vec<config::SocketSpec>,
    router: &Rc<Router>,
    server: &Rc<http::Server>,
) -> Rc<net::Doors> {
    let mut entrances: HashMap<_, _> = sockets
        .into_iter()
        .filter_map(|socket| socket.entrance(router))
        .collect();
    let has_debug_port = |listener: &ipc::Listener| listener.socket == ipc::Listener::DEBUG_PORT;
    if listeners.iter().any(has_debug_port)
        && let Some(port) = router.clone().debug_port(None)
    {
        let entrance = net::FrontDoor {
            inside: net::Inside::Instances(port),
            tls: None,
            metrics: ipc::metrics::page().socket("--debug-port", ipc::metrics::OTHERS),
            starts_tls: false,
        };
        entrances.insert(ipc::Listener::DEBUG_PORT, Rc::new(entrance));
    }
    net::Doors::new(listeners, entrances, server.clone())
}

fn limits(limits: &ipc::Limits) -> http::Limits {
    http::Limits {
        max_connections: limits.max_connections as usize,
        max_header_bytes: limits.max_header_bytes as usize,
        max_header_count: limits.max_header_count as usize,
        header_read_timeout: limits.header_read_timeout,
        idle_timeout: limits.idle_timeout,
        upload: http::Pace {
            stall_timeout: limits.body_read_timeout,
            min_bytes_per_second: limits.min_body_rate,
        },
        download: http::Pace {
            stall_timeout: limits.send_timeout,
            min_bytes_per_second: limits.min_body_rate,
        },
    }
}
