//! What a client sends to the endpoints: JSON, or the form of RFC 6749.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use portcullis_secrets::SecretString;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::error::{Fault, Wrong};

/// The parameters of a refresh (RFC 6749 6).
pub(super) const REFRESH: &[&str] = &["grant_type", "refresh_token", "client_id", "scope"];
/// Those of a revocation (RFC 7009 2.1), and the other name that the token has in a refresh.
pub(super) const REVOKE: &[&str] = &["token", "refresh_token", "token_type_hint", "client_id"];

/// The parameters of a request for tokens, or for their end. Which of them are needed depends on the endpoint.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(&'static str, SecretString)>);

impl Form {
    /// Reads a body that may have the parameters `known`. None at all is an empty form.
    pub(super) fn read(
        headers: &HeaderMap,
        body: &Bytes,
        known: &'static [&'static str],
    ) -> Result<Self, Fault> {
        if body.is_empty() {
            Ok(Self::default())
        } else if is_pairs(headers) {
            Self::of_pairs(body, known)
        } else if media_type(headers).eq_ignore_ascii_case(b"application/json") {
            Self::of_json(body, known)
        } else {
            Err(Fault::MediaType)
        }
    }

    fn of_pairs(body: &Bytes, known: &'static [&'static str]) -> Result<Self, Fault> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            // RFC 6749 3.1: what is not known is ignored, what is empty was not sent, and nothing may be there twice.
            let Some(name) = find(known, &name).filter(|_| !value.is_empty()) else {
                continue;
            };
            if !form.put(name, value.into_owned()) {
                return Err(Wrong::one(name, "it is there twice"));
            }
        }
        Ok(form)
    }

    /// What is not known may be a misspelt member, and is told: nothing else would.
    fn of_json(body: &Bytes, known: &'static [&'static str]) -> Result<Self, Fault> {
        let members = match serde_json::from_slice::<Members>(body) {
            Ok(Members(members)) => members,
            Err(error) if error.classify() == Category::Data => {
                return Err(Fault::Wrong(vec![Wrong::whole("an object is expected")]));
            }
            Err(_) => return Err(Fault::NoJson),
        };
        let mut form = Self::default();
        let mut wrong = Vec::new();
        for (name, value) in members {
            let fault = match (find(known, &name), value) {
                (None, _) => "there is no such member",
                (Some(_), Value::Null) => continue,
                (Some(known), Value::String(text)) => {
                    if form.put(known, text) {
                        continue;
                    }
                    "it is there twice"
                }
                (Some(_), _) => "a string is expected",
            };
            wrong.push(Wrong::member(&name, fault));
        }
        if wrong.is_empty() {
            Ok(form)
        } else {
            Err(Fault::Wrong(wrong))
        }
    }

    /// False if there is one of this name.
    fn put(&mut self, name: &'static str, value: String) -> bool {
        let is_new = self.get(name).is_none();
        self.0.push((name, value.into()));
        is_new
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.expose_secret())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<SecretString> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

fn find(known: &'static [&'static str], name: &str) -> Option<&'static str> {
    known.iter().find(|known| **known == name).copied()
}

/// The members of a JSON object, with those that are there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PAIRS: &str = "application/x-www-form-urlencoded";

    fn read(media_type: &'static str, body: &'static str) -> Result<Form, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Form::read(&headers, &Bytes::from_static(body.as_bytes()), REFRESH)
    }

    #[test]
    fn a_token_is_read_from_json_and_from_a_form() {
        for (media_type, body) in [
            (
                "application/json",
                r#"{"refresh_token":"rt_1","scope":"a b","client_id":null}"#,
            ),
            (
                "Application/JSON; charset=utf-8",
                r#" {"refresh_token":"rt_1","scope":"a b"}"#,
            ),
            (
                PAIRS,
                "grant_type=refresh_token&refresh_token=rt_1&scope=a+b&other=1&other=2&client_id=",
            ),
        ] {
            let mut form = read(media_type, body).unwrap();
            assert_eq!(form.get("scope"), Some("a b"), "{body}");
            assert_eq!(form.get("client_id"), None, "{body}");
            let token = form.take("refresh_token").unwrap();
            assert_eq!(token.expose_secret(), "rt_1", "{body}");
            assert_eq!(form.get("refresh_token"), None, "{body}");
        }
        assert!(read("text/plain", "").unwrap().get("scope").is_none());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        const JSON: &str = "application/json";
        let at = |pointer: &str, detail| Fault::Wrong(vec![Wrong::at(pointer, detail)]);
        for (media_type, body, fault) in [
            (JSON, "{", Fault::NoJson),
            (JSON, r#"{"scope":"a"} {}"#, Fault::NoJson),
            (
                JSON,
                r#"{"refresh_token":7}"#,
                at("/refresh_token", "a string is expected"),
            ),
            (
                JSON,
                r#"{"refresh_token":"a","refresh_token":"b"}"#,
                at("/refresh_token", "it is there twice"),
            ),
            (
                JSON,
                r#"{"refresh_token":"a","a/~":{}}"#,
                at("/a~1~0", "there is no such member"),
            ),
            (JSON, r#"["rt_1"]"#, at("", "an object is expected")),
            (JSON, "7", at("", "an object is expected")),
            (
                PAIRS,
                "refresh_token=a&refresh_token=b",
                at("/refresh_token", "it is there twice"),
            ),
            ("text/plain", "refresh_token=a", Fault::MediaType),
        ] {
            assert_eq!(read(media_type, body).unwrap_err(), fault, "{body}");
        }
    }
}
