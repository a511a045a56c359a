//! What names mean: files import each other, names are looked up from the inside out, and a type
//! expression becomes a type.

use super::diagnostics::{Diagnostics, SourceId, Span};
use super::files::Files;
use super::syntax;
use super::tree::{Expr, ExprKind, File, Located, NodeKind, Param};
use super::types;
use capnp::introspect::{Type, TypeVariant};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The import that always works, and the id that makes any other file stand for it.
const SCHEMA_PATH: &str = "/workerd/workerd.capnp";
/// What schemas import for annotations. Those mean nothing here, so nothing of it is looked at.
const ANNOTATIONS_PATH: &str = "/capnp/c++.capnp";
/// How many `using` may lead one to the next.
const MAX_ALIASES: usize = 32;
/// How many files one configuration may import.
const MAX_FILES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(usize);

struct Module {
    path: PathBuf,
    source: SourceId,
    file: Rc<File>,
}

/// A declaration: its file, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeclarationId {
    pub module: ModuleId,
    pub node: usize,
}

/// What a name stands for.
pub enum Target {
    /// A declaration, or a whole file (node 0).
    Node(DeclarationId),
    /// A type of the built-in schema, or (empty path) the schema itself.
    Schema(String),
    Primitive(Type),
    List,
    /// Something of a file that is never read.
    Foreign,
}

/// The files of a configuration and what is known of them.
pub struct Names {
    pub diagnostics: Diagnostics,
    pub files: Files,
    modules: Vec<Module>,
    by_path: HashMap<PathBuf, ModuleId>,
    aliases: usize,
}

impl Names {
    pub fn new(files: Files) -> Names {
        Names {
            diagnostics: Diagnostics::default(),
            files,
            modules: Vec::new(),
            by_path: HashMap::new(),
            aliases: 0,
        }
    }

    /// Parses a file, the first time; syntax errors are reported.
    pub fn load(&mut self, path: &Path) -> std::io::Result<ModuleId> {
        if let Some(&module) = self.by_path.get(path) {
            return Ok(module);
        }
        if self.modules.len() == MAX_FILES {
            return Err(std::io::Error::other(format!(
                "more than {MAX_FILES} files"
            )));
        }
        let text = self.files.read_source(path)?;
        let source = self
            .diagnostics
            .add_source(self.files.display(path), Rc::new(text));
        let file = Rc::new(syntax::parse(source, &mut self.diagnostics));
        let module = ModuleId(self.modules.len());
        self.modules.push(Module {
            path: path.to_owned(),
            source,
            file,
        });
        self.by_path.insert(path.to_owned(), module);
        Ok(module)
    }

    pub fn file(&self, module: ModuleId) -> Rc<File> {
        Rc::clone(&self.modules[module.0].file)
    }

    pub fn path(&self, module: ModuleId) -> &Path {
        &self.modules[module.0].path
    }

    pub fn error(&mut self, module: ModuleId, span: Span, message: impl Into<String>) {
        self.diagnostics
            .error(self.modules[module.0].source, span, message);
    }

    /// An expression as it is written.
    pub fn quote(&self, module: ModuleId, expr: &Expr) -> String {
        let text = self.diagnostics.text(self.modules[module.0].source);
        let bytes = text
            .get(expr.span.start as usize..expr.span.end as usize)
            .unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// What a name written in the scope `at` stands for. None if that is an error, now reported.
    pub fn resolve(&mut self, at: DeclarationId, expr: &Expr) -> Option<Target> {
        match &expr.kind {
            ExprKind::Name(name) => {
                let file = self.file(at.module);
                let mut scope = at.node;
                loop {
                    let node = &file.nodes[scope];
                    if let Some(&child) = node.children.get(name) {
                        return self.follow(DeclarationId { node: child, ..at });
                    }
                    if scope == 0 {
                        break;
                    }
                    scope = node.parent;
                }
                if name == "List" {
                    return Some(Target::List);
                }
                if let Some(ty) = types::primitive(name) {
                    return Some(Target::Primitive(ty));
                }
                self.error(at.module, expr.span, format!("Not defined: {name}"));
                None
            }
            ExprKind::Absolute(Located { value: name, span }) => {
                let file = self.file(at.module);
                let Some(&child) = file.nodes[0].children.get(name) else {
                    self.error(at.module, *span, format!("Not defined: {name}"));
                    return None;
                };
                self.follow(DeclarationId { node: child, ..at })
            }
            ExprKind::Import(path) => self.import(at, path),
            ExprKind::Member(parent, name) => {
                let target = self.resolve(at, parent)?;
                let member = self.member(target, &name.value);
                if member.is_none() {
                    let parent = self.quote(at.module, parent);
                    let message = format!("'{parent}' has no member named '{}'", name.value);
                    self.error(at.module, name.span, message);
                }
                match member? {
                    Target::Node(place) => self.follow(place),
                    other => Some(other),
                }
            }
            ExprKind::Apply(function, params) => {
                let target = self.resolve(at, function)?;
                if params.is_empty() {
                    return Some(target);
                }
                self.error(
                    at.module,
                    expr.span,
                    "Declaration does not accept generic parameters.",
                );
                None
            }
            ExprKind::Invalid => None,
            _ => {
                self.error(at.module, expr.span, "Expected name.");
                None
            }
        }
    }

    fn member(&self, parent: Target, name: &str) -> Option<Target> {
        match parent {
            Target::Node(place) => {
                let node = *self.file(place.module).nodes[place.node]
                    .children
                    .get(name)?;
                Some(Target::Node(DeclarationId { node, ..place }))
            }
            Target::Schema(parent) => {
                let path = if parent.is_empty() {
                    name.to_owned()
                } else {
                    format!("{parent}.{name}")
                };
                types::schema_type(&path).map(|_| Target::Schema(path))
            }
            Target::Foreign => Some(Target::Foreign),
            Target::Primitive(_) | Target::List => None,
        }
    }

    /// Goes from a `using` to what it stands for.
    fn follow(&mut self, place: DeclarationId) -> Option<Target> {
        let file = self.file(place.module);
        let node = &file.nodes[place.node];
        let NodeKind::Using(target) = &node.kind else {
            return Some(Target::Node(place));
        };
        if self.aliases == MAX_ALIASES {
            self.error(
                place.module,
                node.name.span,
                "Declaration recursively depends on itself.",
            );
            return None;
        }
        self.aliases += 1;
        let result = self.resolve(
            DeclarationId {
                node: node.parent,
                ..place
            },
            target,
        );
        self.aliases -= 1;
        result
    }

    fn import(&mut self, at: DeclarationId, name: &Located<String>) -> Option<Target> {
        let from = self.path(at.module).to_owned();
        let reason = match self.files.find(&from, &name.value) {
            None if name.value == SCHEMA_PATH => return Some(Target::Schema(String::new())),
            None if name.value == ANNOTATIONS_PATH => return Some(Target::Foreign),
            None => String::new(),
            Some(path) => match self.load(&path) {
                // A copy of the schema, upstream's or ours, stands for the built-in one.
                Ok(module) if self.file(module).id == Some(schema::WORKERD_CAPNP_ID) => {
                    return Some(Target::Schema(String::new()));
                }
                Ok(module) => return Some(Target::Node(DeclarationId { module, node: 0 })),
                Err(error) => format!(" ({error})"),
            },
        };
        self.error(
            at.module,
            name.span,
            format!("Import failed: {}{reason}", name.value),
        );
        None
    }

    /// The type that an expression in type position stands for.
    pub fn type_of(&mut self, at: DeclarationId, expr: &Expr) -> Option<Type> {
        if let ExprKind::Apply(function, params) = &expr.kind
            && matches!(&function.kind, ExprKind::Name(name) if name == "List")
        {
            return self.list_type(at, expr, params);
        }
        let problem = match self.resolve(at, expr)? {
            Target::Primitive(ty) => return Some(ty),
            Target::Schema(path) => match types::schema_type(&path) {
                Some(ty) => return Some(ty),
                None => "is not a type.",
            },
            Target::List => "requires exactly one parameter.",
            Target::Node(DeclarationId { module, node }) => {
                match self.file(module).nodes[node].kind {
                    NodeKind::Scope if node != 0 => {
                        "cannot be used: constants can only have the types of /workerd/workerd.capnp."
                    }
                    _ => "is not a type.",
                }
            }
            Target::Foreign => "is not a type.",
        };
        let message = format!("'{}' {problem}", self.quote(at.module, expr));
        self.error(at.module, expr.span, message);
        None
    }

    fn list_type(&mut self, at: DeclarationId, expr: &Expr, params: &[Param]) -> Option<Type> {
        let [Param { name: None, value }] = params else {
            self.error(
                at.module,
                expr.span,
                "'List' requires exactly one parameter.",
            );
            return None;
        };
        let item = self.type_of(at, value)?;
        if matches!(item.which(), TypeVariant::AnyPointer) {
            self.error(at.module, expr.span, "'List(AnyPointer)' is not supported.");
            return None;
        }
        Some(Type::list_of(item))
    }
}
