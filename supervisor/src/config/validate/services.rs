//! Services, each by itself and in what it refers to.

use super::{Checker, Kind, lossy};
use schema::compat;
use schema::workerd_capnp::{
    assets_service, disk_directory, external_server, network, service, tls_options, worker,
};
use std::net::IpAddr;
use std::path::Path;

/// The words that `Network.allow` and `deny` take besides blocks of addresses.
const PEER_GROUPS: [&str; 6] = [
    "public",
    "private",
    "local",
    "network",
    "unix",
    "unix-abstract",
];

impl Checker<'_> {
    /// Second pass: everything but the names.
    pub(super) fn service(&mut self, service: service::Reader<'_>) -> capnp::Result<()> {
        let name = lossy(service.get_name()?);
        match service.which() {
            Ok(service::Unspecified(())) => {
                self.error(format!(
                    "Service named \"{name}\" does not specify what to serve."
                ));
                Ok(())
            }
            Ok(service::Worker(worker)) => self.worker(&name, worker?),
            Ok(service::Network(network)) => self.network(&name, network?),
            Ok(service::External(external)) => self.external(&name, external?),
            Ok(service::Disk(disk)) => self.disk(&name, disk?),
            Ok(service::Bucket(_)) => {
                self.error(format!(
                    "service {name}: bucket is not supported yet: it requires Config.cluster."
                ));
                Ok(())
            }
            Ok(service::Assets(assets)) => self.assets(&name, assets?),
            Err(_) => {
                self.error(format!(
                    "Service named \"{name}\" has unrecognized type. Was the config compiled with a newer version of \
                     the schema?"
                ));
                Ok(())
            }
        }
    }

    fn worker(&mut self, name: &str, worker: worker::Reader<'_>) -> capnp::Result<()> {
        let prefix = format!("service {name}: ");
        if matches!(worker.which(), Ok(worker::Inherit(_))) {
            // Reported already.
            return Ok(());
        }
        let date = worker
            .has_compatibility_date()
            .then(|| worker.get_compatibility_date())
            .transpose()?;
        self.compatibility(&prefix, date.map(lossy), worker.get_compatibility_flags()?)?;
        self.code(&prefix, worker)?;
        self.durable_objects(name, worker)?;
        for binding in worker.get_bindings()? {
            self.binding(name, worker, binding)?;
        }

        let context = |what: &str| format!("Worker \"{name}\"'s {what}");
        self.service_reference(worker.get_global_outbound()?, &context("globalOutbound"))?;
        if worker.has_cache_api_outbound() {
            self.service_reference(
                worker.get_cache_api_outbound()?,
                &context("cacheApiOutbound"),
            )?;
        }
        for tail in worker.get_tails()? {
            self.service_reference(tail, &context("tails"))?;
        }
        for tail in worker.get_streaming_tails()? {
            self.service_reference(tail, &context("streaming tails"))?;
        }
        self.workflows(name, worker)?;
        self.access(name, worker)
    }

    fn compatibility(
        &mut self,
        prefix: &str,
        date: Option<String>,
        flags: capnp::text_list::Reader<'_>,
    ) -> capnp::Result<()> {
        let flags: Vec<String> = flags
            .iter()
            .map(|flag| flag.map(lossy))
            .collect::<capnp::Result<_>>()?;
        let outcome = compat::check(
            date.as_deref(),
            flags.iter().map(String::as_str),
            &self.compat,
        );
        self.verdict.errors.extend(
            outcome
                .errors
                .iter()
                .map(|error| format!("{prefix}{error}")),
        );
        self.verdict.warnings.extend(
            outcome
                .warnings
                .iter()
                .map(|warning| format!("{prefix}{warning}")),
        );
        Ok(())
    }

    fn code(&mut self, prefix: &str, worker: worker::Reader<'_>) -> capnp::Result<()> {
        match worker.which() {
            Ok(worker::Modules(modules)) => {
                let modules = modules?;
                if modules.is_empty() {
                    self.error(format!("{prefix}Modules list cannot be empty."));
                }
                for module in modules {
                    match module.which() {
                        Ok(worker::module::Obsolete(_) | worker::module::ObsoletePythonRequirement(_)) => {
                            let module = lossy(module.get_name()?);
                            self.error(format!("{prefix}Module \"{module}\" is of a type that is not in use anymore."));
                        }
                        Ok(worker::module::Bundled(_)) => self.experimental("", "Bundled modules"),
                        Ok(_) => {}
                        Err(_) => self.error(format!(
                            "{prefix}Encountered unknown Worker.Module type. Was the config compiled with a newer \
                             version of the schema?"
                        )),
                    }
                }
            }
            Ok(worker::ServiceWorkerScript(_) | worker::Inherit(_)) => {}
            Err(_) => self.error(format!(
                "{prefix}Encountered unknown Worker code type. Was the config compiled with a newer version of the \
                 schema?"
            )),
        }
        if worker.has_module_fallback() && !self.options.experimental {
            self.error(format!(
                "{prefix}The module fallback service is an experimental feature. You must run workerd with \
                 `--experimental` to use the module fallback service."
            ));
        }
        Ok(())
    }

    fn durable_objects(&mut self, name: &str, worker: worker::Reader<'_>) -> capnp::Result<()> {
        use worker::durable_object_namespace as namespace;
        use worker::durable_object_storage as storage;
        let prefix = format!("service {name}: ");
        let on_disk = matches!(
            worker.get_durable_object_storage().which(),
            Ok(storage::LocalDisk(_))
        );
        let mut has_durable = false;
        for class in worker.get_durable_object_namespaces()? {
            if class.has_container() {
                let class = lossy(class.get_class_name()?);
                self.error(format!(
                    "{prefix}container is not supported yet, so the Durable Objects of \"{class}\" cannot have one."
                ));
            }
            match class.which() {
                Ok(namespace::UniqueKey(key)) => {
                    has_durable = true;
                    let key = lossy(key?);
                    if on_disk
                        && (matches!(key.as_str(), "" | "." | "..") || key.contains(['/', '\0']))
                    {
                        self.error(format!(
                            "{prefix}The uniqueKey \"{key}\" names a directory, so it must be one path component."
                        ));
                    }
                }
                Ok(namespace::EphemeralLocal(())) => {
                    self.experimental(
                        "",
                        "Ephemeral objects (Durable Object namespaces with type 'ephemeralLocal')",
                    );
                }
                Err(_) => {
                    let class = lossy(class.get_class_name()?);
                    self.error(format!(
                        "Encountered unknown DurableObjectNamespace type in service \"{name}\", class \"{class}\". Was \
                         the config compiled with a newer version of the schema?"
                    ));
                }
            }
        }
        match worker.get_durable_object_storage().which() {
            Ok(storage::None(())) if has_durable => self.error(format!(
                "Worker service \"{name}\" implements durable object classes but has `durableObjectStorage` set to \
                 `none`."
            )),
            Ok(storage::None(()) | storage::InMemory(())) => {}
            Ok(storage::LocalDisk(disk)) => self.storage_reference(&prefix, &lossy(disk?)),
            Err(_) => self.error(format!(
                "Encountered unknown durableObjectStorage type in service \"{name}\". Was the config compiled with a \
                 newer version of the schema?"
            )),
        }
        Ok(())
    }

    fn storage_reference(&mut self, prefix: &str, disk: &str) {
        let problem = match self.services.get(disk) {
            Some(Kind::Disk { writable: true } | Kind::Broken) => return,
            Some(Kind::Disk { writable: false }) => {
                format!("the disk service \"{disk}\", but that service is defined read-only.")
            }
            Some(_) => {
                format!("the service \"{disk}\", but that service is not a local disk service.")
            }
            None => format!("a service \"{disk}\", but no such service is defined."),
        };
        self.error(format!(
            "{prefix}durableObjectStorage config refers to {problem}"
        ));
    }

    fn access(&mut self, name: &str, worker: worker::Reader<'_>) -> capnp::Result<()> {
        if worker.has_access_blob_header() && !self.options.experimental {
            self.error(format!(
                "service {name}: Worker \"{name}\" has accessBlobHeader configured but this is an experimental feature. \
                 You must run workerd with `--experimental` to use this feature."
            ));
        }
        if worker.has_access_binding_service() {
            let target = lossy(worker.get_access_binding_service()?.get_name()?);
            let context = format!("Worker \"{name}\"'s accessBindingService");
            match self.services.get(&target) {
                Some(Kind::Worker | Kind::Broken) => {}
                Some(_) => self.error(format!(
                    "{context} refers to service \"{target}\", but it is not a Worker."
                )),
                None => self.undefined(&target, &context),
            }
        }
        Ok(())
    }

    fn network(&mut self, name: &str, network: network::Reader<'_>) -> capnp::Result<()> {
        for list in [network.get_allow()?, network.get_deny()?] {
            for entry in list {
                let entry = lossy(entry?);
                if !PEER_GROUPS.contains(&entry.as_str()) && !is_block(&entry) {
                    self.error(format!("service {name}: invalid CIDR: {entry}"));
                }
            }
        }
        if network.has_tls_options() {
            self.tls(name, network.get_tls_options()?);
        }
        Ok(())
    }

    fn external(&mut self, name: &str, external: external_server::Reader<'_>) -> capnp::Result<()> {
        if !external.has_address() {
            self.error(format!(
                "service {name}: External service \"{name}\" has no address in the config, so must be specified on the \
                 command line with `--external-addr`."
            ));
        }
        match external.which() {
            Ok(external_server::Http(_)) => {}
            Ok(external_server::Https(https)) => self.tls(name, https.get_tls_options()?),
            Ok(external_server::Tcp(tcp)) => self.tls(name, tcp.get_tls_options()?),
            Err(_) => self.error(format!(
                "External service named \"{name}\" has unrecognized protocol. Was the config compiled with a newer \
                 version of the schema?"
            )),
        }
        Ok(())
    }

    fn tls(&mut self, name: &str, tls: tls_options::Reader<'_>) {
        if tls.get_min_version().is_err() {
            self.error(format!(
                "service {name}: Encountered unknown TlsOptions::minVersion setting. Was the config compiled with a \
                 newer version of the schema?"
            ));
        }
    }

    fn disk(&mut self, name: &str, disk: disk_directory::Reader<'_>) -> capnp::Result<()> {
        if disk.has_path() {
            self.directory(name, &lossy(disk.get_path()?));
        } else {
            self.error(format!(
                "service {name}: Directory \"{name}\" has no path in the config, so must be specified on the command \
                 line with `--directory-path`."
            ));
        }
        Ok(())
    }

    /// A relative path starts at the current directory, wherever the configuration is.
    fn directory(&mut self, name: &str, path: &str) {
        if !Path::new(path).is_dir() {
            self.error(format!(
                "service {name}: Directory named \"{name}\" not found: {path}"
            ));
        }
    }

    fn assets(&mut self, name: &str, assets: assets_service::Reader<'_>) -> capnp::Result<()> {
        if !self.options.experimental {
            self.experimental("", "Assets services");
            return Ok(());
        }
        self.directory(name, &lossy(assets.get_path()?));
        if assets.has_user_worker() {
            self.service_reference(
                assets.get_user_worker()?,
                &format!("Assets service \"{name}\"'s userWorker"),
            )?;
            return Ok(());
        }
        let date = assets
            .has_compatibility_date()
            .then(|| assets.get_compatibility_date())
            .transpose()?;
        let prefix = format!("service {name}: ");
        self.compatibility(&prefix, date.map(lossy), assets.get_compatibility_flags()?)
    }
}

/// Whether a text is a block of addresses, such as `192.0.2.0/24`.
fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let max_bits = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= max_bits)
}
