//! `_redirects`: `from to [status]`, a line a rule; the first that a path matches holds.

use std::collections::HashSet;

use super::pattern::{Allowed, Pattern, complaint, is_dynamic, normal};

/// Bytes of a line.
const MAX_LINE_BYTES: usize = 2000;
/// Rules without `*` and `:name`.
const MAX_STATIC_RULES: usize = 2000;
/// The others.
const MAX_DYNAMIC_RULES: usize = 100;

const DEFAULT_STATUS: u16 = 302;

/// See the module.
#[derive(Debug, Default)]
pub struct Redirects {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    from: Matcher,
    to: String,
    status: u16,
}

#[derive(Debug)]
enum Matcher {
    Exactly(String),
    Pattern(Pattern),
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A client is sent there with that status.
    Elsewhere(u16, String),
    /// It is as if that path had been asked for.
    Rewritten(String),
}

impl Redirects {
    /// The rules of the text; `warnings` has what is wrong with others.
    pub fn parse(text: &str, warnings: &mut Vec<String>) -> Self {
        let mut parser = Parser::default();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.len() > MAX_LINE_BYTES {
                parser.wrong.push(format!(
                    "  Ignoring line {number} as it exceeds the maximum allowed length of {MAX_LINE_BYTES}."
                ));
                continue;
            }
            match parser.line(line) {
                Ok(()) => {}
                Err(Wrong::Line(message)) => {
                    let told = format!("  {message}\n    at _redirects:{number} | {line}");
                    parser.wrong.push(told);
                }
                Err(Wrong::TooManyStatic) => parser.wrong.push(format!(
                    "  Maximum number of static rules supported is {MAX_STATIC_RULES}. Skipping line."
                )),
                Err(Wrong::TooManyDynamic) => {
                    let left = lines.len() - index;
                    parser.wrong.push(format!(
                        "  Maximum number of dynamic rules supported is {MAX_DYNAMIC_RULES}. Skipping remaining {left} \
                         lines of file."
                    ));
                    break;
                }
            }
        }
        warnings.extend(complaint("redirect", &parser.wrong));
        warnings.extend(parser.odd);
        Self {
            rules: parser.rules,
        }
    }

    /// Where a path leads, if it leads elsewhere. The request's query goes with it where the rule has none.
    pub fn find(&self, path: &str, query: &str) -> Option<Target> {
        self.rules.iter().find_map(|rule| {
            let to = match &rule.from {
                Matcher::Exactly(from) => (from == path).then(|| rule.to.clone())?,
                Matcher::Pattern(pattern) => pattern.matches("", path)?.fill(&rule.to),
            };
            // What was matched must not make another host of a path.
            let to = match rule.to.starts_with('/') {
                true => format!("/{}", to.trim_start_matches(['/', '\\'])),
                false => to,
            };
            if rule.status == 200 {
                let end = to.find(['?', '#']).unwrap_or(to.len());
                return Some(Target::Rewritten(to[..end].to_owned()));
            }
            let (before, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
            let query = if before.contains('?') { "" } else { query };
            let to = format!("{before}{query}{fragment}");
            Some(Target::Elsewhere(rule.status, to))
        })
    }
}

#[derive(Default)]
struct Parser {
    rules: Vec<Rule>,
    seen: HashSet<String>,
    fixed: usize,
    dynamic: usize,
    wrong: Vec<String>,
    /// What is told outside of the list.
    odd: Vec<String>,
}

enum Wrong {
    Line(String),
    TooManyStatic,
    TooManyDynamic,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self::Line(message)
    }
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), Wrong> {
        let words = line.split_whitespace();
        let tokens: Vec<&str> = words.take_while(|word| !word.starts_with('#')).collect();
        let (from, to, status) = match *tokens {
            [] => return Ok(()),
            [from, to] => (from, to, None),
            [from, to, status] => (from, to, Some(status)),
            _ => {
                let count = tokens.len();
                return Err(Wrong::Line(format!(
                    "Expected exactly 2 or 3 whitespace-separated tokens. Got {count}."
                )));
            }
        };
        let path = Allowed {
            only_paths: true,
            ports: false,
            query: false,
        };
        let from = normal(from, path)?;
        let is_dynamic = is_dynamic(&from);
        if !is_dynamic && self.fixed >= MAX_STATIC_RULES {
            return Err(Wrong::TooManyStatic);
        }
        if is_dynamic && self.dynamic >= MAX_DYNAMIC_RULES {
            return Err(Wrong::TooManyDynamic);
        }
        let anywhere = Allowed {
            only_paths: false,
            ports: true,
            query: true,
        };
        let to = normal(to, anywhere)?;
        let status = status_of(status)?;
        if loops(&from, &to) {
            return Err(Wrong::Line(LOOPS.to_owned()));
        }
        if status == 200 && !to.starts_with('/') {
            let message =
                format!("Proxy (200) redirects can only point to relative paths. Got {to}");
            return Err(Wrong::Line(message));
        }
        if !self.seen.insert(from.clone()) {
            return Err(Wrong::Line(format!(
                "Ignoring duplicate rule for path {from}."
            )));
        }
        let from = if is_dynamic {
            self.dynamic += 1;
            let Some(pattern) = Pattern::parse(&from) else {
                self.odd.push(format!(
                    "Skipping the _redirects rule {from}: it cannot be compiled."
                ));
                return Ok(());
            };
            Matcher::Pattern(pattern)
        } else {
            self.fixed += 1;
            Matcher::Exactly(from)
        };
        self.rules.push(Rule { from, to, status });
        Ok(())
    }
}

const LOOPS: &str = "Infinite loop detected in this rule and has been ignored. This will cause a redirect to strip \
                     `.html` or `/index` and end up triggering this rule again. Please fix or remove this rule to \
                     silence this warning.";

/// Whether a rule of everything leads to what leads to it again.
fn loops(from: &str, to: &str) -> bool {
    (from.ends_with('/') || from.ends_with("/*"))
        && to.starts_with('/')
        && (to.ends_with("/index") || to.ends_with("/index.html"))
}

fn status_of(status: Option<&str>) -> Result<u16, String> {
    let Some(text) = status else {
        return Ok(DEFAULT_STATUS);
    };
    let status = text.parse().ok();
    let valid = status.filter(|status| matches!(status, 200 | 301 | 302 | 303 | 307 | 308));
    valid.ok_or_else(|| {
        format!("Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got {text}.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_holds() {
        let mut warnings = Vec::new();
        let text = "/r1 /about 301\n/old/* /new/:splat\n/q /z?a=1\n/rw/* /style.css 200 # comment\n/f /a#b\n/up/* /:splat\n";
        let redirects = Redirects::parse(text, &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
        for (path, query, status, to) in [
            ("/r1", "?x=1", 301, "/about?x=1"),
            ("/old/a/b", "", 302, "/new/a/b"),
            ("/up//other.example", "", 302, "/other.example"),
            ("/up/\\other.example", "", 302, "/other.example"),
            ("/q", "?b=2", 302, "/z?a=1"),
            ("/f", "?q", 302, "/a?q#b"),
        ] {
            let target = redirects.find(path, query);
            assert_eq!(target, Some(Target::Elsewhere(status, to.to_owned())));
        }
        let rewritten = Target::Rewritten("/style.css".to_owned());
        assert_eq!(redirects.find("/rw/x", "?a"), Some(rewritten));
        assert_eq!(redirects.find("/r1/", ""), None);
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (line, message) in [
            (
                "/bad",
                "Expected exactly 2 or 3 whitespace-separated tokens. Got 1.",
            ),
            (
                "/x /y 999",
                "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 999.",
            ),
            (
                "https://h/a /b",
                "Only relative URLs are allowed. Skipping absolute URL https://h/a.",
            ),
            (
                "/p https://e/ 200",
                "Proxy (200) redirects can only point to relative paths. Got https://e/",
            ),
            ("/* /index.html", LOOPS),
        ] {
            let mut warnings = Vec::new();
            Redirects::parse(line, &mut warnings);
            let told = format!(
                "Found 1 invalid redirect rule(s):\n  {message}\n    at _redirects:1 | {line}"
            );
            assert_eq!(warnings, [told]);
        }
        let mut warnings = Vec::new();
        Redirects::parse("/p/:x/:x /y", &mut warnings);
        assert_eq!(
            warnings,
            ["Skipping the _redirects rule /p/:x/:x: it cannot be compiled."]
        );
    }

    #[test]
    fn there_are_so_many_rules() {
        let rules = |count: usize, rest: &str| -> String {
            (0..count)
                .map(|number| format!("/a{number}{rest} /b\n"))
                .collect()
        };
        let mut warnings = Vec::new();
        let redirects = Redirects::parse(&rules(2001, ""), &mut warnings);
        assert_eq!(
            (redirects.rules.len(), warnings.len()),
            (MAX_STATIC_RULES, 1)
        );
        let redirects = Redirects::parse(&rules(103, "/*"), &mut warnings);
        assert_eq!(redirects.rules.len(), MAX_DYNAMIC_RULES);
        assert!(
            warnings[1].ends_with("Skipping remaining 3 lines of file."),
            "{warnings:?}"
        );
    }
}
