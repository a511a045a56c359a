//! The border between JavaScript and Rust, checked on the text of internal JavaScript: it names ops and constants that are
//! there, passes as many arguments as an op takes, and every op has a caller.

use std::collections::{BTreeSet, HashMap};

use crate::glue::Registry;

/// A place where JavaScript names a property of `ops`.
#[derive(Debug, PartialEq)]
struct Mention<'a> {
    name: &'a str,
    /// Of a call, unless it spreads them.
    arguments: Option<i32>,
    /// The names that are taken out of it: `const { A, B: C } = ops.Layout`, `ops.Layout.A`.
    taken: Vec<&'a str>,
}

/// Every mention of `ops.name`, but in comments that fill their line.
fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("ops.") {
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
        let is_comment = line.starts_with(['*', '/']);
        if is_comment || before.ends_with(|c: char| c.is_alphanumeric() || "_$.`".contains(c)) {
            continue;
        }
        let after = &text[at + 4..];
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        found.push(Mention {
            name: &after[..end],
            arguments: after[end..].strip_prefix('(').and_then(count_arguments),
            taken: taken(before, &after[end..]),
        });
    }
    found
}

/// The arguments of a call, from its opening bracket on; none where an array is spread.
fn count_arguments(text: &str) -> Option<i32> {
    let (mut depth, mut count, mut has_text) = (0, 0, false);
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => return Some(count + i32::from(has_text)),
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                count += 1;
                has_text = false;
                continue;
            }
            '.' if depth == 0 && text[at..].starts_with("...") => return None,
            '"' | '\'' | '`' => {
                while let Some((_, inner)) = characters.next()
                    && inner != c
                {
                    if inner == '\\' {
                        characters.next();
                    }
                }
            }
            _ => {}
        }
        has_text |= !c.is_whitespace();
    }
    None
}

/// The names in the object pattern that ends before the mention, or the one after it.
fn taken<'a>(before: &'a str, after: &'a str) -> Vec<&'a str> {
    if let Some(name) = after.strip_prefix('.') {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        return vec![&name[..name.find(|c| !is_part(c)).unwrap_or(name.len())]];
    }
    let Some(pattern) = before.strip_suffix("} = ") else {
        return Vec::new();
    };
    let names = pattern.rsplit('{').next().unwrap_or_default().split(',');
    let names = names.filter_map(|name| name.split(':').next());
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn mentions_are_found_in_text() {
    let text = "const { A, B: C } = ops.Layout;\n * ops.inComment(1)\nops.call(f(a, b), [`x, ${y}`, \")\"]) + props.x; ops.Layout.A;";
    let mention = |name, arguments, taken| Mention {
        name,
        arguments,
        taken,
    };
    let expected = [
        mention("Layout", None, vec!["A", "B"]),
        mention("call", Some(2), vec![]),
        mention("Layout", None, vec!["A"]),
    ];
    assert_eq!(mentions(text), expected);
    assert_eq!(count_arguments(")"), Some(0));
    assert_eq!(count_arguments("a,\n  b,\n)"), Some(2));
    assert_eq!(count_arguments("...all)"), None);
}

/// The names of a function's parameters, as Rust's constants have them: `PROPS_EXTERNALS` for `propsExternals`.
fn parameters(text: &str, function: &str) -> Option<Vec<String>> {
    let (_, after) = text.split_once(&format!("\nfunction {function}("))?;
    let names = after.split(')').next()?.split(',').map(str::trim);
    let upper = |name: &str| {
        let parts = name.chars().map(|c| match c.is_ascii_uppercase() {
            true => format!("_{c}"),
            false => c.to_ascii_uppercase().to_string(),
        });
        parts.collect()
    };
    Some(names.map(upper).collect())
}

#[test]
fn functions_take_what_they_are_called_with() {
    let registry = Registry::install(crate::boot::apis());
    let passed: Vec<_> = registry.ops.iter().flat_map(|ops| &ops.passed).collect();
    assert!(!passed.is_empty());
    for (module, function, names) in passed {
        let text = registry.modules[*module].source.read();
        let taken = parameters(&text, function);
        let taken = taken.unwrap_or_else(|| panic!("{module} has no function {function}"));
        let last = &taken[taken.len().saturating_sub(names.len())..];
        assert_eq!(last, *names, "{module}.{function}");
    }
}

#[test]
fn both_ends_agree() {
    let registry = Registry::install(crate::boot::apis());
    let mut wrong = Vec::new();
    let mut called = BTreeSet::new();
    for (name, module) in &registry.modules {
        let api = registry.apis[module.api].name;
        let ops = &registry.ops[module.api];
        let arities: HashMap<_, _> = ops.list.iter().map(|op| (op.name, op.arity)).collect();
        let layouts: HashMap<_, _> = ops.shared.iter().copied().collect();
        let text = module.source.read();
        // A comment may fill the first line but for this.
        let text = text.trim_start_matches(crate::strict!());
        for mention in mentions(text) {
            called.insert((api, mention.name.to_owned()));
            if let Some(constants) = layouts.get(mention.name) {
                let unknown = mention
                    .taken
                    .iter()
                    .filter(|name| !constants.contains(name));
                wrong.extend(
                    unknown
                        .map(|unknown| format!("{name}: {}.{unknown} is not there", mention.name)),
                );
                continue;
            }
            let Some(arity) = arities.get(mention.name) else {
                wrong.push(format!("{name}: ops.{} is not there", mention.name));
                continue;
            };
            if let Some(count) = mention.arguments
                && !(arity.least..=arity.most).contains(&count)
            {
                wrong.push(format!(
                    "{name}: ops.{} is given {count} arguments and takes {arity:?}",
                    mention.name
                ));
            }
        }
    }
    for (api, ops) in registry.apis.iter().zip(&registry.ops) {
        let names = ops.list.iter().map(|op| op.name);
        let all = names.chain(ops.shared.iter().map(|(name, _)| *name));
        let idle = all.filter(|name| !called.contains(&(api.name, (*name).to_owned())));
        wrong.extend(idle.map(|idle| format!("{}: nothing uses ops.{idle}", api.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
