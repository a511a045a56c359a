//! What a configuration is loaded from, and what it is once it is loaded.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file named on the command line.
    File(PathBuf),
    /// Standard input; binary configurations only.
    Stdin,
    /// The message appended to this executable by `compile`.
    Embedded(ConfigMessage),
}

/// What the configuration is loaded for; decides which checks apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Serve,
    Test,
    /// Only parses: `compile` accepts a configuration that still needs overrides.
    Compile,
    /// Only for what is in it, such as the namespaces of Durable Objects.
    Inspect,
}

/// Values given on the command line in place of ones in the file. All are `<name>=<value>`.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `-d`, `--directory-path`.
    pub directories: Vec<(String, String)>,
    /// `-e`, `--external-addr`.
    pub externals: Vec<(String, String)>,
    /// `-s`, `--socket-addr`.
    pub socket_addrs: Vec<(String, String)>,
    /// `-S`, `--socket-fd`, and matched `LISTEN_FDNAMES`. The caller checks that each is a listening socket.
    pub socket_fds: Vec<(String, RawFd)>,
    /// `--debug-port`.
    pub debug_port: Option<String>,
}

impl Overrides {
    /// One of them as it is written.
    ///
    /// # Errors
    /// What was expected.
    pub fn named(text: &str) -> Result<(String, String), String> {
        let (name, value) = text.split_once('=').ok_or("Expected <name>=<value>")?;
        Ok((name.into(), value.into()))
    }
}

#[derive(Clone, Debug)]
pub struct LoadOptions {
    pub source: Source,
    pub purpose: Purpose,
    /// `-b`: the file is an encoded message rather than text.
    pub binary: bool,
    /// `-I`, in order of search.
    pub import_path: Vec<PathBuf>,
    /// Which `Config` constant to use, when the file defines several.
    pub const_name: Option<String>,
    pub overrides: Overrides,
    /// `--experimental`.
    pub experimental: bool,
    /// `test --compat-date`: replaces every worker's date.
    pub compat_date: Option<String>,
}

/// One encoded `Config`, in the standard stream framing, with overrides applied.
#[derive(Clone)]
pub struct ConfigMessage(std::sync::Arc<Vec<capnp::Word>>);

impl ConfigMessage {
    /// Takes a message in the standard framing.
    pub(super) fn new(words: Vec<capnp::Word>) -> ConfigMessage {
        ConfigMessage(std::sync::Arc::new(words))
    }

    /// The message; its start is aligned to 8 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        capnp::Word::words_to_bytes(&self.0)
    }
}

impl fmt::Debug for ConfigMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigMessage({} bytes)", self.as_bytes().len())
    }
}

/// Where one socket of the configuration listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenOn {
    /// As written: `host:port`, `*:port`, `unix:path`, `unix-abstract:name`, ...
    Address {
        address: String,
        default_port: u16,
        /// UDP.
        datagrams: bool,
    },
    /// A descriptor that is already listening.
    Fd(RawFd),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPlan {
    pub name: String,
    /// The socket's position in `Config.sockets`, or that of the debug port.
    pub index: usize,
    pub listen: ListenOn,
}

/// A configuration that passed every check that needs no script.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub message: ConfigMessage,
    pub sockets: Vec<SocketPlan>,
    /// The folders that Durable Objects are kept in.
    pub folders: Vec<PathBuf>,
    /// The names of the workers.
    pub workers: Vec<String>,
    /// Every file read, for `--watch`.
    pub files: Vec<PathBuf>,
    /// One line each, in upstream's words.
    pub warnings: Vec<String>,
    /// Whether the log is to be JSON.
    pub structured_logging: bool,
}

/// Everything that is wrong with a configuration, each a complete text for standard error.
#[derive(Clone, Debug)]
pub struct ConfigErrors {
    pub errors: Vec<String>,
    /// What is wrong with the command line (no such file, no such constant), if anything. Comes
    /// after `errors`; the caller shows it as its command line parser shows errors.
    pub usage: Option<String>,
    /// Every file read so far, so that `--watch` can wait for a repair.
    pub files: Vec<PathBuf>,
    /// Whether the errors are to be told as JSON: what the configuration says, if it can be read.
    pub structured_logging: bool,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self
            .errors
            .iter()
            .chain(&self.usage)
            .map(String::as_str)
            .collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}
