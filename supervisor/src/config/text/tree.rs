//! A configuration's text as declarations and expressions: what `syntax` makes of a file.

use super::diagnostics::Span;
use std::collections::HashMap;

/// A name or a string where it stands in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    pub value: T,
    pub span: Span,
}

#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum ExprKind {
    Positive(u64),
    Negative(u64),
    Float(f64),
    Text(Vec<u8>),
    Data(Vec<u8>),
    List(Vec<Expr>),
    Tuple(Vec<Param>),
    /// `name`
    Name(String),
    /// `.name`
    Absolute(Located<String>),
    /// `parent.name`
    Member(Box<Expr>, Located<String>),
    /// `List(Text)`
    Apply(Box<Expr>, Vec<Param>),
    Import(Located<String>),
    Embed(Located<String>),
    /// Reported already.
    Invalid,
}

impl Expr {
    /// The last part of a name; empty for anything else.
    pub fn last_name(&self) -> &str {
        match &self.kind {
            ExprKind::Name(name) => name,
            ExprKind::Absolute(name) | ExprKind::Member(_, name) => &name.value,
            ExprKind::Apply(function, _) => function.last_name(),
            _ => "",
        }
    }
}

/// An item of a tuple: `name = value`, or a bare value.
#[derive(Debug)]
pub struct Param {
    pub name: Option<Located<String>>,
    pub value: Expr,
}

/// A declaration.
#[derive(Debug)]
pub struct Node {
    pub name: Located<String>,
    /// The node around it; the file is its own.
    pub parent: usize,
    pub kind: NodeKind,
    pub children: HashMap<String, usize>,
}

#[derive(Debug)]
pub enum NodeKind {
    /// The file, or a struct, enum or interface.
    Scope,
    Using(Expr),
    Const {
        ty: Expr,
        value: Expr,
    },
}

#[derive(Debug)]
pub struct File {
    /// `@0x...;`
    pub id: Option<u64>,
    pub nodes: Vec<Node>,
}
