//! FormData: the parser of multipart bodies, and boundaries.

mod content_type;
mod error;
mod multipart;

use crate::glue::{Api, JsArray, List, Ops, op};
use crate::js;
use error::Error;

pub const API: Api = Api {
    name: "form_data",
    modules: &[],
    lazy: &[js!("form_data.js").defining(&["FormData"])],
    uses: &["blob", "encoding", "url", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[new_boundary, form_type, parse_multipart]);
    ops.share::<Part>();
}

/// `newBoundary()`: 128 random bits in hexadecimal.
#[op]
fn new_boundary() -> Result<String, Error> {
    let mut random = [0; 16];
    match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => Ok(format!("{:032x}", u128::from_be_bytes(random))),
        Err(_) => Err(Error::NoEntropy),
    }
}

/// `formType(contentType)`: the boundary, or null for urlencoded; throws for what is no form.
#[op]
fn form_type(content_type: &str) -> Result<Option<String>, Error> {
    content_type::form_type(content_type)
}

/// A part of a multipart body.
#[derive(JsArray)]
struct Part {
    name: String,
    filename: Option<String>,
    content_type: String,
    contents: Vec<u8>,
}

/// `parseMultipart(bytes, boundary)`: its parts.
#[op]
fn parse_multipart(bytes: &[u8], boundary: &str) -> Result<List<Part>, Error> {
    let parts = multipart::parse(bytes, boundary.as_bytes())?;
    let parts = parts.into_iter().map(|part| Part {
        name: part.name,
        filename: part.filename,
        content_type: part.content_type,
        contents: part.contents,
    });
    Ok(List(parts.collect()))
}
