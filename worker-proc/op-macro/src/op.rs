//! `#[op]`.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Pat, Result, Type};

/// How a parameter is read.
enum Reading {
    Scope,
    /// `&str`, over a buffer on the stack.
    Text,
    /// `&[u8]`, where JavaScript has them.
    Bytes,
    Argument,
}

/// How a function's arguments are read and passed on.
struct Arguments {
    reads: Vec<TokenStream>,
    passed: Vec<TokenStream>,
    /// Those that are JavaScript's bytes.
    borrowed: Vec<Ident>,
    arity: TokenStream,
}

fn arguments(function: &ItemFn) -> Result<Arguments> {
    let (mut reads, mut passed, mut borrowed) = (Vec::new(), Vec::new(), Vec::new());
    let mut arity = quote!(crate::glue::Arity::NONE);
    let mut has_scope = false;
    for (index, input) in function.sig.inputs.iter().enumerate() {
        let FnArg::Typed(input) = input else {
            return Err(Error::new(input.span(), "an op is no method"));
        };
        let parameter = match &*input.pat {
            Pat::Ident(pattern) => pattern.ident.to_string(),
            _ => index.to_string(),
        };
        let value = format_ident!("argument_{index}");
        let ty = &*input.ty;
        match reading(ty, index) {
            Reading::Scope => {
                has_scope = true;
                passed.push(quote!(scope));
                continue;
            }
            Reading::Text => {
                reads.push(quote! {
                    let mut buffer = crate::glue::TextBuffer::new();
                    let #value = crate::glue::text_argument(scope, &call, at, #parameter, &mut buffer);
                });
                passed.push(quote!(&#value));
            }
            Reading::Bytes if has_scope => {
                let reason = "an op that borrows JavaScript's bytes may run none, so it takes no scope: take `bytes::Bytes`";
                return Err(Error::new(ty.span(), reason));
            }
            Reading::Bytes => {
                reads.push(quote! {
                    let #value = crate::glue::bytes_argument(&call, at, #parameter);
                });
                borrowed.push(value.clone());
                passed.push(quote!(#value));
            }
            Reading::Argument => {
                reads.push(quote! {
                    let Some(#value) = <#ty as crate::glue::Argument>::read(scope, &call, at, #parameter) else {
                        return;
                    };
                });
                passed.push(quote!(#value));
            }
        }
        let one = match reading(ty, index) {
            Reading::Argument => {
                let ty = without_lifetimes(quote!(#ty));
                quote!(<#ty as crate::glue::Argument>::ARITY)
            }
            _ => quote!(crate::glue::Arity::ONE),
        };
        reads.push(quote!(let at = at + (const { #one }).most;));
        arity = quote!(#arity.and(#one));
    }
    Ok(Arguments {
        reads,
        passed,
        borrowed,
        arity,
    })
}

pub fn expand(name: Option<Ident>, function: ItemFn) -> Result<TokenStream> {
    let rust_name = &function.sig.ident;
    let name = name.map_or_else(|| camel_case(rust_name), |name| name.to_string());
    let Arguments {
        reads,
        passed,
        borrowed,
        arity,
    } = arguments(&function)?;
    let mut run = quote!(#rust_name(#(#passed),*));
    for bytes in borrowed.iter().rev() {
        run = quote!(crate::glue::with_bytes(#bytes, |#bytes| #run));
    }
    let docs = function
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"));
    let visibility = &function.vis;
    let mut inner = function.clone();
    inner
        .attrs
        .retain(|attribute| !attribute.path().is_ident("doc"));
    inner.vis = syn::Visibility::Inherited;
    Ok(quote! {
        #(#docs)*
        #visibility fn #rust_name() -> crate::glue::Op {
            #inner
            #[allow(unused_mut, unused_variables, clippy::let_unit_value)]
            fn call<'s>(
                scope: &mut v8::PinScope<'s, '_>,
                arguments: v8::FunctionCallbackArguments<'s>,
                mut rv: v8::ReturnValue<'s, v8::Value>,
            ) {
                let call = crate::glue::Call {
                    op: concat!(module_path!(), "::", stringify!(#rust_name)),
                    arguments: &arguments,
                };
                call.check_count(const { ARITY });
                let at = 0;
                #(#reads)*
                let result = #run;
                crate::glue::OpResult::give(result, scope, &mut rv);
            }
            const ARITY: crate::glue::Arity = #arity;
            crate::glue::Op { name: #name, callback: v8::MapFnTo::map_fn_to(call), arity: ARITY }
        }
    })
}

fn reading(ty: &Type, index: usize) -> Reading {
    let Type::Reference(reference) = ty else {
        return Reading::Argument;
    };
    match &*reference.elem {
        _ if index == 0 && reference.mutability.is_some() => Reading::Scope,
        Type::Path(path) if path.path.is_ident("str") => Reading::Text,
        Type::Slice(slice) if matches!(&*slice.elem, Type::Path(path) if path.path.is_ident("u8")) => {
            Reading::Bytes
        }
        _ => Reading::Argument,
    }
}

/// `'static` for every lifetime: what stands outside the function can name none of its own.
pub fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut after_quote = false;
    let replaced = tokens.into_iter().map(|token| {
        let is_name = std::mem::take(&mut after_quote);
        match token {
            TokenTree::Group(group) => {
                let inner = without_lifetimes(group.stream());
                TokenTree::Group(Group::new(group.delimiter(), inner))
            }
            TokenTree::Punct(punct) => {
                after_quote = punct.as_char() == '\'';
                punct.into()
            }
            TokenTree::Ident(ident) if is_name => Ident::new("static", ident.span()).into(),
            other => other,
        }
    });
    replaced.collect()
}

/// `canParse` for `can_parse`.
fn camel_case(name: &Ident) -> String {
    let name = name.to_string();
    let mut words = name.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |made, word| {
        let (head, tail) = word.split_at(usize::from(!word.is_empty()));
        made + &head.to_uppercase() + tail
    })
}
