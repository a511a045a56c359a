//! `run_worker_first`: which paths are the worker's before any file, and which are never.

use std::collections::HashSet;

use regex::RegexSet;

use super::config::RunWorkerFirst;

const MAX_RULES: usize = 100;
/// Bytes of a rule are fewer.
const RULE_BYTES: usize = 100;

/// Who answers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Worker,
    /// Files alone.
    Files,
    /// A file, or else the worker.
    FilesFirst,
}

/// See the module.
#[derive(Debug)]
pub enum Routes {
    All(Route),
    Rules { worker: RegexSet, files: RegexSet },
}

impl Routes {
    /// # Errors
    /// What is wrong with the rules.
    pub fn parse(first: Option<&RunWorkerFirst>) -> Result<Self, String> {
        let rules = match first {
            None | Some(RunWorkerFirst::All(false)) => return Ok(Self::All(Route::FilesFirst)),
            Some(RunWorkerFirst::All(true)) => return Ok(Self::All(Route::Worker)),
            Some(RunWorkerFirst::Rules(rules)) => rules,
        };
        let count = rules.len();
        if rules.is_empty() {
            let told = "No `run_worker_first` rules were provided; must provide at least 1 rule.";
            return Err(told.to_owned());
        }
        if count > MAX_RULES {
            return Err(format!(
                "Too many `run_worker_first` rules were provided; {count} rules provided exceeds max of {MAX_RULES}."
            ));
        }
        let mut seen = HashSet::new();
        let wrong: Vec<String> = rules
            .iter()
            .filter_map(|rule| Some(format!("'{rule}': {}", what_is_wrong(rule, &mut seen)?)))
            .collect();
        if !wrong.is_empty() {
            let lines = wrong.join("\n");
            return Err(format!("Invalid routes in `run_worker_first`:\n{lines}"));
        }
        let files = rules.iter().filter_map(|rule| rule.strip_prefix('!'));
        let worker = rules.iter().filter(|rule| !rule.starts_with('!'));
        if worker.clone().next().is_none() {
            let told = "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule";
            return Err(told.to_owned());
        }
        let set = |rules: Vec<String>| RegexSet::new(rules).map_err(|error| error.to_string());
        Ok(Self::Rules {
            worker: set(worker.map(|rule| regex_of(rule)).collect())?,
            files: set(files.map(regex_of).collect())?,
        })
    }

    /// Who answers a path; exceptions go before the rules.
    pub fn route(&self, path: &str) -> Route {
        match self {
            Self::All(route) => *route,
            Self::Rules { files, .. } if files.is_match(path) => Route::Files,
            Self::Rules { worker, .. } if worker.is_match(path) => Route::Worker,
            Self::Rules { .. } => Route::FilesFirst,
        }
    }

    /// Whether there are rules: what they do not give to the worker is for the files alone, `not_found_handling` included.
    pub fn are_given(&self) -> bool {
        matches!(self, Self::Rules { .. })
    }
}

fn what_is_wrong<'a>(rule: &'a str, seen: &mut HashSet<&'a str>) -> Option<&'static str> {
    if !rule.starts_with('/') && !rule.starts_with("!/") {
        return Some("rules must start with '/' or '!/'");
    }
    if rule.len() > RULE_BYTES {
        return Some("all rules must be less than 100 characters in length");
    }
    let is_new = seen.insert(rule);
    (!is_new).then_some("rule is a duplicate; rules must be unique")
}

/// `*` is anything.
fn regex_of(rule: &str) -> String {
    format!("^{}$", regex::escape(rule).replace("\\*", ".*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rules: &[&str]) -> Result<Routes, String> {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        Routes::parse(Some(&RunWorkerFirst::Rules(rules)))
    }

    #[test]
    fn exceptions_go_first() {
        let routes = parse(&["/api/*", "!/api/*.css", "/a.b"]).unwrap();
        for (path, route) in [
            ("/api/x", Route::Worker),
            ("/api/", Route::Worker),
            ("/api", Route::FilesFirst),
            ("/api/x/y.css", Route::Files),
            ("/a.b", Route::Worker),
            ("/a-b", Route::FilesFirst),
        ] {
            assert_eq!(routes.route(path), route, "{path}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (rules, told) in [
            (
                vec![],
                "No `run_worker_first` rules were provided; must provide at least 1 rule.",
            ),
            (
                vec!["!/a"],
                "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule",
            ),
            (
                vec!["a"],
                "Invalid routes in `run_worker_first`:\n'a': rules must start with '/' or '!/'",
            ),
            (
                vec!["/a", "/a"],
                "Invalid routes in `run_worker_first`:\n'/a': rule is a duplicate; rules must be unique",
            ),
        ] {
            assert_eq!(parse(&rules).map(drop), Err(told.to_owned()));
        }
        let many: Vec<String> = (0..101).map(|number| format!("/{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(parse(&many).is_err());
    }
}
