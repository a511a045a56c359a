//! How long functions are.

use syn::visit::{self, Visit};

use crate::complain;
use crate::source::{Source, is_test, rust};

/// Lines of a function from its `fn` to its last brace.
const MAX_LINES: usize = 70;

#[derive(Default)]
struct Long(Vec<(usize, usize, String)>);

impl Long {
    fn see(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line - first + 1;
        if lines > MAX_LINES {
            self.0.push((lines, first, signature.ident.to_string()));
        }
    }
}

impl<'a> Visit<'a> for Long {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.see(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.see(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.see(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn check(source: &Source) -> Vec<String> {
    let mut long = Long::default();
    long.visit_file(source.product());
    let found = long.0.into_iter();
    found
        .map(|(lines, line, name)| format!("{}:{line}: {name} has {lines} lines", source.name))
        .collect()
}

#[test]
fn functions_are_short() {
    let sources = rust();
    let ours = sources.iter().filter(|source| !is_test(&source.name));
    complain(
        "longer than 70 lines",
        &ours.flat_map(check).collect::<Vec<_>>(),
    );
}

#[test]
fn a_function_of_71_lines_is_found() {
    let with_lines = |lines: usize| {
        let body = "\n".repeat(lines - 1);
        let forms = [
            format!("/// A comment\n/// does not count.\nfn f() {{{body}}}"),
            format!("impl A {{ pub fn f() {{{body}}} }}"),
            format!("trait A {{ fn f() {{{body}}} }}"),
            format!("fn g() {{ fn f() {{{body}}} }}"),
        ];
        forms.map(|text| check(&Source::new("a.rs", &text)).len())
    };
    assert_eq!(with_lines(70), [0, 0, 0, 0]);
    // The function around it is as long.
    assert_eq!(with_lines(71), [1, 1, 1, 2]);
}
