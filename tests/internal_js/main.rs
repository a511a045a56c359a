//! The law of internal JavaScript (`worker-proc/src/**/*.js`), checked on syntax trees: what it may call, what its folders use,
//! what it exports. The trees are swc's, which the runtime has anyway; what Rust says of modules is read with syn.

mod registry;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use registry::Api;
use script::Facts;

/// A module with its API's name.
struct Module {
    name: String,
    api: String,
    /// For complaints: the path in the repository.
    file: String,
    facts: Facts,
}

/// The bootstrap script, which is no module, and what its function has besides.
const BOOTSTRAP: &str = "worker-proc/src/glue/bootstrap.js";
const BOOTSTRAP_PARAMETERS: [&str; 5] =
    ["internals", "native", "eager", "lazyGlobals", "flagNames"];

/// Every module, the bootstrap script first.
fn modules(apis: &[Api]) -> Vec<Module> {
    let path = tests::root().join(BOOTSTRAP);
    let mut all = vec![module("glue", "bootstrap", &path, &BOOTSTRAP_PARAMETERS)];
    for api in apis {
        let own = api.modules.iter();
        all.extend(own.map(|source| module(&api.name, &source.name, &source.path, &[])));
    }
    all
}

fn module(api: &str, name: &str, path: &Path, extra: &[&str]) -> Module {
    let inside = path.strip_prefix(tests::root()).unwrap_or(path);
    let file = inside.display().to_string();
    let text = std::fs::read_to_string(path).expect("a readable file");
    Module {
        name: name.to_owned(),
        api: api.to_owned(),
        facts: script::facts(&text, extra).unwrap_or_else(|error| panic!("{file}: {error}")),
        file,
    }
}

fn tree() -> (Vec<Api>, BTreeSet<String>) {
    registry::read(&tests::root().join("worker-proc/src"))
}

fn complain(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn nothing_that_a_worker_can_patch_is_called() {
    let (apis, _) = tree();
    let mut found = Vec::new();
    for module in modules(&apis) {
        for (line, fault) in &module.facts.faults {
            found.push(format!("{}:{line} {fault}", module.file));
        }
    }
    complain("internal JavaScript that a worker can change", &found);
}

#[test]
fn every_export_is_read() {
    let (apis, read_by_rust) = tree();
    complain(
        "exports that nobody reads",
        &dead_exports(&modules(&apis), &read_by_rust),
    );
}

/// Exports that no other module reads, nor Rust. `install` and `globals` are the bootstrap script's, `bind` is a binding's; all of
/// `node:` and `cloudflare:` modules is for workers, of `cloudflare-internal:` ones for extensions.
fn dead_exports(modules: &[Module], read_by_rust: &BTreeSet<String>) -> Vec<String> {
    let mut read = BTreeSet::new();
    for module in modules {
        let others = module.facts.reads.iter();
        read.extend(others.filter(|(name, _)| *name != module.name));
    }
    let mut dead = Vec::new();
    for module in modules {
        let is_public = ["node:", "cloudflare:", "cloudflare-internal:", "workerd:"]
            .iter()
            .any(|prefix| module.name.starts_with(prefix));
        if is_public || read.contains(&(module.name.clone(), None)) {
            continue;
        }
        for (export, line) in &module.facts.exports {
            let is_bind = export == "bind" && module.name.starts_with("bindings/");
            let is_read = is_bind
                || ["install", "globals"].contains(&&**export)
                || read.contains(&(module.name.clone(), Some(export.clone())))
                || read_by_rust.contains(export);
            if !is_read {
                dead.push(format!("{}:{line} {export}", module.file));
            }
        }
    }
    dead
}

#[test]
fn what_is_read_is_exported() {
    let (apis, _) = tree();
    complain(
        "reads of what no module exports",
        &missing_exports(&modules(&apis)),
    );
}

/// Names that a module reads of another that does not export them. Node's modules are left out: many export what a table lists.
fn missing_exports(modules: &[Module]) -> Vec<String> {
    let named: BTreeMap<&str, BTreeSet<&str>> = modules
        .iter()
        .filter(|module| !module.name.starts_with("node"))
        .map(|module| {
            let exports = module.facts.exports.iter();
            (&*module.name, exports.map(|(name, _)| &**name).collect())
        })
        .collect();
    let mut missing = Vec::new();
    for module in modules {
        for (name, export) in &module.facts.reads {
            if let (Some(export), Some(exports)) = (export, named.get(&**name))
                && !exports.contains(&**export)
            {
                missing.push(format!("{} reads `{export}` of `{name}`", module.file));
            }
        }
    }
    missing
}

#[test]
fn folders_use_what_they_declare() {
    let (apis, _) = tree();
    complain(
        "`uses` and `lazy_uses` of APIs",
        &wrong_uses(&apis, &modules(&apis)),
    );
}

/// What folders require and do not declare, and the other way round.
fn wrong_uses(apis: &[Api], modules: &[Module]) -> Vec<String> {
    let owners: BTreeMap<&str, &str> = modules
        .iter()
        .map(|module| (&*module.name, &*module.api))
        .collect();
    let mut wrong = Vec::new();
    for api in apis {
        let (mut loads, mut later) = (BTreeMap::new(), BTreeMap::new());
        for module in modules.iter().filter(|module| module.api == api.name) {
            for require in &module.facts.requires {
                let place = format!("{}:{}", module.file, require.line);
                let Some(owner) = owners.get(&*require.module) else {
                    if require.module != "flags" {
                        wrong.push(format!("{place} there is no `{}`", require.module));
                    }
                    continue;
                };
                if *owner != api.name {
                    let kind = if require.is_lazy {
                        &mut later
                    } else {
                        &mut loads
                    };
                    kind.entry((*owner).to_owned()).or_insert(place);
                }
            }
        }
        later.retain(|owner, _| !loads.contains_key(owner));
        let lazy_uses = api.lazy_uses.iter();
        let declared_later: Vec<_> = lazy_uses.map(|(folder, _)| folder.clone()).collect();
        for (field, found, declared) in [
            ("uses", &loads, &api.uses),
            ("lazy_uses", &later, &declared_later),
        ] {
            for (folder, place) in found {
                if !declared.contains(folder) {
                    wrong.push(format!("{place} {field} of {} lack {folder}", api.name));
                }
            }
            for folder in declared {
                if !found.contains_key(folder) {
                    wrong.push(format!("{field} of {} name {folder} for nothing", api.name));
                }
            }
        }
        for (folder, reason) in &api.lazy_uses {
            if reason.len() < 10 {
                wrong.push(format!("{} does not say why {folder} is lazy", api.name));
            }
        }
    }
    wrong
}

/// Modules of one folder that may require each other: a class, what is made of it, and what makes it.
const MAX_MODULES: usize = 3;

#[test]
fn folders_require_each_other_in_no_loop() {
    let (apis, _) = tree();
    let all = |api: &Api| {
        let later = api.lazy_uses.iter().map(|(folder, _)| folder);
        api.uses.iter().chain(later).cloned().collect()
    };
    let edges = apis.iter().map(|api| (api.name.clone(), all(api)));
    let found = loops(&edges.collect());
    let found: Vec<_> = found.iter().map(|members| members.join(", ")).collect();
    complain("loops of folders, at load time or later", &found);
}

#[test]
fn modules_of_a_folder_require_each_other_in_small_loops() {
    let (apis, _) = tree();
    complain(
        "loops of more than three modules",
        &large_loops(&modules(&apis)),
    );
}

/// Loops of too many modules, at load time or later. Folders are in none, so that each is inside one.
fn large_loops(modules: &[Module]) -> Vec<String> {
    let requires = |module: &Module| {
        let requires = module.facts.requires.iter();
        requires.map(|require| require.module.clone()).collect()
    };
    let edges = modules
        .iter()
        .map(|module| (module.name.clone(), requires(module)));
    let found = loops(&edges.collect()).into_iter();
    let large = found.filter(|members| members.len() > MAX_MODULES);
    large.map(|members| members.join(", ")).collect()
}

/// The loops of a graph, each by its members: what remains when all that nobody waits for is taken away.
fn loops(edges: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            let to = edges.get(at).into_iter().flatten();
            next.extend(to.filter(|to| seen.insert((*to).clone())));
        }
        seen
    };
    let reached: BTreeMap<_, _> = edges.keys().map(|from| (from, reach(from))).collect();
    let mut found = BTreeSet::new();
    for (from, to) in reached.iter().filter(|(from, to)| to.contains(**from)) {
        let members = to
            .iter()
            .filter(|member| reached.get(member).is_some_and(|back| back.contains(*from)));
        found.insert(members.cloned().collect::<Vec<_>>());
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod checks {
    use super::*;
    use script::facts;

    fn made(name: &str, api: &str, text: &str) -> Module {
        Module {
            name: name.into(),
            api: api.into(),
            file: format!("{name}.js"),
            facts: facts(text, &[]).expect("JavaScript"),
        }
    }

    fn api(name: &str, uses: &[&str], lazy_uses: &[(&str, &str)]) -> Api {
        Api {
            name: name.into(),
            modules: Vec::new(),
            uses: uses.iter().map(|name| (*name).into()).collect(),
            lazy_uses: lazy_uses
                .iter()
                .map(|(name, why)| ((*name).into(), (*why).into()))
                .collect(),
        }
    }

    #[test]
    fn a_dead_export_is_found() {
        let modules = [
            made(
                "url",
                "url",
                "exports.parse = 1;\nexports.dead = 2;\nexports.create = 3; exports.globals = {};",
            ),
            made(
                "fetch",
                "fetch",
                "const { parse } = require(\"url\"); exports.all = parse;",
            ),
            made(
                "all",
                "all",
                "const fetch = require(\"fetch\"); exports.same = { ...fetch };",
            ),
            made("node:url", "node", "exports.parse = 1;"),
        ];
        let dead = dead_exports(&modules, &BTreeSet::from(["create".into()]));
        assert_eq!(dead, ["url.js:2 dead", "all.js:1 same"]);
    }

    #[test]
    fn a_missing_export_is_found() {
        let modules = [
            made("url", "url", "exports.parse = 1;"),
            made(
                "fetch",
                "fetch",
                "const { parse, gone } = require(\"url\");",
            ),
        ];
        let missing = missing_exports(&modules);
        assert_eq!(missing, ["fetch.js reads `gone` of `url`"]);
    }

    #[test]
    fn undeclared_and_unused_folders_are_found() {
        let modules = [
            made(
                "a",
                "a",
                "require(\"b\"); const f = () => require(\"c\"); require(\"flags\");",
            ),
            made("b", "b", "require(\"a\"); require(\"nowhere\");"),
            made("c", "c", ""),
        ];
        let right = [
            api("a", &["b"], &[("c", "only f needs it")]),
            api("b", &["a"], &[]),
            api("c", &[], &[]),
        ];
        assert_eq!(
            wrong_uses(&right, &modules),
            ["b.js:1 there is no `nowhere`"]
        );
        let wrong = [
            api("a", &["c"], &[]),
            api("b", &["a"], &[("c", "")]),
            api("c", &[], &[]),
        ];
        let expected = [
            "a.js:1 uses of a lack b",
            "uses of a name c for nothing",
            "a.js:1 lazy_uses of a lack c",
            "b.js:1 there is no `nowhere`",
            "lazy_uses of b name c for nothing",
            "b does not say why c is lazy",
        ];
        assert_eq!(wrong_uses(&wrong, &modules), expected);
    }

    #[test]
    fn loops_are_found() {
        let edges = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "d"), ("e", "a")];
        let edges = edges.map(|(from, to)| (from.to_owned(), vec![to.to_owned()]));
        assert_eq!(loops(&BTreeMap::from(edges)), [vec!["b", "c"], vec!["d"]]);
    }

    #[test]
    fn a_loop_of_four_modules_is_found_and_one_of_three_is_not() {
        let ring = |size: usize| {
            let made = |at: usize| {
                let text = format!("const f = () => require(\"m{}\");", (at + 1) % size);
                made(&format!("m{at}"), "m", &text)
            };
            large_loops(&(0..size).map(made).collect::<Vec<_>>())
        };
        assert_eq!(ring(3).len(), 0);
        assert_eq!(ring(4), ["m0, m1, m2, m3"]);
    }
}
