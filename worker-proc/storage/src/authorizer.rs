//! What a worker's SQL may do.
//!
//! `raw` asks for every action of a statement while it is prepared. Tables, indexes, views and triggers whose names begin
//! with `_cf_` belong to the runtime; other databases, temporary objects, most PRAGMAs, functions that tell about the
//! build, and transactions (which the JavaScript API opens) are refused, as the published workerd refuses them.

use rusqlite::ffi;

use super::tokens::{self, Token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// SQLite says "not authorized" in its own words.
    Deny,
    /// These words are shown instead.
    Explain(&'static str),
}

use Verdict::{Allow, Deny, Explain};

const NO_TRANSACTIONS: &str = "To execute a transaction, please use the state.storage.transaction() or \
     state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript \
     API is safer because it will automatically roll back on exceptions, and because it interacts correctly with \
     Durable Objects' automatic atomic write coalescing.";

type Text<'a> = Option<&'a [u8]>;

/// Decides over one action, with the arguments of SQLite's authorizer callback.
pub(super) fn authorize(action: i32, first: Text, second: Text, database: Text) -> Verdict {
    // For these two SQLite passes the database first, the table second, and a column to drop in the database's place.
    let (first, second, database) = match action {
        ffi::SQLITE_ALTER_TABLE | ffi::SQLITE_DETACH => (second, database, first),
        _ => (first, second, database),
    };
    match database {
        Some(b"main") | None => {}
        Some(b"temp") => {
            return match action {
                ffi::SQLITE_READ | ffi::SQLITE_UPDATE => allow_if(is_free(first)),
                _ => Deny,
            };
        }
        Some(_) => return Deny,
    }
    match action {
        ffi::SQLITE_SELECT | ffi::SQLITE_RECURSIVE | ffi::SQLITE_ANALYZE => Allow,
        ffi::SQLITE_CREATE_TABLE
        | ffi::SQLITE_DELETE
        | ffi::SQLITE_DROP_TABLE
        | ffi::SQLITE_INSERT
        | ffi::SQLITE_CREATE_VIEW
        | ffi::SQLITE_DROP_VIEW
        | ffi::SQLITE_REINDEX
        | ffi::SQLITE_READ
        | ffi::SQLITE_UPDATE => allow_if(is_free(first)),
        ffi::SQLITE_ALTER_TABLE => allow_if(is_free(first) && !second.is_some_and(is_reserved)),
        ffi::SQLITE_CREATE_INDEX
        | ffi::SQLITE_DROP_INDEX
        | ffi::SQLITE_CREATE_TRIGGER
        | ffi::SQLITE_DROP_TRIGGER => allow_if(is_free(first) && is_free(second)),
        ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Explain(NO_TRANSACTIONS),
        ffi::SQLITE_PRAGMA => allow_if(may_pragma(first.unwrap_or_default(), second)),
        ffi::SQLITE_FUNCTION => {
            let name = second.unwrap_or_default();
            allow_if(FUNCTIONS.iter().any(|known| known.as_bytes() == name))
        }
        ffi::SQLITE_CREATE_VTABLE | ffi::SQLITE_DROP_VTABLE => {
            let module = second.unwrap_or_default();
            let known = MODULES
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(module));
            allow_if(known && is_free(first))
        }
        _ => Deny,
    }
}

fn allow_if(condition: bool) -> Verdict {
    if condition { Allow } else { Deny }
}

/// Whether a name is not one of the runtime's own.
fn is_free(name: Text) -> bool {
    name.is_some_and(|name| !is_reserved(name))
}

fn is_reserved(name: &[u8]) -> bool {
    name.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"_cf_"))
}

/// Whether `ALTER TABLE x RENAME TO y` names a table of the runtime: the authorizer is not told of `y`.
pub(super) fn renames_to_reserved(statement: &str) -> bool {
    let mut tokens = tokens::tokens(statement.as_bytes());
    while let Some(token) = tokens.next() {
        if !token.is_word("RENAME") {
            continue;
        }
        if tokens.next().is_some_and(|token| token.is_word("TO")) {
            return tokens
                .next()
                .as_ref()
                .map(Token::name)
                .is_some_and(|name| is_reserved(&name));
        }
    }
    false
}

fn may_pragma(name: &[u8], argument: Text) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
    if name == b"table_list" {
        return true;
    }
    if is_one_of(&["data_version", "page_size"]) {
        return argument.is_none();
    }
    if is_one_of(BOOLEAN_PRAGMAS) {
        return argument.is_none_or(is_boolean);
    }
    if is_one_of(&[
        "table_info",
        "table_xinfo",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
    ]) {
        return is_free(argument);
    }
    match name {
        b"foreign_key_check" => argument.is_none_or(|text| !is_reserved(text)),
        b"quick_check" => argument.is_none_or(|text| is_number(text) || !is_reserved(text)),
        b"optimize" => argument.is_none_or(is_number),
        _ => false,
    }
}

/// Whether a text is a 32-bit integer as SQLite reads one, in decimal or hexadecimal.
fn is_number(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| match text.get(..2) {
        Some("0x" | "0X") => i32::from_str_radix(&text[2..], 16).is_ok(),
        _ => text.parse::<i32>().is_ok(),
    })
}

/// SQLite's many ways to write a boolean, of which it looks at the first letters only.
fn is_boolean(text: &[u8]) -> bool {
    let quoted = text.len() >= 2 && matches!(text[0], b'\'' | b'"') && text.first() == text.last();
    let text = if quoted {
        &text[1..text.len() - 1]
    } else {
        text
    };
    ["true", "false", "yes", "no", "on", "off", "1", "0"]
        .iter()
        .any(|word| {
            text.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        })
}

const BOOLEAN_PRAGMAS: &[&str] = &[
    "case_sensitive_like",
    "foreign_keys",
    "defer_foreign_keys",
    "ignore_check_constraints",
    "legacy_alter_table",
    "recursive_triggers",
    "reverse_unordered_selects",
];

const MODULES: [&str; 4] = ["fts5", "fts5vocab", "rtree", "rtree_i32"];

#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    // scalar
    "abs", "changes", "char", "coalesce", "concat", "concat_ws", "format", "glob", "hex", "ifnull", "iif", "instr",
    "last_insert_rowid", "length", "like", "likelihood", "likely", "load_extension", "lower", "ltrim", "max_scalar",
    "min_scalar", "nullif", "octet_length", "printf", "quote", "random", "randomblob", "replace", "round", "rtrim",
    "sign", "soundex", "substr", "substring", "total_changes", "trim", "typeof", "unhex", "unicode", "unlikely",
    "upper", "zeroblob",
    // date and time
    "date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff", "current_date", "current_time",
    "current_timestamp",
    // aggregate
    "avg", "count", "group_concat", "max", "min", "string_agg", "sum", "total",
    // window
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value",
    "last_value", "nth_value",
    // mathematical
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "cos", "cosh", "degrees", "exp", "floor", "ln",
    "log", "log2", "mod", "pi", "pow", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    // JSON
    "json", "jsonb", "json_array", "jsonb_array", "json_array_length", "json_extract", "jsonb_extract", "->", "->>",
    "json_insert", "jsonb_insert", "json_object", "jsonb_object", "json_patch", "jsonb_patch", "json_remove",
    "jsonb_remove", "json_replace", "jsonb_replace", "json_set", "jsonb_set", "json_type", "json_valid", "json_quote",
    "json_group_array", "jsonb_group_array", "json_group_object", "jsonb_group_object", "json_each", "json_tree",
    // full text and spatial search
    "match", "highlight", "bm25", "snippet", "rtreecheck",
    // what ALTER TABLE runs
    "sqlite_rename_column", "sqlite_rename_table", "sqlite_rename_test", "sqlite_drop_column", "sqlite_rename_quotefix",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_runtime_are_out_of_reach() {
        let ask =
            |action, first: &str| authorize(action, Some(first.as_bytes()), None, Some(b"main"));
        assert_eq!(ask(ffi::SQLITE_READ, "_CF_kv"), Deny);
        assert_eq!(ask(ffi::SQLITE_READ, "_cfkv"), Allow);
        assert_eq!(ask(ffi::SQLITE_DROP_TABLE, "_cf_"), Deny);
        assert_eq!(ask(ffi::SQLITE_ATTACH, "x"), Deny);
    }

    #[test]
    fn renames_are_read_from_the_statement() {
        assert!(renames_to_reserved("alter table t rename to _cf_x"));
        assert!(renames_to_reserved(
            "ALTER TABLE \"rename to\" /* a */ RENAME -- b\n TO [_CF_x];"
        ));
        assert!(!renames_to_reserved("alter table t rename a to _cf_x"));
        assert!(!renames_to_reserved(
            "alter table t rename column a to _cf_x"
        ));
        assert!(!renames_to_reserved(
            "alter table t add x default 'rename to _cf_x'"
        ));
    }

    #[test]
    fn pragmas_are_few() {
        assert!(may_pragma(b"foreign_keys", Some(b"OFF")));
        assert!(!may_pragma(b"foreign_keys", Some(b"2")));
        assert!(may_pragma(b"foreign_keys", Some(b"'yes'")));
        assert!(!may_pragma(b"page_size", Some(b"512")));
        assert!(!may_pragma(b"journal_mode", None));
        assert!(!may_pragma(b"table_info", Some(b"_cf_KV")));
        assert!(may_pragma(b"optimize", Some(b"-1")));
        assert!(may_pragma(b"optimize", Some(b"0x7fffffff")));
        assert!(!may_pragma(b"optimize", Some(b"0xffffffff")));
    }
}
