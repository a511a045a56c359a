//! What Rust says of internal JavaScript: the APIs with their modules and what they use, and the names that Rust reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Expr, ExprStruct, Lit, LitStr, Member};

/// An `Api` value: a folder of internal JavaScript.
pub struct Api {
    pub name: String,
    pub modules: Vec<Module>,
    /// Folders that its modules require when they are loaded.
    pub uses: Vec<String>,
    /// Folders that they require later, each with a reason.
    pub lazy_uses: Vec<(String, String)>,
}

pub struct Module {
    pub name: String,
    pub path: PathBuf,
}

/// Every `Api` of the tree, and every text in the runtime's Rust that may name an export.
pub fn read(folder: &Path) -> (Vec<Api>, BTreeSet<String>) {
    let (mut apis, mut names) = (Vec::new(), BTreeSet::new());
    let files = tests::files_with_ending(".rs");
    for path in files.iter().filter(|path| path.starts_with(folder)) {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let file = syn::parse_file(&text).expect("Rust");
        let mut collect = Collect {
            path,
            apis: Vec::new(),
        };
        collect.visit_file(&file);
        apis.append(&mut collect.apis);
        literals(text.parse().expect("Rust"), &mut names);
    }
    (apis, names)
}

/// Collects the `Api` values of a file, wherever they stand.
struct Collect<'a> {
    path: &'a Path,
    apis: Vec<Api>,
}

impl<'ast> Visit<'ast> for Collect<'_> {
    fn visit_expr_struct(&mut self, value: &'ast ExprStruct) {
        let is_api = value
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Api");
        match is_api.then(|| api(value, self.path)).flatten() {
            Some(api) => self.apis.push(api),
            None => syn::visit::visit_expr_struct(self, value),
        }
    }
}

fn api(value: &ExprStruct, path: &Path) -> Option<Api> {
    let name = text(field(value, "name")?)?;
    let eager = list(field(value, "modules")).into_iter();
    let modules = eager
        .chain(list(field(value, "lazy")))
        .map(|source| module(source, &name, path).expect("a list of js!(...)"))
        .collect();
    let reasons = list(field(value, "lazy_uses")).into_iter();
    Some(Api {
        modules,
        uses: list(field(value, "uses"))
            .into_iter()
            .filter_map(text)
            .collect(),
        lazy_uses: reasons
            .map(|pair| pair_of_texts(pair).expect("a list of (folder, reason)"))
            .collect(),
        name,
    })
}

fn field<'a>(value: &'a ExprStruct, name: &str) -> Option<&'a Expr> {
    let mut fields = value.fields.iter();
    let found = fields.find(|field| matches!(&field.member, Member::Named(ident) if ident == name));
    found.map(|field| &field.expr)
}

/// The elements of `&[...]`.
fn list(expr: Option<&Expr>) -> Vec<&Expr> {
    match expr {
        Some(Expr::Reference(reference)) => list(Some(&reference.expr)),
        Some(Expr::Array(array)) => array.elems.iter().collect(),
        _ => Vec::new(),
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn pair_of_texts(expr: &Expr) -> Option<(String, String)> {
    match expr {
        Expr::Tuple(tuple) => Some((text(tuple.elems.first()?)?, text(tuple.elems.last()?)?)),
        _ => None,
    }
}

/// `js!("file")`, `js!("file" as "name")`, either with `.defining(...)`.
fn module(expr: &Expr, api: &str, path: &Path) -> Option<Module> {
    let call = match expr {
        Expr::Macro(call) => call,
        Expr::MethodCall(call) => return module(&call.receiver, api, path),
        _ => return None,
    };
    let (file, name) = call
        .mac
        .parse_body_with(|input: syn::parse::ParseStream| {
            let file: LitStr = input.parse()?;
            let name = match input.parse::<Option<syn::Token![as]>>()? {
                Some(_) => Some(input.parse::<LitStr>()?.value()),
                None => None,
            };
            Ok((file.value(), name))
        })
        .ok()?;
    let stem = file.trim_end_matches(".js");
    // As `JsSource::module_name` has it.
    let derived = match api.rsplit('/').next() == Some(stem) {
        true => api.to_owned(),
        false => format!("{api}/{stem}"),
    };
    Some(Module {
        name: name.unwrap_or(derived),
        path: path.with_file_name(&file),
    })
}

/// Collects the string literals, but for the names of ops: `ops.add("name", ...)` reads no export.
fn literals(tokens: TokenStream, into: &mut BTreeSet<String>) {
    let mut is_add = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let mut inside = group.stream();
                if is_add && group.delimiter() == Delimiter::Parenthesis {
                    inside = inside.into_iter().skip(1).collect();
                }
                literals(inside, into);
                is_add = false;
            }
            TokenTree::Literal(literal) => {
                into.insert(literal.to_string().trim_matches('"').to_owned());
            }
            TokenTree::Ident(ident) => is_add = ident == "add",
            TokenTree::Punct(_) => is_add = false,
        }
    }
}

#[test]
fn an_api_is_read_from_its_value() {
    let file = syn::parse_file(
        r#"pub const BINDING: Binding = Binding {
            kind: "path",
            api: Api {
                name: "node/path",
                modules: &[js!("path.js")],
                lazy: &[js!("x.js").defining(&["X"]), js!("posix.js" as "node:path/posix")],
                uses: &["url"],
                lazy_uses: &[("rpc", "few need it")],
                ops,
            },
        };"#,
    )
    .expect("Rust");
    let mut collect = Collect {
        path: Path::new("src/path/mod.rs"),
        apis: Vec::new(),
    };
    collect.visit_file(&file);
    let api = collect.apis.pop().expect("an API");
    let names: Vec<_> = api.modules.iter().map(|module| &*module.name).collect();
    assert_eq!(names, ["node/path", "node/path/x", "node:path/posix"]);
    assert_eq!(api.modules[1].path, Path::new("src/path/x.js"));
    assert_eq!(api.uses, ["url"]);
    assert_eq!(api.lazy_uses, [("rpc".into(), "few need it".into())]);
}

#[test]
fn names_of_ops_read_no_export() {
    let mut names = BTreeSet::new();
    let code = r#"ops.add("parse", parse); state.internal(scope, "url", "create")"#;
    literals(code.parse().expect("Rust"), &mut names);
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["create", "url"]);
}
