//! The Cap'n Proto text language, as configurations use it.
//!
//! `config::load` calls [`parse`]. In order of use: `lex` and `syntax` make declarations of a file,
//! `names` finds what a name means, across files that `files` reads, `eval` computes constants as
//! `types` allows, and `encode` writes one of them as a message. All report to `diagnostics`.
//!
//! Understood: constants of the built-in schema's types and of lists of them, `using`, `import`,
//! `embed`, references, every form of literal. Types declared in a configuration are read past;
//! no constant can have one.

mod diagnostics;
mod encode;
mod eval;
mod files;
mod lex;
mod names;
mod syntax;
mod tree;
mod types;

use capnp::dynamic_value;
use capnp::introspect::Introspect;
use capnp::message;
use eval::{Evaluator, Value};
use files::Files;
use names::{DeclarationId, ModuleId, Names};
use schema::workerd_capnp::config;
use std::path::{Path, PathBuf};
use tree::NodeKind;

pub type Message = message::Builder<message::HeapAllocator>;

/// A configuration read from text, with every file it is made of.
pub struct Parsed {
    pub result: Result<Message, Failure>,
    /// The files read, and those looked for in vain.
    pub files: Vec<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, Default)]
pub struct Failure {
    /// Errors in the text, ready to show.
    pub errors: Vec<String>,
    /// What is wrong with the command line.
    pub usage: Option<String>,
}

/// Reads the text file `path`, absolute or relative to `current_dir`, and encodes one of its
/// `Config` constants: `const_name`, or else the only one there is.
pub fn parse(
    path: &Path,
    current_dir: &Path,
    import_path: &[PathBuf],
    const_name: Option<&str>,
) -> Parsed {
    let files = Files::new(current_dir, import_path);
    let absolute = files.absolute(path);
    let mut evaluator = Evaluator::new(Names::new(files));
    let result = match evaluator.names.load(&absolute) {
        Ok(module) => evaluate(&mut evaluator, module, path, const_name),
        Err(error) => Err(Failure {
            usage: Some(format!("{}: {error}", path.display())),
            ..Failure::default()
        }),
    };
    Parsed {
        result,
        files: evaluator.names.files.into_seen(),
    }
}

fn evaluate(
    evaluator: &mut Evaluator,
    module: ModuleId,
    path: &Path,
    const_name: Option<&str>,
) -> Result<Message, Failure> {
    let file = evaluator.names.file(module);
    let mut configs = Vec::new();
    for (node, declaration) in file.nodes.iter().enumerate() {
        let scope = DeclarationId {
            module,
            node: declaration.parent,
        };
        let ty = match &declaration.kind {
            NodeKind::Const { ty, .. } => ty,
            NodeKind::Using(target) => {
                evaluator.names.resolve(scope, target);
                continue;
            }
            NodeKind::Scope => continue,
        };
        let is_config = evaluator.names.type_of(scope, ty) == Some(config::Owned::introspect());
        if is_config && declaration.parent == 0 {
            configs.push((node, declaration.name.value.as_str()));
        }
        evaluator.constant(DeclarationId { module, node });
    }
    let chosen = match const_name {
        Some(name) => find(evaluator, module, name).map_err(|problem| format!("{name}: {problem}")),
        None => only(&configs),
    };
    let errors = evaluator.names.diagnostics.render();
    let node = match chosen {
        Ok(node) if errors.is_empty() => node,
        // A constant may be missing because of the errors.
        Err(problem) if errors.is_empty() || const_name.is_some() => {
            let usage = Some(format!("{}: {problem}", path.display()));
            return Err(Failure { errors, usage });
        }
        _ => {
            return Err(Failure {
                errors,
                usage: None,
            });
        }
    };
    let Some((_, Value::Struct(value))) = evaluator.constant(DeclarationId { module, node }) else {
        return Err(Failure {
            errors: vec!["The configuration has no value.".into()],
            usage: None,
        });
    };
    let mut message = Message::new_default();
    let encoded = match message.init_root::<config::Builder<'_>>().into() {
        dynamic_value::Builder::Struct(root) => encode::encode(&value, root),
        _ => Err(capnp::Error::failed("the root is no struct".into())),
    };
    match encoded {
        Ok(()) => Ok(message),
        Err(error) => Err(Failure {
            errors: vec![error.extra],
            usage: None,
        }),
    }
}

/// The file's only configuration.
fn only(configs: &[(usize, &str)]) -> Result<usize, String> {
    match configs {
        [] => {
            Err("The config file does not define any top-level constants of type 'Config'.".into())
        }
        [(node, _)] => Ok(*node),
        _ => {
            let names: Vec<&str> = configs.iter().map(|(_, name)| *name).collect();
            Err(format!(
                "The config file defines multiple top-level constants of type 'Config', so you must specify which \
                 one to use with <const-name>. The options are: {}",
                names.join(", ")
            ))
        }
    }
}

/// The configuration of the given name, which may lie in a scope: `Scope.name`.
fn find(evaluator: &mut Evaluator, module: ModuleId, name: &str) -> Result<usize, String> {
    let file = evaluator.names.file(module);
    let (scopes, last) = name
        .rsplit_once('.')
        .map_or((None, name), |(scopes, last)| (Some(scopes), last));
    let mut scope = 0;
    for part in scopes.into_iter().flat_map(|scopes| scopes.split('.')) {
        scope = *file.nodes[scope].children.get(part).ok_or_else(|| {
            format!("No such constant is defined in the config file (the parent scope '{part}' does not exist).")
        })?;
    }
    let Some(&node) = file.nodes[scope].children.get(last) else {
        return Err("No such constant is defined in the config file.".into());
    };
    let NodeKind::Const { ty, .. } = &file.nodes[node].kind else {
        return Err("Symbol is not a constant.".into());
    };
    match evaluator.names.type_of(
        DeclarationId {
            module,
            node: scope,
        },
        ty,
    ) {
        Some(ty) if ty == config::Owned::introspect() => Ok(node),
        _ => Err("Constant is not of type 'Config'.".into()),
    }
}

#[cfg(test)]
mod tests;
