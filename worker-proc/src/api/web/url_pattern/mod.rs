//! URLPattern by the URL Pattern standard: the parser of patterns. JavaScript runs the regular expressions it makes.

use std::borrow::Cow;

use urlpattern::parser::RegexSyntax;
use urlpattern::quirks::{self, EcmaRegexp, StringOrInit, UrlPatternInit};
use urlpattern::regexp::RegExp;
use urlpattern::{Error, UrlPatternOptions};

use crate::glue::args::to_string;
use crate::glue::{Api, Ops, bool_arg, string};
use crate::js;

pub const API: Api = Api {
    name: "url_pattern",
    modules: &[],
    lazy: &[js!("url_pattern.js").defining(&["URLPattern"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("parse", parse);
    ops.add("matchInput", match_input);
    ops.add("isArray", is_array);
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

/// `parse(input, base | undefined, ignoreCase)`: for each component its pattern, its regular expression and an array
/// of its groups' names, flat, then whether there are regular expressions among them; null if it is no pattern.
///
/// The input is a string, or an array of the nine members of a URLPatternInit.
fn parse(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let input = input_arg(scope, args.get(0));
    let base = text(scope, args.get(1));
    let options = UrlPatternOptions {
        regex_syntax: RegexSyntax::EcmaScript,
        ignore_case: bool_arg(&args, 2),
    };
    let Ok(pattern) = parse_pattern(input, base.as_deref(), options) else {
        return rv.set_null();
    };
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8 * 3 + 1);
    let has_groups = v8::Boolean::new(scope, pattern.has_regexp_groups);
    for component in [
        pattern.protocol,
        pattern.username,
        pattern.password,
        pattern.hostname,
        pattern.port,
        pattern.pathname,
        pattern.search,
        pattern.hash,
    ] {
        flat.push(string(scope, &component.pattern_string).into());
        flat.push(string(scope, &component.regexp_string).into());
        let names: Vec<_> = component
            .group_name_list
            .iter()
            .map(|name| string(scope, name).into())
            .collect();
        flat.push(v8::Array::new_with_elements(scope, &names).into());
    }
    flat.push(has_groups.into());
    rv.set(v8::Array::new_with_elements(scope, &flat).into());
}

fn parse_pattern(
    input: StringOrInit,
    base: Option<&str>,
    options: UrlPatternOptions,
) -> Result<quirks::UrlPattern, Error> {
    let init = quirks::process_construct_pattern_input(input, base)?;
    quirks::parse_pattern::<Ecma>(init, options)
}

/// `matchInput(input, base | undefined)`: the components' texts, null if the input is no URL, undefined if it may not be
/// given together with a base.
fn match_input(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let input = input_arg(scope, args.get(0));
    let base = text(scope, args.get(1));
    let Ok(processed) = quirks::process_match_input(input, base.as_deref()) else {
        return;
    };
    let Some(found) = processed.and_then(|(input, _)| quirks::parse_match_input(input)) else {
        return rv.set_null();
    };
    let texts = [
        found.protocol,
        found.username,
        found.password,
        found.hostname,
        found.port,
        found.pathname,
        found.search,
        found.hash,
    ]
    .map(|text| string(scope, &text).into());
    rv.set(v8::Array::new_with_elements(scope, &texts).into());
}

/// `isArray(value)`: whether it is an array; a proxy of one is not.
fn is_array(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(args.get(0).is_array());
}

fn text(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<String> {
    value.is_string().then(|| to_string(scope, value))
}

fn input_arg(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> StringOrInit<'static> {
    let Ok(members) = v8::Local::<v8::Array>::try_from(value) else {
        return StringOrInit::String(Cow::Owned(to_string(scope, value)));
    };
    let mut member = |index| {
        members
            .get_index(scope, index)
            .and_then(|value| text(scope, value))
    };
    StringOrInit::Init(UrlPatternInit {
        protocol: member(0),
        username: member(1),
        password: member(2),
        hostname: member(3),
        port: member(4),
        pathname: member(5),
        search: member(6),
        hash: member(7),
        base_url: member(8),
    })
}
