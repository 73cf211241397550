use std::sync::Arc;

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body::SizeHint;
use portcullis_secrets::redact::KnownSecrets;

use super::fields::JsonFields;
use super::headers::SensitiveHeaders;
use super::json::FieldMask;
use super::scan::Scan;
use super::secrets::SecretMask;
use super::stats::State;
use super::types::{MediaType, MediaTypes};

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) headers: SensitiveHeaders,
    pub(super) known: Option<KnownSecrets>,
    pub(super) fields: Option<JsonFields>,
    pub(super) types: MediaTypes,
    pub(super) byte_ranges: bool,
    pub(super) state: Arc<State>,
}

/// Why a body that may contain secrets is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    Compressed,
    Grpc,
    Partial,
}

/// Digests of content (RFC 9530, and those that it replaces), which would not be those of what is sent.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

impl Policy {
    pub(super) fn request(&self, headers: &mut HeaderMap) {
        self.headers.mark(headers);
        if self.ignores_ranges() {
            // Without it, `If-Range` means nothing (RFC 9110, 13.1.5).
            headers.remove(RANGE);
        }
    }

    /// Prepares the head, and says what is to be done with the body if anything is.
    pub(super) fn response(
        &self,
        head: &mut Parts,
        length: &SizeHint,
        is_end: bool,
    ) -> Option<Scan> {
        self.headers.mark(&mut head.headers);
        if self.ignores_ranges() {
            head.headers.remove(ACCEPT_RANGES);
        }
        let scan = self.scan(head, length, is_end)?;
        // A HEAD's answer is about a body that would have been masked; an empty one has nothing to hide.
        let says_empty = |length: &http::HeaderValue| length == "0";
        if is_end && head.headers.get(CONTENT_LENGTH).is_none_or(says_empty) {
            return None;
        }
        head.headers.remove(CONTENT_LENGTH);
        for digest in &DIGESTS {
            head.headers.remove(digest);
        }
        (!is_end).then_some(scan)
    }

    fn masks_bodies(&self) -> bool {
        self.known.is_some() || self.fields.is_some()
    }

    // Who may choose the bytes gets a secret in two halves, and neither of them is one.
    fn ignores_ranges(&self) -> bool {
        self.masks_bodies() && !self.byte_ranges
    }

    fn scan(&self, head: &Parts, length: &SizeHint, is_end: bool) -> Option<Scan> {
        if !self.masks_bodies() {
            return None;
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let media_type = content_type.map(|value| MediaType::of(value.as_bytes()));
        let is_json = media_type.as_ref().is_some_and(MediaType::is_json);
        let is_grpc = media_type.as_ref().is_some_and(MediaType::is_grpc);
        // What is not said to be anything may be text.
        let is_text = media_type.is_none_or(|media_type| self.types.contain(&media_type));
        if !is_text && !is_grpc {
            return None;
        }
        let fields = self.fields.as_ref().filter(|_| is_json);
        let fields = fields.filter(|fields| !fields.is_empty());
        let is_short = |upper: u64| upper < KnownSecrets::MIN_BYTES as u64;
        let forms = match &self.known {
            Some(_) if length.upper().is_some_and(is_short) && !is_end => None,
            known => known.as_ref().map(KnownSecrets::forms),
        };
        let forms = forms.filter(|forms| !forms.is_empty());
        if fields.is_none() && forms.is_none() {
            return None;
        }
        if let Some(why) = unseen(head, is_grpc) {
            if !is_end {
                self.state.unseen(why);
            }
            return None;
        }
        Some(Scan::new(
            fields.cloned().map(FieldMask::new),
            forms.map(|forms| SecretMask::new(forms, is_json)),
            Arc::clone(&self.state),
        ))
    }
}

fn unseen(head: &Parts, is_grpc: bool) -> Option<Unseen> {
    let mut codings = head.headers.get_all(CONTENT_ENCODING).iter();
    if is_grpc {
        Some(Unseen::Grpc)
    } else if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(Unseen::Compressed)
    } else if head.status == StatusCode::PARTIAL_CONTENT {
        Some(Unseen::Partial)
    } else {
        None
    }
}
