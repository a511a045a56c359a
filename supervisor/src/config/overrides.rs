//! Puts the addresses and paths of the command line in place of the configuration's.

use super::model::{Overrides, Purpose};
use super::text::Message;
use schema::workerd_capnp::{config, service};
use std::collections::HashSet;

/// A directory that `workerd test` may be given without the configuration having use for it.
const OPTIONAL_TEST_DIRECTORY: &str = "TEST_TMPDIR";

/// Changes `message`. The result names every override that matches nothing.
pub fn apply(
    message: &mut Message,
    overrides: &Overrides,
    purpose: Purpose,
) -> capnp::Result<Vec<String>> {
    let root: config::Builder<'_> = message.get_root()?;
    let mut matched = Matched::default();
    set_services(root, overrides, &mut matched)?;
    set_sockets(message.get_root()?, overrides, &mut matched)?;

    let sockets = overrides.socket_addrs.iter().map(|(name, _)| name);
    let sockets = sockets.chain(overrides.socket_fds.iter().map(|(name, _)| name));
    let externals = overrides.externals.iter().map(|(name, _)| name);
    let directories = overrides.directories.iter().map(|(name, _)| name);
    let directories =
        directories.filter(|name| purpose != Purpose::Test || *name != OPTIONAL_TEST_DIRECTORY);
    let mut unmatched = Vec::new();
    unmatched.extend(missing("socket", sockets, &matched.sockets));
    unmatched.extend(missing("external service", externals, &matched.externals));
    unmatched.extend(missing("disk service", directories, &matched.directories));
    Ok(unmatched)
}

/// The names of overrides that the configuration has a place for.
#[derive(Default)]
struct Matched {
    sockets: HashSet<String>,
    externals: HashSet<String>,
    directories: HashSet<String>,
}

fn missing<'a>(
    what: &str,
    names: impl Iterator<Item = &'a String>,
    matched: &HashSet<String>,
) -> Vec<String> {
    let mut seen = HashSet::new();
    names
        .filter(|name| !matched.contains(*name) && seen.insert(*name))
        .map(|name| {
            format!(
                "Config did not define any {what} named \"{name}\" to match the override provided on the command line."
            )
        })
        .collect()
}

/// The last override of this name.
fn find<'a, T>(overrides: &'a [(String, T)], name: &str) -> Option<&'a T> {
    overrides
        .iter()
        .rev()
        .find(|(candidate, _)| candidate == name)
        .map(|(_, value)| value)
}

fn set_services(
    root: config::Builder<'_>,
    overrides: &Overrides,
    matched: &mut Matched,
) -> capnp::Result<()> {
    if overrides.directories.is_empty() && overrides.externals.is_empty() {
        return Ok(());
    }
    let mut services = root.get_services()?;
    for i in 0..services.len() {
        let service = services.reborrow().get(i);
        let Ok(name) = service.reborrow_as_reader().get_name()?.to_string() else {
            continue;
        };
        match service.which() {
            Ok(service::External(external)) => {
                if let Some(address) = find(&overrides.externals, &name) {
                    external?.set_address(address);
                    matched.externals.insert(name);
                }
            }
            Ok(service::Disk(disk)) => {
                if let Some(path) = find(&overrides.directories, &name) {
                    disk?.set_path(path);
                    matched.directories.insert(name);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn set_sockets(
    root: config::Builder<'_>,
    overrides: &Overrides,
    matched: &mut Matched,
) -> capnp::Result<()> {
    if overrides.socket_addrs.is_empty() && overrides.socket_fds.is_empty() {
        return Ok(());
    }
    let mut sockets = root.get_sockets()?;
    for i in 0..sockets.len() {
        let mut socket = sockets.reborrow().get(i);
        let Ok(name) = socket.reborrow_as_reader().get_name()?.to_string() else {
            continue;
        };
        if let Some(address) = find(&overrides.socket_addrs, &name) {
            socket.set_address(address);
            matched.sockets.insert(name);
        } else if find(&overrides.socket_fds, &name).is_some() {
            matched.sockets.insert(name);
        }
    }
    Ok(())
}
