//! The keys that others verify tokens with.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::endpoint::empty;
use super::settings::Settings;

impl Settings {
    pub(super) fn key_set(&self, parts: &Parts) -> Response<Bytes> {
        let document = self
            .jwks
            .as_ref()
            .map(|(_, ring)| ring.jwks(self.clock.now()));
        let Some(document) = document else {
            return empty(StatusCode::NOT_FOUND);
        };
        let etag = HeaderValue::try_from(document.etag()).ok();
        let known = parts.headers.get_all(IF_NONE_MATCH).iter();
        let known = known.filter_map(|line| line.to_str().ok());
        let known = known.flat_map(|line| line.split(',')).any(|tag| {
            matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == document.etag()
        });
        let mut response = Response::new(Bytes::new());
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = Bytes::copy_from_slice(document.json().as_bytes());
            let media_type = HeaderValue::from_static("application/jwk-set+json");
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        let headers = response.headers_mut();
        // No longer, so that a key that is taken back is out of use within minutes.
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        );
        if let Some(etag) = etag {
            headers.insert(ETAG, etag);
        }
        response
    }
}
