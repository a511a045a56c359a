//! The start-up snapshot: made once at build time, mapped by every isolate after that.
//!
//! The supervisor's build script calls [`create`]; `boot` calls [`install`] with what it wrote.

use std::sync::OnceLock;

use crate::glue::{Registry, js, registry};

/// Where the context keeps the bootstrap script's result.
pub const INTERNALS: usize = 0;

static SNAPSHOT: OnceLock<&'static [u8]> = OnceLock::new();

/// Evaluates all internal JavaScript and returns V8's blob.
///
/// # Errors
/// The exception's stack, if a module throws.
pub fn create() -> Result<Vec<u8>, String> {
    let none = schema::compat::Flags::default();
    let flags: Vec<_> = none.iter().map(|(flag, _)| flag.name()).collect();
    let references = Registry::get().external_references();
    let mut creator = v8::Isolate::snapshot_creator(Some(references.into()), None);
    creator.set_slot(crate::glue::IsolateState::new(std::sync::Arc::default()));
    let made = {
        v8::scope!(let scope, &mut creator);
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let made = {
            let scope = &mut v8::ContextScope::new(scope, context);
            v8::tc_scope!(let scope, scope);
            match js::bootstrap(scope, &flags) {
                Some(internals) => {
                    let index = scope.add_context_data(context, internals);
                    debug_assert_eq!(index, INTERNALS);
                    Ok(())
                }
                None => Err(match scope.exception() {
                    Some(exception) => super::describe(scope, exception).stack,
                    None => "the bootstrap script ended without a result".to_owned(),
                }),
            }
        };
        scope.set_default_context(context);
        made
    };
    creator.remove_slot::<std::rc::Rc<crate::glue::IsolateState>>();
    let blob = creator.create_blob(v8::FunctionCodeHandling::Keep);
    made?;
    blob.map(|blob| blob.to_vec())
        .ok_or_else(|| "V8 could not serialise the heap".to_owned())
}

/// Sets the process's snapshot. A debug build that reads JavaScript from the source tree makes its own.
pub fn install(blob: &'static [u8]) -> Result<(), String> {
    let blob = if registry::from_disk() {
        Vec::leak(create()?)
    } else {
        blob
    };
    let _ = SNAPSHOT.set(blob);
    Ok(())
}

/// The snapshot for a new isolate.
pub(super) fn installed() -> v8::StartupData {
    let blob: &'static [u8] = SNAPSHOT
        .get()
        .expect("boot installs the snapshot before any isolate");
    blob.into()
}

/// The addresses for a new isolate, the same for all.
pub(super) fn external_references() -> std::borrow::Cow<'static, [v8::ExternalReference]> {
    struct Shared(Vec<v8::ExternalReference>);
    // SAFETY: function addresses, written once.
    #[allow(unsafe_code)]
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe impl Sync for Shared {}
    static REFERENCES: OnceLock<Shared> = OnceLock::new();
    REFERENCES
        .get_or_init(|| Shared(Registry::get().external_references()))
        .0
        .as_slice()
        .into()
}
