//! One document on its way through lol_html, whose parser knows only handlers that return at once.
//!
//! The parser runs on a stack of its own, which it leaves whenever a handler is due: JavaScript runs the handler on the
//! isolate's stack, for as long as it takes, and the parser goes on where it was. No V8 code ever runs on that stack.
//! `html_rewriter` (the ops) uses it; it relies on lol_html and corosensei.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::isolate::limits::CPU_EXCEEDED;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use lol_html::errors::RewritingError;
use lol_html::html_content::{
    Comment, Doctype, DocumentEnd, Element, EndTag, StreamingHandler, StreamingHandlerSink,
    TextChunk,
};
use lol_html::{
    AsciiCompatibleEncoding, DocumentContentHandlers, ElementContentHandlers, HandlerResult,
    HtmlRewriter, MemorySettings, Selector, Settings,
};
use memchr::{memchr, memrchr};

use crate::service::processor;

/// The parser's stack, of which a document of any shape uses little: nothing in it recurses by the input.
const STACK_BYTES: usize = 256 * 1024;
/// What the parser may hold of one document, as on workerd.
const PARSER_LIMIT_BYTES: usize = 3 * 1024 * 1024;
const PARSER_BUFFER_BYTES: usize = 1024;
/// What the parser gets between two looks at the processor time that is left, where there is a limit: the longer a piece
/// takes, the shorter the next. A selector may take milliseconds for each tag.
const PIECE_BYTES: (usize, usize) = (64, 4096);
/// A piece without the end of a tag may be as long as this. Ends of tags part no text, which handlers get as it comes.
const MAX_PIECE_BYTES: usize = 65_536;
/// A piece that takes less is a short one.
const SHORT_PIECE: Duration = Duration::from_millis(1);

/// What a handler is called with, while it runs. The parser has lent it, and waits.
#[derive(Clone, Copy)]
pub enum Token {
    Element(*mut Element<'static, 'static>),
    Comment(*mut Comment<'static>),
    Text(*mut TextChunk<'static>),
    Doctype(*mut Doctype<'static>),
    End(*mut DocumentEnd<'static>),
    EndTag(*mut EndTag<'static>),
    /// Where the content of a stream goes.
    Sink(*mut StreamingHandlerSink<'static>),
}

/// Which handlers of one `on` or `onDocument` there are; `selector` is none for a document's.
pub struct Handlers {
    pub selector: Option<Rc<Selector>>,
    pub element: bool,
    pub comments: bool,
    pub text: bool,
    pub doctype: bool,
    pub end: bool,
}

/// Where the parser stands.
pub enum Step {
    /// It wants more input, or has ended.
    Idle,
    /// The handler of this number is due, for [`Rewriter::token`].
    Due(u32),
}

enum Input {
    Chunk(Vec<u8>),
    /// The document has ended.
    End,
    /// The handler that was due is done.
    Continue,
    /// Nobody wants the rest.
    Stop,
}

/// What the parser's stack and the isolate's share.
struct Shared {
    /// The way off the parser's stack, once it runs.
    yielder: Cell<*const Yielder<Input, Step>>,
    token: Cell<Option<Token>>,
    output: RefCell<Vec<u8>>,
    /// For how long the parser has waited for handlers.
    waited: Cell<Duration>,
}

impl Shared {
    /// Called on the parser's stack: leaves it until the handler is done.
    fn call(&self, number: u32, token: Token) -> HandlerResult {
        self.token.set(Some(token));
        // SAFETY: handlers run on the parser's stack alone, where the yielder lives as long as the parser.
        let yielder = unsafe { &*self.yielder.get() };
        let left = Instant::now();
        let answer = yielder.suspend(Step::Due(number));
        self.waited.set(self.waited.get() + left.elapsed());
        self.token.set(None);
        match answer {
            Input::Continue => Ok(()),
            _ => Err("stopped".into()),
        }
    }
}

type Parser = Coroutine<Input, Step, Result<(), RewritingError>>;

pub struct Rewriter {
    parser: RefCell<Option<Parser>>,
    shared: Rc<Shared>,
}

impl Rewriter {
    /// Handlers are known by numbers: that of the i-th set's element, comments, text, doctype and end are 8i to 8i+4.
    ///
    /// # Errors
    /// There is no memory for a stack.
    pub fn new(
        encoding: AsciiCompatibleEncoding,
        esi_tags: bool,
        handlers: &[Handlers],
    ) -> std::io::Result<Self> {
        let shared = Rc::new(Shared {
            yielder: Cell::new(std::ptr::null()),
            token: Cell::new(None),
            output: RefCell::default(),
            waited: Cell::default(),
        });
        let memory = MemorySettings::new()
            .with_preallocated_parsing_buffer_size(PARSER_BUFFER_BYTES)
            .with_max_allowed_memory_usage(PARSER_LIMIT_BYTES);
        let mut settings = Settings::new()
            .with_encoding(encoding)
            .with_strict(true)
            .with_enable_esi_tags(esi_tags)
            .with_memory_settings(memory);
        for (set, number) in handlers.iter().zip((0..).step_by(8)) {
            settings = add(settings, &shared, set, number);
        }
        let sink = shared.clone();
        let output = move |chunk: &[u8]| sink.output.borrow_mut().extend_from_slice(chunk);
        // What a coroutine begins with has to be small.
        let rewriter = Box::new(HtmlRewriter::new(settings, output));
        let body = shared.clone();
        let parser = Coroutine::with_stack(
            DefaultStack::new(STACK_BYTES)?,
            move |yielder, input: Input| {
                body.yielder.set(yielder);
                parse(*rewriter, &body.waited, yielder, input)
            },
        );
        Ok(Self {
            parser: RefCell::new(Some(parser)),
            shared,
        })
    }

    /// Gives the parser the next bytes of the document.
    pub fn write(&self, chunk: Vec<u8>) -> Result<Step, RewritingError> {
        self.resume(Input::Chunk(chunk))
    }

    pub fn end(&self) -> Result<Step, RewritingError> {
        self.resume(Input::End)
    }

    /// The handler that was due is done.
    pub fn proceed(&self) -> Result<Step, RewritingError> {
        self.resume(Input::Continue)
    }

    /// Ends the parser where it is.
    pub fn stop(&self) {
        let _ = self.resume(Input::Stop);
    }

    fn resume(&self, input: Input) -> Result<Step, RewritingError> {
        let mut place = self.parser.borrow_mut();
        let Some(parser) = place.as_mut() else {
            return Ok(Step::Idle);
        };
        if !parser.started() && matches!(input, Input::Stop) {
            *place = None;
            return Ok(Step::Idle);
        }
        match parser.resume(input) {
            CoroutineResult::Yield(step) => Ok(step),
            CoroutineResult::Return(result) => {
                *place = None;
                result.map(|()| Step::Idle)
            }
        }
    }

    /// What the handler that is due is called with.
    pub fn token(&self) -> Option<Token> {
        self.shared.token.get()
    }

    /// The rewritten bytes so far.
    pub fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut self.shared.output.borrow_mut())
    }

    /// A handler of that number for an element's end tag; one takes another's place. False for an element that has none.
    pub fn on_end_tag(&self, element: &mut Element, number: u32) -> bool {
        let shared = self.shared.clone();
        let Some(handlers) = element.end_tag_handlers() else {
            return false;
        };
        handlers.clear();
        handlers.push(Box::new(move |tag: &mut EndTag| {
            shared.call(number, Token::EndTag(std::ptr::from_mut(tag).cast()))
        }));
        true
    }

    /// Content that JavaScript writes to a [`Token::Sink`] when its place in the document has come.
    pub fn streamed(&self, number: u32) -> Box<dyn StreamingHandler + Send> {
        Box::new(Streamed {
            shared: self.shared.clone(),
            number,
        })
    }
}

impl Drop for Rewriter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What runs on the parser's stack.
fn parse<O: lol_html::OutputSink>(
    mut rewriter: HtmlRewriter<O>,
    waited: &Cell<Duration>,
    yielder: &Yielder<Input, Step>,
    mut input: Input,
) -> Result<(), RewritingError> {
    loop {
        match input {
            Input::Chunk(chunk) if processor::limit().is_none() => rewriter.write(&chunk)?,
            Input::Chunk(chunk) => write_pieces(&mut rewriter, waited, &chunk)?,
            Input::End => return rewriter.end(),
            Input::Continue | Input::Stop => return Ok(()),
        }
        input = yielder.suspend(Step::Idle);
    }
}

/// Writes a chunk until the event has used all of its processor time.
fn write_pieces<O: lol_html::OutputSink>(
    rewriter: &mut HtmlRewriter<O>,
    waited: &Cell<Duration>,
    mut chunk: &[u8],
) -> Result<(), RewritingError> {
    let (least, most) = PIECE_BYTES;
    let mut size = least;
    while !chunk.is_empty() {
        let (piece, rest) = chunk.split_at(piece_of(chunk, size));
        let (began, waited_before) = (Instant::now(), waited.get());
        rewriter.write(piece)?;
        if processor::is_used_up() {
            // Nobody is told: JavaScript ends there.
            return Err(RewritingError::ContentHandlerError(CPU_EXCEEDED.into()));
        }
        let own = began.elapsed().saturating_sub(waited.get() - waited_before);
        size = match own < SHORT_PIECE {
            true => most.min(size * 2),
            false => least.max(size / 2),
        };
        chunk = rest;
    }
    Ok(())
}

/// The length of a piece of about this size.
fn piece_of(chunk: &[u8], size: usize) -> usize {
    let (first, rest) = chunk.split_at(size.min(chunk.len()));
    if rest.is_empty() {
        return chunk.len();
    }
    let end = memrchr(b'>', first).or_else(|| {
        let rest = &rest[..rest.len().min(MAX_PIECE_BYTES - size)];
        memchr(b'>', rest).map(|at| size + at)
    });
    end.map_or(chunk.len().min(MAX_PIECE_BYTES), |at| at + 1)
}

fn add(
    settings: Settings<'static, 'static>,
    shared: &Rc<Shared>,
    set: &Handlers,
    number: u32,
) -> Settings<'static, 'static> {
    let at = || shared.clone();
    let comments = set.comments.then(at).map(|shared| {
        move |comment: &mut Comment| {
            shared.call(
                number + 1,
                Token::Comment(std::ptr::from_mut(comment).cast()),
            )
        }
    });
    let text = set.text.then(at).map(|shared| {
        move |text: &mut TextChunk| {
            shared.call(number + 2, Token::Text(std::ptr::from_mut(text).cast()))
        }
    });
    if let Some(selector) = &set.selector {
        let mut handlers = ElementContentHandlers::default();
        if let Some(shared) = set.element.then(at) {
            handlers = handlers.element(move |element: &mut Element| {
                shared.call(number, Token::Element(std::ptr::from_mut(element).cast()))
            });
        }
        if let Some(comments) = comments {
            handlers = handlers.comments(comments);
        }
        if let Some(text) = text {
            handlers = handlers.text(text);
        }
        let selector = std::borrow::Cow::Owned(selector.as_ref().clone());
        return settings.append_element_content_handler((selector, handlers));
    }
    let mut handlers = DocumentContentHandlers::default();
    if let Some(comments) = comments {
        handlers = handlers.comments(comments);
    }
    if let Some(text) = text {
        handlers = handlers.text(text);
    }
    if let Some(shared) = set.doctype.then(at) {
        handlers = handlers.doctype(move |doctype: &mut Doctype| {
            shared.call(
                number + 3,
                Token::Doctype(std::ptr::from_mut(doctype).cast()),
            )
        });
    }
    if let Some(shared) = set.end.then(at) {
        handlers = handlers.end(move |end: &mut DocumentEnd| {
            shared.call(number + 4, Token::End(std::ptr::from_mut(end).cast()))
        });
    }
    settings.append_document_content_handler(handlers)
}

struct Streamed {
    shared: Rc<Shared>,
    number: u32,
}

// SAFETY: lol_html asks for it so that rewriters may move between threads. Ours never leaves the isolate's.
unsafe impl Send for Streamed {}

impl StreamingHandler for Streamed {
    fn write_all(self: Box<Self>, sink: &mut StreamingHandlerSink<'_>) -> HandlerResult {
        let token = Token::Sink(std::ptr::from_mut(sink).cast());
        self.shared.call(self.number, token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_tags() {
        assert_eq!(piece_of(b"<a><b>text", 100), 10);
        assert_eq!(piece_of(b"<a><b>text", 8), 6);
        assert_eq!(piece_of(b"a text<b>text", 4), 9);
        let text = [b'a'; MAX_PIECE_BYTES + 1];
        assert_eq!(piece_of(&text, 4), MAX_PIECE_BYTES);
        assert_eq!(piece_of(&text[1..], 4), MAX_PIECE_BYTES);
    }
}
