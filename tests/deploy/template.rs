//! As much of Go's templates as the chart uses, by their documentation (<https://pkg.go.dev/text/template>, <https://helm.sh/docs/chart_template_guide>):
//! values by their paths, `if`, `else`, `range`, pipes, and the functions below.

use std::collections::HashMap;

use serde_json::Value;

/// A piece of a template.
enum Piece {
    Text(String),
    Action(String),
}

/// Renders a template with what `.` has; the error is that of `fail`.
pub fn render(template: &str, dot: &Value) -> Result<String, String> {
    let pieces = pieces(template);
    let (mut out, mut at) = (String::new(), 0);
    let variables = HashMap::new();
    block(&pieces, &mut at, dot, &variables, Some(&mut out))?;
    assert!(at == pieces.len(), "an `end` or `else` of nothing");
    Ok(out)
}

/// Text and actions; a dash beside braces takes the white space before or after.
fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("{{") {
        let (action, after) = after.split_once("}}").expect("an action that ends");
        let (text, action) = match action.strip_prefix('-') {
            Some(action) => (text.trim_end(), action),
            None => (text, action),
        };
        let (action, after) = match action.strip_suffix('-') {
            Some(action) => (action, after.trim_start()),
            None => (action, after),
        };
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Action(action.trim().to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

/// Renders to the `end` or `else` of the block, or to the end; only finds it if there is nothing to render to.
fn block(
    pieces: &[Piece],
    at: &mut usize,
    dot: &Value,
    variables: &HashMap<String, Value>,
    mut out: Option<&mut String>,
) -> Result<(), String> {
    while let Some(piece) = pieces.get(*at) {
        match piece {
            Piece::Text(text) => {
                if let Some(out) = &mut out {
                    out.push_str(text);
                }
            }
            Piece::Action(action) if action == "end" || action == "else" => return Ok(()),
            Piece::Action(action) => {
                if let Some(condition) = action.strip_prefix("if ") {
                    let holds = out.is_some() && is_true(&pipe(condition, dot, variables)?);
                    *at += 1;
                    block(
                        pieces,
                        at,
                        dot,
                        variables,
                        out.as_deref_mut().filter(|_| holds),
                    )?;
                    if matches!(&pieces[*at], Piece::Action(action) if action == "else") {
                        *at += 1;
                        block(
                            pieces,
                            at,
                            dot,
                            variables,
                            out.as_deref_mut().filter(|_| !holds),
                        )?;
                    }
                } else if let Some(range) = action.strip_prefix("range ") {
                    self::range(range, pieces, at, dot, variables, out.as_deref_mut())?;
                } else if let Some(out) = &mut out {
                    out.push_str(&text(&pipe(action, dot, variables)?));
                }
            }
        }
        *at += 1;
    }
    Ok(())
}

/// `range $key, $value := LIST` or `range LIST`; leaves `at` at its end.
fn range(
    range: &str,
    pieces: &[Piece],
    at: &mut usize,
    dot: &Value,
    variables: &HashMap<String, Value>,
    mut out: Option<&mut String>,
) -> Result<(), String> {
    let (names, list) = range.split_once(":=").unwrap_or(("", range));
    let items: Vec<(Value, Value)> = match pipe(list, dot, variables)? {
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(key, item)| (key.into(), item))
            .collect(),
        Value::Object(items) => items
            .into_iter()
            .map(|(key, item)| (key.into(), item))
            .collect(),
        other => panic!("a range over {other}"),
    };
    let begin = *at + 1;
    *at = begin;
    block(pieces, at, dot, variables, None)?;
    for (key, item) in items {
        let mut variables = variables.clone();
        for (name, value) in names.split(',').zip([&key, &item]) {
            variables.insert(name.trim().to_owned(), value.clone());
        }
        *at = begin;
        block(pieces, at, &item, &variables, out.as_deref_mut())?;
    }
    Ok(())
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
        && *value != ""
        && *value != 0
        && *value != Value::Array(Vec::new())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Commands between bars, each with the value before it as its last argument.
fn pipe(
    expression: &str,
    dot: &Value,
    variables: &HashMap<String, Value>,
) -> Result<Value, String> {
    let mut last = None;
    for command in expression.split(" | ") {
        let mut words = words(command).into_iter();
        let first = words.next().expect("a command");
        let mut arguments = Vec::new();
        for word in words {
            arguments.push(operand(&word, dot, variables)?);
        }
        arguments.extend(last.take());
        last = Some(if arguments.is_empty() {
            operand(&first, dot, variables)?
        } else {
            call(&first, &arguments)?
        });
    }
    Ok(last.expect("a command"))
}

/// Words at spaces, but for those in quotes or brackets.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut depth, mut quoted) = (vec![String::new()], 0, false);
    for c in command.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ' ' if !quoted && depth == 0 => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        words.last_mut().expect("a word").push(c);
    }
    words.retain(|word| !word.is_empty());
    words
}

fn operand(word: &str, dot: &Value, variables: &HashMap<String, Value>) -> Result<Value, String> {
    if let Some(inner) = word
        .strip_prefix('(')
        .and_then(|word| word.strip_suffix(')'))
    {
        return pipe(inner, dot, variables);
    }
    if let Some(value) = variables.get(word) {
        return Ok(value.clone());
    }
    if let Some(path) = word.strip_prefix('.') {
        let steps = path.split('.').filter(|step| !step.is_empty());
        return Ok(steps.fold(dot, |value, step| &value[step]).clone());
    }
    Ok(serde_json::from_str(word).unwrap_or_else(|_| panic!("{word} is no value")))
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, String> {
    let number = |at: usize| {
        arguments[at]
            .as_i64()
            .unwrap_or_else(|| panic!("{} is no number", arguments[at]))
    };
    Ok(match function {
        "quote" => Value::from(arguments[0].to_string()),
        "toJson" => Value::from(arguments[0].to_string()),
        "int" => number(0).into(),
        "gt" => (number(0) > number(1)).into(),
        "add" => (0..arguments.len()).map(number).sum::<i64>().into(),
        "default" if is_true(&arguments[1]) => arguments[1].clone(),
        "default" => arguments[0].clone(),
        "indent" => {
            let space = " ".repeat(number(0).try_into().expect("a width"));
            let text = text(&arguments[1]);
            let lines: Vec<_> = text
                .split('\n')
                .map(|line| format!("{space}{line}"))
                .collect();
            lines.join("\n").into()
        }
        // What it is does not matter, but that it changes.
        "sha256sum" => format!("{:x}", text(&arguments[0]).len()).into(),
        "fail" => return Err(text(&arguments[0])),
        other => panic!("no function {other}"),
    })
}
