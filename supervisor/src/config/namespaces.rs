//! The Durable Object namespaces of a configuration, and where each keeps what it stores.
//!
//! `objects` asks, for the command line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use schema::workerd_capnp::config;
use schema::workerd_capnp::service;
use schema::workerd_capnp::worker::{durable_object_namespace, durable_object_storage};

use super::binary;
use super::model::Loaded;

/// A class of objects that have files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNamespace {
    /// The service that the class is in.
    pub service: String,
    pub class: String,
    pub unique_key: String,
    pub folder: PathBuf,
}

/// Every namespace of the configuration that keeps its objects on disk.
pub fn stored_namespaces(loaded: &Loaded) -> Result<Vec<StoredNamespace>, String> {
    binary::with_config(&loaded.message, read)
        .map_err(|error| format!("The configuration cannot be used: {error}"))
}

fn read(root: config::Reader<'_>) -> capnp::Result<Vec<StoredNamespace>> {
    let text =
        |text: capnp::text::Reader<'_>| String::from_utf8_lossy(text.as_bytes()).into_owned();
    let mut disks = HashMap::new();
    for service in root.get_services()? {
        if let Ok(service::Disk(disk)) = service.which() {
            disks.insert(text(service.get_name()?), text(disk?.get_path()?));
        }
    }
    // Where each worker keeps its objects.
    let mut folders = HashMap::new();
    for service in root.get_services()? {
        if let Ok(service::Worker(worker)) = service.which()
            && let Ok(durable_object_storage::LocalDisk(disk)) =
                worker?.get_durable_object_storage().which()
            && let Some(folder) = disks.get(&text(disk?))
        {
            folders.insert(text(service.get_name()?), folder);
        }
    }
    let mut namespaces = Vec::new();
    for service in root.get_services()? {
        let Ok(service::Worker(worker)) = service.which() else {
            continue;
        };
        let worker = worker?;
        for workflow in worker.get_workflows_engine()?.get_workflows()? {
            let engine = text(workflow.get_binding_service()?.get_name()?);
            let Some(folder) = folders.get(&engine) else {
                continue;
            };
            let unique_key = schema::workflow_namespace(&text(workflow.get_name()?));
            namespaces.push(StoredNamespace {
                service: text(service.get_name()?),
                class: unique_key.clone(),
                folder: Path::new(folder).join(&unique_key),
                unique_key,
            });
        }
        let Some(disk) = folders.get(&text(service.get_name()?)) else {
            continue;
        };
        for namespace in worker.get_durable_object_namespaces()? {
            let Ok(durable_object_namespace::UniqueKey(key)) = namespace.which() else {
                continue;
            };
            let unique_key = text(key?);
            namespaces.push(StoredNamespace {
                service: text(service.get_name()?),
                class: text(namespace.get_class_name()?),
                folder: Path::new(disk).join(&unique_key),
                unique_key,
            });
        }
    }
    Ok(namespaces)
}
