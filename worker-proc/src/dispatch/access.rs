//! Cloudflare Access: what a header of a request says of the client, for `ctx.access`.
//!
//! `entrypoint` asks for each request of a worker whose config names the header.

use serde_json::{Map, Value, json};

use super::spec::AccessSpec;
use crate::log;
use crate::service::{Error, Request};

/// Who the client is.
pub struct Access {
    /// The audience that it was let in for.
    pub audience: String,
    /// What `getIdentity()` tells the service that it asks, as JSON.
    pub props: String,
}

impl AccessSpec {
    /// What the request says; none if it has no such header. Of several the last one counts, as on workerd.
    ///
    /// # Errors
    /// The header is not what it has to be: the log says why, and the client gets a 500, as only a proxy sends the header.
    pub fn of(&self, request: &Request) -> Result<Option<Access>, Error> {
        let mut headers = request.headers.get_all(&self.header).into_iter();
        let Some(blob) = headers.next_back() else {
            return Ok(None);
        };
        read(blob.as_bytes()).map(Some).map_err(|why| {
            let (error, reference) = Error::hidden();
            log::error(format_args!("{why}; {reference}"));
            error
        })
    }
}

fn read(blob: &[u8]) -> Result<Access, String> {
    let blob: Value = serde_json::from_slice(blob)
        .map_err(|error| format!("accessBlobHeader value is no JSON: {error}"))?;
    let Value::Object(mut blob) = blob else {
        return Err("accessBlobHeader value must be a JSON object".to_owned());
    };
    let audience = match blob.remove("app_aud") {
        Some(Value::String(audience)) => audience,
        Some(_) => return Err("access blob `app_aud` must be a string".to_owned()),
        None => return Err("accessBlobHeader JSON must contain an `app_aud` field".to_owned()),
    };
    let mut props = Map::from_iter([("aud".to_owned(), json!(audience))]);
    match blob.remove("jwt_claims") {
        Some(claims @ Value::Object(_)) => {
            props.insert("jwtClaims".to_owned(), claims);
        }
        Some(_) => return Err("access blob `jwt_claims` must be a JSON object".to_owned()),
        None => {}
    }
    let props = Value::Object(props).to_string();
    Ok(Access { audience, props })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_is_read() {
        let access = read(br#"{"app_aud": "a", "jwt_claims": {"b": [1]}, "more": 0}"#).unwrap();
        assert_eq!(access.audience, "a");
        assert_eq!(access.props, r#"{"aud":"a","jwtClaims":{"b":[1]}}"#);
        let access = read(br#"{"app_aud": "a"}"#).unwrap();
        assert_eq!(access.props, r#"{"aud":"a"}"#);
    }

    #[test]
    fn what_is_refused() {
        for (blob, complaint) in [
            ("", "is no JSON"),
            ("{", "is no JSON"),
            ("[]", "must be a JSON object"),
            ("{}", "must contain an `app_aud` field"),
            (r#"{"app_aud": 1}"#, "must be a string"),
            (
                r#"{"app_aud": "a", "jwt_claims": []}"#,
                "`jwt_claims` must be a JSON object",
            ),
            ("\u{ff}", "is no JSON"),
        ] {
            let error = read(blob.as_bytes()).err().unwrap();
            assert!(error.contains(complaint), "{blob}: {error}");
        }
    }
}
