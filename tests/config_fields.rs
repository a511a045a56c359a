//! The README's table of what a config can say: every field of the schema, and which of them are missing so far.
//!
//! The schema says which fields there are. What is missing is tried: the program must say so, or the list here is out of date.
//! `UPDATE_README=1` writes the table. The page of fields in `deploy/docs` has the schema's comments; `UPDATE_DOCS=1` writes that.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use capnp::introspect::{Introspect, Type, TypeVariant};
use capnp::schema::StructSchema;
use capnp::schema_capnp::field;
use schema::workerd_capnp::config;
use tests::folder::Folder;
use tests::program::Program;
use tests::root;

/// Fields that are missing so far, each with a config that has one; `WORKER` is what a worker needs.
const MISSING: &[(&str, &str)] = &[
    ("Config.cluster", "cluster = ()"),
    (
        "Service.bucket",
        r#"services = [(name = "b", bucket = (path = "x"))]"#,
    ),
    (
        "Worker.Module.pythonModule",
        r#"services = [(name = "w", worker = (modules = [(name = "m", pythonModule = "")], compatibilityDate = "2026-01-01"))]"#,
    ),
    (
        "Worker.DurableObjectNamespace.container",
        r#"services = [(name = "w", worker = (WORKER, durableObjectStorage = (inMemory = void),
            durableObjectNamespaces = [(className = "A", uniqueKey = "a", container = ())]))]"#,
    ),
];

/// What can be said, but does nothing by itself: no object has a container.
const WITHOUT_EFFECT: &[&str] = &["Worker.containerEngine"];

/// What nobody says any more.
fn is_obsolete(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.starts_with("obsolete") || last == "unspecified"
}

const BEGIN: &str = "<!-- Every field of the schema, by `UPDATE_README=1 cargo test -p supervisor --test config_fields`. -->\n";
const END: &str = "<!-- The end of the fields. -->\n";

fn struct_of(of: Type) -> Option<StructSchema> {
    match of.which() {
        TypeVariant::Struct(inner) => Some(inner.into()),
        TypeVariant::List(item) => struct_of(item),
        _ => None,
    }
}

/// A struct's fields, those of its groups with the group's name before them, and the structs that they are made of.
fn fields(of: StructSchema, prefix: &str, found: &mut Vec<(String, Option<StructSchema>)>) {
    for member in of.get_fields().unwrap() {
        let proto = member.get_proto();
        let name = format!("{prefix}{}", proto.get_name().unwrap().to_str().unwrap());
        let inner = struct_of(member.get_type());
        match (proto.which(), inner) {
            (Ok(field::Group(_)), Some(group)) => fields(group, &format!("{name}."), found),
            (_, inner) => found.push((name, inner)),
        }
    }
}

/// The structs of the schema in the order in which the config leads to them, with their fields; nothing of what is missing.
fn structs() -> Vec<(String, Vec<String>)> {
    let mut structs = Vec::new();
    let (mut seen, mut waiting) = (
        HashSet::new(),
        vec![struct_of(config::Owned::introspect()).unwrap()],
    );
    while !waiting.is_empty() {
        let of = waiting.remove(0);
        let path = of.get_proto().get_display_name().unwrap().to_str().unwrap();
        let name = path.rsplit(':').next().unwrap().to_owned();
        if !seen.insert(name.clone()) {
            continue;
        }
        let mut found = Vec::new();
        fields(of, "", &mut found);
        found.retain(|(field, _)| !is_obsolete(field));
        for (field, inner) in &found {
            let full = format!("{name}.{field}");
            let listed =
                |missing: &str| full == missing || full.starts_with(&format!("{missing}."));
            let is_missing = MISSING.iter().any(|(missing, _)| listed(missing));
            if !is_missing && !WITHOUT_EFFECT.iter().any(|field| listed(field)) {
                waiting.extend(*inner);
            }
        }
        structs.push((name, found.into_iter().map(|(field, _)| field).collect()));
    }
    structs
}

/// The field itself, or the group of fields that is missing.
fn missing_as(name: &str, field: &str) -> Option<&'static str> {
    let full = format!("{name}.{field}");
    let mut all = MISSING
        .iter()
        .map(|(missing, _)| *missing)
        .chain(WITHOUT_EFFECT.iter().copied());
    let found = all.find(|missing| full == *missing || full.starts_with(&format!("{missing}.")))?;
    found.strip_prefix(&format!("{name}."))
}

fn table() -> String {
    let mut table = String::from("| struct | fields that work | missing so far |\n|---|---|---|\n");
    for (name, fields) in structs() {
        let (mut work, mut missing) = (Vec::new(), Vec::new());
        for field in &fields {
            match missing_as(&name, field) {
                None => work.push(format!("`{field}`")),
                Some(group) => missing.push(format!("`{group}`")),
            }
        }
        missing.dedup();
        writeln!(
            table,
            "| `{name}` | {} | {} |",
            work.join(", "),
            missing.join(", ")
        )
        .unwrap();
    }
    table
}

#[test]
fn the_table_in_the_readme_is_that_of_the_schema() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("the README has the table's begin");
    let (now, after) = rest
        .split_once(END)
        .expect("the README has the table's end");
    let table = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(now == table, "the table is out of date: {BEGIN}{table}");
    }
}

/// What a line of the schema opens: a struct or an enum, or what only groups fields.
enum Block {
    Type,
    Fields(String),
}

/// The page of fields as it grows from the lines of the schema.
#[derive(Default)]
struct Page {
    /// Each type's name and text, in the schema's order.
    sections: Vec<(String, String)>,
    open: Vec<Block>,
    /// The sections of the types that are open.
    inside: Vec<usize>,
    /// What comments stand under: none under a field that nobody uses.
    indent: Option<&'static str>,
}

impl Page {
    fn add(&mut self, line: &str) {
        let Some(at) = self.inside.last() else {
            return;
        };
        let text = &mut self.sections[*at].1;
        text.push_str(line.trim_end());
        text.push('\n');
    }

    fn open_type(&mut self, name: &str) {
        let outer = self.inside.last().map(|at| &self.sections[*at].0);
        let name = outer.map_or(name.to_owned(), |outer| format!("{outer}.{name}"));
        self.open.push(Block::Type);
        self.inside.push(self.sections.len());
        self.sections.push((name, String::new()));
        self.indent = Some("");
    }

    /// The names of the groups around a field, of those in its type.
    fn path(&self, name: &str) -> String {
        let groups = self.open.iter().rev().map_while(|block| match block {
            Block::Fields(name) => Some(name.as_str()),
            Block::Type => None,
        });
        let mut path: Vec<&str> = groups.filter(|name| !name.is_empty()).collect();
        path.reverse();
        path.push(name);
        path.join(".")
    }

    fn field(&mut self, name: &str, of: &str) {
        let path = self.path(name);
        let section = self.inside.last().map(|at| self.sections[*at].0.clone());
        if is_obsolete(&path) {
            self.indent = None;
            return;
        }
        let missing = section.is_some_and(|section| missing_as(&section, &path).is_some());
        let missing = if missing { " (not supported)" } else { "" };
        let of = if of.is_empty() {
            String::new()
        } else {
            format!(" `{of}`")
        };
        self.add(&format!("- **`{path}`**{of}{missing}"));
        self.indent = Some("  ");
    }

    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["struct" | "enum", name, "{"] => self.open_type(name),
            ["union", "{"] => {
                self.add("- One of the next:");
                self.open.push(Block::Fields(String::new()));
                self.indent = Some("  ");
            }
            [name, ":group" | ":union", "{"] => {
                self.field(name, "");
                self.open.push(Block::Fields((*name).to_owned()));
            }
            ["}"] => {
                if matches!(self.open.pop(), Some(Block::Type)) {
                    self.inside.pop();
                }
            }
            [name, number, ..] if number.starts_with('@') && !self.open.is_empty() => {
                let of = line.split_once(number).map_or("", |(_, rest)| rest);
                let of = of.trim().trim_start_matches(':').trim_end_matches(';');
                self.field(name, of);
            }
            [] => self.add(""),
            [hash, ..] if hash.starts_with('#') => {
                if let Some(indent) = self.indent {
                    let comment = line.trim().trim_start_matches('#');
                    self.add(&format!(
                        "{indent}{}",
                        comment.strip_prefix(' ').unwrap_or(comment)
                    ));
                }
            }
            _ => {}
        }
    }
}

/// All that a config can say, in the words of the schema's comments.
fn fields_page(schema: &str) -> String {
    let mut page = Page::default();
    schema.lines().for_each(|line| page.read(line));
    let known: HashSet<_> = structs().into_iter().map(|(name, _)| name).collect();
    let mut text = String::from(
        "# The fields of a config\n\nMade from `/usr/share/workerd/workerd.capnp`, which every config imports. \
         A path such as `https.options` means the field `options` of the group `https`.\n",
    );
    for (name, section) in page.sections {
        let outer = name.rsplit_once('.').map_or("", |(outer, _)| outer);
        // Enums are in the structs that they are for.
        if known.contains(&name) || known.contains(outer) {
            write!(text, "\n## {name}\n\n{}\n", section.trim()).unwrap();
        }
    }
    // Blank lines that nested types leave behind.
    let mut squeezed = String::new();
    for line in text.lines() {
        if !(line.is_empty() && squeezed.ends_with("\n\n")) {
            squeezed.push_str(line);
            squeezed.push('\n');
        }
    }
    squeezed
}

#[test]
fn the_page_of_fields_is_that_of_the_schema() {
    let schema = std::fs::read_to_string(root().join("schema/workerd.capnp")).unwrap();
    let (page, path) = (fields_page(&schema), root().join("deploy/docs/config.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let now = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        now == page,
        "deploy/docs/config.md is out of date: UPDATE_DOCS=1 cargo test -p supervisor --test config_fields"
    );
    for (name, fields) in structs() {
        let section = page
            .split(&format!("\n## {name}\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("{name}"));
        let section = section.split("\n## ").next().unwrap();
        for field in fields {
            assert!(
                section.contains(&format!("**`{field}`**")),
                "{name}.{field}"
            );
        }
    }
}

#[test]
fn the_program_says_what_is_missing() {
    const WORKER: &str = r#"modules = [(name = "m", esModule = "export class A {}; export default {}")], compatibilityDate = "2026-01-01""#;
    let known: BTreeMap<_, _> = structs().into_iter().collect();
    for (name, config) in MISSING {
        let (of, _) = known
            .iter()
            .filter(|(of, _)| name.starts_with(&format!("{of}.")))
            .max_by_key(|(of, _)| of.len())
            .unwrap_or_else(|| panic!("{name} is no field"));
        let field = name.strip_prefix(&format!("{of}.")).unwrap();
        let fields = &known[of];
        let is_known = |other: &String| other == field || other.starts_with(&format!("{field}."));
        assert!(fields.iter().any(is_known), "{name} is no field");
        let config = config.replace("WORKER", WORKER);
        let text = format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = ({config});\n"
        );
        let folder = Folder::new(&[("config.capnp", &text)]);
        let program = Program::new(env!("CARGO_BIN_EXE_workerd"));
        let path = folder.path("config.capnp");
        let output = program.run(&[
            "serve".as_ref(),
            "--experimental".as_ref(),
            path.as_os_str(),
        ]);
        let told = String::from_utf8_lossy(&output.stderr);
        let last = field.rsplit('.').next().unwrap();
        let says = |line: &&str| line.contains(last) && line.contains("not supported yet");
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.lines().any(|line| says(&line)), "{name}: {told}");
    }
}
