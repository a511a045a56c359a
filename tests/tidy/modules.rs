//! Which file uses which: names are looked up as the compiler does it, through imports and re-exports, to the file that has
//! what is named.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quote::ToTokens;
use syn::{Item, UseTree};

use crate::source::{Source, attributes, is_visible, means_test, paths};

/// Imports of imports that are followed; more is a circle.
const MAX_HOPS: usize = 16;

/// One file's use of another's names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub from: String,
    pub line: usize,
    pub to: String,
    pub path: String,
}

/// The modules of all crates, each by its full path: `["worker_proc", "actors", "gates"]`.
pub struct Modules {
    all: HashMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// What it defines.
    items: BTreeSet<String>,
    imports: Vec<Import>,
    written: Vec<crate::source::Written>,
}

struct Import {
    /// As the module calls it; a glob has none.
    name: Option<String>,
    path: Vec<String>,
    line: usize,
    /// Of what lies below, for others: naming, not using.
    is_export: bool,
}

#[derive(Clone)]
struct ItemPath {
    module: Vec<String>,
    /// None if the module itself is meant.
    item: Option<String>,
}

impl Modules {
    /// Reads all files that belong to a crate's `src`, but for those that only tests have.
    pub fn new(sources: &[Source]) -> Self {
        let mut modules = Self {
            all: HashMap::new(),
        };
        let for_tests = test_modules(sources);
        for source in sources {
            if let Some(path) = module_of(&source.name)
                && !for_tests.iter().any(|module| path.starts_with(module))
            {
                modules.add(&source.name, path, &source.product().items);
            }
        }
        modules
    }

    fn add(&mut self, file: &str, path: Vec<String>, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            match item {
                Item::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        let mut below = path.clone();
                        below.push(inner.ident.to_string());
                        self.add(file, below, items);
                    }
                }
                Item::Use(item) => {
                    let line = item.use_token.span.start().line;
                    let mut imports = Vec::new();
                    flatten(&item.tree, &mut Vec::new(), &mut imports);
                    module
                        .imports
                        .extend(imports.into_iter().map(|(name, path)| Import {
                            name,
                            path,
                            line,
                            is_export: is_visible(&item.vis),
                        }));
                }
                other => {
                    module.items.extend(defined(other));
                    module.written.extend(paths(other.to_token_stream()));
                }
            }
        }
        self.all.insert(path, module);
    }

    /// Every use of one file by another, once for each path.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (path, module) in &self.all {
            let mut add = |written: &[String], line: usize, is_export: bool| {
                let is_glob = written.last().is_some_and(|last| last == "*");
                let named = &written[..written.len() - usize::from(is_glob)];
                let Some(found) = self.resolve(path, named, 0) else {
                    return;
                };
                // A module that is only brought into scope is used by the paths that go through it.
                if (found.item.is_none() && !is_glob)
                    || (is_export && found.module.starts_with(path))
                {
                    return;
                }
                let to = &self.all[&found.module].file;
                if *to != module.file {
                    uses.insert(Use {
                        from: module.file.clone(),
                        line,
                        to: to.clone(),
                        path: written.join("::"),
                    });
                }
            };
            for import in &module.imports {
                add(&import.path, import.line, import.is_export);
            }
            for written in &module.written {
                add(&written.path, written.line, false);
            }
        }
        uses
    }

    /// What a path means that stands in this module.
    fn resolve(&self, from: &[String], path: &[String], hops: usize) -> Option<ItemPath> {
        if hops > MAX_HOPS {
            return None;
        }
        let (mut at, mut rest) = (from.to_vec(), path);
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.truncate(1),
                "super" => _ = at.pop(),
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        let is_rooted = rest.len() < path.len();
        let Some((first, _)) = rest.split_first() else {
            return Some(ItemPath {
                module: at,
                item: None,
            })
            .filter(|found| self.all.contains_key(&found.module));
        };
        let inside = self.walk(at, rest, hops);
        if inside.is_some() || is_rooted {
            return inside;
        }
        // Another crate of the workspace.
        let root = vec![first.clone()];
        self.all.get(&root)?;
        self.walk(root, &rest[1..], hops)
    }

    /// Follows a path down from a module.
    fn walk(&self, mut at: Vec<String>, path: &[String], hops: usize) -> Option<ItemPath> {
        for (index, name) in path.iter().enumerate() {
            at.push(name.clone());
            if self.all.contains_key(&at) {
                continue;
            }
            at.pop();
            let found = self.lookup(&at, name, hops)?;
            if found.item.is_some() {
                return Some(found);
            }
            return self.walk(found.module, &path[index + 1..], hops + 1);
        }
        Some(ItemPath {
            module: at,
            item: None,
        })
    }

    /// What a name means in a module that has no child of this name.
    fn lookup(&self, module: &[String], name: &str, hops: usize) -> Option<ItemPath> {
        let scope = self.all.get(module)?;
        if hops > MAX_HOPS {
            return None;
        }
        if scope.items.contains(name) {
            return Some(ItemPath {
                module: module.to_vec(),
                item: Some(name.to_owned()),
            });
        }
        let (globs, named): (Vec<_>, Vec<_>) = scope
            .imports
            .iter()
            .partition(|import| import.name.is_none());
        let named = named
            .into_iter()
            .find(|import| import.name.as_deref() == Some(name));
        if let Some(import) = named {
            // `use tokens;` would find itself.
            let outward =
                import.path.first().is_some_and(|first| first != name) || import.path.len() > 1;
            return outward
                .then(|| self.resolve(module, &import.path, hops + 1))
                .flatten();
        }
        globs.into_iter().find_map(|glob| {
            let of = &glob.path[..glob.path.len() - 1];
            let found = self.resolve(module, of, hops + 1)?;
            match found.item {
                // The variants of an enum.
                Some(_) => None,
                None => self.walk(found.module, &[name.to_owned()], hops + 1),
            }
        })
    }
}

/// The module that a file of a crate's `src` is: the crate's name first.
fn module_of(file: &str) -> Option<Vec<String>> {
    let (folder, inside) = file.strip_suffix(".rs")?.split_once("/src/")?;
    let krate = folder.rsplit('/').next().unwrap_or(folder);
    let mut path = vec![krate.replace('-', "_")];
    path.extend(inside.split('/').map(str::to_owned));
    if path.last().is_some_and(|last| last == "mod") || ["lib", "main"].contains(&inside) {
        path.pop();
    }
    Some(path)
}

/// Files that are declared for tests alone: `#[cfg(test)] mod tests;`.
fn test_modules(sources: &[Source]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for source in sources {
        let Some(path) = module_of(&source.name) else {
            continue;
        };
        for item in &source.tree().items {
            if let Item::Mod(module) = item
                && module.content.is_none()
                && attributes(item).iter().any(means_test)
            {
                let mut below = path.clone();
                below.push(module.ident.to_string());
                found.push(below);
            }
        }
    }
    found
}

/// The files that only tests have.
pub fn test_files(sources: &[Source]) -> BTreeSet<String> {
    let modules = test_modules(sources);
    let is_below = |name: &str| {
        module_of(name).is_some_and(|path| modules.iter().any(|module| path.starts_with(module)))
    };
    let names = sources.iter().map(|source| source.name.clone());
    names.filter(|name| is_below(name)).collect()
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, found: &mut Vec<(Option<String>, Vec<String>)>) {
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, found);
            path.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, found);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            found.push((path.last().cloned(), path.clone()));
        }
        UseTree::Rename(name) if name.ident == "self" => {
            found.push((Some(name.rename.to_string()), path.clone()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push((Some(name.clone()), [path.as_slice(), &[name]].concat()));
        }
        UseTree::Rename(name) => {
            let whole = [path.as_slice(), &[name.ident.to_string()]].concat();
            found.push((Some(name.rename.to_string()), whole));
        }
        _ => found.push((None, [path.as_slice(), &["*".to_owned()]].concat())),
    }
}

/// The name that an item gives to its module.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The uses by which the files and folders of one folder hang together, each end shortened to what lies directly in it.
pub fn inside(uses: &BTreeSet<Use>, folder: &str) -> BTreeMap<(String, String), Use> {
    let child = |file: &str| {
        let inside = file.strip_prefix(folder)?.strip_prefix('/')?;
        Some(match inside.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => inside.to_owned(),
        })
    };
    let mut edges = BTreeMap::new();
    for found in uses {
        if let (Some(from), Some(to)) = (child(&found.from), child(&found.to))
            && from != to
        {
            edges.entry((from, to)).or_insert_with(|| found.clone());
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<_> = files
            .iter()
            .map(|(name, text)| Source::new(name, text))
            .collect();
        let uses = Modules::new(&sources).uses();
        let mut found: Vec<_> = uses
            .iter()
            .map(|found| format!("{} {}", found.from, found.to))
            .collect();
        found.dedup();
        found
    }

    #[test]
    fn every_form_of_a_path_is_followed_to_its_file() {
        let below = ("w/src/a/b.rs", "pub struct B; pub fn b() {}");
        let above = ("w/src/lib.rs", "mod a; mod c;");
        let facade = ("w/src/a/mod.rs", "mod b; pub use b::B; pub use b as other;");
        for text in [
            "use crate::a::B;",
            "use super::a::{B as X};",
            "fn f() { crate::a::other::b() }",
            "fn f() { let x = vec![super::a::B]; }",
            "use crate::a; fn f(_: a::B) {}",
            "fn f() { use super::a::*; }",
        ] {
            let found = uses(&[below, above, facade, ("w/src/c.rs", text)]);
            let to = if text.contains('*') { "mod" } else { "b" };
            assert_eq!(found, [format!("w/src/c.rs w/src/a/{to}.rs")], "{text}");
        }
    }

    #[test]
    fn a_facade_does_not_use_what_it_shows() {
        let found = uses(&[
            ("w/src/a/mod.rs", "mod b; pub use b::B; pub struct A;"),
            ("w/src/a/b.rs", "use super::A; pub struct B(A);"),
        ]);
        assert_eq!(found, ["w/src/a/b.rs w/src/a/mod.rs"]);
    }

    #[test]
    fn other_crates_and_test_modules() {
        let found = uses(&[
            ("x/low/src/lib.rs", "pub struct Low;"),
            ("w/src/lib.rs", "use low::Low; #[cfg(test)] mod t;"),
            ("w/src/t.rs", "use low::Low;"),
        ]);
        assert_eq!(found, ["w/src/lib.rs x/low/src/lib.rs"]);
    }
}
