//! The paths of `_redirects` and `_headers`: with `*` for anything, `:name` for a part between two `/`, and what both
//! matched to be put elsewhere.

use std::borrow::Cow;

use regex::Regex;

/// What rules begin with that are for one host.
const SCHEME: &str = "https://";

/// What a rule's path matches.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    /// Of a rule that names a host, as those do that start with `https://`.
    has_host: bool,
}

impl Pattern {
    /// None of a rule that names a part twice, or has more than one `*`.
    pub fn parse(rule: &str) -> Option<Self> {
        let of_host = rule.strip_prefix(SCHEME);
        let has_host = of_host.is_some();
        let mut in_host = has_host;
        let mut rest = of_host.unwrap_or(rule);
        let mut regex = format!("^{}", if has_host { SCHEME } else { "" });
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            match next {
                '*' => regex.push_str("(?<splat>.*)"),
                ':' if name_length(rest) > 0 => {
                    let (name, after) = rest.split_at(name_length(rest));
                    let part = if in_host { "[^/.]+" } else { "[^/]+" };
                    regex.push_str(&format!("(?<{name}>{part})"));
                    rest = after;
                }
                other => {
                    in_host &= other != '/';
                    regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4])));
                }
            }
        }
        regex.push('$');
        let regex = Regex::new(&regex).ok()?;
        Some(Self { regex, has_host })
    }

    /// What the rule's parts are in a request, if it is for it.
    pub fn matches(&self, host: &str, path: &str) -> Option<Matched> {
        let text = match self.has_host {
            true => Cow::Owned(format!("{SCHEME}{host}{path}")),
            false => Cow::Borrowed(path),
        };
        let captures = self.regex.captures(&text)?;
        let names = self.regex.capture_names().flatten();
        let parts = names.filter_map(|name| {
            let part = captures.name(name)?;
            Some((name.to_owned(), part.as_str().to_owned()))
        });
        Some(Matched(parts.collect()))
    }
}

/// The length of the name that a text begins with: a letter, then letters, digits and `_`.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return 0;
    }
    let end = text.find(|next: char| !next.is_ascii_alphanumeric() && next != '_');
    end.unwrap_or(text.len())
}

/// Whether a rule has parts that are not as they stand.
pub fn is_dynamic(rule: &str) -> bool {
    rule.contains('*')
        || rule
            .match_indices(':')
            .any(|(at, _)| name_length(&rule[at + 1..]) > 0)
}

/// Names and what they matched.
#[derive(Debug)]
pub struct Matched(Vec<(String, String)>);

impl Matched {
    /// A text with what matched in the place of `:splat` and `:name`.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(':') {
            filled.push_str(before);
            let (name, behind) = after.split_at(name_length(after));
            match self.0.iter().find(|(part, _)| part == name) {
                Some((_, value)) => filled.push_str(value),
                None => {
                    filled.push(':');
                    filled.push_str(name);
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }
}

/// A rule's path or URL in the form that requests are compared with; an error is for who wrote it.
pub fn normal(token: &str, allowed: Allowed) -> Result<String, String> {
    if let Some(after) = token.strip_prefix(SCHEME) {
        if allowed.only_paths {
            return Err(format!(
                "Only relative URLs are allowed. Skipping absolute URL {token}."
            ));
        }
        let (host, path) = after.split_once('/').unwrap_or((after, ""));
        let port = host.rsplit_once(':').map(|(_, port)| port);
        if !allowed.ports && port.is_some_and(|port| name_length(port) == 0) {
            return Err(format!(
                "Specifying ports is not supported. Skipping absolute URL {token}."
            ));
        }
        return Ok(format!("{SCHEME}{host}/{}", allowed.cut(path)));
    }
    match token.strip_prefix('/') {
        Some(path) => Ok(format!("/{}", allowed.cut(path))),
        None if allowed.only_paths => Ok(format!("/{}", allowed.cut(token))),
        None => Err(NO_PATH.to_owned()),
    }
}

const NO_PATH: &str = "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with \
                       \"https://\").";

/// What a rule's path or URL may be.
#[derive(Clone, Copy)]
pub struct Allowed {
    /// No host.
    pub only_paths: bool,
    pub ports: bool,
    /// Query and fragment stay.
    pub query: bool,
}

impl Allowed {
    fn cut(self, path: &str) -> &str {
        match path.find(['?', '#']) {
            Some(end) if !self.query => &path[..end],
            _ => path,
        }
    }
}

/// The lines about rules that are not followed, under one heading.
pub fn complaint(kind: &str, wrong: &[String]) -> Option<String> {
    let count = wrong.len();
    let lines = wrong.join("\n");
    (count > 0).then(|| format!("Found {count} invalid {kind} rule(s):\n{lines}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_filled_in() {
        for (rule, path, text, filled) in [
            ("/a", "/a", "/b", Some("/b")),
            ("/a", "/ab", "/b", None),
            ("/a.b", "/a-b", "/b", None),
            ("/old/*", "/old/a/b", "/new/:splat", Some("/new/a/b")),
            ("/old/*", "/old", "/new/:splat", None),
            (
                "/u/:id/x",
                "/u/5/x",
                "/user?id=:id&:other",
                Some("/user?id=5&:other"),
            ),
            ("/u/:id", "/u/5/x", "", None),
            ("/ab/:id-x", "/ab/5-x", "/z/:id", Some("/z/5")),
            ("https://h.example/:a", "/p", ":a", Some("p")),
            ("https://:sub.example/", "/", ":sub", Some("h")),
            ("https://other.example/p", "/p", "", None),
        ] {
            let pattern = Pattern::parse(rule).unwrap();
            let matched = pattern
                .matches("h.example", path)
                .map(|matched| matched.fill(text));
            assert_eq!(matched.as_deref(), filled, "{rule} {path}");
        }
        assert!(Pattern::parse("/:a/:a").is_none());
        assert!(Pattern::parse("/*/*").is_none());
    }
}
