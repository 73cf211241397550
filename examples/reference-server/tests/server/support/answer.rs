//! Answers, and what all of them promise.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, ETAG};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// The description of the API, to which every answer is held.
pub(crate) static OPENAPI: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../openapi.json")).unwrap());

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("there is no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    pub(crate) fn etag(&self) -> String {
        self.header(ETAG.as_str()).to_owned()
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The last part of a problem's type.
    pub(crate) fn problem(&self) -> String {
        assert!(self.is_refusal(), "{self:?}");
        let value = self.value();
        let kind = value["type"].as_str().unwrap();
        kind.rsplit(':').next().unwrap().to_owned()
    }

    /// The pointers of a problem's `errors`.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let errors = self.value()["errors"].clone();
        let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
        errors.as_array().unwrap().iter().map(pointer).collect()
    }

    /// The description has all types, and the README those that have the status of this answer.
    pub(super) fn is_of_a_known_type(&self) {
        let Ok(problem) = serde_json::from_slice::<Value>(&self.body) else {
            return;
        };
        let Some(kind) = problem["type"].as_str().filter(|_| self.is_refusal()) else {
            return;
        };
        let known = &OPENAPI["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
        let known = known.as_array().unwrap();
        assert!(known.contains(&problem["type"]), "{self:?}");
        let slug = format!("`{}`", kind.rsplit([':', '#']).next().unwrap());
        let status = format!("| {} |", self.status.as_u16());
        let mut rows = include_str!("../../../README.md").lines();
        let row = rows.find(|row| row.contains(&slug) && row.contains(&status));
        assert!(row.is_some(), "the README has another status: {self:?}");
    }

    fn is_refusal(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }

    pub(super) fn keeps_the_promises_of_all(&self, method: &Method, path: &str) {
        let of = format!("{method} {path}: {self:?}");
        let id = self.header("x-request-id");
        assert!(
            !id.is_empty() && self.headers.get_all("x-request-id").iter().count() == 1,
            "{of}"
        );
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{of}");
        assert!(
            self.header("content-security-policy")
                .starts_with("default-src 'none'"),
            "{of}"
        );
        for leak in ["server", "x-powered-by"] {
            assert!(!self.headers.contains_key(leak), "{of}");
        }
        let probe = ["/health", "/live", "/ready", "/startup"].contains(&path);
        // Who sent a form is answered as RFC 6749 5.2 has it.
        let grant = self.status == StatusCode::BAD_REQUEST
            && self.header(CONTENT_TYPE.as_str()) == "application/json";
        if grant {
            let names = self.value();
            let names: Vec<_> = names.as_object().unwrap().keys().collect();
            assert_eq!(names, ["error", "error_description"], "{of}");
        } else if self.status.as_u16() >= 400 && !probe {
            assert_eq!(
                self.header(CONTENT_TYPE.as_str()),
                "application/problem+json",
                "{of}"
            );
            if *method != Method::HEAD {
                let problem = self.value();
                assert_eq!(problem["status"], self.status.as_u16(), "{of}");
                assert!(
                    problem["type"].is_string() && problem["title"].is_string(),
                    "{of}"
                );
                assert_eq!(problem["instance"], format!("urn:request:{id}"), "{of}");
            }
        }
        assert_eq!(
            self.status == StatusCode::METHOD_NOT_ALLOWED,
            self.headers.contains_key(ALLOW),
            "{of}"
        );
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            headers,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(f, "{status} {headers:?} {body}")
    }
}

/// Whether the description says that this may be the answer. What no route gives is left out of it:
/// wrong methods and hosts, heads that are too large, plain http where there should be https.
pub(super) fn is_described(method: &Method, path: &str, status: StatusCode) -> bool {
    if matches!(status.as_u16(), 308 | 403 | 405 | 414 | 421 | 431) {
        return true;
    }
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let sent = segments(path);
    let fits = |template: &str| {
        let template = segments(template);
        template.len() == sent.len()
            && template
                .iter()
                .zip(&sent)
                .all(|(part, sent)| part.starts_with('{') || part == sent)
    };
    let paths = OPENAPI["paths"].as_object().unwrap();
    let mut known = paths.iter().filter(|(template, _)| fits(template));
    let Some((_, item)) = known.next() else {
        return matches!(status.as_u16(), 404 | 429);
    };
    let method = if *method == Method::HEAD {
        Method::GET
    } else {
        method.clone()
    };
    item[method.as_str().to_lowercase()]["responses"]
        .get(status.as_str())
        .is_some()
}
