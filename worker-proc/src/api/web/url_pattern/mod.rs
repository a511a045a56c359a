//! URLPattern by the URL Pattern standard: the parser of patterns. JavaScript runs the regular expressions it makes.

use std::borrow::Cow;

use urlpattern::parser::RegexSyntax;
use urlpattern::quirks::{self, EcmaRegexp, StringOrInit, UrlPatternInit};
use urlpattern::regexp::RegExp;
use urlpattern::{Error, UrlPatternOptions};

use crate::glue::args::to_string;
use crate::glue::{Api, FromJs, FromJsArray, JsArray, List, Maybe, Ops, op};
use crate::js;

pub const API: Api = Api {
    name: "url_pattern",
    modules: &[],
    lazy: &[js!("url_pattern.js").defining(&["URLPattern"])],
    uses: &["webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[parse, match_input, is_array]);
    ops.share::<Init>();
    ops.share::<Pattern>();
    ops.share::<Component>();
    ops.share::<Texts>();
}

/// A regular expression that V8 will run: here it is any text, but for telling whether a pattern's scheme is special.
struct Ecma(EcmaRegexp);

impl RegExp for Ecma {
    fn syntax() -> RegexSyntax {
        EcmaRegexp::syntax()
    }

    fn parse(pattern: &str, flags: &str, _: bool) -> Result<Self, ()> {
        EcmaRegexp::parse(pattern, flags, false).map(Self)
    }

    fn matches<'a>(&self, text: &'a str) -> Option<Vec<Option<&'a str>>> {
        self.0.matches(text)
    }

    fn pattern_string(&self) -> &str {
        self.0.pattern_string()
    }
}

/// A URLPatternInit.
#[derive(FromJsArray)]
struct Init {
    protocol: Option<String>,
    username: Option<String>,
    password: Option<String>,
    hostname: Option<String>,
    port: Option<String>,
    pathname: Option<String>,
    search: Option<String>,
    hash: Option<String>,
    base_url: Option<String>,
}

/// A URLPatternInput: a string, or an [`Init`].
struct Input(StringOrInit<'static>);

impl<'s> FromJs<'s> for Input {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        if value.is_string() {
            return Some(Self(StringOrInit::String(Cow::Owned(to_string(
                scope, value,
            )))));
        }
        let init = Init::from_js(scope, value)?;
        Some(Self(StringOrInit::Init(UrlPatternInit {
            protocol: init.protocol,
            username: init.username,
            password: init.password,
            hostname: init.hostname,
            port: init.port,
            pathname: init.pathname,
            search: init.search,
            hash: init.hash,
            base_url: init.base_url,
        })))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string() || value.is_array()
    }
}

/// A parsed pattern.
#[derive(JsArray)]
struct Pattern {
    /// In the order of [`Texts`].
    components: List<Component>,
    has_groups: bool,
}

#[derive(JsArray)]
struct Component {
    pattern: String,
    /// The regular expression.
    expression: String,
    /// Of its groups.
    names: List<String>,
}

impl From<quirks::UrlPatternComponent> for Component {
    fn from(component: quirks::UrlPatternComponent) -> Self {
        Self {
            pattern: component.pattern_string,
            expression: component.regexp_string,
            names: List(component.group_name_list),
        }
    }
}

/// `parse(input, base | undefined, ignoreCase)`: null if it is no pattern.
#[op]
fn parse(input: Input, base: Option<String>, ignore_case: bool) -> Option<Pattern> {
    let options = UrlPatternOptions {
        regex_syntax: RegexSyntax::EcmaScript,
        ignore_case,
    };
    let pattern = parse_pattern(input.0, base.as_deref(), options).ok()?;
    let components = [
        pattern.protocol,
        pattern.username,
        pattern.password,
        pattern.hostname,
        pattern.port,
        pattern.pathname,
        pattern.search,
        pattern.hash,
    ];
    Some(Pattern {
        components: List(components.into_iter().map(Component::from).collect()),
        has_groups: pattern.has_regexp_groups,
    })
}

fn parse_pattern(
    input: StringOrInit,
    base: Option<&str>,
    options: UrlPatternOptions,
) -> Result<quirks::UrlPattern, Error> {
    let init = quirks::process_construct_pattern_input(input, base)?;
    quirks::parse_pattern::<Ecma>(init, options)
}

/// What a URL's components are matched by.
#[derive(JsArray)]
struct Texts {
    protocol: String,
    username: String,
    password: String,
    hostname: String,
    port: String,
    pathname: String,
    search: String,
    hash: String,
}

/// `matchInput(input, base | undefined)`: null if the input is no URL, undefined if it may not be given together with a base.
#[op]
fn match_input(input: Input, base: Option<String>) -> Maybe<Option<Texts>> {
    let Ok(processed) = quirks::process_match_input(input.0, base.as_deref()) else {
        return Maybe(None);
    };
    let found = processed.and_then(|(input, _)| quirks::parse_match_input(input));
    Maybe(Some(found.map(|found| Texts {
        protocol: found.protocol,
        username: found.username,
        password: found.password,
        hostname: found.hostname,
        port: found.port,
        pathname: found.pathname,
        search: found.search,
        hash: found.hash,
    })))
}

/// `isArray(value)`: whether it is an array; a proxy of one is not.
#[op]
fn is_array(value: v8::Local<v8::Value>) -> bool {
    value.is_array()
}
