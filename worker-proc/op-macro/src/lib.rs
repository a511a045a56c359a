//! The border between Rust and JavaScript, read off Rust's own definitions: `#[op]` makes of a function one that JavaScript
//! can call, and the derives give a compound value's layout to both ends.
//!
//! `worker-proc` uses it in `api`, `bindings` and `glue`; what the generated code calls is in `glue/op.rs` and `glue/convert.rs`.

mod error;
mod op;
mod shape;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a function that JavaScript can call of one: by its name Rust gets the `glue::Op`, for `Ops::add_all`. JavaScript calls it by the function's name in camel case,
/// or by the one in brackets (`#[op(drop)]`).
///
/// A first parameter that is a mutable reference is the scope. Every other one is a `glue::Argument`, in the order of
/// JavaScript's arguments, or `&str` (which is not copied to the heap where it is short), or `&[u8]`: JavaScript's own memory,
/// which is why an op that has it has no scope. What the function returns is a `glue::OpResult`.
#[proc_macro_attribute]
pub fn op(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let name = parse_macro_input!(attribute as Option<syn::Ident>);
    let function = parse_macro_input!(item as syn::ItemFn);
    finish(op::expand(name, function))
}

/// Makes a struct that `#[op]` takes as several arguments, one for each field in the order of their definition.
#[proc_macro_derive(Arguments)]
pub fn arguments(item: TokenStream) -> TokenStream {
    finish(shape::arguments(parse_macro_input!(
        item as syn::DeriveInput
    )))
}

/// Makes a struct that becomes a JavaScript array of its fields, in the order of their definition. JavaScript reads it by
/// the constants that `Ops::share` gives it: `const { HREF, PORT } = ops.Parts`.
#[proc_macro_derive(JsArray)]
pub fn js_array(item: TokenStream) -> TokenStream {
    finish(shape::array(parse_macro_input!(item as syn::DeriveInput)))
}

/// The other way: makes a struct that a JavaScript array becomes, laid out by the same constants.
#[proc_macro_derive(FromJsArray)]
pub fn from_js_array(item: TokenStream) -> TokenStream {
    finish(shape::from_array(parse_macro_input!(
        item as syn::DeriveInput
    )))
}

/// Makes a struct whose fields are the last parameters of a JavaScript function, in the order of their definition: `push` adds
/// them to the arguments of a call. Where `Ops::passes` names the function, a test compares its parameters' names.
#[proc_macro_derive(JsParameters)]
pub fn js_parameters(item: TokenStream) -> TokenStream {
    finish(shape::parameters(parse_macro_input!(
        item as syn::DeriveInput
    )))
}

/// Makes an enum without fields that is a number in JavaScript, where its variants are constants as those of [`JsArray`] are.
#[proc_macro_derive(JsNumber)]
pub fn js_number(item: TokenStream) -> TokenStream {
    finish(shape::number(parse_macro_input!(item as syn::DeriveInput)))
}

/// Gives each variant of a folder's failures the JavaScript class and the message that users see, and makes a `glue::OpError` of
/// it: `#[error("...")]`, `#[type_error("...")]`, `#[range_error("...")]`, `#[syntax_error("...")]`, or
/// `#[dom(DataCloneError, "...")]`. A variant's fields stand in its message as in `format!`.
#[proc_macro_derive(JsError, attributes(error, type_error, range_error, syntax_error, dom))]
pub fn js_error(item: TokenStream) -> TokenStream {
    finish(error::expand(parse_macro_input!(item as syn::DeriveInput)))
}

fn finish(made: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    made.unwrap_or_else(syn::Error::into_compile_error).into()
}
