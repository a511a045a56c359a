//! `.assetsignore`: files that are no assets, by patterns as git's `gitignore` has them.

use regex::Regex;

/// See the module. Of the patterns that match, the last one decides.
#[derive(Debug, Default)]
pub struct Ignored {
    patterns: Vec<(Regex, bool)>,
}

impl Ignored {
    /// The patterns of the text; `warnings` has those that are none.
    pub fn parse(text: &str, warnings: &mut Vec<String>) -> Self {
        let mut patterns = Vec::new();
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (pattern, is_ignored) = match line.strip_prefix('!') {
                Some(pattern) => (pattern, false),
                None => (line, true),
            };
            match Regex::new(&regex_of(pattern)) {
                Ok(regex) => patterns.push((regex, is_ignored)),
                Err(_) => {
                    warnings.push(format!(
                        "Skipping the .assetsignore pattern {line}: it cannot be compiled."
                    ));
                }
            }
        }
        Self { patterns }
    }

    /// Whether a file is ignored, or a folder that it is in. Its name has a `/` before it.
    pub fn has(&self, name: &str) -> bool {
        let ends = name.match_indices('/').map(|(at, _)| at).skip(1);
        let mut folders = ends.map(|end| format!("{}/", &name[..end]));
        !self.patterns.is_empty()
            && (folders.any(|folder| self.decides(&folder)) || self.decides(name))
    }

    fn decides(&self, name: &str) -> bool {
        let last = self
            .patterns
            .iter()
            .rev()
            .find(|(regex, _)| regex.is_match(name));
        last.is_some_and(|(_, is_ignored)| *is_ignored)
    }
}

/// A regular expression for names with a `/` before them, and one behind those of folders.
fn regex_of(pattern: &str) -> String {
    let only_folders = pattern.ends_with('/');
    let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
    let mut regex = String::from(if pattern.contains('/') {
        "^/"
    } else {
        "^/(?:.*/)?"
    });
    let mut rest = pattern.strip_prefix('/').unwrap_or(pattern);
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '*' if rest.starts_with("**/") => {
                regex.push_str("(?:.*/)?");
                3
            }
            '*' if rest.starts_with("**") => {
                regex.push_str(".*");
                2
            }
            '*' => {
                regex.push_str("[^/]*");
                1
            }
            '?' => {
                regex.push_str("[^/]");
                1
            }
            '[' => {
                // What is not closed is no pattern, and the whole is refused.
                let end = rest.find(']').map_or(rest.len(), |end| end + 1);
                regex.push_str(&rest[..end].replacen("[!", "[^", 1));
                end
            }
            '\\' => {
                let escaped = rest[1..].chars().next().unwrap_or('\\');
                regex.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
                (1 + escaped.len_utf8()).min(rest.len())
            }
            other => {
                regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4])));
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    regex.push_str(if only_folders { "/$" } else { "/?$" });
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gits() {
        let mut warnings = Vec::new();
        let text = "# comment\n\n*.secret\n/onlyroot\nsub/skip*\nbuild/\na/**/z\n!kept.secret\n[ab]x\n\\#y\n";
        let ignored = Ignored::parse(text, &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
        for (name, has) in [
            ("/a.secret", true),
            ("/deep/a.secret", true),
            ("/kept.secret", false),
            ("/onlyroot", true),
            ("/onlyroot/x", true),
            ("/sub/onlyroot", false),
            ("/sub/skipme", true),
            ("/x/sub/skipme", false),
            ("/build", false),
            ("/build/x/y", true),
            ("/x/build/y", true),
            ("/a/z", true),
            ("/a/b/c/z", true),
            ("/ax", true),
            ("/cx", false),
            ("/#y", true),
        ] {
            assert_eq!(ignored.has(name), has, "{name}");
        }
        Ignored::parse("a[", &mut warnings);
        assert_eq!(
            warnings,
            ["Skipping the .assetsignore pattern a[: it cannot be compiled."]
        );
    }
}
