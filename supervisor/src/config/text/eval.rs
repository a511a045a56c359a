//! Values of expressions: an expression and the type expected of it become a [`Value`].
//!
//! A constant is evaluated once, when it is first named. The rules are the language's: a literal's
//! own form decides what it is, the expected type only helps; where a struct is expected, a value
//! for its first field will do.

use super::diagnostics::Span;
use super::names::{DeclarationId, Names, Target};
use super::tree::{Expr, ExprKind, Located, NodeKind, Param};
use super::types;
use capnp::introspect::{RawBrandedStructSchema, RawEnumSchema, Type, TypeVariant};
use capnp::schema::{EnumSchema, Field, StructSchema};
use capnp::schema_capnp::field;
use std::collections::HashMap;
use std::rc::Rc;

/// How deep structs and lists may nest in a value, whatever constants it is made of. Readers of
/// the message follow no more than 64 pointers.
const MAX_VALUE_DEPTH: usize = 48;
/// How deep the evaluation of constants that name each other may go.
const MAX_EVALUATION_DEPTH: usize = 200;

/// The value of an expression. Shared parts stay shared.
#[derive(Clone)]
pub enum Value {
    Void,
    Bool(bool),
    /// Negative.
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Rc<Vec<u8>>),
    Data(Rc<Vec<u8>>),
    Enum(RawEnumSchema, u16),
    List(Rc<List>),
    Struct(Rc<Struct>),
}

pub struct List {
    pub item: Type,
    pub items: Vec<Value>,
    depth: usize,
}

/// A struct, or the content of a group.
pub struct Struct {
    pub schema: RawBrandedStructSchema,
    /// In the order written; of a field or union named twice, the last counts.
    pub fields: Vec<(Field, Value)>,
    depth: usize,
}

impl Value {
    fn depth(&self) -> usize {
        match self {
            Value::List(list) => list.depth,
            Value::Struct(value) => value.depth,
            _ => 0,
        }
    }
}

enum Constant {
    /// Being evaluated: to need it now is a cycle.
    Open,
    /// None if it has an error.
    Done(Option<(Type, Value)>),
}

pub struct Evaluator {
    pub names: Names,
    constants: HashMap<DeclarationId, Constant>,
    depth: usize,
}

impl Evaluator {
    pub fn new(names: Names) -> Evaluator {
        Evaluator {
            names,
            constants: HashMap::new(),
            depth: 0,
        }
    }

    fn error<T>(&mut self, at: DeclarationId, span: Span, message: impl Into<String>) -> Option<T> {
        self.names.error(at.module, span, message);
        None
    }

    /// The type and value of a constant. None if it is no constant or has an error, which is then
    /// reported.
    pub fn constant(&mut self, place: DeclarationId) -> Option<(Type, Value)> {
        let file = self.names.file(place.module);
        let node = &file.nodes[place.node];
        let NodeKind::Const { ty, value } = &node.kind else {
            return None;
        };
        match self.constants.get(&place) {
            Some(Constant::Done(done)) => return done.clone(),
            Some(Constant::Open) => {
                return self.error(
                    place,
                    node.name.span,
                    "Declaration recursively depends on itself.",
                );
            }
            None => {}
        }
        self.constants.insert(place, Constant::Open);
        let scope = DeclarationId {
            node: node.parent,
            ..place
        };
        let done = self
            .names
            .type_of(scope, ty)
            .and_then(|ty| Some((ty, self.evaluate(scope, value, ty)?)));
        self.constants.insert(place, Constant::Done(done.clone()));
        done
    }

    /// The value of `expr` as a `ty`. None if that is an error, now reported.
    fn evaluate(&mut self, at: DeclarationId, expr: &Expr, ty: Type) -> Option<Value> {
        if self.depth == MAX_EVALUATION_DEPTH {
            let message = format!(
                "This needs more than {MAX_EVALUATION_DEPTH} constants and lists inside each other."
            );
            return self.error(at, expr.span, message);
        }
        self.depth += 1;
        let value = self.natural(at, expr, ty);
        self.depth -= 1;
        let value = value?;

        if fits(&value, ty) {
            return self.in_range(at, expr, value, ty);
        }
        if let (TypeVariant::Struct(schema), Some(first)) = (ty.which(), first_field(ty))
            && fits(&value, first.get_type())
        {
            let value = self.in_range(at, expr, value, first.get_type())?;
            return self.structure(at, expr.span, schema, vec![(first, value)]);
        }
        self.mismatch(at, expr, ty)
    }

    fn mismatch<T>(&mut self, at: DeclarationId, expr: &Expr, ty: Type) -> Option<T> {
        self.error(
            at,
            expr.span,
            format!("Type mismatch; expected {}.", types::name(ty)),
        )
    }

    /// The value an expression has by its own form.
    fn natural(&mut self, at: DeclarationId, expr: &Expr, ty: Type) -> Option<Value> {
        match &expr.kind {
            ExprKind::Invalid => None,
            ExprKind::Positive(value) => Some(Value::UInt(*value)),
            ExprKind::Negative(value) => match 0i64.checked_sub_unsigned(*value) {
                Some(0) => Some(Value::UInt(0)),
                Some(value) => Some(Value::Int(value)),
                None => self.error(at, expr.span, "Integer is too big to be negative."),
            },
            ExprKind::Float(value) => Some(Value::Float(*value)),
            ExprKind::Text(text) => {
                let text = Rc::new(text.clone());
                Some(if matches!(ty.which(), TypeVariant::Data) {
                    Value::Data(text)
                } else {
                    Value::Text(text)
                })
            }
            ExprKind::Data(data) => match ty.which() {
                TypeVariant::Data => Some(Value::Data(Rc::new(data.clone()))),
                _ => self.mismatch(at, expr, ty),
            },
            ExprKind::List(items) => match ty.which() {
                TypeVariant::List(item) => self.list(at, expr.span, items, item),
                _ => self.mismatch(at, expr, ty),
            },
            ExprKind::Tuple(params) => match ty.which() {
                TypeVariant::Struct(schema) => {
                    let fields = self.fields(at, schema, params)?;
                    self.structure(at, expr.span, schema, fields)
                }
                _ => self.mismatch(at, expr, ty),
            },
            ExprKind::Embed(name) => self.embed(at, expr, name, ty),
            ExprKind::Name(name) => match literal(name, ty) {
                Some(value) => Some(value),
                None => {
                    let value = self.named(at, expr)?;
                    let message = format!(
                        "Constant names must be qualified to avoid confusion.  Please replace '{name}' \
                         with '.{name}', if that's what you intended."
                    );
                    self.error::<()>(at, expr.span, message);
                    Some(value)
                }
            },
            ExprKind::Absolute(_)
            | ExprKind::Member(..)
            | ExprKind::Import(_)
            | ExprKind::Apply(..) => self.named(at, expr),
        }
    }

    fn named(&mut self, at: DeclarationId, expr: &Expr) -> Option<Value> {
        let target = self.names.resolve(at, expr)?;
        if let Target::Node(place) = target
            && matches!(
                self.names.file(place.module).nodes[place.node].kind,
                NodeKind::Const { .. }
            )
        {
            return self.constant(place).map(|(_, value)| value);
        }
        let message = format!(
            "'{}' does not refer to a constant.",
            self.names.quote(at.module, expr)
        );
        self.error(at, expr.span, message)
    }

    fn embed(
        &mut self,
        at: DeclarationId,
        expr: &Expr,
        name: &Located<String>,
        ty: Type,
    ) -> Option<Value> {
        let from = self.names.path(at.module).to_owned();
        let found = self.names.files.find(&from, &name.value);
        let bytes = match found.map(|path| self.names.files.read_embed(&path)) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => {
                return self.error(
                    at,
                    name.span,
                    format!("Couldn't read file for embed: {} ({error})", name.value),
                );
            }
            None => {
                return self.error(
                    at,
                    name.span,
                    format!("Couldn't read file for embed: {}", name.value),
                );
            }
        };
        match ty.which() {
            TypeVariant::Text => Some(Value::Text(bytes)),
            TypeVariant::Data => Some(Value::Data(bytes)),
            _ => self.error(
                at,
                expr.span,
                "Embeds can only be used when Text or Data is expected.",
            ),
        }
    }

    fn list(&mut self, at: DeclarationId, span: Span, items: &[Expr], item: Type) -> Option<Value> {
        let items: Vec<Option<Value>> = items
            .iter()
            .map(|expr| self.evaluate(at, expr, item))
            .collect();
        let items: Vec<Value> = items.into_iter().collect::<Option<_>>()?;
        let depth = self.deeper(at, span, items.iter())?;
        Some(Value::List(Rc::new(List { item, items, depth })))
    }

    fn structure(
        &mut self,
        at: DeclarationId,
        span: Span,
        schema: RawBrandedStructSchema,
        fields: Vec<(Field, Value)>,
    ) -> Option<Value> {
        let depth = self.deeper(at, span, fields.iter().map(|(_, value)| value))?;
        Some(Value::Struct(Rc::new(Struct {
            schema,
            fields,
            depth,
        })))
    }

    /// The depth of what holds `parts`, unless that is too much.
    fn deeper<'a>(
        &mut self,
        at: DeclarationId,
        span: Span,
        parts: impl Iterator<Item = &'a Value>,
    ) -> Option<usize> {
        let depth = 1 + parts.map(Value::depth).max().unwrap_or(0);
        if depth > MAX_VALUE_DEPTH {
            return self.error(
                at,
                span,
                format!("This value nests more than {MAX_VALUE_DEPTH} levels deep."),
            );
        }
        Some(depth)
    }

    /// The fields that a tuple sets. None if one of them has an error; all are looked at.
    fn fields(
        &mut self,
        at: DeclarationId,
        schema: RawBrandedStructSchema,
        params: &[Param],
    ) -> Option<Vec<(Field, Value)>> {
        let mut fields = Vec::with_capacity(params.len());
        for param in params {
            fields.push(self.field(at, schema, param));
        }
        fields.into_iter().collect()
    }

    fn field(
        &mut self,
        at: DeclarationId,
        schema: RawBrandedStructSchema,
        param: &Param,
    ) -> Option<(Field, Value)> {
        if matches!(param.value.kind, ExprKind::Invalid) {
            return None;
        }
        let Some(name) = &param.name else {
            return self.error(at, param.value.span, "Missing field name.");
        };
        let Some(field) = StructSchema::new(schema)
            .find_field_by_name(&name.value)
            .ok()
            .flatten()
        else {
            return self.error(
                at,
                name.span,
                format!("Struct has no field named '{}'.", name.value),
            );
        };
        let value = match (field.get_proto().which(), field.get_type().which()) {
            (Ok(field::Group(_)), TypeVariant::Struct(group)) => {
                self.group(at, &param.value, group)?
            }
            _ => self.evaluate(at, &param.value, field.get_type())?,
        };
        Some((field, value))
    }

    /// The content of a group: a tuple, or a value for its first field.
    fn group(
        &mut self,
        at: DeclarationId,
        expr: &Expr,
        schema: RawBrandedStructSchema,
    ) -> Option<Value> {
        let ty = Type::from(TypeVariant::Struct(schema));
        if let ExprKind::Tuple(params) = &expr.kind {
            let fields = self.fields(at, schema, params)?;
            return self.structure(at, expr.span, schema, fields);
        }
        let value = self.natural(at, expr, ty)?;
        match first_field(ty) {
            Some(first) if fits(&value, first.get_type()) => {
                let value = self.in_range(at, expr, value, first.get_type())?;
                self.structure(at, expr.span, schema, vec![(first, value)])
            }
            _ => self.error(at, expr.span, "Type mismatch; expected group."),
        }
    }

    /// Checks a number that [`fits`] against the bounds of its type.
    fn in_range(
        &mut self,
        at: DeclarationId,
        expr: &Expr,
        value: Value,
        ty: Type,
    ) -> Option<Value> {
        let number = match value {
            Value::Int(number) => i128::from(number),
            Value::UInt(number) => i128::from(number),
            _ => return Some(value),
        };
        match integer_range(ty) {
            Some((min, max)) if number < min || number > max => {
                self.error(at, expr.span, "Integer value out of range.")
            }
            _ => Some(value),
        }
    }
}

/// What a bare word means without being looked up.
fn literal(name: &str, ty: Type) -> Option<Value> {
    if let TypeVariant::Enum(raw) = ty.which() {
        let enumerants = EnumSchema::new(raw).get_enumerants().ok()?;
        let found = enumerants.iter().find(|enumerant| {
            enumerant
                .get_proto()
                .get_name()
                .is_ok_and(|candidate| candidate.as_bytes() == name.as_bytes())
        })?;
        return Some(Value::Enum(raw, found.get_ordinal()));
    }
    Some(match name {
        "void" => Value::Void,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "nan" => Value::Float(f64::NAN),
        "inf" => Value::Float(f64::INFINITY),
        _ => return None,
    })
}

/// The field of the lowest ordinal, which a bare value can stand for.
fn first_field(ty: Type) -> Option<Field> {
    let TypeVariant::Struct(raw) = ty.which() else {
        return None;
    };
    StructSchema::new(raw).get_fields().ok()?.iter().next()
}

/// Whether a value can be a `ty`, bounds of numbers aside.
fn fits(value: &Value, ty: Type) -> bool {
    use TypeVariant as T;
    match (value, ty.which()) {
        (Value::Void, T::Void) | (Value::Bool(_), T::Bool) => true,
        (Value::Text(_), T::Text) | (Value::Data(_), T::Data) => true,
        (Value::Int(_) | Value::UInt(_) | Value::Float(_), T::Float32 | T::Float64) => true,
        (Value::Int(_) | Value::UInt(_), _) => integer_range(ty).is_some(),
        (Value::Enum(schema, _), T::Enum(expected)) => *schema == expected,
        (Value::List(list), T::List(item)) => list.item == item,
        (Value::Struct(value), T::Struct(schema)) => value.schema == schema,
        _ => false,
    }
}

fn integer_range(ty: Type) -> Option<(i128, i128)> {
    Some(match ty.which() {
        TypeVariant::Int8 => (i8::MIN.into(), i8::MAX.into()),
        TypeVariant::Int16 => (i16::MIN.into(), i16::MAX.into()),
        TypeVariant::Int32 => (i32::MIN.into(), i32::MAX.into()),
        TypeVariant::Int64 => (i64::MIN.into(), i64::MAX.into()),
        TypeVariant::UInt8 => (0, u8::MAX.into()),
        TypeVariant::UInt16 => (0, u16::MAX.into()),
        TypeVariant::UInt32 => (0, u32::MAX.into()),
        TypeVariant::UInt64 => (0, u64::MAX.into()),
        _ => return None,
    })
}
