//! One internal module: what its syntax tree says that it requires, exports and reads of others, and what it does that a
//! worker could change.
//!
//! A worker may patch every built-in's prototype and every global. Internal JavaScript therefore names no global, reads no
//! property of a built-in, calls no built-in's method on a receiver, and walks nothing by its iterator: primordials and indices
//! do. A method of one of ours may have a built-in's name (`queue.push`): its receiver must be seen to be ours. It is where it
//! is a module, a class of ours, `this` with such a method in the file, or what the file fills with `new` of a class of ours or of
//! a safe collection. Any other is named in a line `// own: queue, items() (a Queue); ...`, by the receiver's last name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use swc_common::sync::Lrc;
use swc_common::{BytePos, FileName, GLOBALS, Globals, Mark, SourceMap, Span, Spanned};
use swc_ecma_ast::*;
use swc_ecma_parser::{EsSyntax, Syntax, parse_file_as_program};
use swc_ecma_transforms_base::resolver;
use swc_ecma_visit::{Visit, VisitWith};

/// What internal functions are made with, and the three constants that no worker can change.
const PARAMETERS: &str = "exports require ops primordials arguments undefined NaN Infinity";

/// Methods of built-in prototypes. Not those of iterators, which the language itself calls on what users give.
const METHODS: &str = "\
    add apply at bind call catch charAt charCodeAt clear codePointAt compile concat copyWithin delete deref difference \
    endsWith entries every exec fill filter finally find findIndex findLast findLastIndex flat flatMap forEach get \
    getBigInt64 getBigUint64 getDate getDay getFloat16 getFloat32 getFloat64 getFullYear getHours getInt16 getInt32 \
    getInt8 getMilliseconds getMinutes getMonth getOrInsert getOrInsertComputed getSeconds getTime getTimezoneOffset \
    getUTCDate getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds getUint16 \
    getUint32 getUint8 getYear grow has hasOwnProperty includes indexOf intersection isDisjointFrom isPrototypeOf \
    isSubsetOf isSupersetOf isWellFormed join keys lastIndexOf localeCompare map match matchAll normalize padEnd \
    padStart pop propertyIsEnumerable push reduce reduceRight register repeat replace replaceAll resize reverse search \
    set setBigInt64 setBigUint64 setDate setFloat16 setFloat32 setFloat64 setFromBase64 setFromHex setFullYear setHours \
    setInt16 setInt32 setInt8 setMilliseconds setMinutes setMonth setSeconds setTime setUTCDate setUTCFullYear \
    setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds setUint16 setUint32 setUint8 setYear shift \
    slice some sort splice split startsWith subarray substr substring symmetricDifference test then  \
    toBase64 toDateString toExponential toFixed toGMTString toHex toISOString toJSON toLocaleDateString \
    toLocaleLowerCase toLocaleString toLocaleTimeString toLocaleUpperCase toLowerCase toPrecision toReversed toSorted \
    toSpliced toString toTimeString toUTCString toUpperCase toWellFormed transfer transferToFixedLength trim trimEnd \
    trimLeft trimRight trimStart union unregister unshift valueOf values with";

/// Primordials that call what a worker can patch all the same.
const UNSAFE_PRIMORDIALS: [&str; 1] = ["RegExpPrototypeTest"];

#[derive(Debug, Default)]
pub struct Facts {
    pub requires: Vec<Require>,
    /// Names and lines.
    pub exports: BTreeMap<String, usize>,
    /// What is read of other modules; `None` for what cannot be told: all of it.
    pub reads: BTreeSet<(String, Option<String>)>,
    /// Line and complaint.
    pub faults: Vec<(usize, String)>,
}

#[derive(Debug)]
pub struct Require {
    pub module: String,
    pub line: usize,
    /// Inside a function: not before that is called.
    pub is_lazy: bool,
}

/// What is known of a name.
enum Binding {
    /// One of `primordials`, by its name there.
    Primordial(String),
    /// What `require` returned.
    Module(String),
    /// An export of another module.
    Taken,
    /// A function or class of this file; false if it derives from a built-in.
    Made(bool),
    /// Always or sometimes an instance of ours.
    Filled,
}

/// The facts of a module. `extra` are names that its function has besides.
pub fn facts(text: &str, extra: &[&str]) -> Result<Facts, String> {
    let map: Lrc<SourceMap> = Lrc::default();
    let file = map.new_source_file(Lrc::new(FileName::Anon), text.to_owned());
    GLOBALS.set(&Globals::new(), || {
        let syntax = Syntax::Es(EsSyntax::default());
        let parsed = parse_file_as_program(&file, syntax, EsVersion::EsNext, None, &mut Vec::new());
        let mut program = parsed.map_err(|error| error.kind().msg().into_owned())?;
        let unresolved = Mark::new();
        program.mutate(resolver(unresolved, Mark::new(), false));
        let mut known = Known::default();
        program.visit_with(&mut known);
        // Classes are used before and after their declarations: what they fill is known then.
        program.visit_with(&mut known);
        let mut check = Check {
            known,
            unresolved,
            free: PARAMETERS.split(' ').chain(extra.iter().copied()).collect(),
            methods: METHODS.split_whitespace().collect(),
            listed: listed(text),
            listed_and_met: BTreeSet::new(),
            functions: 0,
            line: Box::new(move |at| map.lookup_char_pos(at).line),
            facts: Facts::default(),
        };
        program.visit_with(&mut check);
        check.finish()
    })
}

/// The receivers that `// own:` lines name, with the line's number.
fn listed(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("// own: ") else {
            continue;
        };
        for group in rest.split(';') {
            // Without a reason there is no group.
            let Some((names, _)) = group.split_once(" (") else {
                continue;
            };
            found.extend(
                names
                    .split(',')
                    .map(|name| (name.trim().to_owned(), index + 1)),
            );
        }
    }
    found
}

/// First: what names and fields are.
#[derive(Default)]
struct Known {
    bindings: HashMap<Id, Binding>,
    fields: BTreeSet<String>,
    methods: BTreeSet<String>,
}

impl Known {
    /// Whether an expression makes an instance of ours.
    fn makes_ours(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Paren(inner) => self.makes_ours(&inner.expr),
            Expr::Cond(cond) => self.makes_ours(&cond.cons) || self.makes_ours(&cond.alt),
            Expr::Assign(assign) => self.makes_ours(&assign.right),
            Expr::New(new) => self.is_our_class(&new.callee),
            _ => false,
        }
    }

    fn is_our_class(&self, callee: &Expr) -> bool {
        match callee {
            Expr::Ident(ident) => match self.bindings.get(&ident.to_id()) {
                Some(Binding::Primordial(name)) => name.starts_with("Safe"),
                Some(Binding::Made(is_ours)) => *is_ours,
                Some(Binding::Taken | Binding::Filled) => true,
                Some(Binding::Module(_)) | None => false,
            },
            Expr::Member(member) => match &*member.obj {
                Expr::Ident(ident) if &*ident.sym == "primordials" => {
                    matches!(&member.prop, MemberProp::Ident(name) if name.sym.starts_with("Safe"))
                }
                Expr::Ident(ident) => {
                    matches!(self.bindings.get(&ident.to_id()), Some(Binding::Module(_)))
                }
                other => required(other).is_some(),
            },
            _ => false,
        }
    }

    fn derives_from_built_in(&self, class: &Class) -> bool {
        let Some(Expr::Ident(base)) = class.super_class.as_deref() else {
            return false;
        };
        match self.bindings.get(&base.to_id()) {
            Some(Binding::Primordial(name)) => !["Object", "Error"].contains(&&**name),
            Some(Binding::Made(is_ours)) => !is_ours,
            _ => false,
        }
    }

    fn take(&mut self, pattern: &ObjectPat, binding: impl Fn(String) -> Binding) {
        for prop in &pattern.props {
            match prop {
                ObjectPatProp::Assign(prop) => {
                    let name = prop.key.sym.to_string();
                    self.bindings.insert(prop.key.to_id(), binding(name));
                }
                ObjectPatProp::KeyValue(prop) => {
                    let value = match &*prop.value {
                        Pat::Assign(assign) => &assign.left,
                        _ => &prop.value,
                    };
                    if let (PropName::Ident(key), Pat::Ident(name)) = (&prop.key, &**value) {
                        self.bindings
                            .insert(name.to_id(), binding(key.sym.to_string()));
                    }
                }
                ObjectPatProp::Rest(_) => {}
            }
        }
    }

    fn name_of(prop: &MemberProp) -> Option<String> {
        match prop {
            MemberProp::Ident(name) => Some(name.sym.to_string()),
            MemberProp::PrivateName(name) => Some(format!("#{}", name.name)),
            MemberProp::Computed(computed) => {
                let name = computed.expr.as_ident()?;
                Some(format!("[{}]", name.sym))
            }
        }
    }
}

/// The module of `require("module")`.
fn required(expr: &Expr) -> Option<String> {
    let Expr::Call(call) = expr else { return None };
    let Callee::Expr(callee) = &call.callee else {
        return None;
    };
    match (&**callee, call.args.first().map(|argument| &*argument.expr)) {
        (Expr::Ident(name), Some(Expr::Lit(Lit::Str(module)))) if &*name.sym == "require" => {
            Some(module.value.to_string_lossy().into_owned())
        }
        _ => None,
    }
}

/// The module of `require("module").name`, and the name.
fn required_member(expr: &Expr) -> Option<(String, String)> {
    let Expr::Member(member) = expr else {
        return None;
    };
    Some((required(&member.obj)?, Known::name_of(&member.prop)?))
}

impl Visit for Known {
    fn visit_var_declarator(&mut self, declarator: &VarDeclarator) {
        if let Some(init) = declarator.init.as_deref() {
            match (&declarator.name, init) {
                (Pat::Object(pattern), Expr::Ident(name)) if &*name.sym == "primordials" => {
                    self.take(pattern, Binding::Primordial);
                }
                (Pat::Object(pattern), init)
                    if required(init).is_some() || required_member(init).is_some() =>
                {
                    self.take(pattern, |_| Binding::Taken);
                }
                (Pat::Object(pattern), Expr::Ident(name))
                    if matches!(self.bindings.get(&name.to_id()), Some(Binding::Module(_))) =>
                {
                    self.take(pattern, |_| Binding::Taken);
                }
                (Pat::Ident(name), init) => {
                    let binding = if let Some(module) = required(init) {
                        Some(Binding::Module(module))
                    } else if required_member(init).is_some() {
                        Some(Binding::Taken)
                    } else if let Expr::Class(class) = init {
                        Some(Binding::Made(!self.derives_from_built_in(&class.class)))
                    } else {
                        self.makes_ours(init).then_some(Binding::Filled)
                    };
                    if let Some(binding) = binding {
                        self.bindings.insert(name.to_id(), binding);
                    }
                }
                _ => {}
            }
        }
        declarator.visit_children_with(self);
    }

    fn visit_fn_decl(&mut self, function: &FnDecl) {
        self.bindings
            .insert(function.ident.to_id(), Binding::Made(true));
        function.visit_children_with(self);
    }

    fn visit_class_decl(&mut self, class: &ClassDecl) {
        let is_ours = !self.derives_from_built_in(&class.class);
        self.bindings
            .insert(class.ident.to_id(), Binding::Made(is_ours));
        class.visit_children_with(self);
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        if let AssignTarget::Simple(target) = &assign.left {
            let makes_ours = self.makes_ours(&assign.right);
            match target {
                SimpleAssignTarget::Ident(name) if makes_ours => {
                    self.bindings.insert(name.to_id(), Binding::Filled);
                }
                SimpleAssignTarget::Member(member) => {
                    let name = Known::name_of(&member.prop);
                    if makes_ours {
                        self.fields.extend(name);
                    } else if matches!(&*assign.right, Expr::Fn(_) | Expr::Arrow(_)) {
                        self.methods.extend(name);
                    }
                }
                _ => {}
            }
        }
        assign.visit_children_with(self);
    }

    fn visit_class_prop(&mut self, prop: &ClassProp) {
        if let (PropName::Ident(name), Some(value)) = (&prop.key, prop.value.as_deref())
            && self.makes_ours(value)
        {
            self.fields.insert(name.sym.to_string());
        }
        prop.visit_children_with(self);
    }

    fn visit_private_prop(&mut self, prop: &PrivateProp) {
        if let Some(value) = prop.value.as_deref()
            && self.makes_ours(value)
        {
            self.fields.insert(format!("#{}", prop.key.name));
        }
        prop.visit_children_with(self);
    }

    fn visit_key_value_prop(&mut self, prop: &KeyValueProp) {
        if let PropName::Ident(name) = &prop.key {
            if self.makes_ours(&prop.value) {
                self.fields.insert(name.sym.to_string());
            } else if matches!(&*prop.value, Expr::Fn(_) | Expr::Arrow(_)) {
                self.methods.insert(name.sym.to_string());
            }
        }
        prop.visit_children_with(self);
    }

    fn visit_class_method(&mut self, method: &ClassMethod) {
        if let PropName::Ident(name) = &method.key {
            self.methods.insert(name.sym.to_string());
        }
        method.visit_children_with(self);
    }

    fn visit_method_prop(&mut self, method: &MethodProp) {
        if let PropName::Ident(name) = &method.key {
            self.methods.insert(name.sym.to_string());
        }
        method.visit_children_with(self);
    }
}

/// Then: what is done with them.
struct Check<'a> {
    known: Known,
    unresolved: Mark,
    free: BTreeSet<&'a str>,
    methods: BTreeSet<&'static str>,
    listed: BTreeMap<String, usize>,
    listed_and_met: BTreeSet<String>,
    /// How many functions enclose what is visited.
    functions: usize,
    line: Box<dyn Fn(BytePos) -> usize>,
    facts: Facts,
}

impl Check<'_> {
    fn finish(mut self) -> Result<Facts, String> {
        for (name, line) in &self.listed {
            if !self.listed_and_met.contains(name) {
                let text = format!("`// own:` names {name}, of which nothing is called");
                self.facts.faults.push((*line, text));
            }
        }
        Ok(self.facts)
    }

    fn fault(&mut self, span: Span, text: String) {
        let line = (self.line)(span.lo);
        self.facts.faults.push((line, text));
    }

    fn export(&mut self, name: String, span: Span) {
        let line = (self.line)(span.lo);
        self.facts.exports.insert(name, line);
    }

    fn read(&mut self, module: String, name: Option<String>) {
        self.facts.reads.insert((module, name));
    }

    fn read_pattern(&mut self, module: &str, pattern: &ObjectPat) {
        for prop in &pattern.props {
            let name = match prop {
                ObjectPatProp::Assign(prop) => Some(prop.key.sym.to_string()),
                ObjectPatProp::KeyValue(prop) => match &prop.key {
                    PropName::Ident(key) => Some(key.sym.to_string()),
                    _ => None,
                },
                ObjectPatProp::Rest(_) => None,
            };
            self.read(module.to_owned(), name);
        }
    }

    /// The module that an expression is: `require("module")` or what it was kept in.
    fn module_of(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Ident(name) => match self.known.bindings.get(&name.to_id()) {
                Some(Binding::Module(module)) => Some(module.clone()),
                _ => None,
            },
            other => required(other),
        }
    }

    fn require(&mut self, module: String, span: Span) {
        let line = (self.line)(span.lo);
        let is_lazy = self.functions > 0;
        self.facts.requires.push(Require {
            module,
            line,
            is_lazy,
        });
    }

    fn is_free(&self, name: &Ident) -> bool {
        name.ctxt.has_mark(self.unresolved)
    }

    /// Whether `receiver.method(...)` is seen to call no built-in.
    fn is_ours(&mut self, receiver: &Expr, method: &str) -> bool {
        let name = match receiver {
            Expr::Paren(inner) => return self.is_ours(&inner.expr, method),
            Expr::This(_) if self.known.methods.contains(method) => return true,
            Expr::This(_) => "this".to_owned(),
            Expr::Ident(name) if self.is_free(name) => {
                return ["ops", "native"].contains(&&*name.sym);
            }
            Expr::Ident(name) => match self.known.bindings.get(&name.to_id()) {
                Some(Binding::Module(_) | Binding::Filled) => return true,
                // A static method.
                Some(Binding::Taken | Binding::Made(true))
                    if name.sym.starts_with(|c: char| c.is_uppercase()) =>
                {
                    return true;
                }
                _ => name.sym.to_string(),
            },
            Expr::Member(member) => {
                let Some(name) = Known::name_of(&member.prop) else {
                    return false;
                };
                let is_class = name.starts_with(|c: char| c.is_uppercase());
                if self.known.fields.contains(&name)
                    || (is_class && self.module_of(&member.obj).is_some())
                {
                    return true;
                }
                name
            }
            Expr::Call(_) if required(receiver).is_some() => return true,
            Expr::Call(call) => match &call.callee {
                Callee::Expr(callee) => match &**callee {
                    Expr::Ident(name) => format!("{}()", name.sym),
                    Expr::Member(member) => match Known::name_of(&member.prop) {
                        Some(name) => format!("{name}()"),
                        None => return false,
                    },
                    _ => return false,
                },
                _ => return false,
            },
            other => return self.known.makes_ours(other),
        };
        let is_listed = self.listed.contains_key(&name);
        if is_listed {
            self.listed_and_met.insert(name);
        }
        is_listed
    }

    fn call(&mut self, callee: &Expr, span: Span) {
        let Expr::Member(member) = callee else { return };
        let MemberProp::Ident(method) = &member.prop else {
            return;
        };
        if self.methods.contains(&*method.sym) && !self.is_ours(&member.obj, &method.sym) {
            let text = format!("calls `{}` of what may be a built-in", method.sym);
            self.fault(span, text);
        }
    }

    fn spread(&mut self, arguments: &[ExprOrSpread]) {
        for argument in arguments {
            if let Some(span) = argument.spread {
                self.fault(span, "spreads by an iterator".to_owned());
            }
        }
    }

    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.functions += 1;
        visit(self);
        self.functions -= 1;
    }
}

impl Visit for Check<'_> {
    fn visit_function(&mut self, function: &Function) {
        self.inside(|check| function.visit_children_with(check));
    }

    fn visit_arrow_expr(&mut self, function: &ArrowExpr) {
        self.inside(|check| function.visit_children_with(check));
    }

    fn visit_constructor(&mut self, function: &Constructor) {
        self.inside(|check| function.visit_children_with(check));
    }

    fn visit_getter_prop(&mut self, function: &GetterProp) {
        self.inside(|check| function.visit_children_with(check));
    }

    fn visit_setter_prop(&mut self, function: &SetterProp) {
        self.inside(|check| function.visit_children_with(check));
    }

    /// Names that are declared are not used.
    fn visit_binding_ident(&mut self, _: &BindingIdent) {}

    fn visit_ident(&mut self, name: &Ident) {
        if self.is_free(name) && !self.free.contains(&*name.sym) {
            self.fault(name.span, format!("`{}` is a global", name.sym));
        }
        match self.known.bindings.get(&name.to_id()) {
            // Handed on as a whole.
            Some(Binding::Module(module)) => {
                let module = module.clone();
                self.read(module, None);
            }
            Some(Binding::Primordial(primordial))
                if UNSAFE_PRIMORDIALS.contains(&&**primordial) =>
            {
                self.fault(
                    name.span,
                    format!("`{primordial}` calls what can be patched"),
                );
            }
            _ => {}
        }
    }

    fn visit_var_declarator(&mut self, declarator: &VarDeclarator) {
        let Some(init) = declarator.init.as_deref() else {
            return declarator.visit_children_with(self);
        };
        if let Some(module) = required(init) {
            self.require(module, init.span());
        }
        match (&declarator.name, self.module_of(init)) {
            (Pat::Object(pattern), Some(module)) => {
                self.read_pattern(&module, pattern);
                pattern.visit_with(self);
            }
            (Pat::Ident(_), Some(_)) => {}
            _ => declarator.visit_children_with(self),
        }
    }

    fn visit_member_expr(&mut self, member: &MemberExpr) {
        if let Some(module) = self.module_of(&member.obj) {
            if let Some(module) = required(&member.obj) {
                self.require(module, member.span);
            }
            let name = Known::name_of(&member.prop).filter(|name| !name.starts_with('['));
            self.read(module, name);
            return member.prop.visit_with(self);
        }
        if let (Expr::Ident(object), MemberProp::Ident(prop)) = (&*member.obj, &member.prop)
            && let Some(Binding::Primordial(primordial)) = self.known.bindings.get(&object.to_id())
        {
            let is_setting = primordial == "Error"
                && ["stackTraceLimit", "prepareStackTrace"].contains(&&*prop.sym);
            if !is_setting && &*prop.sym != "prototype" && !primordial.starts_with("Safe") {
                let text = format!("reads `{}` of `{primordial}`", prop.sym);
                self.fault(member.span, text);
            }
        }
        member.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        self.spread(&call.args);
        let Callee::Expr(callee) = &call.callee else {
            return call.visit_children_with(self);
        };
        if let Some(module) = required(&Expr::Call(call.clone())) {
            self.require(module.clone(), call.span);
            return self.read(module, None);
        }
        self.call(callee, call.span);
        if let (Expr::Ident(function), Some(Expr::Ident(target))) =
            (&**callee, call.args.first().map(|argument| &*argument.expr))
            && &*function.sym == "ObjectAssign"
            && &*target.sym == "exports"
        {
            let given = call.args.iter().skip(1);
            for object in given.filter_map(|argument| argument.expr.as_object()) {
                for prop in object.props.iter().filter_map(|prop| prop.as_prop()) {
                    let key = match &**prop {
                        Prop::Shorthand(name) => Some(name.sym.to_string()),
                        Prop::KeyValue(prop) => prop.key.as_ident().map(|key| key.sym.to_string()),
                        Prop::Method(prop) => prop.key.as_ident().map(|key| key.sym.to_string()),
                        _ => None,
                    };
                    if let Some(key) = key {
                        self.export(key, prop.span());
                    }
                }
            }
        }
        call.visit_children_with(self);
    }

    fn visit_opt_call(&mut self, call: &OptCall) {
        self.spread(&call.args);
        self.call(&call.callee, call.span);
        call.visit_children_with(self);
    }

    fn visit_opt_chain_expr(&mut self, chain: &OptChainExpr) {
        if let OptChainBase::Call(call) = &*chain.base
            && let Expr::OptChain(inner) = &*call.callee
            && let OptChainBase::Member(member) = &*inner.base
        {
            self.call(&Expr::Member(member.clone()), call.span);
        }
        chain.visit_children_with(self);
    }

    fn visit_new_expr(&mut self, new: &NewExpr) {
        self.spread(new.args.as_deref().unwrap_or_default());
        new.visit_children_with(self);
    }

    fn visit_array_lit(&mut self, array: &ArrayLit) {
        for element in array.elems.iter().flatten() {
            self.spread(std::slice::from_ref(element));
        }
        array.visit_children_with(self);
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        if !statement.is_await {
            self.fault(statement.span, "walks by an iterator".to_owned());
        }
        statement.visit_children_with(self);
    }

    fn visit_array_pat(&mut self, pattern: &ArrayPat) {
        self.fault(pattern.span, "takes apart by an iterator".to_owned());
        pattern.visit_children_with(self);
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        if let AssignTarget::Simple(SimpleAssignTarget::Member(member)) = &assign.left
            && let (Expr::Ident(object), MemberProp::Ident(prop)) = (&*member.obj, &member.prop)
            && &*object.sym == "exports"
            && self.is_free(object)
        {
            self.export(prop.sym.to_string(), member.span);
        }
        assign.visit_children_with(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is complained of, without lines.
    fn faults(text: &str) -> Vec<String> {
        let facts = facts(text, &[]).expect("JavaScript");
        facts.faults.into_iter().map(|(_, fault)| fault).collect()
    }

    #[test]
    fn what_a_worker_can_patch_is_found() {
        let calls_push = "calls `push` of what may be a built-in";
        for (text, fault) in [
            ("const list = []; list.push(1);", calls_push),
            ("function f(list) { list?.push(1); }", calls_push),
            ("function f(list) { list.push?.(1); }", calls_push),
            ("class A { f() { this.push(1); } }", calls_push),
            (
                "const { Map } = primordials; const map = new Map(); map.set(1, 2);",
                "calls `set` of what may be a built-in",
            ),
            (
                "const { Array } = primordials; class A extends Array {} const a = new A(); a.push(1);",
                calls_push,
            ),
            (
                "\"a b\".split(\" \");",
                "calls `split` of what may be a built-in",
            ),
            ("f.call(1);", "`f` is a global"),
            ("Object.keys({});", "`Object` is a global"),
            ("exports.now = () => Date;", "`Date` is a global"),
            (
                "const { Object } = primordials; Object.keys({});",
                "reads `keys` of `Object`",
            ),
            (
                "const { ArrayPrototype } = primordials; ArrayPrototype.push;",
                "reads `push` of `ArrayPrototype`",
            ),
            (
                "const { globalThis } = primordials; globalThis.fetch;",
                "reads `fetch` of `globalThis`",
            ),
            (
                "const { RegExpPrototypeTest } = primordials; RegExpPrototypeTest(/a/, 1);",
                "`RegExpPrototypeTest` calls what can be patched",
            ),
            ("for (const a of ops.list()) a;", "walks by an iterator"),
            ("ops.f(...ops.list());", "spreads by an iterator"),
            ("const a = [...ops.list()];", "spreads by an iterator"),
            ("new ops.F(...ops.list());", "spreads by an iterator"),
            ("const [a] = ops.list();", "takes apart by an iterator"),
            ("const f = ([a]) => a;", "takes apart by an iterator"),
            (
                "// own: list (a Queue)\nconst f = (other) => other.size;",
                "`// own:` names list, of which nothing is called",
            ),
        ] {
            assert!(
                faults(text).iter().any(|found| found == fault),
                "{text}: {:?}",
                faults(text)
            );
        }
    }

    #[test]
    fn what_is_ours_may_be_called() {
        for text in [
            "const { ArrayPrototypePush } = primordials; ArrayPrototypePush([], 1);",
            "const { SafeMap } = primordials; const map = new SafeMap(); map.set(1, 2);",
            "const { SafeSet } = primordials; class A { #seen = new SafeSet(); f() { this.#seen.add(1); } }",
            "const { SafeSet } = primordials; const a = { seen: new SafeSet() }; a.seen.add(1);",
            "class Queue { push() {} f() { this.push(); } } const queue = new Queue(); queue.push();",
            "const { Queue } = require(\"queue\"); let a; a ??= new Queue(); a.push();",
            "const trace = require(\"trace\"); trace.set(1);",
            "require(\"trace\").set(1);",
            "const { Buffer } = require(\"node:buffer\"); Buffer.concat();",
            "ops.push();",
            "class A extends ops.B { f() { super.push(); } }",
            "// own: list, items() (a Queue); [kList] (a SafeSet)\nfunction f(list, items, kList) { list.push(); items().push(); list[kList].add(); }",
            "const { Error } = primordials; Error.stackTraceLimit = 0; Error.prototype;",
            "const f = ({ 0: a, ...rest }, ...others) => ({ a, rest, others, ...rest });",
            "async function f(list) { for await (const a of list) a; }",
            "function f(iterator) { return iterator.next(arguments); }",
        ] {
            assert_eq!(faults(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn requires_exports_and_reads_are_found() {
        let facts = facts(
            "const { a, b: c } = require(\"x\");\n\
             const y = require(\"y\");\n\
             const z = require(\"z\").inner;\n\
             exports.one = y.two;\n\
             exports.later = () => require(\"w\").three;\n\
             const { ObjectAssign } = primordials;\n\
             ObjectAssign(exports, { four, five: 1, six() {} });\n\
             function four() { return ObjectAssign({}, require(\"v\")); }",
            &[],
        )
        .expect("JavaScript");
        let requires = facts.requires.iter();
        let requires: Vec<_> = requires
            .map(|found| (&*found.module, found.line, found.is_lazy))
            .collect();
        assert_eq!(
            requires,
            [
                ("x", 1, false),
                ("y", 2, false),
                ("z", 3, false),
                ("w", 5, true),
                ("v", 8, true)
            ]
        );
        let exports: Vec<_> = facts.exports.keys().map(String::as_str).collect();
        assert_eq!(exports, ["five", "four", "later", "one", "six"]);
        let reads = facts.reads.iter();
        let reads: Vec<_> = reads
            .map(|(module, name)| (&**module, name.as_deref()))
            .collect();
        let expected = [
            ("v", None),
            ("w", Some("three")),
            ("x", Some("a")),
            ("x", Some("b")),
            ("y", Some("two")),
            ("z", Some("inner")),
        ];
        assert_eq!(reads, expected);
    }

    #[test]
    fn what_is_no_javascript_is_an_error() {
        assert!(facts("const = 1;", &[]).is_err());
    }
}
