//! `#[derive(JsError)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Result, Token, Variant};

/// What `#[dom(Name, "message")]` has in its brackets.
struct Dom {
    name: Ident,
    message: LitStr,
}

impl Parse for Dom {
    fn parse(input: ParseStream) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![,]>()?;
        let message = input.parse()?;
        Ok(Self { name, message })
    }
}

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.span(), "failures are an enum"));
    };
    let name = &input.ident;
    let arms = data.variants.iter().map(|variant| arm(name, variant));
    let arms = arms.collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        impl From<#name> for crate::glue::OpError {
            fn from(failure: #name) -> Self {
                use crate::glue::error::Class;
                let (class, message) = match failure { #(#arms)* };
                Self::new(class, message)
            }
        }
    })
}

fn arm(name: &Ident, variant: &Variant) -> Result<TokenStream> {
    let told = variant
        .attrs
        .iter()
        .find_map(|attribute| told(attribute).transpose());
    let missing = || Error::new(variant.span(), "what are users told of it?");
    let (class, message) = told.ok_or_else(missing)??;
    let own = &variant.ident;
    Ok(match &variant.fields {
        Fields::Unit => quote!(#name::#own => (#class, String::from(#message)),),
        Fields::Named(fields) => {
            let fields = fields.named.iter().map(|field| &field.ident);
            quote!(#name::#own { #(#fields),* } => (#class, format!(#message)),)
        }
        Fields::Unnamed(fields) => {
            let fields: Vec<_> = (0..fields.unnamed.len())
                .map(|index| format_ident!("field_{index}"))
                .collect();
            quote!(#name::#own(#(#fields),*) => (#class, format!(#message, #(#fields),*)),)
        }
    })
}

/// Class and message, if the attribute is one of ours.
fn told(attribute: &Attribute) -> Result<Option<(TokenStream, LitStr)>> {
    let path = attribute.path();
    let class = match path.get_ident().map(Ident::to_string).as_deref() {
        Some("error") => quote!(Class::Error),
        Some("type_error") => quote!(Class::TypeError),
        Some("range_error") => quote!(Class::RangeError),
        Some("syntax_error") => quote!(Class::SyntaxError),
        Some("dom") => {
            let dom: Dom = attribute.parse_args()?;
            let name = dom.name.to_string();
            return Ok(Some((quote!(Class::Dom(#name.into())), dom.message)));
        }
        _ => return Ok(None),
    };
    Ok(Some((class, attribute.parse_args()?)))
}
