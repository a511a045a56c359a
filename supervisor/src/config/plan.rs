//! Where each socket of a configuration and the debug port listen, where its Durable Objects are kept, and which workers it has.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use schema::workerd_capnp::worker::binding;
use schema::workerd_capnp::{config, service, socket, worker};

use super::model::{ListenOn, Overrides, SocketPlan};

/// The plan, and an error for each socket without a place to listen.
pub fn plan(
    root: config::Reader<'_>,
    overrides: &Overrides,
) -> capnp::Result<(Vec<SocketPlan>, Vec<String>)> {
    let (mut plans, mut errors) = (Vec::new(), Vec::new());
    for (index, socket) in root.get_sockets()?.iter().enumerate() {
        let name = String::from_utf8_lossy(socket.get_name()?.as_bytes()).into_owned();
        let fd = overrides
            .socket_fds
            .iter()
            .rev()
            .find(|(candidate, _)| *candidate == name);
        let listen = if let Some((_, fd)) = fd {
            ListenOn::Fd(*fd)
        } else if socket.has_address() {
            let address = String::from_utf8_lossy(socket.get_address()?.as_bytes()).into_owned();
            ListenOn::Address {
                address,
                default_port: default_port(socket),
                datagrams: matches!(socket.which(), Ok(socket::Udp(_))),
            }
        } else {
            errors.push(format!(
                "Socket \"{name}\" has no address in the config, so must be specified on the command line with \
                 `--socket-addr`."
            ));
            continue;
        };
        plans.push(SocketPlan {
            name,
            index,
            listen,
        });
    }
    plans.extend(overrides.debug_port.clone().map(|address| SocketPlan {
        name: "debug-port".to_owned(),
        index: ipc::Listener::DEBUG_PORT,
        listen: ListenOn::Address {
            address,
            default_port: 0,
            datagrams: false,
        },
    }));
    Ok((plans, errors))
}

/// The folders of the disk services that workers keep objects in.
pub fn folders(root: config::Reader<'_>) -> capnp::Result<Vec<PathBuf>> {
    use worker::durable_object_storage::Which::LocalDisk;
    let (mut disks, mut used) = (Vec::new(), Vec::new());
    // Workers that keep the instances of others' workflows.
    let mut engines = Vec::new();
    for service in root.get_services()? {
        if let Ok(service::Worker(worker)) = service.which() {
            for workflow in worker?.get_workflows_engine()?.get_workflows()? {
                engines.push(workflow.get_binding_service()?.get_name()?.as_bytes());
            }
        }
    }
    for service in root.get_services()? {
        match service.which() {
            Ok(service::Disk(disk)) => disks.push((service.get_name()?, disk?.get_path()?)),
            Ok(service::Worker(worker)) => {
                let worker = worker?;
                if let Ok(LocalDisk(disk)) = worker.get_durable_object_storage().which()
                    && (!worker.get_durable_object_namespaces()?.is_empty()
                        || engines.contains(&service.get_name()?.as_bytes()))
                {
                    used.push(disk?);
                }
            }
            _ => {}
        }
    }
    disks.retain(|(name, _)| used.contains(name));
    let paths = disks.iter();
    let paths = paths.map(|(_, path)| String::from_utf8_lossy(path.as_bytes()).into_owned());
    Ok(paths.map(PathBuf::from).collect())
}

/// The names of the services that are workers, in order.
pub fn workers(root: config::Reader<'_>) -> capnp::Result<Vec<String>> {
    let services = root.get_services()?.into_iter();
    let workers = services.filter(|service| matches!(service.which(), Ok(service::Worker(_))));
    let name = |service: service::Reader<'_>| {
        let name = service.get_name()?;
        Ok(String::from_utf8_lossy(name.as_bytes()).into_owned())
    };
    workers.map(name).collect()
}

/// The environment variables that bindings take their values from.
pub fn variables(root: config::Reader<'_>) -> capnp::Result<Vec<OsString>> {
    let mut all = Vec::new();
    for service in root.get_services()? {
        if let Ok(service::Worker(worker)) = service.which() {
            add_variables(worker?.get_bindings()?, &mut all)?;
        }
    }
    Ok(all)
}

fn add_variables(
    bindings: capnp::struct_list::Reader<'_, binding::Owned>,
    all: &mut Vec<OsString>,
) -> capnp::Result<()> {
    for bound in bindings {
        match bound.which() {
            Ok(binding::FromEnvironment(name)) => {
                all.push(OsStr::from_bytes(name?.as_bytes()).to_owned());
            }
            Ok(binding::Wrapped(wrapped)) => add_variables(wrapped?.get_inner_bindings()?, all)?,
            _ => {}
        }
    }
    Ok(())
}

/// The port of the socket's protocol; 0, any free port, where there is none.
fn default_port(socket: socket::Reader<'_>) -> u16 {
    match socket.which() {
        Ok(socket::Http(_)) => 80,
        Ok(socket::Https(_)) => 443,
        _ => 0,
    }
}
