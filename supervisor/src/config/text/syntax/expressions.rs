//! Expressions: names, literals, lists and tuples.

use super::super::diagnostics::Span;
use super::super::lex::Token;
use super::super::tree::{Expr, ExprKind, Param};
use super::{Failed, Parsed, Parser};

/// How many parts a name such as `a.b.c` may have.
const MAX_NAME_PARTS: usize = 16;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        let mut expr = self.base()?;
        let start = expr.span;
        for _ in 0..MAX_NAME_PARTS {
            let kind = if self.eat(b'.') {
                ExprKind::Member(Box::new(expr), self.identifier("a name")?)
            } else if self.is(b'(') {
                ExprKind::Apply(Box::new(expr), self.tuple()?)
            } else {
                return Ok(expr);
            };
            expr = Expr {
                kind,
                span: start.to(self.previous_span()),
            };
        }
        self.error(
            expr.span,
            format!("This name has more than {MAX_NAME_PARTS} parts."),
        );
        Err(Failed)
    }

    fn base(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let Some(token) = self.peek().cloned() else {
            return self.unexpected("a value");
        };
        let kind = match token {
            Token::Mark(b'(') => {
                let mut params = self.tuple()?;
                // A tuple of one bare value is that value.
                if params.len() == 1 && params[0].name.is_none() {
                    return Ok(params.remove(0).value);
                }
                ExprKind::Tuple(params)
            }
            Token::Mark(b'[') => {
                ExprKind::List(self.items(b'[', b']', Self::expression, invalid)?)
            }
            Token::Mark(b'.') => {
                self.at += 1;
                ExprKind::Absolute(self.identifier("a name")?)
            }
            Token::Mark(b'-') => {
                self.at += 1;
                self.negative()?
            }
            Token::Identifier(name) => {
                self.at += 1;
                match name.as_str() {
                    "import" if matches!(self.peek(), Some(Token::Text(_))) => {
                        ExprKind::Import(self.string("a path")?)
                    }
                    "embed" if matches!(self.peek(), Some(Token::Text(_))) => {
                        ExprKind::Embed(self.string("a path")?)
                    }
                    _ => ExprKind::Name(name),
                }
            }
            Token::Integer(value) => self.literal(ExprKind::Positive(value)),
            Token::Float(value) => self.literal(ExprKind::Float(value)),
            Token::Data(bytes) => self.literal(ExprKind::Data(bytes)),
            Token::Text(mut text) => {
                self.at += 1;
                while let Some(Token::Text(more)) = self.peek() {
                    text.extend_from_slice(more);
                    self.at += 1;
                }
                ExprKind::Text(text)
            }
            Token::Mark(_) | Token::Invalid => return self.unexpected("a value"),
        };
        Ok(Expr {
            kind,
            span: start.to(self.previous_span()),
        })
    }

    fn literal(&mut self, kind: ExprKind) -> ExprKind {
        self.at += 1;
        kind
    }

    fn negative(&mut self) -> Parsed<ExprKind> {
        let kind = match self.peek() {
            Some(Token::Integer(value)) => ExprKind::Negative(*value),
            Some(Token::Float(value)) => ExprKind::Float(-value),
            Some(Token::Identifier(name)) if name == "inf" => ExprKind::Float(f64::NEG_INFINITY),
            _ => return self.unexpected("a number"),
        };
        Ok(self.literal(kind))
    }

    fn tuple(&mut self) -> Parsed<Vec<Param>> {
        self.items(b'(', b')', Self::param, |span| Param {
            name: None,
            value: invalid(span),
        })
    }

    fn param(&mut self) -> Parsed<Param> {
        let name = if self.is_mark_after(1, b'=') {
            let name = self.identifier("a field's name")?;
            self.at += 1;
            Some(name)
        } else {
            None
        };
        Ok(Param {
            name,
            value: self.expression()?,
        })
    }

    /// A list in brackets, separated by commas; one may trail. A broken item becomes `broken`.
    fn items<T>(
        &mut self,
        open: u8,
        close: u8,
        read: fn(&mut Self) -> Parsed<T>,
        broken: fn(Span) -> T,
    ) -> Parsed<Vec<T>> {
        self.nested(|parser| {
            parser.expect(open)?;
            let mut items = Vec::new();
            while !parser.eat(close) {
                let start = parser.span();
                let item = read(parser).and_then(|item| {
                    if parser.is(b',') || parser.is(close) {
                        Ok(item)
                    } else {
                        parser.unexpected(&format!("`,` or `{}`", char::from(close)))
                    }
                });
                match item {
                    Ok(item) => items.push(item),
                    Err(Failed) if parser.skip_item() => items.push(broken(start)),
                    Err(Failed) => return Err(Failed),
                }
                if !parser.eat(b',') && !parser.is(close) {
                    // The item ended at a bracket of the other kind.
                    return Err(Failed);
                }
            }
            Ok(items)
        })
    }
}

fn invalid(span: Span) -> Expr {
    Expr {
        kind: ExprKind::Invalid,
        span,
    }
}
