//! TypeScript modules under `typescript_strip_types`: types become blanks, so that every line and column stays where it is.
//!
//! `config` calls it for the ES modules of a worker that has the flag. The stripper is swc's, as in the published binary.

use std::cell::RefCell;
use std::rc::Rc;

use swc_common::SourceMap;
use swc_common::errors::{DiagnosticBuilder, Emitter, HANDLER, Handler};
use swc_common::sync::Lrc;
use swc_ts_fast_strip::{Mode, Options, operate};

use super::nesting;

/// What the parser complains of.
#[derive(Clone, Default)]
struct Complaints(Rc<RefCell<Vec<String>>>);

impl Emitter for Complaints {
    fn emit(&mut self, complaint: &mut DiagnosticBuilder<'_>) {
        self.0.borrow_mut().push(complaint.message());
    }
}

/// What each level of a module may need of the stripper's stack: the stripper recurses by how deep the code is.
const STACK_BYTES_PER_LEVEL: usize = 20 * 1024;
/// What a stack has at least. It takes memory as it is used.
const MIN_STACK_BYTES: usize = 8 << 20;
/// Deeper code is refused: a gigabyte of stack is enough for this.
const MAX_LEVELS: usize = 50_000;

/// The JavaScript of a module. It lives as long as the process, as the config's text does.
///
/// # Errors
/// What is no TypeScript, or needs more than its types taken out (an `enum`, say), with the published binary's text; what is
/// more than [`MAX_LEVELS`] deep.
pub fn strip(name: &str, code: &str) -> Result<&'static str, String> {
    let failed = |why: &dyn std::fmt::Display| format!("Error transpiling {name} : {why}");
    // No code is deeper than it is long.
    let levels = code.len().min(MAX_LEVELS);
    if levels == MAX_LEVELS && nesting::levels(code.as_bytes()) > MAX_LEVELS {
        let why = format!("its code is nested more than {MAX_LEVELS} levels deep");
        return Err(failed(&why));
    }
    let stack = MIN_STACK_BYTES.max(levels * STACK_BYTES_PER_LEVEL);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack);
        let stripped = thread.spawn_scoped(scope, || strip_here(name, code));
        let stripped = stripped.map_err(|error| failed(&error))?;
        stripped
            .join()
            .unwrap_or_else(|_| Err(failed(&"it failed")))
    })
}

fn strip_here(name: &str, code: &str) -> Result<&'static str, String> {
    let complaints = Complaints::default();
    let handler = Handler::with_emitter(false, false, Box::new(complaints.clone()));
    let map = Lrc::new(SourceMap::default());
    let options = Options {
        filename: Some(name.to_owned()),
        mode: Mode::StripOnly,
        ..Options::default()
    };
    let stripped = HANDLER.set(&handler, || {
        operate(&map, &handler, code.to_owned(), options)
    });
    match stripped {
        Ok(output) => Ok(output.code.leak()),
        Err(error) => {
            let mut text = format!("Error transpiling {name} : {}", error.message);
            for complaint in complaints.0.borrow().iter() {
                text.push_str("\n    ");
                text.push_str(complaint);
            }
            Err(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_blanks() {
        let code =
            "interface A { x: number }\nexport const f = (a: A): string => `${a.x}é` as string;\n";
        let stripped = strip("a.ts", code).unwrap();
        assert!(!stripped.contains("interface") && !stripped.contains("string"));
        assert_eq!(
            stripped.lines().nth(1).unwrap().find("=>"),
            code.lines().nth(1).unwrap().find("=>")
        );
    }

    #[test]
    fn javascript_stays_as_it_is() {
        let code = "export default { fetch() { return new Response(1 < 2); } };\n";
        assert_eq!(strip("a.js", code).unwrap(), code);
    }

    #[test]
    fn deep_code_is_no_deeper_than_the_stack() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("!", ""),
            ("a=>", ""),
            ("1+", ""),
            ("{a:", "}"),
        ] {
            let code = format!(
                "export default {}1{};",
                open.repeat(20_000),
                close.repeat(20_000)
            );
            let _ = strip("a.ts", &code);
        }
    }

    #[test]
    fn deeper_code_is_refused() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("!", ""),
            ("a=>", ""),
            ("1+", ""),
            ("{a:", "}"),
            ("if(a)", ""),
            ("`${", "}`"),
            ("'(';(", ")"),
            ("/[)/\\]]/[", "]"),
        ] {
            let count = MAX_LEVELS * 12;
            let code = format!("x = {}1{};", open.repeat(count), close.repeat(count));
            let refused = strip("a.ts", &code).unwrap_err();
            assert!(refused.contains("levels deep"), "{open} {refused}");
        }
    }

    #[test]
    fn long_code_is_not_deep() {
        let line =
            "export const f = (a: A) => { return `${a.x + (b / 2)} )` + /[(]'/.test(')'); } // (\n";
        let levels = nesting::levels(line.repeat(10_000).as_bytes());
        assert!(levels < 50, "{levels}");
        let data = format!("[{}]", "[1, -2, 'a'], ".repeat(100_000));
        assert!(nesting::levels(data.as_bytes()) < 50);
    }

    #[test]
    fn what_needs_more_is_refused() {
        assert_eq!(
            strip("main.ts", "enum Foo { A, B }").unwrap_err(),
            "Error transpiling main.ts : Unsupported syntax\n    TypeScript enum is not supported in strip-only mode"
        );
        assert!(
            strip("a.ts", "const x: = 3;")
                .unwrap_err()
                .contains("Syntax error")
        );
    }
}
