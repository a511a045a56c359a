//! Turns `compat-flags.tsv`, the one table of compatibility flags, into Rust constants that
//! `src/compat.rs` includes. A malformed row fails the build.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::{env, fs, path::Path};

const TABLE: &str = "compat-flags.tsv";
const COLUMNS: usize = 6;

fn main() {
    println!("cargo::rerun-if-changed={TABLE}");
    let text = fs::read_to_string(TABLE).expect("the flag table is beside the build script");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| {
            let row: Vec<&str> = line.split('\t').collect();
            assert_eq!(
                row.len(),
                COLUMNS,
                "{TABLE}: wrong number of columns: {line}"
            );
            row
        })
        .collect();
    let index: HashMap<&str, usize> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| (row[0], i))
        .collect();
    assert_eq!(index.len(), rows.len(), "{TABLE}: a field appears twice");

    let mut out = format!(
        "/// Flags of the table.\npub const COUNT: usize = {};\n",
        rows.len()
    );
    out.push_str("static TABLE: [Entry; COUNT] = [\n");
    for row in &rows {
        writeln!(
            out,
            "Entry {{ name: {:?}, enable: {}, disable: {}, since: {}, experimental: {}, implied: {} }},",
            row[0],
            option(row[1]),
            option(row[2]),
            since(row[3]),
            experimental(row[4]),
            implied(row[5], &index),
        )
        .expect("a string takes any text");
    }
    out.push_str("];\n\n/// One constant a flag, for `Flags::get`.\npub mod field {\n    use super::Field;\n");
    for (i, row) in rows.iter().enumerate() {
        writeln!(
            out,
            "    /// `{}`.\n    pub const {}: Field = Field({i});",
            row[0],
            constant(row[0])
        )
        .expect("a string takes any text");
    }
    out.push_str("}\n");

    let dir = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&dir).join("compat_table.rs"), out).expect("OUT_DIR is writable");
}

fn option(cell: &str) -> String {
    match cell {
        "" => "None".into(),
        flag => format!("Some({flag:?})"),
    }
}

fn since(cell: &str) -> String {
    match cell {
        "" => "Since::Never".into(),
        "always" => "Since::Always".into(),
        day => format!("Since::Date({})", date(day)),
    }
}

fn date(cell: &str) -> String {
    let parts: Vec<u16> = cell
        .split('-')
        .map(|part| {
            part.parse()
                .unwrap_or_else(|_| panic!("{TABLE}: bad date {cell}"))
        })
        .collect();
    let [year, month, day] = parts[..] else {
        panic!("{TABLE}: bad date {cell}")
    };
    format!("Date {{ year: {year}, month: {month}, day: {day} }}")
}

fn experimental(cell: &str) -> bool {
    match cell {
        "" => false,
        "experimental" => true,
        other => panic!("{TABLE}: bad mark {other}"),
    }
}

/// `name = "a", date = "2025-01-01"` or `names = ["a", "b"], date = "2025-01-01"`.
fn implied(cell: &str, index: &HashMap<&str, usize>) -> String {
    if cell.is_empty() {
        return "None".into();
    }
    let (names, day) = cell
        .rsplit_once("date")
        .unwrap_or_else(|| panic!("{TABLE}: bad rule {cell}"));
    let quoted = |text| -> Vec<&str> { str::split(text, '"').skip(1).step_by(2).collect() };
    let fields: Vec<String> = quoted(names)
        .into_iter()
        .map(|name| {
            let i = index
                .get(name)
                .unwrap_or_else(|| panic!("{TABLE}: no field {name}"));
            format!("Field({i})")
        })
        .collect();
    let [day] = quoted(day)[..] else {
        panic!("{TABLE}: bad rule {cell}")
    };
    format!(
        "Some(Implied {{ by_any_of: &[{}], from: {} }})",
        fields.join(", "),
        date(day)
    )
}

/// `nodeJsCompatV2` becomes `NODE_JS_COMPAT_V2`.
fn constant(name: &str) -> String {
    let mut out = String::new();
    let mut previous_is_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && previous_is_lower {
            out.push('_');
        }
        previous_is_lower = !c.is_ascii_uppercase();
        out.push(c.to_ascii_uppercase());
    }
    out
}
