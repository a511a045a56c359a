//! The services of a config: the worker, its assets, and the back-ends of its bindings with the folders that they store in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schema::compat;
use serde_json::{Value, json};

use super::STATE;
use super::classes::{self, Class};
use super::fields::{Assets, Consumer, Workflow, Wrangler};
use super::modules::Module;

/// The behaviour that the back-ends are written for.
const BACKEND_DATE: &str = "2026-01-01";

/// What calls `queue()` and `scheduled()` of other workers.
const EXTRA_HANDLERS: &str = "service_binding_extra_handlers";

/// A service of the config that is made.
pub enum Service {
    Worker(Box<Worker>),
    Disk { name: String, path: PathBuf },
    Assets(AssetsPlan),
}

impl Service {
    /// The folder that a disk is in; it is made if it is not there.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Disk { path, .. } => Some(path),
            _ => None,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Worker(worker) => &worker.name,
            Self::Disk { name, .. } => name,
            Self::Assets(assets) => &assets.name,
        }
    }
}

pub struct Worker {
    pub name: String,
    pub code: Source,
    pub date: String,
    pub flags: Vec<String>,
    pub bindings: Vec<(String, Binding)>,
    pub classes: Vec<Class>,
    /// The disk that objects are kept on.
    pub disk: Option<String>,
    /// The service of its workflows, with their classes and names.
    pub workflows: Option<(String, Vec<(String, String)>)>,
}

pub enum Source {
    Modules(Vec<Module>),
    /// `/workerd/<name>`, under its own name.
    Bundled(String),
}

pub enum Binding {
    Text(String),
    Json(Value),
    Service(Designator),
    /// A class, of this worker or of another.
    Namespace(String, Option<String>),
    Kv(Designator),
    Queue(Designator),
    /// A module of the program that wraps a service.
    Wrapped(&'static str, Designator),
}

pub struct Designator {
    pub service: String,
    pub entrypoint: Option<&'static str>,
    pub props: Option<Value>,
}

pub struct AssetsPlan {
    pub name: String,
    pub path: PathBuf,
    pub config: Value,
    pub behind: Behind,
}

/// What answers besides files.
pub enum Behind {
    Worker(String),
    /// None: then the date and flags are the service's own.
    Nothing {
        date: String,
        flags: Vec<String>,
    },
}

/// The entrypoint of assets that serves files and nothing else.
const FILES_ONLY: &str = "AssetWorker";
/// The entrypoint of the workflows' back-end that bindings call.
pub const WORKFLOW_BINDING: &str = "WorkflowBinding";

/// All services. The socket is for the last one if that is assets, else for the first.
pub fn services(config: &Wrangler, root: &Path, code: Vec<Module>) -> Result<Vec<Service>, String> {
    let state = root.join(STATE);
    let mut services = Vec::new();
    if config.main.is_some() {
        services.extend(worker(config, &state, code)?);
    }
    if let Some(assets) = &config.assets {
        services.push(Service::Assets(assets_of(config, assets, root)?));
    }
    Ok(services)
}

fn worker(config: &Wrangler, state: &Path, code: Vec<Module>) -> Result<Vec<Service>, String> {
    let name = config.name();
    let service = |suffix: &str| format!("{name}-{suffix}");
    let classes: Vec<Class> = classes::of(config)?
        .into_iter()
        .map(|class| Class {
            key: format!("{name}-{}", class.key),
            ..class
        })
        .collect();
    let disk = (!classes.is_empty()).then(|| service("do-storage"));
    let objects = disk.clone().map(|name| Service::Disk {
        name,
        path: state.to_owned(),
    });
    let workflows = config.workflows.iter();
    let workflows: Vec<_> = workflows
        .map(|workflow| (workflow.class_name.clone(), workflow.name.clone()))
        .collect();
    let worker = Worker {
        name: name.to_owned(),
        code: Source::Modules(code),
        date: config.compatibility_date.clone(),
        flags: config.compatibility_flags.clone(),
        bindings: bindings(config),
        classes,
        disk,
        workflows: (!workflows.is_empty()).then(|| (service("workflows"), workflows)),
    };
    let mut services = vec![Service::Worker(Box::new(worker))];
    services.extend(objects);
    for backend in backends(config) {
        services.extend(backend.services(name, state));
    }
    Ok(services)
}

/// `env` of the worker.
fn bindings(config: &Wrangler) -> Vec<(String, Binding)> {
    let to = |suffix: &str, entrypoint, props| Designator {
        service: format!("{}-{suffix}", config.name()),
        entrypoint,
        props,
    };
    let vars = config.vars.iter().map(|(name, value)| {
        let binding = match value {
            Value::String(text) => Binding::Text(text.clone()),
            other => Binding::Json(other.clone()),
        };
        (name.clone(), binding)
    });
    let objects = config.durable_objects.bindings.iter();
    let objects = objects.map(|object| {
        let class = object.class_name.clone();
        (object.name.clone(), Binding::Namespace(class, None))
    });
    let kv = config.kv_namespaces.iter().map(|kv| {
        let props = json!({ "namespace": kv.id.as_ref().unwrap_or(&kv.binding) });
        (kv.binding.clone(), Binding::Kv(to("kv", None, Some(props))))
    });
    let queues = config.queues.producers.iter().map(|producer| {
        let props = json!({ "queue": producer.queue });
        let binding = Binding::Queue(to("queues", None, Some(props)));
        (producer.binding.clone(), binding)
    });
    let workflows = config.workflows.iter().map(|workflow| {
        let props = json!({ "workflow": workflow.name });
        let service = to("workflows", Some(WORKFLOW_BINDING), Some(props));
        let binding = Binding::Wrapped("cloudflare-internal:workflows-api", service);
        (workflow.binding.clone(), binding)
    });
    let databases = config.d1_databases.iter().map(|d1| {
        let id = d1.preview_database_id.as_ref().or(d1.database_id.as_ref());
        let props = json!({ "database": id.unwrap_or(&d1.binding) });
        let binding = Binding::Wrapped("cloudflare-internal:d1-api", to("d1", None, Some(props)));
        (d1.binding.clone(), binding)
    });
    let assets = config.assets.iter().filter_map(|assets| {
        let binding = Binding::Service(to("assets", Some(FILES_ONLY), None));
        Some((assets.binding.clone()?, binding))
    });
    vars.chain(objects)
        .chain(kv)
        .chain(queues)
        .chain(workflows)
        .chain(databases)
        .chain(assets)
        .collect()
}

/// A module that comes with the program, as a service of the config.
struct Backend {
    /// Also the module's name, and its folder's.
    name: &'static str,
    flags: Vec<String>,
    /// The binding of its class, and the class, unless that is another worker's.
    class: Option<(&'static str, &'static str)>,
    bindings: Vec<(String, Binding)>,
    /// A further disk in its folder.
    disk: Option<&'static str>,
}

impl Backend {
    fn services(self, worker: &str, state: &Path) -> impl Iterator<Item = Service> {
        let name = format!("{worker}-{}", self.name);
        let disk = format!("{name}-storage");
        let folder = state.join(self.name);
        let own = self.class.map(|(binding, class)| {
            let namespace = Binding::Namespace(class.to_owned(), None);
            (binding.to_owned(), namespace)
        });
        let classes = self.class.iter().map(|(_, class)| Class {
            name: (*class).to_owned(),
            key: (*class).to_owned(),
            has_sql: true,
        });
        let further = self.disk.map(|disk| Service::Disk {
            name: format!("{name}-{disk}"),
            path: folder.join(disk),
        });
        let worker = Worker {
            name,
            code: Source::Bundled(format!("{}.js", self.name)),
            date: BACKEND_DATE.to_owned(),
            flags: self.flags,
            bindings: own.into_iter().chain(self.bindings).collect(),
            classes: classes.collect(),
            disk: Some(disk.clone()),
            workflows: None,
        };
        let storage = Service::Disk {
            name: disk,
            path: folder,
        };
        [Service::Worker(Box::new(worker)), storage]
            .into_iter()
            .chain(further)
    }
}

fn backends(config: &Wrangler) -> Vec<Backend> {
    let name = config.name();
    let service = |service: String| {
        Binding::Service(Designator {
            service,
            entrypoint: None,
            props: None,
        })
    };
    let mut backends = Vec::new();
    if !config.kv_namespaces.is_empty() {
        backends.push(Backend {
            name: "kv",
            flags: Vec::new(),
            class: Some(("SHARD", "KVNamespace")),
            bindings: vec![("BLOBS".to_owned(), service(format!("{name}-kv-blobs")))],
            disk: Some("blobs"),
        });
    }
    if !config.triggers.crons.is_empty() {
        let crons = Binding::Json(json!({ name: config.triggers.crons }));
        backends.push(Backend {
            name: "cron",
            flags: vec![EXTRA_HANDLERS.to_owned()],
            class: Some(("SCHEDULE", "Schedule")),
            bindings: vec![
                ("CRONS".to_owned(), crons),
                (name.to_owned(), service(name.to_owned())),
            ],
            disk: None,
        });
    }
    let queues = &config.queues;
    if !queues.producers.is_empty() || !queues.consumers.is_empty() {
        let consumers = queues.consumers.iter();
        let consumers: serde_json::Map<_, _> = consumers
            .map(|consumer| (consumer.queue.clone(), settings(consumer)))
            .collect();
        let worker =
            (!consumers.is_empty()).then(|| (CONSUMER.to_owned(), service(name.to_owned())));
        let mut bindings = vec![("CONSUMERS".to_owned(), Binding::Json(consumers.into()))];
        bindings.extend(worker);
        backends.push(Backend {
            name: "queues",
            flags: vec![EXTRA_HANDLERS.to_owned()],
            class: Some(("SHARD", "QueueShard")),
            bindings,
            disk: None,
        });
    }
    if !config.workflows.is_empty() {
        backends.push(workflows(config));
    }
    if !config.d1_databases.is_empty() {
        backends.push(Backend {
            name: "d1",
            flags: Vec::new(),
            class: Some(("DATABASE", "D1Database")),
            bindings: Vec::new(),
            disk: None,
        });
    }
    backends
}

/// The binding by which the queues' back-end calls the worker.
const CONSUMER: &str = "worker";

/// A consumer as `queues.js` has it.
fn settings(consumer: &Consumer) -> Value {
    let mut settings = serde_json::Map::new();
    settings.insert("consumer".to_owned(), CONSUMER.into());
    let numbers = [
        ("maxBatchSize", consumer.max_batch_size),
        ("maxBatchTimeout", consumer.max_batch_timeout),
        ("maxRetries", consumer.max_retries),
        ("retryDelay", consumer.retry_delay),
        ("maxConcurrency", consumer.max_concurrency),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            settings.insert(name.to_owned(), number.into());
        }
    }
    if let Some(queue) = &consumer.dead_letter_queue {
        settings.insert("deadLetterQueue".to_owned(), queue.clone().into());
    }
    settings.into()
}

fn workflows(config: &Wrangler) -> Backend {
    let of = |workflow: &Workflow| {
        let class = format!("miniflare-workflows-{}", workflow.name);
        let namespace = Binding::Namespace(class, Some(config.name().to_owned()));
        (format!("workflow:{}", workflow.name), namespace)
    };
    let mut bindings: Vec<_> = config.workflows.iter().map(of).collect();
    let limits: serde_json::Map<_, _> = config
        .workflows
        .iter()
        .map(|workflow| {
            let mut limits = serde_json::Map::new();
            if let Some(steps) = workflow.limits.as_ref().and_then(|limits| limits.steps) {
                limits.insert("steps".to_owned(), steps.into());
            }
            if let Some(retention) = &workflow.default_retention {
                let (success, error) = (&retention.success_retention, &retention.error_retention);
                let retention = json!({ "success": success, "error": error });
                limits.insert("retention".to_owned(), retention);
            }
            (workflow.name.clone(), Value::from(limits))
        })
        .collect();
    bindings.push(("WORKFLOWS".to_owned(), Binding::Json(limits.into())));
    Backend {
        name: "workflows",
        flags: preserving(config).map(str::to_owned).into_iter().collect(),
        class: None,
        bindings,
        disk: None,
    }
}

/// The back-end's errors are as the worker's date and flags say.
fn preserving(config: &Wrangler) -> Option<&'static str> {
    let flags = config.compatibility_flags.iter().map(String::as_str);
    let date = Some(config.compatibility_date.as_str());
    let compiled = compat::compile_flags(date, flags, &compat::Options::default());
    let field = compat::field::WORKFLOWS_PRESERVE_NON_RETRYABLE_ERROR_MESSAGE;
    let is_set = compiled.is_ok_and(|flags| flags.get(field));
    is_set.then_some("workflows_preserve_non_retryable_error_message")
}

/// Files of assets that say how they are served.
const HEADERS: &str = "_headers";
const REDIRECTS: &str = "_redirects";
const IGNORED: &str = ".assetsignore";

fn assets_of(config: &Wrangler, assets: &Assets, root: &Path) -> Result<AssetsPlan, String> {
    let path = root.join(&assets.directory);
    let text = |name: &str| match fs::read_to_string(path.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.join(name).display())),
    };
    let told = json!({
        "base_path": assets.base_path,
        "headers": text(HEADERS)?,
        "html_handling": assets.html_handling,
        "ignore": text(IGNORED)?,
        "not_found_handling": assets.not_found_handling,
        "redirects": text(REDIRECTS)?,
        "run_worker_first": assets.run_worker_first,
    });
    let name = config.name();
    Ok(AssetsPlan {
        name: format!("{name}-assets"),
        path,
        config: told,
        behind: match config.main {
            Some(_) => Behind::Worker(name.to_owned()),
            None => Behind::Nothing {
                date: config.compatibility_date.clone(),
                flags: config.compatibility_flags.clone(),
            },
        },
    })
}
