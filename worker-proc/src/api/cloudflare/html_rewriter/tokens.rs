//! Ops on what a handler is called with: `html_rewriter/tokens` calls them while the handler runs.

#![allow(unsafe_code)]

use lol_html::html_content::{Comment, ContentType, DocumentEnd, Element, EndTag, TextChunk};

use super::complain;
use super::rewriter::{Rewriter, Token};
use crate::glue::{
    Ops, bool_arg, intern, native_arg, str_arg, string, string_arg, u32_arg, with_bytes,
};

pub fn ops(ops: &mut Ops) {
    ops.add("name", name);
    ops.add("setName", set_name);
    ops.add("publicId", public_id);
    ops.add("systemId", system_id);
    ops.add("text", text);
    ops.add("setText", set_text);
    ops.add("isLast", is_last);
    ops.add("isRemoved", is_removed);
    ops.add("namespaceUri", namespace_uri);
    ops.add("attributes", attributes);
    ops.add("getAttribute", get_attribute);
    ops.add("hasAttribute", has_attribute);
    ops.add("setAttribute", set_attribute);
    ops.add("removeAttribute", remove_attribute);
    ops.add("insert", insert);
    ops.add("insertStream", insert_stream);
    ops.add("writeStream", write_stream);
    ops.add("remove", remove);
    ops.add("removeAndKeepContent", remove_and_keep_content);
    ops.add("onEndTag", on_end_tag);
}

type Args<'a> = v8::FunctionCallbackArguments<'a>;

/// A token whose handler runs.
enum Lent<'a> {
    Element(&'a mut Element<'static, 'static>),
    Comment(&'a mut Comment<'static>),
    Text(&'a mut TextChunk<'static>),
    Doctype(&'a mut lol_html::html_content::Doctype<'static>),
    End(&'a mut DocumentEnd<'static>),
    EndTag(&'a mut EndTag<'static>),
    Sink(&'a mut lol_html::html_content::StreamingHandlerSink<'static>),
}

/// Calls `use_it` with the token of the rewriter in the first argument; no call nests in another.
fn with_token<R>(
    scope: &mut v8::PinScope,
    args: &Args,
    use_it: impl FnOnce(&mut v8::PinScope, Lent, &Rewriter) -> R,
) -> Option<R> {
    let rewriter = native_arg::<Rewriter>(scope, args, 0)?;
    // SAFETY: the parser waits on its stack, where what it lent to the handler stays until the handler is done, and
    // nobody but this call uses it meanwhile: `use_it` runs no JavaScript.
    let lent = unsafe {
        match rewriter.token()? {
            Token::Element(element) => Lent::Element(&mut *element),
            Token::Comment(comment) => Lent::Comment(&mut *comment),
            Token::Text(text) => Lent::Text(&mut *text),
            Token::Doctype(doctype) => Lent::Doctype(&mut *doctype),
            Token::End(end) => Lent::End(&mut *end),
            Token::EndTag(tag) => Lent::EndTag(&mut *tag),
            Token::Sink(sink) => Lent::Sink(&mut *sink),
        }
    };
    Some(use_it(scope, lent, &rewriter))
}

/// Calls `use_it` if the token is an element.
fn with_element<R>(
    scope: &mut v8::PinScope,
    args: &Args,
    use_it: impl FnOnce(&mut v8::PinScope, &mut Element<'static, 'static>) -> R,
) -> Option<R> {
    with_token(scope, args, |scope, token, _| match token {
        Lent::Element(element) => Some(use_it(scope, element)),
        _ => None,
    })?
}

fn give_text(scope: &mut v8::PinScope, rv: &mut v8::ReturnValue, text: Option<String>) {
    match text {
        Some(text) => rv.set(string(scope, &text).into()),
        None => rv.set_null(),
    }
}

/// `name(rewriter)`: of an element, end tag or doctype.
fn name(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |scope, token, _| {
        let name = match token {
            Lent::Element(element) => Some(element.tag_name()),
            Lent::EndTag(tag) => Some(tag.name()),
            Lent::Doctype(doctype) => doctype.name(),
            _ => None,
        };
        give_text(scope, &mut rv, name);
    });
}

/// `setName(rewriter, name)`: of an element or end tag.
fn set_name(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let name = string_arg(scope, &args, 1);
    with_token(scope, &args, |scope, token, _| match token {
        Lent::Element(element) => {
            if let Err(error) = element.set_tag_name(&name) {
                complain(scope, &error);
            }
        }
        Lent::EndTag(tag) => tag.set_name_str(name),
        _ => {}
    });
}

fn public_id(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |scope, token, _| {
        if let Lent::Doctype(doctype) = token {
            give_text(scope, &mut rv, doctype.public_id());
        }
    });
}

fn system_id(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |scope, token, _| {
        if let Lent::Doctype(doctype) = token {
            give_text(scope, &mut rv, doctype.system_id());
        }
    });
}

/// `text(rewriter)`: of a comment or a piece of text.
fn text(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |scope, token, _| match token {
        Lent::Comment(comment) => rv.set(string(scope, &comment.text()).into()),
        Lent::Text(text) => rv.set(string(scope, text.as_str()).into()),
        _ => {}
    });
}

/// `setText(rewriter, text)`: of a comment.
fn set_text(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let text = string_arg(scope, &args, 1);
    with_token(scope, &args, |scope, token, _| {
        if let Lent::Comment(comment) = token
            && let Err(error) = comment.set_text(&text)
        {
            complain(scope, &error);
        }
    });
}

/// `isLast(rewriter)`: whether a piece of text is the last of its node.
fn is_last(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |_, token, _| {
        if let Lent::Text(text) = token {
            rv.set_bool(text.last_in_text_node());
        }
    });
}

fn is_removed(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_token(scope, &args, |_, token, _| {
        rv.set_bool(match token {
            Lent::Element(element) => element.removed(),
            Lent::Comment(comment) => comment.removed(),
            Lent::Text(text) => text.removed(),
            _ => false,
        });
    });
}

fn namespace_uri(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_element(scope, &args, |scope, element| {
        rv.set(intern(scope, element.namespace_uri()).into());
    });
}

/// `attributes(rewriter)`: names and values in turn.
fn attributes(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    with_element(scope, &args, |scope, element| {
        let mut flat: Vec<v8::Local<v8::Value>> = Vec::new();
        for attribute in element.attributes() {
            flat.push(string(scope, &attribute.name()).into());
            flat.push(string(scope, &attribute.value()).into());
        }
        rv.set(v8::Array::new_with_elements(scope, &flat).into());
    });
}

/// `getAttribute(rewriter, name)`: null if there is none.
fn get_attribute(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    str_arg(scope, &args, 1, |scope, name| {
        with_element(scope, &args, |scope, element| {
            give_text(scope, &mut rv, element.get_attribute(name));
        });
    });
}

fn has_attribute(scope: &mut v8::PinScope, args: Args, mut rv: v8::ReturnValue) {
    str_arg(scope, &args, 1, |scope, name| {
        with_element(scope, &args, |_, element| {
            rv.set_bool(element.has_attribute(name));
        });
    });
}

fn set_attribute(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let value = string_arg(scope, &args, 2);
    str_arg(scope, &args, 1, |scope, name| {
        with_element(scope, &args, |scope, element| {
            if let Err(error) = element.set_attribute(name, &value) {
                complain(scope, &error);
            }
        });
    });
}

fn remove_attribute(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    str_arg(scope, &args, 1, |scope, name| {
        with_element(scope, &args, |_, element| element.remove_attribute(name));
    });
}

/// Where content goes, as JavaScript numbers it.
#[derive(Clone, Copy)]
enum Insertion {
    Before,
    After,
    Prepend,
    Append,
    Replace,
    Inner,
}

fn place_arg(scope: &mut v8::PinScope, args: &Args) -> Insertion {
    match u32_arg(scope, args, 1) {
        0 => Insertion::Before,
        1 => Insertion::After,
        2 => Insertion::Prepend,
        3 => Insertion::Append,
        4 => Insertion::Replace,
        _ => Insertion::Inner,
    }
}

fn content_type(args: &Args) -> ContentType {
    if bool_arg(args, 3) {
        ContentType::Html
    } else {
        ContentType::Text
    }
}

/// `insert(rewriter, place, text, isHtml)`. JavaScript offers each token the places that it has.
fn insert(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let (place, kind) = (place_arg(scope, &args), content_type(&args));
    str_arg(scope, &args, 2, |scope, text| {
        with_token(scope, &args, |_, token, _| match (token, place) {
            (Lent::Element(element), Insertion::Before) => element.before(text, kind),
            (Lent::Element(element), Insertion::After) => element.after(text, kind),
            (Lent::Element(element), Insertion::Prepend) => element.prepend(text, kind),
            (Lent::Element(element), Insertion::Append) => element.append(text, kind),
            (Lent::Element(element), Insertion::Replace) => element.replace(text, kind),
            (Lent::Element(element), Insertion::Inner) => element.set_inner_content(text, kind),
            (Lent::EndTag(tag), Insertion::Before) => tag.before(text, kind),
            (Lent::EndTag(tag), Insertion::After) => tag.after(text, kind),
            (Lent::Comment(comment), Insertion::Before) => comment.before(text, kind),
            (Lent::Comment(comment), Insertion::After) => comment.after(text, kind),
            (Lent::Comment(comment), Insertion::Replace) => comment.replace(text, kind),
            (Lent::Text(chunk), Insertion::Before) => chunk.before(text, kind),
            (Lent::Text(chunk), Insertion::After) => chunk.after(text, kind),
            (Lent::Text(chunk), Insertion::Replace) => chunk.replace(text, kind),
            (Lent::End(end), Insertion::Append) => end.append(text, kind),
            _ => {}
        });
    });
}

/// `insertStream(rewriter, place, number)`: a handler of that number is due when the content's place has come.
fn insert_stream(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let place = place_arg(scope, &args);
    let number = u32_arg(scope, &args, 2);
    with_token(scope, &args, |_, token, rewriter| {
        let stream = rewriter.streamed(number);
        match (token, place) {
            (Lent::Element(element), Insertion::Before) => element.streaming_before(stream),
            (Lent::Element(element), Insertion::After) => element.streaming_after(stream),
            (Lent::Element(element), Insertion::Prepend) => element.streaming_prepend(stream),
            (Lent::Element(element), Insertion::Append) => element.streaming_append(stream),
            (Lent::Element(element), Insertion::Replace) => element.streaming_replace(stream),
            (Lent::Element(element), Insertion::Inner) => {
                element.streaming_set_inner_content(stream)
            }
            (Lent::EndTag(tag), Insertion::Before) => tag.streaming_before(stream),
            (Lent::EndTag(tag), Insertion::After) => tag.streaming_after(stream),
            (Lent::Text(chunk), Insertion::Before) => chunk.streaming_before(stream),
            (Lent::Text(chunk), Insertion::After) => chunk.streaming_after(stream),
            (Lent::Text(chunk), Insertion::Replace) => chunk.streaming_replace(stream),
            _ => {}
        }
    });
}

/// `writeStream(rewriter, bytes, undefined, isHtml)`: a piece of the content whose place has come.
fn write_stream(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let kind = content_type(&args);
    with_token(scope, &args, |scope, token, _| {
        let Lent::Sink(sink) = token else { return };
        if let Err(error) = with_bytes(args.get(1), |bytes| sink.write_utf8_chunk(bytes, kind)) {
            complain(scope, &error);
        }
    });
}

fn remove(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    with_token(scope, &args, |_, token, _| match token {
        Lent::Element(element) => element.remove(),
        Lent::EndTag(tag) => tag.remove(),
        Lent::Comment(comment) => comment.remove(),
        Lent::Text(text) => text.remove(),
        _ => {}
    });
}

fn remove_and_keep_content(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    with_element(scope, &args, |_, element| element.remove_and_keep_content());
}

/// `onEndTag(rewriter, number)`: a handler of that number is due at the element's end tag.
fn on_end_tag(scope: &mut v8::PinScope, args: Args, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 1);
    with_token(scope, &args, |scope, token, rewriter| {
        if let Lent::Element(element) = token
            && !rewriter.on_end_tag(element, number)
        {
            complain(scope, &"No end tag.");
        }
    });
}
