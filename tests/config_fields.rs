//! The README's table of what a config can say: every field of the schema, and which of them are missing so far.
//!
//! The schema says which fields there are. What is missing is tried: the program must say so, or the list here is out of date.
//! `UPDATE_README=1` writes the table.

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
