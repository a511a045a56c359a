//! The `workerd` program: reads the command line and does what it says.
//!
//! The one place that joins the supervisor's folders with `worker-proc`. A start takes one of four ways: a runtime process
//! (the hidden subcommand, started by the supervisor), a compiled executable (a config is appended to this file), or one of the
//! commands of `cli`.

// clap prints some of them, where users see `<path>`.
#![allow(rustdoc::invalid_html_tags)]

mod admin;
mod cli;
mod config;
mod doctor;
mod http;
mod inspector;
mod lifecycle;
mod metrics;
mod objects;
mod observe;
mod process;
mod sockets;

use std::ffi::OsString;
use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use cli::Command;
use config::{ConfigErrors, ListenOn, LoadOptions, Loaded, SocketPlan};
use observe::{fail, warn};
use process::company::{self, Company};
use process::launch;
use sockets::SocketSet;
use sockets::inherit::{InheritedFds, ListenFds};
use sockets::report::Reporter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// All internal JavaScript, evaluated (see `build.rs`).
static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin"));

/// What `workerd objects` can do with a namespace's folder.
const STORAGE: objects::Storage = objects::Storage {
    inspect: worker_proc::objects::inspect,
    export: worker_proc::objects::export,
    import: worker_proc::objects::import,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let status = if arguments
        .get(1)
        .is_some_and(|first| first == launch::SUBCOMMAND)
    {
        runtime_process(&arguments[2..])
    } else {
        match command(&arguments).unwrap_or_else(|error| cli::report(&error)) {
            // Between processes alone does it matter that a retry cannot help.
            ipc::handshake::EXIT_START_FAILED => 1,
            status => status,
        }
    };
    ExitCode::from(status)
}

fn runtime_process(arguments: &[OsString]) -> u8 {
    match launch::enter(arguments) {
        Ok(start) => worker_proc::serve(start, SNAPSHOT),
        Err(error) => {
            fail(&[error]);
            1
        }
    }
}

fn command(arguments: &[OsString]) -> Result<u8, clap::Error> {
    let embedded = config::compile::embedded_config();
    if let Some(config) =
        embedded.map_err(|error| cli::usage_error(&format!("embedded config: {error}")))?
    {
        return serve(cli::parse_compiled(arguments)?.into_serve(config)?);
    }
    let cli = cli::parse(arguments)?;
    let verbose = cli.verbose();
    match cli.command {
        Command::Serve(config) => serve(config.into_serve(verbose)?),
        Command::Compile(arguments) => {
            let config_only = arguments.config_only;
            compile(&arguments.into_load(), config_only)
        }
        Command::Doctor => Ok(doctor::run(worker_proc::sandbox)),
        Command::Objects(arguments) => Ok(objects::run(arguments, &STORAGE)),
        Command::Test(arguments) => {
            let (load, options, warnings) = arguments.into_test(verbose);
            warn(&warnings);
            Ok(test(&load, options))
        }
    }
}

fn serve(mut serve: cli::Serve) -> Result<u8, clap::Error> {
    let usage = |error: String| cli::usage_error(&error);
    let mut inherited = InheritedFds::take(&serve.socket_fds).map_err(usage)?;
    let listen_fds = ListenFds::from_environment();
    let mut named = inherited.take_listen_fds(&listen_fds).map_err(usage)?;
    let overrides = &mut serve.load.overrides;
    named.retain(|(name, _)| {
        !overrides
            .socket_addrs
            .iter()
            .any(|(other, _)| other == name)
    });
    overrides.socket_fds.append(&mut named);
    let claimed = |fd| serve.socket_fds.iter().any(|(_, claimed)| *claimed == fd);
    if let Some(fd) = listen_fds.unnamed.iter().find(|fd| !claimed(**fd)) {
        serve.warnings.push(format!(
            "warning: descriptor {fd} of LISTEN_FDS is not used: name it after a socket of the config \
             (FileDescriptorName=, --fdname), or pass --socket-fd=<name>={fd}."
        ));
    }
    let reporter = Reporter::new(serve.control_fd, serve.report_phases).map_err(usage)?;
    warn(&serve.warnings);
    raise_fd_limit();
    let load = serve.load;
    let server = lifecycle::Server {
        load: Box::new(move || load_config(&load)),
        show,
        lock_folder: worker_proc::lock_folder,
        options: serve.options,
        inherited,
        reporter,
        watch: serve.watch,
        admin: serve.admin,
        inspector: serve.inspector_addr,
        start_timeout: serve.start_timeout,
        watchdog: serve.watchdog,
    };
    Ok(lifecycle::run(server, |start| {
        worker_proc::serve(start, SNAPSHOT)
    }))
}

fn compile(load: &LoadOptions, config_only: bool) -> Result<u8, clap::Error> {
    let Ok(loaded) = load_config(load).inspect_err(show) else {
        return Ok(1);
    };
    warn(&loaded.warnings);
    config::compile::to_stdout(&loaded, config_only)
        .map_err(|error| cli::usage_error(&format!("writing to stdout: {error}")))?;
    Ok(0)
}

fn test(load: &LoadOptions, options: ipc::Options) -> u8 {
    let Ok(loaded) = load_config(load).inspect_err(show) else {
        return 1;
    };
    warn(&loaded.warnings);
    raise_fd_limit();
    match prepare_test(&loaded, options) {
        Ok((start, _sockets, _company)) => worker_proc::test(start, SNAPSHOT),
        Err(errors) => {
            fail(&errors);
            1
        }
    }
}

/// Tests run in this process, with the sockets of the config listening. The set owns what outlives a listener: socket files.
fn prepare_test(
    loaded: &Loaded,
    options: ipc::Options,
) -> Result<(ipc::Start, SocketSet, Option<Company>), Vec<String>> {
    // Sockets on `loopback:` addresses never leave the runtime.
    let is_bound = |socket: &&SocketPlan| !matches!(&socket.listen, ListenOn::Address { address, .. } if address.starts_with("loopback:"));
    let plans: Vec<_> = loaded.sockets.iter().filter(is_bound).cloned().collect();
    let sockets = SocketSet::bind(&plans, 1, &InheritedFds::default(), &SocketSet::default())?;
    sockets.listen().map_err(|error| vec![error])?;
    let listeners = sockets
        .for_process(0)
        .map_err(|error| vec![error.to_string()])?;
    let bytes = loaded.message.as_bytes();
    let mut start = ipc::Start {
        config: ipc::ConfigBytes::copy_from(bytes),
        listeners,
        locks: None,
        metrics: None,
        options,
        control: None,
        inspector: None,
    };
    let mut others = None;
    if start.options.processes > 1 {
        let company = company::start(bytes, &start.options);
        let (company, control, locks) = company.map_err(|error| vec![error.to_string()])?;
        (start.control, start.locks) = (Some(control), Some(locks));
        others = Some(company);
    }
    Ok((start, sockets, others))
}

/// Loads a config and has the log be as it says, for what is to be said of it too.
fn load_config(load: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let loaded = config::load(load);
    let structured = match &loaded {
        Ok(loaded) => loaded.structured_logging,
        Err(errors) => errors.structured_logging,
    };
    ipc::log::set_structured(structured);
    loaded
}

fn show(errors: &ConfigErrors) {
    fail(&errors.errors);
    if let Some(error) = &errors.usage {
        cli::report(&cli::usage_error(error));
    }
}

/// Takes as many descriptors as the system allows: each connection is one.
fn raise_fd_limit() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Without more, the limit that there is holds.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
