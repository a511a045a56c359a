//! FormData: the parser of multipart bodies, and boundaries.

mod content_type;
mod multipart;

use crate::glue::{Api, OpError, Ops, string, string_arg, throw, uint8_array, with_bytes};
use crate::js;

pub const API: Api = Api {
    name: "form_data",
    modules: &[],
    lazy: &[js!("form_data.js").defining(&["FormData"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("newBoundary", new_boundary);
    ops.add("formType", form_type);
    ops.add("parseMultipart", parse_multipart);
}

/// `newBoundary()`: 128 random bits in hexadecimal.
fn new_boundary(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let mut random = [0; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return throw(scope, &OpError::error("There is no entropy."));
    }
    let boundary = string(scope, &format!("{:032x}", u128::from_be_bytes(random)));
    rv.set(boundary.into());
}

/// `formType(contentType)`: the boundary, or null for urlencoded; throws for what is no form.
fn form_type(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    match content_type::form_type(&string_arg(scope, &args, 0)) {
        Ok(Some(boundary)) => {
            let boundary = string(scope, &boundary);
            rv.set(boundary.into());
        }
        Ok(None) => rv.set_null(),
        Err(message) => throw(scope, &OpError::type_error(message)),
    }
}

/// `parseMultipart(bytes, boundary)`: a flat array of name, file name or null, type, contents.
fn parse_multipart(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let boundary = string_arg(scope, &args, 1);
    let parts = with_bytes(args.get(0), |bytes| {
        multipart::parse(bytes, boundary.as_bytes())
    });
    let parts = match parts {
        Ok(parts) => parts,
        Err(error) => return throw(scope, &OpError::type_error(error.to_string())),
    };
    let mut flat: Vec<v8::Local<v8::Value>> = Vec::with_capacity(parts.len() * 4);
    for part in parts {
        flat.push(string(scope, &part.name).into());
        flat.push(match part.filename {
            Some(filename) => string(scope, &filename).into(),
            None => v8::null(scope).into(),
        });
        flat.push(string(scope, &part.content_type).into());
        flat.push(uint8_array(scope, part.contents).into());
    }
    rv.set(v8::Array::new_with_elements(scope, &flat).into());
}
