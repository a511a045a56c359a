//! Workers that inherit from others, and parameters that they fill in: made plain, so that nothing after this knows of them.
//!
//! `load` calls this for all but `compile`, which keeps the configuration as it is written. A worker that has parameters left,
//! or objects without a place, can only be inherited: it is taken out, and who refers to it is told why. A worker that cannot be
//! made plain stays as it is, with an error.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use schema::parameter::{has_type, mismatch};
use schema::workerd_capnp::{config, service, worker};
use worker::{binding, durable_object_namespace as namespace, durable_object_storage as storage};

use super::text::Message;

/// What there is to say.
#[derive(Default)]
pub struct Findings {
    pub errors: Vec<String>,
    /// Workers that can only be inherited, and why, to go after their names.
    pub abstracts: HashMap<String, String>,
}

/// The configuration without inheritance, parameters and modifiers of unique keys.
pub fn expand(message: Message, found: &mut Findings) -> capnp::Result<Message> {
    let root: config::Reader<'_> = message.get_root_as_reader()?;
    let workers = Workers::of(root)?;
    if !workers.need_it()? {
        return Ok(message);
    }
    let mut plain = Message::new(capnp::message::HeapAllocator::new());
    plain.set_root(root)?;
    let mut kept = Vec::new();
    for service in root.get_services()? {
        let service::Worker(worker) = service.which()? else {
            kept.push((service, None));
            continue;
        };
        let name = lossy(service.get_name()?);
        match workers.derive(&name, worker?)? {
            Err(error) => {
                found.errors.push(format!("service {name}: {error}"));
                kept.push((service, None));
            }
            Ok(derived) => match derived.why_abstract(workers.inherited.contains(&name))? {
                None => kept.push((service, Some(derived))),
                Some(_) if derived.chain.len() > 1 && !workers.inherited.contains(&name) => {
                    let errors = derived.unfinished(&name)?;
                    found.errors.extend(errors);
                    kept.push((service, None));
                }
                Some(why) => {
                    found.abstracts.insert(name, why);
                }
            },
        }
    }
    let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    let mut services = plain
        .get_root::<config::Builder<'_>>()?
        .init_services(count);
    for (index, (service, derived)) in (0..).zip(&kept) {
        match derived {
            None => services.set_with_caveats(index, *service)?,
            Some(derived) => {
                let mut to = services.reborrow().get(index);
                to.set_name(service.get_name()?);
                derived.write(to.init_worker())?;
            }
        }
    }
    let mut keys = HashMap::new();
    for (service, derived) in &kept {
        let Some(derived) = derived else { continue };
        let name = lossy(service.get_name()?);
        for key in derived.modified_keys()? {
            if let Some(other) = keys.insert(key.clone(), name.clone()) {
                found.errors.push(format!(
                    "service {name}: Its durableObjectUniqueKeyModifier is that of \"{other}\", with which it shares the \
                     uniqueKey of a Durable Object namespace. Each must have its own."
                ));
            }
        }
    }
    Ok(plain)
}

fn lossy(text: capnp::text::Reader<'_>) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

/// All workers of a configuration.
struct Workers<'a> {
    by_name: HashMap<String, Option<worker::Reader<'a>>>,
    /// The names of those that others inherit from.
    inherited: HashSet<String>,
}

impl<'a> Workers<'a> {
    fn of(root: config::Reader<'a>) -> capnp::Result<Self> {
        let (mut by_name, mut inherited) = (HashMap::new(), HashSet::new());
        for service in root.get_services()? {
            let worker = match service.which() {
                Ok(service::Worker(worker)) => Some(worker?),
                _ => None,
            };
            if let Some(parent) = worker.map(parent).transpose()?.flatten() {
                inherited.insert(parent);
            }
            by_name.entry(lossy(service.get_name()?)).or_insert(worker);
        }
        Ok(Self { by_name, inherited })
    }

    /// Whether anything here is to be made plain.
    fn need_it(&self) -> capnp::Result<bool> {
        for worker in self.by_name.values().flatten() {
            let modified = worker.has_durable_object_unique_key_modifier();
            if modified || parent(*worker)?.is_some() {
                return Ok(true);
            }
            for binding in worker.get_bindings()? {
                if matches!(binding.which(), Ok(binding::Parameter(_))) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// What a worker is with all that it inherits, or what is wrong with that.
    fn derive(
        &self,
        name: &str,
        worker: worker::Reader<'a>,
    ) -> capnp::Result<Result<Derived<'a>, String>> {
        let (mut names, mut chain) = (vec![name.to_owned()], vec![worker]);
        while let Some(wanted) = parent(chain[chain.len() - 1])? {
            let refers = format!("inherit refers to a service \"{wanted}\", but");
            let worker = match self.by_name.get(&wanted) {
                None => return Ok(Err(format!("{refers} no such service is defined."))),
                Some(None) => {
                    let error =
                        format!("{refers} it is not a Worker, so there is nothing to inherit.");
                    return Ok(Err(error));
                }
                Some(Some(worker)) => *worker,
            };
            if names.contains(&wanted) {
                names.push(wanted);
                let circle = names.join("\" inherits \"");
                return Ok(Err(format!("Workers inherit in a circle: \"{circle}\".")));
            }
            names.push(wanted);
            chain.push(worker);
        }
        names.reverse();
        chain.reverse();
        let mut derived = Derived {
            chain,
            bindings: Vec::new(),
        };
        for (index, name) in names.iter().enumerate() {
            let from = (index > 0).then(|| names[index - 1].as_str());
            if let Err(error) = derived.add(index, name, from)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(derived))
    }
}

/// The name of the worker that a worker inherits from.
fn parent(worker: worker::Reader<'_>) -> capnp::Result<Option<String>> {
    match worker.which() {
        Ok(worker::Inherit(name)) => Ok(Some(lossy(name?))),
        _ => Ok(None),
    }
}

/// A worker with all that it inherits.
struct Derived<'a> {
    /// Itself last, the one that has the code first.
    chain: Vec<worker::Reader<'a>>,
    bindings: Vec<binding::Reader<'a>>,
}

impl<'a> Derived<'a> {
    /// Takes what one of the chain says; `from` is who it inherits from.
    fn add(
        &mut self,
        index: usize,
        name: &str,
        from: Option<&str>,
    ) -> capnp::Result<Result<(), String>> {
        let worker = self.chain[index];
        let Some(from) = from else {
            self.bindings = worker.get_bindings()?.iter().collect();
            for binding in &self.bindings {
                if !has_type(*binding)? {
                    let binding = lossy(binding.get_name()?);
                    return Ok(Err(format!(
                        "Worker \"{name}\"'s binding \"{binding}\" is a parameter without a type."
                    )));
                }
            }
            return Ok(Ok(()));
        };
        for (is_given, field) in [
            (worker.has_compatibility_date(), "compatibilityDate"),
            (worker.has_compatibility_flags(), "compatibilityFlags"),
            (
                worker.has_durable_object_namespaces(),
                "durableObjectNamespaces",
            ),
        ] {
            if is_given {
                return Ok(Err(format!(
                    "Worker \"{name}\" cannot have {field}, as it inherits those of \"{from}\"."
                )));
            }
        }
        for binding in worker.get_bindings()? {
            let own = lossy(binding.get_name()?);
            let context = format!("Worker \"{name}\"'s binding \"{own}\"");
            let mut place = None;
            for (index, other) in self.bindings.iter().enumerate() {
                if other.get_name()? == binding.get_name()? {
                    place = Some(index);
                }
            }
            let Some(place) = place else {
                return Ok(Err(format!(
                    "{context} is none of \"{from}\", from which it inherits, so it cannot be given."
                )));
            };
            if let Some(problem) = mismatch(self.bindings[place], binding)? {
                return Ok(Err(format!("{context} {problem} in \"{from}\".")));
            }
            self.bindings[place] = binding;
        }
        Ok(Ok(()))
    }

    /// The parameters that nobody has filled in, which must be.
    fn missing(&self) -> capnp::Result<Vec<String>> {
        let mut names = Vec::new();
        for binding in &self.bindings {
            if let Ok(binding::Parameter(parameter)) = binding.which()
                && !parameter.get_optional()
            {
                names.push(lossy(binding.get_name()?));
            }
        }
        Ok(names)
    }

    /// Whether there are objects whose place is for those to say who inherit.
    fn has_homeless(&self) -> capnp::Result<bool> {
        Ok(self.has_durable()? && matches!(self.storage(), Ok(storage::None(()))))
    }

    fn has_durable(&self) -> capnp::Result<bool> {
        let mut namespaces = self.chain[0].get_durable_object_namespaces()?.iter();
        Ok(namespaces.any(|one| matches!(one.which(), Ok(namespace::UniqueKey(_)))))
    }

    /// Where the worker itself keeps objects: no place is inherited.
    fn storage(&self) -> Result<storage::WhichReader<'a>, capnp::NotInSchema> {
        self.own().get_durable_object_storage().which()
    }

    fn own(&self) -> worker::Reader<'a> {
        self.chain[self.chain.len() - 1]
    }

    /// Why the worker can only be inherited, if so.
    fn why_abstract(&self, is_inherited: bool) -> capnp::Result<Option<String>> {
        let missing = self.missing()?;
        if !missing.is_empty() {
            let names = missing.join("\", \"");
            return Ok(Some(format!(
                "has parameters that are not filled in (\"{names}\")"
            )));
        }
        let inherits = self.chain.len() > 1;
        // Of one that stands alone the checks say so.
        let is_homeless = (inherits || is_inherited) && self.has_homeless()?;
        let lacks_modifier =
            inherits && self.has_durable()? && !self.own().has_durable_object_unique_key_modifier();
        Ok(match (is_homeless, lacks_modifier) {
            (true, _) => Some("has Durable Objects, but no durableObjectStorage".to_owned()),
            (_, true) => Some("has no durableObjectUniqueKeyModifier".to_owned()),
            _ => None,
        })
    }

    /// What a worker lacks that inherits and that nobody inherits from.
    fn unfinished(&self, name: &str) -> capnp::Result<Vec<String>> {
        let prefix = format!("service {name}: Worker \"{name}\"");
        let missing = self.missing()?.into_iter();
        let mut errors: Vec<_> = missing
            .map(|parameter| {
                format!("{prefix} does not fill in the parameter \"{parameter}\", which is not optional.")
            })
            .collect();
        if self.has_homeless()? {
            errors.push(format!(
                "{prefix} inherits Durable Object namespaces, so it must have a durableObjectStorage."
            ));
        }
        if self.has_durable()? && !self.own().has_durable_object_unique_key_modifier() {
            errors.push(format!(
                "{prefix} inherits Durable Object namespaces, so it must have a durableObjectUniqueKeyModifier."
            ));
        }
        Ok(errors)
    }

    /// The unique keys of the worker's namespaces where it has a modifier, as they are with it.
    fn modified_keys(&self) -> capnp::Result<Vec<String>> {
        let mut keys = Vec::new();
        if self.own().has_durable_object_unique_key_modifier() {
            let modifier = self.own().get_durable_object_unique_key_modifier()?;
            for one in self.chain[0].get_durable_object_namespaces()? {
                if let Ok(namespace::UniqueKey(key)) = one.which() {
                    keys.push(modified(&lossy(key?), &lossy(modifier)));
                }
            }
        }
        Ok(keys)
    }

    /// All of it as a worker of its own.
    fn write(&self, mut to: worker::Builder<'_>) -> capnp::Result<()> {
        let base = self.chain[0];
        // Every field but those that follow is the base's.
        let code = base.which()?;
        match code {
            worker::Modules(modules) => to.set_modules(modules?)?,
            worker::ServiceWorkerScript(script) => to.set_service_worker_script(script?),
            worker::Inherit(_) => {}
        }
        if base.has_compatibility_date() {
            to.set_compatibility_date(base.get_compatibility_date()?);
        }
        if base.has_compatibility_flags() {
            to.set_compatibility_flags(base.get_compatibility_flags()?)?;
        }
        if base.has_durable_object_namespaces() {
            to.set_durable_object_namespaces(base.get_durable_object_namespaces()?)?;
        }
        self.write_bindings(to.reborrow())?;
        for worker in &self.chain {
            overlay(*worker, to.reborrow())?;
        }
        let mut place = to.reborrow().init_durable_object_storage();
        match self.storage() {
            Ok(storage::InMemory(())) => place.set_in_memory(()),
            Ok(storage::LocalDisk(disk)) => place.set_local_disk(disk?),
            _ => place.set_none(()),
        }
        let modifier = self.own().get_durable_object_unique_key_modifier()?;
        if self.own().has_durable_object_unique_key_modifier() {
            let modifier = lossy(modifier);
            let mut namespaces = to.get_durable_object_namespaces()?;
            for index in 0..namespaces.len() {
                let mut one = namespaces.reborrow().get(index);
                let key = match one.reborrow_as_reader().which() {
                    Ok(namespace::UniqueKey(key)) => modified(&lossy(key?), &modifier),
                    _ => continue,
                };
                one.set_unique_key(&key);
            }
        }
        Ok(())
    }

    fn write_bindings(&self, to: worker::Builder<'_>) -> capnp::Result<()> {
        let is_given =
            |binding: &&binding::Reader<'_>| !matches!(binding.which(), Ok(binding::Parameter(_)));
        let given: Vec<_> = self.bindings.iter().filter(is_given).collect();
        let mut list = to.init_bindings(u32::try_from(given.len()).unwrap_or(u32::MAX));
        for (index, binding) in (0..).zip(given) {
            list.set_with_caveats(index, *binding)?;
        }
        Ok(())
    }
}

/// Sets what a worker says of where things go, over what those before it say.
fn overlay(from: worker::Reader<'_>, mut to: worker::Builder<'_>) -> capnp::Result<()> {
    if from.has_global_outbound() {
        to.set_global_outbound(from.get_global_outbound()?)?;
    }
    if from.has_cache_api_outbound() {
        to.set_cache_api_outbound(from.get_cache_api_outbound()?)?;
    }
    if from.has_module_fallback() {
        to.set_module_fallback(from.get_module_fallback()?);
    }
    if from.has_tails() {
        to.set_tails(from.get_tails()?)?;
    }
    if from.has_streaming_tails() {
        to.set_streaming_tails(from.get_streaming_tails()?)?;
    }
    if from.has_access_blob_header() {
        to.set_access_blob_header(from.get_access_blob_header()?);
    }
    if from.has_access_binding_service() {
        to.set_access_binding_service(from.get_access_binding_service()?)?;
    }
    if from.has_workflows_engine() {
        to.set_workflows_engine(from.get_workflows_engine()?)?;
    }
    if let Ok(worker::container_engine::LocalDocker(docker)) = from.get_container_engine().which() {
        to.init_container_engine().set_local_docker(docker?)?;
    }
    Ok(())
}

/// The unique key of a namespace whose worker has a modifier: the key, so that folders can be told apart, and the start of the
/// SHA-256 of the key's length, the key and the modifier. Stored objects depend on it.
fn modified(key: &str, modifier: &str) -> String {
    const SHOWN_BYTES: usize = 16;
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes();
    let hashed = [&length, key.as_bytes(), modifier.as_bytes()].concat();
    let mut modified = format!("{key}-");
    for byte in &digest(&SHA256, &hashed).as_ref()[..SHOWN_BYTES] {
        // Writing to a string cannot fail.
        let _ = write!(modified, "{byte:02x}");
    }
    modified
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LoadOptions, Loaded, Overrides, Purpose, Source, load, stored_namespaces};

    /// A worker with parameters, one with objects, and one without either.
    const BASES: &str = r#"
        (name = "disk", disk = (path = "/", writable = true)),
        (name = "plain", worker = (modules = [(name = "m", esModule = "")], compatibilityDate = "2026-01-01",
            bindings = [(name = "t", text = "base"), (name = "s", service = "plain")])),
        (name = "open", worker = (modules = [(name = "m", esModule = "")], compatibilityDate = "2026-01-01",
            bindings = [(name = "p", parameter = (type = (text = void))), (name = "t", text = "base"),
                        (name = "k", parameter = (type = (cryptoKey = [sign, verify]), optional = true))])),
        (name = "kept", worker = (modules = [(name = "m", esModule = "export class A {}")],
            compatibilityDate = "2026-01-01", durableObjectNamespaces = [(className = "A", uniqueKey = "a")])),"#;

    fn run(services: &str) -> Result<Loaded, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.capnp");
        let text = format!(
            "using Workerd = import \"/workerd/workerd.capnp\";
             const c :Workerd.Config = (services = [{BASES} {services}]);"
        );
        std::fs::write(&path, text).unwrap();
        let options = LoadOptions {
            source: Source::File(path),
            purpose: Purpose::Serve,
            binary: false,
            import_path: Vec::new(),
            const_name: None,
            overrides: Overrides::default(),
            experimental: false,
            compat_date: None,
        };
        load(&options).map_err(|errors| errors.errors)
    }

    /// Errors but that of the worker with objects, where nobody inherits it.
    fn errors(services: &str) -> Vec<String> {
        let mut errors = run(services).map_or_else(|errors| errors, |_| Vec::new());
        errors.retain(|error| !error.starts_with("Worker service \"kept\""));
        errors
    }

    /// A worker `w` that inherits.
    fn worker(parent: &str, fields: &str) -> Vec<String> {
        errors(&format!(
            r#"(name = "w", worker = (inherit = "{parent}", {fields}))"#
        ))
    }

    #[test]
    fn what_inherits_is_a_worker_of_its_own() {
        let none: [&str; 0] = [];
        assert_eq!(worker("plain", ""), none);
        let other_text = r#"bindings = [(name = "t", text = "own")]"#;
        assert_eq!(worker("plain", other_text), none);
        let from_environment = r#"bindings = [(name = "p", fromEnvironment = "HOME")]"#;
        assert_eq!(worker("open", from_environment), none);
        let chain = r#"(name = "x", worker = (inherit = "open", bindings = [(name = "t", text = "x")])),
                       (name = "w", worker = (inherit = "x", bindings = [(name = "p", text = "w")])),
                       (name = "v", worker = (inherit = "w", bindings = [(name = "p", text = "v")]))"#;
        assert_eq!(errors(chain), none);
    }

    #[test]
    fn parameters_are_filled_in_by_what_they_ask_for() {
        assert_eq!(
            worker("open", ""),
            [
                "service w: Worker \"w\" does not fill in the parameter \"p\", which is not optional."
            ]
        );
        assert_eq!(
            worker("open", r#"bindings = [(name = "p", json = "1")]"#),
            [
                "service w: Worker \"w\"'s binding \"p\" is of the type json, not of the type text that it has in \"open\"."
            ]
        );
        let key = r#"bindings = [(name = "p", text = ""),
                     (name = "k", cryptoKey = (raw = 0x"00", algorithm = (name = "HMAC"), usages = [sign]))]"#;
        assert_eq!(
            worker("open", key),
            [
                "service w: Worker \"w\"'s binding \"k\" lacks the key usage Verify, which the parameter asks for in \"open\"."
            ]
        );
        let typeless = r#"(name = "w", worker = (modules = [(name = "m", esModule = "")],
            compatibilityDate = "2026-01-01", bindings = [(name = "p", parameter = (optional = true))]))"#;
        assert_eq!(
            errors(typeless)[0],
            "service w: Worker \"w\"'s binding \"p\" is a parameter without a type."
        );
    }

    #[test]
    fn what_cannot_be_inherited_is_refused() {
        for (parent, fields, expected) in [
            (
                "nope",
                "",
                "inherit refers to a service \"nope\", but no such service is defined.",
            ),
            (
                "disk",
                "",
                "inherit refers to a service \"disk\", but it is not a Worker, so there is nothing to inherit.",
            ),
            (
                "w",
                "",
                "Workers inherit in a circle: \"w\" inherits \"w\".",
            ),
            (
                "plain",
                r#"compatibilityDate = "2026-01-01""#,
                "Worker \"w\" cannot have compatibilityDate, as it inherits those of \"plain\".",
            ),
            (
                "plain",
                r#"bindings = [(name = "new", text = "")]"#,
                "Worker \"w\"'s binding \"new\" is none of \"plain\", from which it inherits, so it cannot be given.",
            ),
            (
                "plain",
                r#"bindings = [(name = "s", text = "")]"#,
                "Worker \"w\"'s binding \"s\" is of the type text, not of the type service that it has in \"plain\".",
            ),
            (
                "kept",
                r#"durableObjectUniqueKeyModifier = "x""#,
                "Worker \"w\" inherits Durable Object namespaces, so it must have a durableObjectStorage.",
            ),
            (
                "kept",
                "durableObjectStorage = (inMemory = void)",
                "Worker \"w\" inherits Durable Object namespaces, so it must have a durableObjectUniqueKeyModifier.",
            ),
        ] {
            assert_eq!(
                worker(parent, fields),
                [format!("service w: {expected}")],
                "{fields}"
            );
        }
    }

    #[test]
    fn what_can_only_be_inherited_cannot_be_referred_to() {
        let user = r#"(name = "u", worker = (modules = [(name = "m", esModule = "")], compatibilityDate = "2026-01-01",
                        bindings = [(name = "b", service = "open")]))"#;
        assert_eq!(
            errors(user),
            [
                "Worker \"u\"'s binding \"b\" refers to a service \"open\", but that Worker has parameters that are not \
                 filled in (\"p\"): it can only be inherited."
            ]
        );
    }

    #[test]
    fn a_modifier_makes_other_namespaces() {
        let heir = |name: &str, modifier: &str| {
            format!(
                r#"(name = "{name}", worker = (inherit = "kept", durableObjectUniqueKeyModifier = "{modifier}",
                    durableObjectStorage = (localDisk = "disk"))),"#
            )
        };
        let loaded = run(&(heir("x", "1") + &heir("y", "2"))).unwrap();
        let namespaces = stored_namespaces(&loaded).unwrap().into_iter();
        let keys: Vec<_> = namespaces.map(|one| one.unique_key).collect();
        assert_eq!(keys, [modified("a", "1"), modified("a", "2")]);
        // What is stored is found by it.
        assert_eq!(keys[0], "a-999e0c7730b1cf304261b046dba8c23b");
        let errors = errors(&(heir("x", "1") + &heir("y", "1")));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let twice = "service y: Its durableObjectUniqueKeyModifier is that of \"x\"";
        assert!(errors[0].starts_with(twice), "{errors:?}");
    }
}
