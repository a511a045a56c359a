//! Errors in source text: collected while reading, shown together with the lines they are in.
//!
//! Every stage of `text` reports here and goes on, so that one run shows all errors.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

/// Errors shown for one configuration; the rest are counted.
const MAX_ERRORS_SHOWN: usize = 100;
/// A longer line is cut on both sides of the error, to about this many bytes.
const MAX_LINE_BYTES_SHOWN: usize = 200;

/// A piece of a source file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start,
            end: other.end,
        }
    }
}

/// One of the source files read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(usize);

struct Source {
    name: String,
    text: Rc<Vec<u8>>,
    /// Where each line starts.
    lines: Vec<u32>,
}

struct Error {
    source: SourceId,
    span: Span,
    message: String,
}

#[derive(Default)]
pub struct Diagnostics {
    sources: Vec<Source>,
    errors: Vec<Error>,
    seen: HashSet<(SourceId, Span, String)>,
    not_shown: usize,
}

impl Diagnostics {
    /// Takes a file's text, shown under `name`. It must be shorter than 4 GiB.
    pub fn add_source(&mut self, name: String, text: Rc<Vec<u8>>) -> SourceId {
        let starts = text
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(i, _)| i as u32 + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        self.sources.push(Source { name, text, lines });
        SourceId(self.sources.len() - 1)
    }

    pub fn text(&self, source: SourceId) -> Rc<Vec<u8>> {
        Rc::clone(&self.sources[source.0].text)
    }

    pub fn error(&mut self, source: SourceId, span: Span, message: impl Into<String>) {
        let message = message.into();
        if !self.seen.insert((source, span, message.clone())) {
            return;
        }
        if self.errors.len() < MAX_ERRORS_SHOWN {
            self.errors.push(Error {
                source,
                span,
                message,
            });
        } else {
            self.not_shown += 1;
        }
    }

    /// Every error as text: `file:line:column: message`, then the line itself.
    pub fn render(&self) -> Vec<String> {
        let mut out: Vec<String> = self
            .errors
            .iter()
            .map(|error| self.render_one(error))
            .collect();
        if self.not_shown > 0 {
            out.push(format!("... and {} more errors", self.not_shown));
        }
        out
    }

    fn render_one(&self, error: &Error) -> String {
        let source = &self.sources[error.source.0];
        let (line, column) = source.position(error.span.start);
        let (end_line, end_column) = source.position(error.span.end);
        let end = if line == end_line && column < end_column {
            format!("-{}", end_column + 1)
        } else {
            String::new()
        };
        let (text, marked) = source.excerpt(line, error.span);
        let snippet = Snippet::source(text)
            .line_start(line + 1)
            .annotation(AnnotationKind::Primary.span(marked));
        let report = [Group::with_level(Level::ERROR).element(snippet)];
        format!(
            "{}:{}:{}{end}: {}\n{}",
            source.name,
            line + 1,
            column + 1,
            error.message,
            Renderer::plain().render(&report)
        )
    }
}

impl Source {
    /// Line and column of a byte, both from 0.
    fn position(&self, byte: u32) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte) - 1;
        (line, (byte - self.lines[line]) as usize)
    }

    /// The part of a line worth showing, and which bytes of that part the span covers.
    fn excerpt(&self, line: usize, span: Span) -> (String, Range<usize>) {
        let start = self.lines[line] as usize;
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.text.len(), |next| *next as usize - 1);
        let from = start.max((span.start as usize).saturating_sub(MAX_LINE_BYTES_SHOWN / 2));
        let to = end.min(from + MAX_LINE_BYTES_SHOWN);
        let mark_from = (span.start as usize).clamp(from, to);
        let mark_to = (span.end as usize).clamp(mark_from, to);
        let text = |range: Range<usize>| {
            String::from_utf8_lossy(&self.text[range]).replace(char::is_control, " ")
        };
        let (before, inside, after) = (
            text(from..mark_from),
            text(mark_from..mark_to),
            text(mark_to..to),
        );
        let marked = before.len()..before.len() + inside.len();
        (before + &inside + &after, marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, span: Range<usize>) -> String {
        let mut diagnostics = Diagnostics::default();
        let source = diagnostics.add_source("a.capnp".into(), Rc::new(text.into()));
        diagnostics.error(source, Span::new(span.start, span.end), "Wrong.");
        diagnostics.render().remove(0)
    }

    #[test]
    fn names_the_place_and_shows_the_line() {
        assert_eq!(
            render("one\ntwo three\n", 8..13),
            "a.capnp:2:5-10: Wrong.\n  |\n2 | two three\n  |     ^^^^^"
        );
    }

    #[test]
    fn points_at_the_end_and_into_odd_text() {
        assert!(render("", 0..0).starts_with("a.capnp:1:1: Wrong."));
        assert!(render("x", 1..1).starts_with("a.capnp:1:2: Wrong."));
        assert!(render("x\n\n", 3..3).starts_with("a.capnp:3:1: Wrong."));
        assert!(render("a\nb\nc", 0..5).starts_with("a.capnp:1:1: Wrong."));
        render("\u{1b}[31m\t\u{e9}\u{e9}", 3..7);
        render(&"\u{e9}".repeat(1000), 999..1003);
    }

    #[test]
    fn a_long_line_is_cut_around_the_error() {
        let text = render(&"x".repeat(100_000), 50_000..50_001);
        assert!(text.len() < 600, "{text}");
    }

    #[test]
    fn errors_are_shown_once_and_bounded() {
        let mut diagnostics = Diagnostics::default();
        let source = diagnostics.add_source("a".into(), Rc::new(vec![b' '; 500]));
        for i in 0..300 {
            diagnostics.error(source, Span::new(i, i), "Wrong.");
            diagnostics.error(source, Span::new(i, i), "Wrong.");
        }
        let shown = diagnostics.render();
        assert_eq!(shown.len(), MAX_ERRORS_SHOWN + 1);
        assert_eq!(shown[MAX_ERRORS_SHOWN], "... and 200 more errors");
    }
}
