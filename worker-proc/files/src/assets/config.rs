//! The rules of an assets service, as its config has them: JSON with the names of wrangler's `assets` section.

use serde::Deserialize;

use super::html::Shape;

/// See the module. Fields that are not known are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub html_handling: Shape,
    pub not_found_handling: NotFound,
    pub run_worker_first: Option<RunWorkerFirst>,
    base_path: Option<String>,
    /// The text of `_headers`.
    pub headers: String,
    /// The text of `_redirects`.
    pub redirects: String,
    /// The text of `.assetsignore`.
    pub ignore: String,
    pub debug: bool,
}

/// What answers where no file does.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum NotFound {
    #[serde(rename = "single-page-application")]
    SinglePageApplication,
    #[serde(rename = "404-page")]
    Page,
    #[default]
    #[serde(rename = "none")]
    None,
}

/// Which requests the worker has before the files.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum RunWorkerFirst {
    /// All of them, or none.
    All(bool),
    /// Those that the rules name.
    Rules(Vec<String>),
}

impl Config {
    /// # Errors
    /// What is wrong with the config of the service of that name.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let text = if text.is_empty() { "{}" } else { text };
        let mut config: Self = serde_json::from_str(text)
            .map_err(|error| format!("Assets service \"{name}\"'s config: {error}"))?;
        if let Some(path) = &config.base_path {
            check_base_path(path).map_err(|error| format!("Invalid assets base_path: {error}"))?;
            let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
            let base = names.iter().map(|name| format!("/{name}")).collect();
            config.base_path = Some(base);
        }
        Ok(config)
    }

    /// What goes before all paths: empty, or `/` and names, without a `/` at its end.
    pub fn base(&self) -> &str {
        self.base_path.as_deref().unwrap_or_default()
    }
}

fn check_base_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        Err("The value must not be empty.")
    } else if path.contains("://") || path.starts_with("//") {
        Err("The value must be a pathname, not a URL.")
    } else if path.contains('\\') {
        Err("The value must not contain backslashes.")
    } else if path.contains(char::is_control) {
        Err("The value must not contain control characters.")
    } else if path.contains(['?', '#']) {
        Err("The value must not contain query strings or fragments.")
    } else if path.contains('%') {
        Err("The value must not contain percent-encoded sequences.")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told() {
        for (text, error) in [
            (
                "{",
                "Assets service \"as\"'s config: EOF while parsing an object at line 1 column 1",
            ),
            (
                "{\"debug\":1}",
                "Assets service \"as\"'s config: invalid type: integer `1`, expected a boolean at line 1 column 10",
            ),
            (
                "{\"html_handling\":\"x\"}",
                "Assets service \"as\"'s config: unknown variant `x`, expected one of `auto-trailing-slash`, \
                 `force-trailing-slash`, `drop-trailing-slash`, `none` at line 1 column 20",
            ),
            (
                "{\"run_worker_first\":\"x\"}",
                "Assets service \"as\"'s config: data did not match any variant of untagged enum RunWorkerFirst at \
                 line 1 column 24",
            ),
            (
                "{\"base_path\":\"\"}",
                "Invalid assets base_path: The value must not be empty.",
            ),
            (
                "{\"base_path\":\"//a\"}",
                "Invalid assets base_path: The value must be a pathname, not a URL.",
            ),
            (
                "{\"base_path\":\"/a?\"}",
                "Invalid assets base_path: The value must not contain query strings or fragments.",
            ),
        ] {
            assert_eq!(Config::parse("as", text).map(drop), Err(error.to_owned()));
        }
    }

    #[test]
    fn a_base_path_is_of_names() {
        for (path, base) in [
            ("app", "/app"),
            ("/app/", "/app"),
            ("/", ""),
            ("/a//b", "/a/b"),
        ] {
            let config = Config::parse("as", &format!("{{\"base_path\":\"{path}\"}}")).unwrap();
            assert_eq!(config.base(), base);
        }
        assert_eq!(Config::parse("as", "").unwrap().base(), "");
    }
}
