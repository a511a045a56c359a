//! What configs become, and what is wrong with them: in the published binary's words.

use std::fs;
use std::path::Path;

use super::parse;
use super::plan;

/// What there is to say of a config in a folder with these files, each empty.
fn planned(json: &str, files: &[&str]) -> Result<Vec<plan::Service>, String> {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let config = parse(Path::new("wrangler.json"), json)?;
    config.check(folder.path())?;
    plan::services(&config, folder.path(), Vec::new())
}

fn names(services: &[plan::Service]) -> Vec<&str> {
    services.iter().map(plan::Service::name).collect()
}

const START: &str = r#""main": "m.js", "compatibility_date": "2026-01-01""#;

fn with(fields: &str) -> Result<Vec<plan::Service>, String> {
    planned(&format!("{{{START}, {fields}}}"), &["public/a.txt"])
}

#[test]
fn every_binding_gets_its_back_end() {
    let services = with(
        r#""name": "app", "kv_namespaces": [{"binding": "K"}], "d1_databases": [{"binding": "D"}],
           "queues": {"producers": [{"binding": "Q", "queue": "q"}]}, "triggers": {"crons": ["* * * * *"]},
           "workflows": [{"binding": "W", "name": "w", "class_name": "C"}],
           "durable_objects": {"bindings": [{"name": "O", "class_name": "O"}]}, "assets": {"directory": "public"}"#,
    );
    assert_eq!(
        names(&services.unwrap()),
        [
            "app",
            "app-do-storage",
            "app-kv",
            "app-kv-storage",
            "app-kv-blobs",
            "app-cron",
            "app-cron-storage",
            "app-queues",
            "app-queues-storage",
            "app-workflows",
            "app-workflows-storage",
            "app-d1",
            "app-d1-storage",
            "app-assets"
        ]
    );
    assert_eq!(names(&with(r#""vars": {"a": "b"}"#).unwrap()), ["main"]);
}

#[test]
fn toml_says_the_same() {
    let text = "main = \"m.js\"\ncompatibility_date = \"2026-01-01\"\n[[kv_namespaces]]\nbinding = \"K\"\n";
    let config = parse(Path::new("wrangler.toml"), text).unwrap();
    let services = plan::services(&config, Path::new("/nowhere"), Vec::new()).unwrap();
    assert_eq!(
        names(&services),
        ["main", "main-kv", "main-kv-storage", "main-kv-blobs"]
    );
    let error = parse(Path::new("wrangler.toml"), "name = 1\n")
        .err()
        .unwrap();
    assert!(
        error.contains("invalid type: integer `1`, expected a string"),
        "{error}"
    );
}

/// The classes as `name=key`, with `!` after those that have SQL.
fn classes(fields: &str) -> Result<String, String> {
    let services = with(fields)?;
    let plan::Service::Worker(worker) = &services[0] else {
        panic!("the worker comes first");
    };
    let shown = worker.classes.iter().map(|class| {
        let sql = if class.has_sql { "!" } else { "" };
        format!("{}={}{sql}", class.name, class.key)
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_class_keeps_its_key_through_its_history() {
    for (steps, expected) in [
        (
            r#"{"new_classes": ["X"], "new_sqlite_classes": ["Y"]}"#,
            "X=main-X Y=main-Y!",
        ),
        (
            r#"{"new_classes": ["X"]}, {"renamed_classes": [{"from": "X", "to": "Z"}]}"#,
            "Z=main-X",
        ),
        (
            r#"{"new_classes": ["X"]}, {"renamed_classes": [{"from": "X", "to": "Y"}], "new_classes": ["X"]}"#,
            "Y=main-X X=main-X~1",
        ),
        (
            r#"{"new_classes": ["X"]}, {"deleted_classes": ["X"], "new_classes": ["X"]}, {"deleted_classes": ["X"]}, {"new_classes": ["X"]}"#,
            "X=main-X~2",
        ),
        (
            r#"{"new_classes": ["X~1", "X"]}, {"deleted_classes": ["X"]}, {"new_classes": ["X"]}"#,
            "X~1=main-X~1 X=main-X~2",
        ),
        (
            r#"{"new_classes": ["X", "Y"]}, {"deleted_classes": ["Y"], "renamed_classes": [{"from": "X", "to": "Y"}]}"#,
            "Y=main-X",
        ),
    ] {
        assert_eq!(
            classes(&format!(r#""migrations": [{steps}]"#)).unwrap(),
            expected,
            "{steps}"
        );
    }
    let bound = r#""migrations": [{"new_sqlite_classes": ["X"]}], "durable_objects": {"bindings": [{"name": "B", "class_name": "Y"}]}"#;
    assert_eq!(classes(bound).unwrap(), "X=main-X! Y=main-Y");
    let exports = r#""exports": {"Y": {"type": "durable-object", "storage": "sqlite"}, "A": {"type": "durable-object", "state": "deleted"},
                      "X": {"type": "durable-object", "state": "renamed", "renamed_to": "Y"}}"#;
    assert_eq!(classes(exports).unwrap(), "Y=main-X!");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, error) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (
            "5",
            "invalid type: integer `5`, expected struct Wrangler at line 1 column 1",
        ),
        (
            "{}",
            "missing field `compatibility_date` at line 1 column 2",
        ),
        ("{'a':1}", "key must be a string at line 1 column 2"),
        (
            r#"{"compatibility_date": "2026-01-01"}"#,
            "Missing entry-point to Worker script or to assets directory",
        ),
        (
            r#"{"name": 5}"#,
            "invalid type: integer `5`, expected a string at line 1 column 10",
        ),
        (
            r#"{"compatibility_date": "2026-01-01", "assets": {"directory": "public"}, "vars": {"a": 1}}"#,
            "vars needs a Worker, but there is no main",
        ),
    ] {
        assert_eq!(planned(text, &["public/a"]).err().unwrap(), error, "{text}");
    }
    let unknown = planned("{\n \"routes\": []}", &[]).err().unwrap();
    assert_eq!(
        unknown,
        "unknown field `routes`, expected one of `$schema`, `name`, `main`, `compatibility_date`, `compatibility_flags`, \
         `vars`, `durable_objects`, `exports`, `migrations`, `kv_namespaces`, `triggers`, `queues`, `workflows`, \
         `d1_databases`, `no_bundle`, `assets` at line 2 column 9"
    );
}

#[test]
fn fields_that_do_not_fit_together_are_refused() {
    let export =
        |state: &str| format!(r#""exports": {{"X": {{"type": "durable-object", {state}}}}}"#);
    for (fields, error) in [
        (r#""queues": {"consumers": [{"queue": "q"}, {"queue": "q"}]}"#.to_owned(), "queues: queue \"q\" has more than one consumer"),
        (r#""name": "CRONS", "triggers": {"crons": ["* * * * *"]}"#.to_owned(), "A Worker named CRONS cannot have triggers.crons."),
        (
            r#""workflows": [{"binding": "W", "name": "a b", "class_name": "C"}]"#.to_owned(),
            "workflows: \"a b\": Workflow names must be 1-64 characters long, start with a letter, number, or underscore, and \
             may only contain letters, numbers, underscores, or hyphens.",
        ),
        (
            r#""workflows": [{"binding": "W", "name": "w", "class_name": "C", "script_name": "other"}]"#.to_owned(),
            "workflows: \"w\": script_name is not supported",
        ),
        (r#""migrations": [{"deleted_classes": ["X"]}]"#.to_owned(), "migrations: deleted class X does not exist"),
        (r#""migrations": [{"new_classes": ["X", "X"]}]"#.to_owned(), "migrations: new class X already exists"),
        (
            r#""migrations": [{"renamed_classes": [{"from": "X", "to": "Y"}]}]"#.to_owned(),
            "migrations: renamed class X does not exist",
        ),
        (
            r#""migrations": [{"new_classes": ["X"]}, {"renamed_classes": [{"from": "X", "to": "X"}]}]"#.to_owned(),
            "migrations: renamed-to class X already exists",
        ),
        (export(r#""state": "deleted", "storage": "sqlite""#), "exports: X has the wrong fields for its state"),
        (export(r#""state": "renamed", "renamed_to": "Y""#), "exports: X is renamed to Y, which is not live"),
    ] {
        assert_eq!(with(&fields).err().unwrap(), error, "{fields}");
    }
    let missing = with(r#""assets": {"directory": "nowhere"}"#).err().unwrap();
    assert!(
        missing.starts_with("assets.directory: /")
            && missing.ends_with("/nowhere: not a directory"),
        "{missing}"
    );
}
