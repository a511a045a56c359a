//! Ops on what a handler is called with: `html_rewriter/tokens` calls them while the handler runs.

#![allow(unsafe_code)]

use std::rc::Rc;

use lol_html::html_content::{Comment, ContentType, DocumentEnd, Element, EndTag, TextChunk};

use super::Complaint;
use super::rewriter::{Rewriter, Token};
use crate::glue::{IntoJs, JsNumber, List, Maybe, Ops, intern, op};

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        name,
        set_name,
        public_id,
        system_id,
        text,
        set_text,
        is_last,
        is_removed,
        namespace_uri,
        attributes,
        get_attribute,
        has_attribute,
        set_attribute,
        remove_attribute,
        insert,
        insert_stream,
        write_stream,
        remove,
        remove_and_keep_content,
        on_end_tag,
    ]);
    ops.share::<Insertion>();
}

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

/// Calls `use_it` with the rewriter's token; no call nests in another.
fn with_token<R>(rewriter: &Rewriter, use_it: impl FnOnce(Lent) -> R) -> Option<R> {
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
    Some(use_it(lent))
}

/// Calls `use_it` if the token is an element.
fn with_element<R>(
    rewriter: &Rewriter,
    use_it: impl FnOnce(&mut Element<'static, 'static>) -> R,
) -> Option<R> {
    with_token(rewriter, |token| match token {
        Lent::Element(element) => Some(use_it(element)),
        _ => None,
    })?
}

/// `name(rewriter)`: of an element, end tag or doctype.
#[op]
fn name(rewriter: Rc<Rewriter>) -> Option<String> {
    with_token(&rewriter, |token| match token {
        Lent::Element(element) => Some(element.tag_name()),
        Lent::EndTag(tag) => Some(tag.name()),
        Lent::Doctype(doctype) => doctype.name(),
        _ => None,
    })?
}

/// `setName(rewriter, name)`: of an element or end tag.
#[op]
fn set_name(rewriter: Rc<Rewriter>, name: String) -> Result<(), Complaint> {
    let set = with_token(&rewriter, |token| match token {
        Lent::Element(element) => element.set_tag_name(&name).map_err(Complaint::of),
        Lent::EndTag(tag) => {
            tag.set_name_str(name);
            Ok(())
        }
        _ => Ok(()),
    });
    set.unwrap_or(Ok(()))
}

/// `publicId(rewriter)`: of a doctype.
#[op]
fn public_id(rewriter: Rc<Rewriter>) -> Option<String> {
    with_token(&rewriter, |token| match token {
        Lent::Doctype(doctype) => doctype.public_id(),
        _ => None,
    })?
}

/// `systemId(rewriter)`: of a doctype.
#[op]
fn system_id(rewriter: Rc<Rewriter>) -> Option<String> {
    with_token(&rewriter, |token| match token {
        Lent::Doctype(doctype) => doctype.system_id(),
        _ => None,
    })?
}

/// `text(rewriter)`: of a comment or a piece of text.
#[op]
fn text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    rewriter: Rc<Rewriter>,
) -> Maybe<v8::Local<'s, v8::Value>> {
    let text = with_token(&rewriter, |token| match token {
        Lent::Comment(comment) => Some(comment.text().into_js(scope)),
        Lent::Text(text) => Some(text.as_str().into_js(scope)),
        _ => None,
    });
    Maybe(text.flatten())
}

/// `setText(rewriter, text)`: of a comment.
#[op]
fn set_text(rewriter: Rc<Rewriter>, text: &str) -> Result<(), Complaint> {
    let set = with_token(&rewriter, |token| match token {
        Lent::Comment(comment) => comment.set_text(text).map_err(Complaint::of),
        _ => Ok(()),
    });
    set.unwrap_or(Ok(()))
}

/// `isLast(rewriter)`: whether a piece of text is the last of its node.
#[op]
fn is_last(rewriter: Rc<Rewriter>) -> Maybe<bool> {
    let is_last = with_token(&rewriter, |token| match token {
        Lent::Text(text) => Some(text.last_in_text_node()),
        _ => None,
    });
    Maybe(is_last.flatten())
}

/// `isRemoved(rewriter)`.
#[op]
fn is_removed(rewriter: Rc<Rewriter>) -> Maybe<bool> {
    Maybe(with_token(&rewriter, |token| match token {
        Lent::Element(element) => element.removed(),
        Lent::Comment(comment) => comment.removed(),
        Lent::Text(text) => text.removed(),
        _ => false,
    }))
}

/// `namespaceUri(rewriter)`: of an element.
#[op]
fn namespace_uri<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    rewriter: Rc<Rewriter>,
) -> Maybe<v8::Local<'s, v8::String>> {
    Maybe(with_element(&rewriter, |element| {
        intern(scope, element.namespace_uri())
    }))
}

/// `attributes(rewriter)`: names and values in turn.
#[op]
fn attributes(rewriter: Rc<Rewriter>) -> Maybe<List<String>> {
    Maybe(with_element(&rewriter, |element| {
        let attributes = element.attributes().iter();
        List(
            attributes
                .flat_map(|attribute| [attribute.name(), attribute.value()])
                .collect(),
        )
    }))
}

/// `getAttribute(rewriter, name)`: null if there is none.
#[op]
fn get_attribute(rewriter: Rc<Rewriter>, name: &str) -> Maybe<Option<String>> {
    Maybe(with_element(&rewriter, |element| {
        element.get_attribute(name)
    }))
}

/// `hasAttribute(rewriter, name)`.
#[op]
fn has_attribute(rewriter: Rc<Rewriter>, name: &str) -> Maybe<bool> {
    Maybe(with_element(&rewriter, |element| {
        element.has_attribute(name)
    }))
}

/// `setAttribute(rewriter, name, value)`.
#[op]
fn set_attribute(rewriter: Rc<Rewriter>, name: &str, value: &str) -> Result<(), Complaint> {
    let set = with_element(&rewriter, |element| element.set_attribute(name, value));
    set.unwrap_or(Ok(())).map_err(Complaint::of)
}

/// `removeAttribute(rewriter, name)`.
#[op]
fn remove_attribute(rewriter: Rc<Rewriter>, name: &str) {
    with_element(&rewriter, |element| element.remove_attribute(name));
}

/// Where content goes.
#[derive(Clone, Copy, JsNumber)]
enum Insertion {
    Before,
    After,
    Prepend,
    Append,
    Replace,
    Inner,
}

fn content_type(is_html: bool) -> ContentType {
    match is_html {
        true => ContentType::Html,
        false => ContentType::Text,
    }
}

/// `insert(rewriter, place, text, isHtml)`. JavaScript offers each token the places that it has.
#[op]
fn insert(rewriter: Rc<Rewriter>, place: Insertion, text: &str, is_html: bool) {
    let kind = content_type(is_html);
    with_token(&rewriter, |token| match (token, place) {
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
}

/// `insertStream(rewriter, place, number)`: a handler of that number is due when the content's place has come.
#[op]
fn insert_stream(rewriter: Rc<Rewriter>, place: Insertion, number: u32) {
    let stream = rewriter.streamed(number);
    with_token(&rewriter, |token| match (token, place) {
        (Lent::Element(element), Insertion::Before) => element.streaming_before(stream),
        (Lent::Element(element), Insertion::After) => element.streaming_after(stream),
        (Lent::Element(element), Insertion::Prepend) => element.streaming_prepend(stream),
        (Lent::Element(element), Insertion::Append) => element.streaming_append(stream),
        (Lent::Element(element), Insertion::Replace) => element.streaming_replace(stream),
        (Lent::Element(element), Insertion::Inner) => element.streaming_set_inner_content(stream),
        (Lent::EndTag(tag), Insertion::Before) => tag.streaming_before(stream),
        (Lent::EndTag(tag), Insertion::After) => tag.streaming_after(stream),
        (Lent::Text(chunk), Insertion::Before) => chunk.streaming_before(stream),
        (Lent::Text(chunk), Insertion::After) => chunk.streaming_after(stream),
        (Lent::Text(chunk), Insertion::Replace) => chunk.streaming_replace(stream),
        _ => {}
    });
}

/// `writeStream(rewriter, bytes, isHtml)`: a piece of the content whose place has come.
#[op]
fn write_stream(rewriter: Rc<Rewriter>, bytes: &[u8], is_html: bool) -> Result<(), Complaint> {
    let kind = content_type(is_html);
    let written = with_token(&rewriter, |token| match token {
        Lent::Sink(sink) => sink.write_utf8_chunk(bytes, kind).map_err(Complaint::of),
        _ => Ok(()),
    });
    written.unwrap_or(Ok(()))
}

/// `remove(rewriter)`.
#[op]
fn remove(rewriter: Rc<Rewriter>) {
    with_token(&rewriter, |token| match token {
        Lent::Element(element) => element.remove(),
        Lent::EndTag(tag) => tag.remove(),
        Lent::Comment(comment) => comment.remove(),
        Lent::Text(text) => text.remove(),
        _ => {}
    });
}

/// `removeAndKeepContent(rewriter)`: of an element.
#[op]
fn remove_and_keep_content(rewriter: Rc<Rewriter>) {
    with_element(&rewriter, |element| element.remove_and_keep_content());
}

/// `onEndTag(rewriter, number)`: a handler of that number is due at the element's end tag.
#[op]
fn on_end_tag(rewriter: Rc<Rewriter>, number: u32) -> Result<(), Complaint> {
    let known = with_element(&rewriter, |element| rewriter.on_end_tag(element, number));
    match known {
        Some(false) => Err(Complaint::NoEndTag),
        _ => Ok(()),
    }
}
