//! Starts V8, once a process.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::limits;
use crate::glue::state::IsolateState;

/// V8's background threads: garbage collection and optimisation beside the one thread that serves.
const BACKGROUND_THREADS: u32 = 1;

/// What workers do not have, and what they have early; and that buffers are freed where they are made, for the next ones to
/// get the memory at once. The snapshot is made with the same flags.
const OUR_FLAGS: [&str; 6] = [
    "--no-concurrent-array-buffer-sweeping",
    "--no-harmony-temporal",
    "--js-source-phase-imports",
    "--js-joint-iteration",
    "--js-iterator-join",
    "--js-iterator-includes",
];

const WASM_PAGE_BYTES: usize = 64 << 10;

/// Whether the config gives workers the function `gc`.
static EXPOSES_GC: AtomicBool = AtomicBool::new(false);

/// Makes a context, in which `gc` is for the config to give. After it the flag stands, as V8 collects for us only with it
/// (see `glue::bytes`).
pub fn with_own_gc<R>(make: impl FnOnce() -> R) -> R {
    if !EXPOSES_GC.load(Ordering::Relaxed) {
        v8::V8::set_flags_from_string("--no-expose-gc");
    }
    let made = make();
    v8::V8::set_flags_from_string("--expose-gc");
    made
}

/// Whether the last word of V8's flags on `gc` is yes.
fn exposes_gc(flags: &[String]) -> bool {
    let plain = |flag: &String| flag.trim_start_matches('-').replace('_', "-");
    let mut words = flags.iter().rev().map(plain);
    words
        .find_map(|flag| match &*flag {
            "expose-gc" => Some(true),
            "no-expose-gc" | "noexpose-gc" => Some(false),
            flag => flag.starts_with("expose-gc-as=").then_some(true),
        })
        .unwrap_or(false)
}

/// Initialises V8 with the config's flags and what takes its tasks. Never before a fork: V8's pages do not come along.
///
/// # Errors
/// Names the flags that V8 does not know.
pub fn initialize(
    flags: &[String],
    foreground: impl v8::PlatformImpl + 'static,
) -> Result<(), String> {
    static ONCE: Once = Once::new();
    let mut unknown = Vec::new();
    ONCE.call_once(|| {
        let mut arguments = vec!["workerd".to_owned()];
        arguments.extend(OUR_FLAGS.map(str::to_owned));
        // V8 takes the memory of Wasm from elsewhere than buffers': no one may have more than this.
        let pages = limits::heap_bytes().map(|bytes| bytes / WASM_PAGE_BYTES);
        arguments.extend(pages.map(|pages| format!("--wasm-max-mem-pages={pages}")));
        arguments.extend(flags.iter().cloned());
        // For `with_own_gc`.
        arguments.push("--no-freeze-flags-after-init".to_owned());
        EXPOSES_GC.store(exposes_gc(flags), Ordering::Relaxed);
        unknown = v8::V8::set_flags_from_command_line(arguments).split_off(1);
        if unknown.is_empty() {
            let platform =
                v8::new_custom_platform(BACKGROUND_THREADS, false, false, foreground).make_shared();
            v8::V8::initialize_platform(platform);
            v8::V8::initialize();
        }
    });
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "unknown V8 flags in `v8Flags`: {}",
            unknown.join(", ")
        ))
    }
}

/// The same for Wasm from bytes. The config's Wasm modules are compiled while it is allowed.
#[allow(unsafe_code)]
pub unsafe extern "C" fn allow_wasm(
    context: v8::Local<v8::Context>,
    _source: v8::Local<v8::String>,
) -> bool {
    // SAFETY: V8 calls this with the context in which Wasm is compiled.
    v8::callback_scope!(unsafe scope, context);
    IsolateState::get(scope).allow_eval.get()
}

/// Whether this is what `new Function()` without arguments compiles.
fn is_empty_function(scope: &mut v8::PinScope, text: v8::Local<v8::String>) -> bool {
    const EMPTY: &str = "(function anonymous(\n) {\n\n})";
    text.length() == EMPTY.len() && text.to_rust_string_lossy(scope) == EMPTY
}

/// Whether `eval` and `new Function` may compile now, as the isolate's state says.
pub fn modify_code_generation<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    is_code_like: bool,
) -> v8::ModifyCodeGenerationFromStringsResult<'s> {
    let text = v8::Local::<v8::String>::try_from(source).ok();
    // `eval()` gives `undefined` back as it is; that the text is code-like says that no argument is part of it.
    let harmless = source.is_undefined()
        || (is_code_like && text.is_some_and(|text| is_empty_function(scope, text)));
    v8::ModifyCodeGenerationFromStringsResult {
        codegen_allowed: harmless || IsolateState::get(scope).allow_eval.get(),
        modified_source: text,
    }
}

#[cfg(test)]
mod tests {
    use super::exposes_gc;

    #[test]
    fn the_last_word_on_gc_counts() {
        let said = |flags: &[&str]| {
            exposes_gc(
                &flags
                    .iter()
                    .map(|flag| (*flag).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert!(!said(&[]));
        assert!(said(&["--expose-gc"]));
        assert!(said(&["--no-expose-gc", "--expose_gc", "--stack-size=900"]));
        assert!(said(&["--expose-gc-as=collect"]));
        assert!(!said(&["--expose-gc", "--no-expose_gc"]));
    }
}
