//! `_headers`: a path on a line, and below it, indented or not, headers to set (`Name: value`) and to remove (`! Name`).

use std::collections::HashSet;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::pattern::{Allowed, Pattern, complaint, normal};
use crate::names::{host_of, path_of};

/// Bytes of a line.
const MAX_LINE_BYTES: usize = 2000;
const MAX_RULES: usize = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct CustomHeaders {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// With `:splat` and `:name` in their values.
    set: Vec<(HeaderName, String)>,
    removed: Vec<HeaderName>,
}

impl CustomHeaders {
    /// The rules of the text; `warnings` has what is wrong with others.
    pub fn parse(text: &str, warnings: &mut Vec<String>) -> Self {
        let mut parser = Parser::default();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() > MAX_LINE_BYTES {
                parser.wrong.push(format!(
                    "  Ignoring line {number} as it exceeds the maximum allowed length of {MAX_LINE_BYTES}."
                ));
                continue;
            }
            if !is_path(line) {
                if let Err(message) = parser.header(line) {
                    let told = format!("  {message}\n    at _headers:{number} | {line}");
                    parser.wrong.push(told);
                }
                continue;
            }
            // The one that is being read is not among them.
            if parser.rules.len() >= MAX_RULES {
                let left = lines.len() - index;
                parser.wrong.push(format!(
                    "  Maximum number of rules supported is {MAX_RULES}. Skipping remaining {left} lines of file."
                ));
                break;
            }
            parser.end(Some(number));
            if let Err(message) = parser.path(line) {
                let told = format!("  {message}\n    at _headers:{number} | {line}");
                parser.wrong.push(told);
            }
        }
        parser.end(None);
        warnings.extend(complaint("header", &parser.wrong));
        warnings.extend(parser.odd);
        Self {
            rules: parser.rules,
        }
    }

    /// Sets and removes what the rules say of an answer to that URL. What one rule sets, the next ones add to.
    pub fn attach(&self, url: &str, headers: &mut HeaderMap) {
        let (host, path) = (host_of(url), path_of(url));
        let mut ours = HashSet::new();
        for rule in &self.rules {
            let Some(matched) = rule.pattern.matches(host, path) else {
                continue;
            };
            for name in &rule.removed {
                headers.remove(name);
            }
            for (name, value) in &rule.set {
                let Ok(value) = HeaderValue::try_from(matched.fill(value)) else {
                    continue;
                };
                match ours.insert(name) {
                    true => _ = headers.insert(name, value),
                    false => _ = headers.append(name, value),
                }
            }
        }
    }
}

/// Whether a line is about a path, and not a header.
fn is_path(line: &str) -> bool {
    let scheme = |(scheme, _): (&str, &str)| !scheme.contains(char::is_whitespace);
    line.starts_with('/') || line.split_once("://").is_some_and(scheme)
}

#[derive(Default)]
struct Parser {
    rules: Vec<Rule>,
    now: Now,
    wrong: Vec<String>,
    /// What is told outside of the list.
    odd: Vec<String>,
}

/// What the lines that are read belong to.
#[derive(Default)]
enum Now {
    /// Nothing yet.
    #[default]
    Before,
    /// A rule that is not followed.
    Skipped,
    Rule {
        path: String,
        set: Vec<(HeaderName, String)>,
        removed: Vec<HeaderName>,
        is_empty: bool,
    },
}

impl Parser {
    fn path(&mut self, line: &str) -> Result<(), String> {
        self.now = Now::Skipped;
        let allowed = Allowed {
            only_paths: false,
            ports: false,
            query: false,
        };
        let path = normal(line, allowed)?;
        if path.matches('*').count() > 1 {
            return Err(format!(
                "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead. Skipping {path}."
            ));
        }
        self.now = Now::Rule {
            path,
            set: Vec::new(),
            removed: Vec::new(),
            is_empty: true,
        };
        Ok(())
    }

    fn header(&mut self, line: &str) -> Result<(), String> {
        if let Now::Skipped = self.now {
            return Ok(());
        }
        let Some((name, value)) = line.split_once(':') else {
            let Now::Rule {
                removed, is_empty, ..
            } = &mut self.now
            else {
                return Err("Expected a path beginning with at least one forward-slash".to_owned());
            };
            let name = line.strip_prefix("! ");
            let name = name.ok_or("Expected a colon-separated header pair (e.g. name: value)")?;
            // What is no name is removed from nowhere.
            removed.extend(HeaderName::try_from(name.trim()).ok());
            *is_empty = false;
            return Ok(());
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name.contains(' ') {
            return Err("Header name cannot include spaces".to_owned());
        }
        if name.is_empty() {
            return Err("No header name specified".to_owned());
        }
        if value.is_empty() {
            return Err("No header value specified".to_owned());
        }
        let Now::Rule { set, is_empty, .. } = &mut self.now else {
            return Err(format!("Path should come before header ({name}: {value})"));
        };
        let header = HeaderName::try_from(&name);
        let header = header.map_err(|_| "Header name can only include token characters")?;
        *is_empty = false;
        match set.iter_mut().find(|(other, _)| *other == header) {
            // Cookies are no list (RFC 9110 section 5.3).
            Some((_, values)) if header != http::header::SET_COOKIE => {
                values.push_str(", ");
                values.push_str(value);
            }
            _ => set.push((header, value.to_owned())),
        }
        Ok(())
    }

    /// The rule that was read ends, at that line or with the text.
    fn end(&mut self, number: Option<usize>) {
        let Now::Rule {
            path,
            set,
            removed,
            is_empty,
        } = std::mem::take(&mut self.now)
        else {
            return;
        };
        if is_empty {
            let number = number
                .map(|number| format!(":{number}"))
                .unwrap_or_default();
            self.wrong.push(format!(
                "  No headers specified\n    at _headers{number} | {path}"
            ));
            return;
        }
        match Pattern::parse(&path) {
            Some(pattern) => self.rules.push(Rule {
                pattern,
                set,
                removed,
            }),
            None => {
                let told = format!("Skipping the _headers rule {path}: it cannot be compiled.");
                self.odd.push(told);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_set_add_and_remove() {
        let text = "/style.css\n  X-A: 1\n  X-A: 2\n  Cache-Control: no-store\n/*\n  X-A: 3\n  ! ETag\n\
                    https://h.example/u/:id\n  X-Id: <:id>\n  Set-Cookie: a=1\n  Set-Cookie: b=2\n";
        let mut warnings = Vec::new();
        let rules = CustomHeaders::parse(text, &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
        let attached = |url: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("etag", HeaderValue::from_static("e"));
            headers.insert("cache-control", HeaderValue::from_static("public"));
            rules.attach(url, &mut headers);
            let lines = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            let mut lines: Vec<_> = lines.collect();
            lines.sort();
            lines
        };
        assert_eq!(
            attached("http://h.example:80/style.css?q"),
            ["cache-control: no-store", "x-a: 1, 2", "x-a: 3"]
        );
        assert_eq!(
            attached("http://h.example:80/u/7"),
            [
                "cache-control: public",
                "set-cookie: a=1",
                "set-cookie: b=2",
                "x-a: 3",
                "x-id: <7>"
            ]
        );
        assert_eq!(
            attached("http://other.example/u/7"),
            ["cache-control: public", "x-a: 3"]
        );
    }

    #[test]
    fn what_is_no_rule_is_told() {
        let text = "X: 1\n/a\n  X Y: 1\n  : 2\n  X:\n  foo\n  X@: 1\n/b\n/c\n  ok: 1\n/d*e*\n  skipped\nftp://x\n/e\n";
        let mut warnings = Vec::new();
        let rules = CustomHeaders::parse(text, &mut warnings);
        assert_eq!(rules.rules.len(), 1);
        let told = [
            "Found 11 invalid header rule(s):",
            "  Path should come before header (x: 1)",
            "    at _headers:1 | X: 1",
            "  Header name cannot include spaces",
            "    at _headers:3 | X Y: 1",
            "  No header name specified",
            "    at _headers:4 | : 2",
            "  No header value specified",
            "    at _headers:5 | X:",
            "  Expected a colon-separated header pair (e.g. name: value)",
            "    at _headers:6 | foo",
            "  Header name can only include token characters",
            "    at _headers:7 | X@: 1",
            "  No headers specified",
            "    at _headers:8 | /a",
            "  No headers specified",
            "    at _headers:9 | /b",
            "  Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead. Skipping /d*e*.",
            "    at _headers:11 | /d*e*",
        ];
        assert!(warnings[0].starts_with(&told.join("\n")), "{}", warnings[0]);
        assert!(
            warnings[0].ends_with("  No headers specified\n    at _headers | /e"),
            "{}",
            warnings[0]
        );
    }
}
