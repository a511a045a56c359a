//! Tokens into declarations: recursive descent over the part of the Cap'n Proto language that
//! configurations use.
//!
//! `compiler` calls [`parse`] once a file. Declarations become a flat list of nodes, the file
//! itself being node 0. Of types declared in the file only the names and the constants inside them
//! are kept: a configuration's values have the types of the built-in schema. After an error the
//! parser skips to the next list item or declaration, to find more errors.

mod expressions;

use super::diagnostics::{Diagnostics, SourceId, Span};
use super::lex::{Token, lex};
use super::tree::{ExprKind, File, Located, Node, NodeKind};
use std::collections::HashMap;

/// How deep brackets and braces may nest.
pub const MAX_NESTING: usize = 100;

/// Reads a whole file.
pub fn parse(source: SourceId, diagnostics: &mut Diagnostics) -> File {
    let tokens = lex(source, diagnostics);
    let end = diagnostics.text(source).len();
    let root = Node {
        name: Located {
            value: String::new(),
            span: Span::default(),
        },
        parent: 0,
        kind: NodeKind::Scope,
        children: HashMap::new(),
    };
    let file = File {
        id: None,
        nodes: vec![root],
    };
    let mut parser = Parser {
        tokens,
        at: 0,
        end,
        depth: 0,
        file,
        source,
        diagnostics,
    };
    parser.declarations(0);
    parser.file
}

/// An error that has been reported; what was being read is abandoned.
struct Failed;
type Parsed<T> = Result<T, Failed>;

struct Parser<'a> {
    tokens: Vec<(Token, Span)>,
    at: usize,
    /// The length of the text.
    end: usize,
    depth: usize,
    file: File,
    source: SourceId,
    diagnostics: &'a mut Diagnostics,
}

impl Parser<'_> {
    // ---- tokens

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn span(&self) -> Span {
        self.tokens
            .get(self.at)
            .map_or(Span::new(self.end, self.end), |(_, span)| *span)
    }

    fn previous_span(&self) -> Span {
        self.tokens
            .get(self.at.saturating_sub(1))
            .map_or(Span::default(), |(_, span)| *span)
    }

    fn is(&self, mark: u8) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn is_mark_after(&self, ahead: usize, mark: u8) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some((Token::Mark(found), _)) if *found == mark)
    }

    fn eat(&mut self, mark: u8) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: u8) -> Parsed<()> {
        if self.eat(mark) {
            Ok(())
        } else {
            self.unexpected(&format!("`{}`", char::from(mark)))
        }
    }

    fn identifier(&mut self, what: &str) -> Parsed<Located<String>> {
        match self.peek() {
            Some(Token::Identifier(name)) => {
                let value = name.clone();
                self.at += 1;
                Ok(Located {
                    value,
                    span: self.previous_span(),
                })
            }
            _ => self.unexpected(what),
        }
    }

    /// A string literal that must be UTF-8, such as a path.
    fn string(&mut self, what: &str) -> Parsed<Located<String>> {
        match self.peek() {
            Some(Token::Text(text)) => {
                let value = String::from_utf8_lossy(text).into_owned();
                self.at += 1;
                Ok(Located {
                    value,
                    span: self.previous_span(),
                })
            }
            _ => self.unexpected(what),
        }
    }

    // ---- errors

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.error(self.source, span, message);
    }

    fn unexpected<T>(&mut self, expected: &str) -> Parsed<T> {
        if self.peek() != Some(&Token::Invalid) {
            self.error(self.span(), format!("Parse error: expected {expected}."));
        }
        Err(Failed)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_NESTING {
            let message = format!("This nests more than {MAX_NESTING} levels deep.");
            self.error(self.span(), message);
            return Err(Failed);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// After an error in a declaration: moves behind its `;` or block, or to the `}` around it.
    fn skip_declaration(&mut self) {
        let mut open = 0usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark(b';') if open == 0 => {
                    self.at += 1;
                    return;
                }
                Token::Mark(b'{') => open += 1,
                Token::Mark(b'}') if open == 0 => return,
                Token::Mark(b'}') => {
                    open -= 1;
                    if open == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// After an error in a list item: moves to the `,` or bracket that ends it. False if the
    /// declaration ends before that.
    fn skip_item(&mut self) -> bool {
        let mut open = 0usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark(b'(' | b'[') => open += 1,
                Token::Mark(b')' | b']') if open == 0 => return true,
                Token::Mark(b')' | b']') => open -= 1,
                Token::Mark(b',') if open == 0 => return true,
                Token::Mark(b';' | b'{' | b'}') => return false,
                _ => {}
            }
            self.at += 1;
        }
        false
    }

    // ---- declarations

    /// Everything up to the end of the file, or to the `}` of a block.
    fn declarations(&mut self, scope: usize) {
        while self.peek().is_some() && !(scope != 0 && self.is(b'}')) {
            let before = self.at;
            if self.declaration(scope).is_err() {
                self.skip_declaration();
                // A stray `}` at the top stops the skipping without moving.
                self.at += usize::from(self.at == before);
            }
        }
    }

    fn declaration(&mut self, scope: usize) -> Parsed<()> {
        let keyword = match self.peek() {
            Some(Token::Identifier(name)) => name.clone(),
            Some(Token::Mark(b'@')) if scope == 0 => return self.file_id(),
            Some(Token::Mark(b'$')) if scope == 0 => {
                self.annotations()?;
                return self.expect(b';');
            }
            _ => return self.unexpected("a declaration"),
        };
        // In a struct, a field may well be called `using` or `const`.
        let is_field = self.is_mark_after(1, b'@') || self.is_mark_after(1, b':');
        match keyword.as_str() {
            "using" if !is_field => self.using(scope),
            "const" if !is_field => self.constant(scope),
            "struct" | "enum" | "interface" if !is_field => self.type_declaration(scope),
            "annotation" if !is_field => self.member(),
            _ if scope != 0 => self.member(),
            _ => self.unexpected("`const`, `using`, or another declaration"),
        }
    }

    fn add(&mut self, scope: usize, name: Located<String>, kind: NodeKind) -> usize {
        self.check_spelling(&name, &kind);
        let index = self.file.nodes.len();
        if let Some(&first) = self.file.nodes[scope].children.get(&name.value) {
            self.error(
                name.span,
                format!("'{}' is already defined in this scope.", name.value),
            );
            let first = self.file.nodes[first].name.clone();
            self.error(
                first.span,
                format!("'{}' previously defined here.", first.value),
            );
        } else {
            self.file.nodes[scope]
                .children
                .insert(name.value.clone(), index);
        }
        self.file.nodes.push(Node {
            name,
            parent: scope,
            kind,
            children: HashMap::new(),
        });
        index
    }

    /// The language has opinions on names, and upstream enforces them.
    fn check_spelling(&mut self, name: &Located<String>, kind: &NodeKind) {
        let is_type = match kind {
            NodeKind::Scope => true,
            NodeKind::Const { .. } => false,
            NodeKind::Using(target) => !target
                .last_name()
                .starts_with(|c: char| c.is_ascii_lowercase()),
        };
        if is_type && !name.value.starts_with(|c: char| c.is_ascii_uppercase()) {
            self.error(name.span, "Type names must begin with a capital letter.");
        }
        if !is_type && !name.value.starts_with(|c: char| c.is_ascii_lowercase()) {
            self.error(
                name.span,
                "Non-type names must begin with a lower-case letter.",
            );
        }
        if name.value.contains('_') {
            let message = "Cap'n Proto declaration names should use camelCase and must not contain underscores.";
            self.error(name.span, message);
        }
    }

    fn file_id(&mut self) -> Parsed<()> {
        let start = self.span();
        let id = self.id()?;
        if self.file.id.replace(id).is_some() {
            self.error(start.to(self.previous_span()), "File can only have one ID.");
        }
        self.expect(b';')
    }

    /// `@` and a number.
    fn id(&mut self) -> Parsed<u64> {
        self.expect(b'@')?;
        match self.peek() {
            Some(&Token::Integer(id)) => {
                self.at += 1;
                Ok(id)
            }
            _ => self.unexpected("a number"),
        }
    }

    /// `using Name = target;`, `using target.Name;`
    fn using(&mut self, scope: usize) -> Parsed<()> {
        self.at += 1;
        let name = if self.is_mark_after(1, b'=') {
            let name = self.identifier("a name")?;
            self.at += 1;
            Some(name)
        } else {
            None
        };
        let target = self.expression()?;
        let name = match (name, &target.kind) {
            (Some(name), _) => name,
            (None, ExprKind::Member(_, name)) => name.clone(),
            (None, _) => {
                let message = "'using' declaration without '=' must specify a named declaration from a different scope.";
                self.error(target.span, message);
                return Err(Failed);
            }
        };
        self.expect(b';')?;
        self.add(scope, name, NodeKind::Using(target));
        Ok(())
    }

    /// `const name :Type = value;`
    fn constant(&mut self, scope: usize) -> Parsed<()> {
        self.at += 1;
        let name = self.identifier("the constant's name")?;
        if self.is(b'@') {
            self.id()?;
        }
        self.expect(b':')?;
        let ty = self.expression()?;
        self.expect(b'=')?;
        let value = self.expression()?;
        self.annotations()?;
        self.expect(b';')?;
        self.add(scope, name, NodeKind::Const { ty, value });
        Ok(())
    }

    /// `$name`, `$name(value)`, any number of them. Annotations mean nothing to a configuration.
    fn annotations(&mut self) -> Parsed<()> {
        while self.eat(b'$') {
            self.expression()?;
        }
        Ok(())
    }

    /// A struct, enum or interface: keeps its name and, of a block, what is declared
    /// inside.
    fn type_declaration(&mut self, scope: usize) -> Parsed<()> {
        self.at += 1;
        let name = self.identifier("a name")?;
        let node = self.add(scope, name, NodeKind::Scope);
        while let Some(token) = self.peek() {
            match token {
                Token::Mark(b';') => {
                    self.at += 1;
                    return Ok(());
                }
                Token::Mark(b'{') => {
                    return self.nested(|parser| {
                        parser.at += 1;
                        parser.declarations(node);
                        parser.expect(b'}')
                    });
                }
                Token::Mark(b'}') => break,
                _ => self.at += 1,
            }
        }
        self.unexpected("`{` or `;`")
    }

    /// A field, group, union, enumerant, method or annotation: nothing can refer to it.
    fn member(&mut self) -> Parsed<()> {
        self.at += 1;
        self.skip_declaration();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Expr;
    use super::*;
    use std::rc::Rc;

    fn read(text: &str) -> (File, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let source = diagnostics.add_source("t".into(), Rc::new(text.into()));
        let file = parse(source, &mut diagnostics);
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        (
            file,
            diagnostics.render().into_iter().map(first_line).collect(),
        )
    }

    fn names(text: &str) -> Vec<String> {
        let (file, errors) = read(text);
        assert_eq!(errors, [""; 0]);
        file.nodes
            .into_iter()
            .skip(1)
            .map(|node| node.name.value)
            .collect()
    }

    fn errors(text: &str) -> Vec<String> {
        read(text).1
    }

    #[test]
    fn declarations() {
        let text = r#"
            @0xa1b2c3d4e5f60718;
            using A = import "/a.capnp";
            using A.B;
            $A.annotated("x") $B;
            const c @0xa1b2c3d4e5f60719 :A.T = (x = 1, y = [.d, A.e,], z = (w = void)) $note("no");
            struct S { f @0 :Text = "x"; g :group { h @1 :List(Text); } union { const @2 :Void; using @3 :Void; }
                       const inner :Text = "i"; enum E { one @0; two @1; } }
            interface I extends(J) { call @0 (a :Text) -> (b :Text); }
            annotation note(*) :Text;
        "#;
        assert_eq!(names(text), ["A", "B", "c", "S", "inner", "E", "I"]);
        assert_eq!(read(text).0.id, Some(0xa1b2c3d4e5f60718));
        assert_eq!(read(text).0.nodes[5].parent, 4);
    }

    #[test]
    fn a_tuple_of_one_bare_value_is_that_value() {
        let (file, _) = read("const c :T = ((5));");
        assert!(matches!(
            &file.nodes[1].kind,
            NodeKind::Const {
                value: Expr {
                    kind: ExprKind::Positive(5),
                    ..
                },
                ..
            }
        ));
    }

    #[test]
    fn errors_do_not_hide_each_other() {
        assert_eq!(
            errors(
                "const a T = 1;\nconst b :T = (x = , y = [1 2, 3], z = *);\nfoo;\nconst d :T = 5;\n}\nconst e :T = \"x;"
            ),
            [
                "t:6:14-17: Parse error: this string has no end on its line.",
                "t:1:9-10: Parse error: expected `:`.",
                "t:2:19-20: Parse error: expected a value.",
                "t:2:28-29: Parse error: expected `,` or `]`.",
                "t:2:39-40: Parse error: expected a value.",
                "t:3:1-4: Parse error: expected `const`, `using`, or another declaration.",
                "t:5:1-2: Parse error: expected a declaration.",
            ]
        );
    }

    #[test]
    fn unbalanced_brackets() {
        assert_eq!(
            errors("const a :T = (x = [1);\nconst b :T = 1;"),
            ["t:1:21-22: Parse error: expected `,` or `]`."]
        );
        assert_eq!(
            errors("const a :T = (x = [1"),
            ["t:1:21: Parse error: expected `,` or `]`."]
        );
        assert_eq!(errors("struct S {"), ["t:1:11: Parse error: expected `}`."]);
        assert_eq!(
            errors("struct S"),
            ["t:1:9: Parse error: expected `{` or `;`."]
        );
        assert_eq!(
            errors("const"),
            ["t:1:6: Parse error: expected the constant's name."]
        );
    }

    #[test]
    fn names_are_unique_in_a_scope() {
        assert_eq!(
            errors("const a :T = 1; struct S { const a :T = 2; } using a = S;"),
            [
                "t:1:52-53: Type names must begin with a capital letter.",
                "t:1:52-53: 'a' is already defined in this scope.",
                "t:1:7-8: 'a' previously defined here.",
            ]
        );
    }

    #[test]
    fn names_are_spelled_as_the_language_wants() {
        let text = "const A :T = 1; struct s {} using x = T.Y; using Y = a.y; using z = T.z; const a_b :T = 1;";
        assert_eq!(
            errors(text),
            [
                "t:1:7-8: Non-type names must begin with a lower-case letter.",
                "t:1:24-25: Type names must begin with a capital letter.",
                "t:1:35-36: Type names must begin with a capital letter.",
                "t:1:50-51: Non-type names must begin with a lower-case letter.",
                "t:1:80-83: Cap'n Proto declaration names should use camelCase and must not contain underscores.",
            ]
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| format!("const a :T = {}1{};", "[".repeat(n), "]".repeat(n));
        assert_eq!(errors(&deep(MAX_NESTING)), [""; 0]);
        assert_eq!(errors(&deep(MAX_NESTING + 1)).len(), 1);
        assert!(!errors(&deep(1_000_000)).is_empty());
        assert!(!errors(&"struct S {".repeat(1_000_000)).is_empty());
        assert!(!errors(&format!("const a :T = b{};", ".c".repeat(1_000_000))).is_empty());
    }
}
