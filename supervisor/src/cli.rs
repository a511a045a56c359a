//! The command line: upstream's commands and options, and ours for many processes.
//!
//! Called by `main`, which does what is asked. Here are the options, their help, the checks that need nothing but the
//! command line, and the form of errors: clap's, with exit status 1 as upstream.

#[cfg(test)]
mod pages;

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use ipc::{Limits, Options, TestFilter};

use crate::admin;
use crate::admin::access::{AdminAddress, Settings};
use crate::config::{LoadOptions, Overrides, Purpose, Source};
use crate::objects::ObjectsArgs;
use crate::process::count::ProcessCount;

/// The version of upstream whose configs and behaviour this program follows.
pub const VERSION: &str = "2026-11-17";

/// Runs JavaScript and WebAssembly Workers, on every core
#[derive(Debug, Parser)]
#[command(name = "workerd", version = VERSION, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Log informational messages to standard error
    #[arg(long)]
    verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests as a config says
    #[command(display_name = "workerd", after_long_help = SERVE_NOTES)]
    Serve(Box<ServeConfig>),
    /// Make one self-contained executable of a config and all it needs
    #[command(display_name = "workerd", after_long_help = COMPILE_NOTES)]
    Compile(CompileArgs),
    /// Run the tests of a config
    #[command(display_name = "workerd", after_long_help = TEST_NOTES)]
    Test(Box<TestArgs>),
    /// List, check, export and import what Durable Objects have stored
    Objects(ObjectsArgs),
    /// Tell what the sandbox of runtime processes holds on this machine, and why not more
    #[command(display_name = "workerd", after_long_help = DOCTOR_NOTES)]
    Doctor,
}

const DOCTOR_NOTES: &str = "\
Exit status 1 says that a part of the sandbox is missing. `serve` uses what there is, unless it is told --no-sandbox.";

/// The most days of `--pitr-days`: ten years.
const MAX_PITR_DAYS: i64 = 3650;

const SERVE_NOTES: &str = "\
Signals: SIGTERM and SIGINT stop accepting and answer what was accepted (asked again, stop at once); SIGHUP loads the config anew \
without a failed request; SIGUSR2 does so with the program that is now on disk. A start or reload that has not come to its end is given up \
for whatever is asked for next.

Socket activation: descriptors that systemd passes (LISTEN_FDS) serve the sockets of the config that LISTEN_FDNAMES \
names; unnamed ones can be given with --socket-fd.

History: what each object on disk was in the last --pitr-days takes up to 64 MiB beside its file, and once more the size of that file \
as it was before; the oldest days go first.";

const COMPILE_NOTES: &str = "\
The executable goes to standard output. It needs no other file, and takes the options of `serve` without that word.";

const TEST_NOTES: &str = "\
[filter] chooses tests by glob patterns:
    <service>                            the tests of these services
    <service>:<entrypoint>               those of these entrypoints only
    <const-name>:<service>:<entrypoint>  from this constant of the config file

A test is a function named `test` in the default export or a named one; it passes if it ends without an exception:
    export const addition = {
      async test(controller, env, ctx) {
        if (1 + 1 !== 2) throw new Error('no');
      }
    }";

/// Which config to load.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// Look for imports that begin with a slash in <dir> too; may be given several times
    #[arg(short = 'I', long, value_name = "dir")]
    import_path: Vec<PathBuf>,
    /// Log informational messages to standard error
    #[arg(long)]
    verbose: bool,
    /// The config is an encoded Cap'n Proto message, as `compile --config-only` writes, rather than text
    #[arg(short, long)]
    binary: bool,
    /// The config: a Cap'n Proto text file, a `wrangler.json`, `.jsonc` or `.toml`, or with --binary an encoded message (`-` reads that
    /// from standard input)
    #[arg(value_name = "config-file")]
    config_file: PathBuf,
}

/// Values in place of those in the config.
#[derive(Debug, Args)]
struct OverrideArgs {
    /// Serve the disk service <name> from <path>, instead of where the config says
    #[arg(short, long, value_name = "name>=<path", value_parser = Overrides::named)]
    directory_path: Vec<(String, String)>,
    /// Reach the external service <name> at <addr>, instead of where the config says
    #[arg(short, long, value_name = "name>=<addr", value_parser = Overrides::named)]
    external_addr: Vec<(String, String)>,
    /// Listen on <addr> for the socket <name>, instead of where the config says
    #[arg(short, long, value_name = "name>=<addr", value_parser = Overrides::named)]
    socket_addr: Vec<(String, String)>,
    /// Let programs such as Chrome's DevTools debug the workers at <addr>, which anyone who reaches it may use
    #[arg(short, long, value_name = "addr")]
    inspector_addr: Option<String>,
    /// Reload when a file of the config, or this program, changes; for development
    #[arg(short, long)]
    watch: bool,
    /// Allow features that may change or go away in a future release
    #[arg(long)]
    experimental: bool,
    #[command(flatten)]
    unused: UnusedArgs,
}

/// Options of upstream that say how to observe it, and Python's, which mean nothing here.
#[derive(Debug, Args)]
struct UnusedArgs {
    #[arg(long, hide = true)]
    perfetto_trace: Option<String>,
    #[arg(long, hide = true)]
    async_trace: Option<String>,
    #[arg(long, hide = true)]
    async_trace_stacks: Option<String>,
    #[arg(long, hide = true)]
    async_trace_promises: bool,
    #[arg(long, hide = true)]
    pyodide_package_disk_cache_dir: Option<String>,
    #[arg(long, hide = true)]
    pyodide_bundle_disk_cache_dir: Option<String>,
    #[arg(long, hide = true)]
    python_save_snapshot: bool,
    #[arg(long, hide = true)]
    python_save_baseline_snapshot: bool,
    #[arg(long, hide = true)]
    python_load_snapshot: Option<String>,
    #[arg(long, hide = true)]
    python_snapshot_dir: Option<String>,
}

/// `workerd serve`.
#[derive(Debug, Args)]
pub struct ServeConfig {
    #[command(flatten)]
    config: ConfigArgs,
    /// The constant to use, when the file defines several configs
    #[arg(value_name = "const-name")]
    const_name: Option<String>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// How to serve, for `serve` and for compiled executables.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Listen on the open descriptor <fd> for the socket <name>, instead of where the config says
    #[arg(short = 'S', long, value_name = "name>=<fd", value_parser = named_fd)]
    socket_fd: Vec<(String, RawFd)>,
    /// Let other instances of workerd reach every service of this one at <addr>, by Cap'n Proto RPC; for local development
    #[arg(long, value_name = "addr")]
    debug_port: Option<String>,
    /// Report on descriptor <fd>, one JSON object a line: the port of each socket when it accepts
    #[arg(long, value_name = "fd", value_parser = control_fd)]
    control_fd: Option<RawFd>,
    /// On --control-fd, also report every change of a process's phase and the end of every reload
    #[arg(long, requires = "control_fd")]
    report_phases: bool,
    /// Serve with N processes, or with one for each CPU that this program may use
    #[arg(long, value_name = "N|auto", default_value = "1")]
    processes: ProcessCount,
    /// Show metrics, processes and live Durable Objects to browsers and programs at <addr>: a loopback address or unix:<path>, or
    /// with --admin-token-file any address
    #[arg(long, value_name = "addr", value_parser = admin::address)]
    admin_addr: Option<AdminAddress>,
    /// Have who asks at --admin-addr send the token in <path>, 16 bytes at least: `Authorization: Bearer <token>`, or as a password;
    /// not for /healthz and /readyz
    #[arg(long, value_name = "path", requires = "admin_addr")]
    admin_token_file: Option<PathBuf>,
    /// Let requests to --admin-addr name <host>, besides its own address and this machine's loopback names; may be given several times
    #[arg(long, value_name = "host", requires = "admin_addr", value_parser = admin_host)]
    admin_host: Vec<String>,
    /// How long a process may take to load the config and its workers; over it, the start has failed, and a reload changes nothing
    #[arg(long, value_name = "time", default_value = "60s", value_parser = start_timeout)]
    start_timeout: Duration,
    /// Let runtime processes keep all that this program may do, rather than give up what serving the config does not need
    #[arg(long)]
    no_sandbox: bool,
    /// How long a process's event loop may stand still; what the process does is logged then, and it is replaced. 0 is for ever
    #[arg(long, value_name = "time", default_value = "10s", value_parser = duration)]
    watchdog: Duration,
    /// How long a stop, or the old processes of a reload, may take to answer what was accepted; one that is still busy then is
    /// killed
    #[arg(long, value_name = "time", default_value = "30s", value_parser = duration)]
    drain_timeout: Duration,
    /// For how many days a Durable Object on disk can be taken back to what it was; 0 keeps no history
    #[arg(long, value_name = "days", default_value_t = Options::default().pitr_days, value_parser = clap::value_parser!(u32).range(..=MAX_PITR_DAYS))]
    pitr_days: u32,
    /// Milliseconds of processor time that a worker may use for one request or other event; what uses more is ended, and
    /// answered 503
    #[arg(long, value_name = "ms", value_parser = clap::value_parser!(u32).range(1..))]
    limit_cpu_ms: Option<u32>,
    /// MiB that a worker's heap may hold in each process, and its buffers; one that holds more is replaced, and what it had
    /// under way is answered 503
    #[arg(long, value_name = "mb", value_parser = clap::value_parser!(u32).range(16..=65536))]
    limit_heap_mb: Option<u32>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Bounds on clients.
#[derive(Debug, Args)]
struct LimitArgs {
    /// Connections open at once in one process; more wait until one closes
    #[arg(long, value_name = "count", default_value_t = Limits::default().max_connections, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Bytes of the head of one request; a longer one is answered 431
    #[arg(long, value_name = "bytes", default_value_t = Limits::default().max_header_bytes, value_parser = clap::value_parser!(u32).range(8192..))]
    max_header_bytes: u32,
    /// Header fields of one request; more are answered 431
    #[arg(long, value_name = "count", default_value_t = Limits::default().max_header_count, value_parser = clap::value_parser!(u32).range(16..=4096))]
    max_header_count: u32,
    /// How long the head of a request may take to arrive before the connection is closed
    #[arg(long, value_name = "time", default_value = "15s", value_parser = duration)]
    header_read_timeout: Duration,
    /// How long a connection may stay open between two requests
    #[arg(long, value_name = "time", default_value = "60s", value_parser = duration)]
    idle_timeout: Duration,
    /// How long the body of a request may not go on while it is waited for, before the answer is 408; 0 waits for ever
    #[arg(long, value_name = "time", default_value = "60s", value_parser = duration)]
    body_read_timeout: Duration,
    /// How long a client may take nothing of an answer that is ready before the connection is closed; 0 waits for ever
    #[arg(long, value_name = "time", default_value = "60s", value_parser = duration)]
    send_timeout: Duration,
    /// Bytes a second that a client must send of a body or take of an answer, on average while it is waited for and after
    /// 10 seconds; slower ones are treated as above; 0 for any rate
    #[arg(long, value_name = "bytes", default_value_t = Limits::default().min_body_rate)]
    min_body_rate: u32,
}

/// `workerd compile`.
#[derive(Debug, Args)]
pub struct CompileArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The constant to use, when the file defines several configs
    #[arg(value_name = "const-name")]
    const_name: Option<String>,
    /// Write the encoded config alone, as `serve --binary` reads it
    #[arg(long)]
    pub config_only: bool,
}

/// `workerd test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Which tests to run; all, if not given
    #[arg(value_name = "filter", value_parser = filter)]
    filter: Option<Filter>,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Do not log informational messages, which tests do otherwise to show uncaught exceptions
    #[arg(long)]
    no_verbose: bool,
    /// Use fixed values where random numbers and the time of day are used otherwise
    #[arg(long)]
    predictable: bool,
    /// Collect garbage at every turn: very slow
    #[arg(long)]
    gc_stress: bool,
    /// Turn every autogate on
    #[arg(long)]
    all_autogates: bool,
    /// Run N processes, as `serve` does: the tests in the first, Durable Objects in all
    #[arg(long, value_name = "N|auto", default_value = "1")]
    processes: ProcessCount,
    /// The compatibility date of every worker, none of which may have its own in the config; from 0000-00-00 to 9999-12-31
    #[arg(long, value_name = "date")]
    compat_date: Option<String>,
}

/// The command line of a compiled executable.
#[derive(Debug, Parser)]
#[command(version = VERSION, display_name = "workerd", about = "Serve requests as the compiled config says", after_long_help = SERVE_NOTES)]
pub struct Compiled {
    /// Log informational messages to standard error
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Which tests to run, and from which constant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    const_name: Option<String>,
    test: TestFilter,
}

/// What serving needs, whichever way it was asked for.
#[derive(Debug)]
pub struct Serve {
    pub load: LoadOptions,
    pub options: Options,
    pub socket_fds: Vec<(String, RawFd)>,
    pub control_fd: Option<RawFd>,
    pub report_phases: bool,
    pub watch: bool,
    pub admin: Option<Settings>,
    pub inspector_addr: Option<String>,
    pub start_timeout: Duration,
    pub watchdog: Duration,
    /// What to say about options that do nothing.
    pub warnings: Vec<String>,
}

/// Parses the command line of `workerd`. The error says what to print, and where.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

/// Parses the command line of a compiled executable.
pub fn parse_compiled(arguments: &[OsString]) -> Result<Compiled, clap::Error> {
    let path = arguments.first().map(Path::new);
    let name = path
        .and_then(Path::file_name)
        .map_or("workerd".into(), OsStr::to_string_lossy);
    let matches = Compiled::command()
        .bin_name(name)
        .try_get_matches_from(arguments)?;
    Compiled::from_arg_matches(&matches)
}

/// An error in what the command line refers to.
pub fn usage_error(message: &str) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, message)
}

/// Prints what clap says, and tells the exit status: 0 for help that was asked for, 1 for anything wrong.
pub fn report(error: &clap::Error) -> u8 {
    // Help on a closed standard output is lost, whatever one does.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => 1,
    }
}

impl Cli {
    /// Whether `--verbose` came before the command.
    pub fn verbose(&self) -> bool {
        self.verbose
    }
}

impl ServeConfig {
    pub fn into_serve(self, verbose: bool) -> Result<Serve, clap::Error> {
        let verbose = verbose || self.config.verbose;
        let load = self.config.into_load(Purpose::Serve, self.const_name);
        self.serve.into_serve(load, verbose)
    }
}

impl Compiled {
    pub fn into_serve(self, config: crate::config::ConfigMessage) -> Result<Serve, clap::Error> {
        let load = load_options(Source::Embedded(config), Purpose::Serve);
        self.serve.into_serve(load, self.verbose)
    }
}

impl ServeArgs {
    fn into_serve(self, mut load: LoadOptions, verbose: bool) -> Result<Serve, clap::Error> {
        let both = self.socket_fd.iter().find(|(fd, _)| {
            self.overrides
                .socket_addr
                .iter()
                .any(|(addr, _)| addr == fd)
        });
        if let Some((name, _)) = both {
            let message =
                format!("socket '{name}' is given both --socket-addr and --socket-fd; use one");
            return Err(usage_error(&message));
        }
        let admin = self.admin_addr.map(|address| {
            let settings = Settings {
                address,
                hosts: self.admin_host,
                token_file: self.admin_token_file,
            };
            settings.check()
        });
        let admin = admin.transpose().map_err(|error| usage_error(&error))?;
        let warnings = self.overrides.warnings();
        let watch = self.overrides.watch;
        let inspector_addr = self.overrides.inspector_addr.clone();
        let options = Options {
            verbose,
            experimental: self.overrides.experimental,
            sandbox: !self.no_sandbox,
            processes: self.processes.get(),
            drain_timeout: self.drain_timeout,
            pitr_days: self.pitr_days,
            limit_cpu_ms: self.limit_cpu_ms.unwrap_or(0),
            limit_heap_mb: self.limit_heap_mb.unwrap_or(0),
            limits: self.limits.into_limits(),
            ..Options::default()
        };
        self.overrides.apply(&mut load);
        load.overrides.socket_fds.clone_from(&self.socket_fd);
        load.overrides.debug_port = self.debug_port;
        Ok(Serve {
            load,
            options,
            socket_fds: self.socket_fd,
            control_fd: self.control_fd,
            report_phases: self.report_phases,
            watch,
            admin,
            inspector_addr,
            start_timeout: self.start_timeout,
            watchdog: self.watchdog,
            warnings,
        })
    }
}

impl CompileArgs {
    pub fn into_load(self) -> LoadOptions {
        self.config.into_load(Purpose::Compile, self.const_name)
    }
}

impl TestArgs {
    /// What to load, how to run, and what to say about options that do nothing.
    pub fn into_test(self, verbose: bool) -> (LoadOptions, Options, Vec<String>) {
        let (const_name, test) = match self.filter {
            Some(Filter { const_name, test }) => (const_name, Some(test)),
            None => (None, None),
        };
        let mut warnings = self.overrides.warnings();
        if self.overrides.watch {
            warnings.push(no_effect("watch", "tests run once"));
        }
        if self.overrides.inspector_addr.is_some() {
            warnings.push(no_effect("inspector-addr", "tests are not inspected"));
        }
        let options = Options {
            verbose: verbose || self.config.verbose || !self.no_verbose,
            experimental: self.overrides.experimental,
            compat_date: self.compat_date.clone(),
            predictable: self.predictable,
            gc_stress: self.gc_stress,
            all_autogates: self.all_autogates,
            processes: self.processes.get(),
            test,
            ..Options::default()
        };
        let mut load = self.config.into_load(Purpose::Test, const_name);
        self.overrides.apply(&mut load);
        load.compat_date = self.compat_date;
        (load, options, warnings)
    }
}

impl ConfigArgs {
    fn into_load(self, purpose: Purpose, const_name: Option<String>) -> LoadOptions {
        let source = if self.config_file.as_os_str() == "-" {
            Source::Stdin
        } else {
            Source::File(self.config_file)
        };
        let (binary, import_path) = (self.binary, self.import_path);
        LoadOptions {
            binary,
            import_path,
            const_name,
            ..load_options(source, purpose)
        }
    }
}

fn load_options(source: Source, purpose: Purpose) -> LoadOptions {
    LoadOptions {
        source,
        purpose,
        binary: false,
        import_path: Vec::new(),
        const_name: None,
        overrides: Overrides::default(),
        experimental: false,
        compat_date: None,
    }
}

impl OverrideArgs {
    fn apply(self, load: &mut LoadOptions) {
        load.experimental = self.experimental;
        load.overrides.directories = self.directory_path;
        load.overrides.externals = self.external_addr;
        load.overrides.socket_addrs = self.socket_addr;
    }

    fn warnings(&self) -> Vec<String> {
        let unused = &self.unused;
        let given = [
            ("perfetto-trace", unused.perfetto_trace.is_some(), NO_TRACE),
            ("async-trace", unused.async_trace.is_some(), NO_TRACE),
            (
                "async-trace-stacks",
                unused.async_trace_stacks.is_some(),
                NO_TRACE,
            ),
            (
                "async-trace-promises",
                unused.async_trace_promises,
                NO_TRACE,
            ),
            (
                "pyodide-package-disk-cache-dir",
                unused.pyodide_package_disk_cache_dir.is_some(),
                NO_PYTHON,
            ),
            (
                "pyodide-bundle-disk-cache-dir",
                unused.pyodide_bundle_disk_cache_dir.is_some(),
                NO_PYTHON,
            ),
            (
                "python-save-snapshot",
                unused.python_save_snapshot,
                NO_PYTHON,
            ),
            (
                "python-save-baseline-snapshot",
                unused.python_save_baseline_snapshot,
                NO_PYTHON,
            ),
            (
                "python-load-snapshot",
                unused.python_load_snapshot.is_some(),
                NO_PYTHON,
            ),
            (
                "python-snapshot-dir",
                unused.python_snapshot_dir.is_some(),
                NO_PYTHON,
            ),
        ];
        given
            .iter()
            .filter(|(_, given, _)| *given)
            .map(|(name, _, why)| no_effect(name, why))
            .collect()
    }
}

const NO_TRACE: &str = "there are no traces";
const NO_PYTHON: &str = "there are no Python workers";

fn no_effect(option: &str, why: &str) -> String {
    format!("warning: --{option} has no effect: {why}.")
}

impl LimitArgs {
    fn into_limits(self) -> Limits {
        Limits {
            max_connections: self.max_connections,
            max_header_bytes: self.max_header_bytes,
            max_header_count: self.max_header_count,
            header_read_timeout: self.header_read_timeout,
            idle_timeout: self.idle_timeout,
            body_read_timeout: self.body_read_timeout,
            send_timeout: self.send_timeout,
            min_body_rate: self.min_body_rate,
        }
    }
}

fn fd(text: &str) -> Option<RawFd> {
    text.parse().ok().filter(|fd| *fd >= 0)
}

fn named_fd(text: &str) -> Result<(String, RawFd), String> {
    let (name, value) = Overrides::named(text)?;
    let fd = fd(&value).ok_or("Socket value must be a file descriptor (non-negative integer).")?;
    Ok((name, fd))
}

fn control_fd(text: &str) -> Result<RawFd, String> {
    fd(text).ok_or_else(|| "Output value must be a file descriptor (non-negative integer).".into())
}

/// A name or an address, without a port.
fn admin_host(text: &str) -> Result<String, String> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match is_address || !text.is_empty() && text.bytes().all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("Expected a host name or an address, without a port.".into()),
    }
}

/// A time: a whole number of `ms`, `s` or `m`; seconds if no unit is given.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let millis_per_unit = match &text[digits.len()..] {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let millis = digits
        .parse::<u64>()
        .ok()
        .zip(millis_per_unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    // A day is more than anything here can sensibly wait for.
    let millis = millis.filter(|millis| *millis <= 86_400_000);
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| "Expected a time such as 500ms, 30s or 5m, up to a day.".into())
}

/// A time in which something can start.
fn start_timeout(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let some = (!time.is_zero()).then_some(time);
    some.ok_or_else(|| "Nothing starts in no time.".into())
}

fn filter(text: &str) -> Result<Filter, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (const_name, service, entrypoint) = match parts[..] {
        [service] => (None, service, "*"),
        [service, entrypoint] => (None, service, entrypoint),
        [const_name, service, entrypoint] => (Some(const_name.to_owned()), service, entrypoint),
        _ => return Err("Too many colons.".into()),
    };
    Ok(Filter {
        const_name,
        test: TestFilter {
            service: service.into(),
            entrypoint: entrypoint.into(),
        },
    })
}
