//! What is served, and how: what the command line says.

use std::time::Duration;

use ipc::Options;

use super::folders::LockFolder;
use crate::admin::access::Settings;
use crate::config::{ConfigErrors, Loaded};
use crate::sockets::inherit::InheritedFds;
use crate::sockets::report::Reporter;

/// Loads the config as the command line says, again for each reload.
pub type Loader = Box<dyn FnMut() -> Result<Loaded, ConfigErrors> + Send>;

/// What to serve and how.
pub struct Server {
    pub load: Loader,
    /// Shows what is wrong with a config.
    pub show: fn(&ConfigErrors),
    pub lock_folder: LockFolder,
    pub options: Options,
    pub inherited: InheritedFds,
    pub reporter: Reporter,
    /// `--watch`.
    pub watch: bool,
    /// `--admin-addr`, and who may ask there.
    pub admin: Option<Settings>,
    /// `--inspector-addr`.
    pub inspector: Option<String>,
    /// `--start-timeout`.
    pub start_timeout: Duration,
    /// `--watchdog`; zero is none.
    pub watchdog: Duration,
}
