//! The derives: structs and enums that have one layout on both sides.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Lifetime, Result, Type};

/// Names and types of a struct's fields.
fn fields(input: &DeriveInput) -> Result<Vec<(&Ident, &Type)>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.span(), "only a struct has fields"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.span(), "the fields need names"));
    };
    let named = fields.named.iter();
    Ok(named
        .filter_map(|field| Some((field.ident.as_ref()?, &field.ty)))
        .collect())
}

/// The lifetime of V8's handles in the type: its own one, if it has any.
fn scope_lifetime(input: &DeriveInput) -> (Lifetime, TokenStream) {
    let name = &input.ident;
    match input.generics.lifetimes().next() {
        Some(own) => {
            let own = own.lifetime.clone();
            (own.clone(), quote!(#name<#own>))
        }
        None => (Lifetime::new("'s", name.span()), quote!(#name)),
    }
}

pub fn arguments(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let types: Vec<_> = fields.iter().map(|(_, ty)| ty).collect();
    let (lifetime, this) = scope_lifetime(&input);
    Ok(quote! {
        impl<#lifetime> crate::glue::Argument<#lifetime> for #this {
            const ARITY: crate::glue::Arity =
                crate::glue::Arity::NONE #(.and(<#types as crate::glue::Argument<#lifetime>>::ARITY))*;
            fn read(
                scope: &mut v8::PinScope<#lifetime, '_>,
                call: &crate::glue::Call<'_, #lifetime>,
                at: i32,
                _: &'static str,
            ) -> Option<Self> {
                #(
                    let #names = <#types as crate::glue::Argument<#lifetime>>::read(scope, call, at, stringify!(#names))?;
                    let at = at + <#types as crate::glue::Argument<#lifetime>>::ARITY.most;
                )*
                let _ = at;
                Some(Self { #(#names),* })
            }
        }
    })
}

pub fn array(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let constants = names.iter().map(|name| upper_snake(&name.to_string()));
    let (lifetime, this) = scope_lifetime(&input);
    let shared = shared(&input, constants);
    Ok(quote! {
        #shared
        impl<#lifetime> crate::glue::IntoJs<#lifetime> for #this {
            fn into_js(self, scope: &mut v8::PinScope<#lifetime, '_>) -> v8::Local<#lifetime, v8::Value> {
                let elements = [#(crate::glue::IntoJs::into_js(self.#names, scope)),*];
                v8::Array::new_with_elements(scope, &elements).into()
            }
        }
    })
}

pub fn parameters(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let constants = names.iter().map(|name| upper_snake(&name.to_string()));
    let (lifetime, this) = scope_lifetime(&input);
    let shared = shared(&input, constants);
    // Without handles among its fields the type has no lifetime: then the method has it.
    let (of_type, of_method) = match input.generics.lifetimes().next() {
        Some(_) => (quote!(<#lifetime>), quote!()),
        None => (quote!(), quote!(<#lifetime>)),
    };
    Ok(quote! {
        #shared
        impl #of_type #this {
            fn push #of_method (
                self,
                scope: &mut v8::PinScope<#lifetime, '_>,
                arguments: &mut Vec<v8::Local<#lifetime, v8::Value>>,
            ) {
                #(arguments.push(crate::glue::IntoJs::into_js(self.#names, scope));)*
            }
        }
    })
}

pub fn from_array(input: DeriveInput) -> Result<TokenStream> {
    let fields = fields(&input)?;
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let places = 0..names.len() as u32;
    let constants = names.iter().map(|name| upper_snake(&name.to_string()));
    let (lifetime, this) = scope_lifetime(&input);
    let shared = shared(&input, constants);
    Ok(quote! {
        #shared
        impl<#lifetime> crate::glue::FromJs<#lifetime> for #this {
            fn from_js(
                scope: &mut v8::PinScope<#lifetime, '_>,
                value: v8::Local<#lifetime, v8::Value>,
            ) -> Option<Self> {
                let array = v8::Local::<v8::Array>::try_from(value).ok()?;
                #(
                    let #names = array.get_index(scope, #places)?;
                    let #names = crate::glue::FromJs::from_js(scope, #names)?;
                )*
                Some(Self { #(#names),* })
            }

            fn fits(value: v8::Local<#lifetime, v8::Value>) -> bool {
                value.is_array()
            }
        }
    })
}

pub fn number(input: DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.span(), "only an enum is a number"));
    };
    if let Some(variant) = data
        .variants
        .iter()
        .find(|variant| variant.discriminant.is_some())
    {
        return Err(Error::new(
            variant.span(),
            "a variant's number is its place",
        ));
    }
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let numbers = 0..variants.len() as u32;
    let constants = variants.iter().map(|name| upper_snake(&name.to_string()));
    let shared = shared(&input, constants);
    Ok(quote! {
        #shared
        impl<'s> crate::glue::FromJs<'s> for #name {
            fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
                match value.uint32_value(scope)? {
                    #(#numbers => Some(Self::#variants),)*
                    _ => None,
                }
            }

            fn fits(value: v8::Local<'s, v8::Value>) -> bool {
                value.is_uint32()
            }
        }
        impl<'s> crate::glue::IntoJs<'s> for #name {
            fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
                crate::glue::IntoJs::into_js(self as u32, scope)
            }
            fn give(self, scope: &mut v8::PinScope<'s, '_>, rv: &mut v8::ReturnValue<'s, v8::Value>) {
                crate::glue::IntoJs::give(self as u32, scope, rv);
            }
        }
    })
}

/// What JavaScript is told of the type.
fn shared(input: &DeriveInput, constants: impl Iterator<Item = String>) -> TokenStream {
    let name = &input.ident;
    let (_, this) = scope_lifetime(input);
    let this = super::op::without_lifetimes(this);
    quote! {
        impl crate::glue::Shared for #this {
            const NAME: &'static str = stringify!(#name);
            const CONSTANTS: &'static [&'static str] = &[#(#constants),*];
        }
    }
}

/// `HREF_END` for `href_end` and for `HrefEnd`.
fn upper_snake(name: &str) -> String {
    let mut made = String::new();
    for c in name.trim_start_matches("r#").chars() {
        if c.is_ascii_uppercase() && !made.is_empty() {
            made.push('_');
        }
        made.push(c.to_ascii_uppercase());
    }
    made
}
