//! What a client sends to the endpoints: JSON, or the form of RFC 6749.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use portcullis_secrets::SecretString;
use serde::Deserialize;

use super::error::Fault;

/// What a request for tokens, or for their end, may say. All of it is optional: what is needed depends on the endpoint.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Form {
    pub(super) grant_type: Option<String>,
    pub(super) refresh_token: Option<SecretString>,
    /// What a revocation calls it (RFC 7009 2.1).
    pub(super) token: Option<SecretString>,
    pub(super) client_id: Option<String>,
    pub(super) scope: Option<String>,
}

impl Form {
    /// Reads a body. None at all is an empty form.
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        if is_pairs(headers) {
            Self::of_pairs(body)
        } else if !media_type(headers).eq_ignore_ascii_case(b"application/json") {
            Err(Fault::MediaType)
        } else if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(body).map_err(|_| Fault::Malformed)
        } else {
            // As an array the same would do for the parser.
            Err(Fault::Malformed)
        }
    }

    fn of_pairs(body: &Bytes) -> Result<Self, Fault> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            // RFC 6749 3.1: a parameter that is not known is ignored, and none may be there twice.
            let twice = match &*name {
                "grant_type" => form.grant_type.replace(value.into_owned()).is_some(),
                "refresh_token" => secret(&mut form.refresh_token, value.into_owned()),
                "token" => secret(&mut form.token, value.into_owned()),
                "client_id" => form.client_id.replace(value.into_owned()).is_some(),
                "scope" => form.scope.replace(value.into_owned()).is_some(),
                _ => false,
            };
            if twice {
                return Err(Fault::Malformed);
            }
        }
        Ok(form)
    }
}

/// Whether a request has the body that RFC 6749 asks for. Its clients read errors in its words only.
pub(super) fn is_pairs(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let media_type = value.and_then(|value| value.split(|&byte| byte == b';').next());
    media_type.unwrap_or_default().trim_ascii()
}

fn secret(place: &mut Option<SecretString>, value: String) -> bool {
    place.replace(value.into()).is_some()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(media_type: &'static str, body: &'static str) -> Result<Form, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Form::read(&headers, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_token_is_read_from_json_and_from_a_form() {
        for (media_type, body) in [
            (
                "application/json",
                r#"{"refresh_token":"rt_1","scope":"a b","other":1}"#,
            ),
            (
                "Application/JSON; charset=utf-8",
                r#"{"refresh_token":"rt_1","scope":"a b"}"#,
            ),
            (
                "application/x-www-form-urlencoded",
                "grant_type=refresh_token&refresh_token=rt_1&scope=a+b&other=1",
            ),
        ] {
            let form = read(media_type, body).unwrap();
            let token = form.refresh_token.unwrap();
            assert_eq!(token.expose_secret(), "rt_1", "{body}");
            assert_eq!(form.scope.as_deref(), Some("a b"), "{body}");
        }
        assert!(read("text/plain", "").unwrap().refresh_token.is_none());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (media_type, body, fault) in [
            ("application/json", "{", Fault::Malformed),
            (
                "application/json",
                r#"{"refresh_token":7}"#,
                Fault::Malformed,
            ),
            (
                "application/json",
                r#"{"refresh_token":"a","refresh_token":"b"}"#,
                Fault::Malformed,
            ),
            (
                "application/x-www-form-urlencoded",
                "refresh_token=a&refresh_token=b",
                Fault::Malformed,
            ),
            (
                "application/json",
                r#"[null,"rt_1",null,null,null]"#,
                Fault::Malformed,
            ),
            ("text/plain", "refresh_token=a", Fault::MediaType),
        ] {
            assert_eq!(read(media_type, body).unwrap_err(), fault, "{body}");
        }
    }
}
