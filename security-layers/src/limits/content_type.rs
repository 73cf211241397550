//! The media type of a request's content.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{
    Caller, Negotiated, Reason, Refusal, Reject, RejectFn, refuse,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::paths::Paths;
use crate::refusals::{Counted, Counters, Refusals};

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// Refuses requests whose content is of a media type that the service does not take, with 415.
///
/// A request without content passes, whatever its `Content-Type`. Content needs exactly one
/// `Content-Type`; without one it could be anything. See the [module docs](super) for an example.
///
/// The refusal lists the types that are taken, in `Accept` (RFC 9110, 15.5.16) and, by method, in
/// `Accept-Patch` (RFC 5789, 2.2) or `Accept-Post` (W3C Linked Data Platform, 7.1).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct ContentTypeLayer<R = Negotiated> {
    policy: Arc<Policy>,
    counters: Counters,
    reject: R,
}

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) by_path: Vec<(Paths, ContentTypes)>,
    pub(super) by_method: Vec<(Method, ContentTypes)>,
    pub(super) others: ContentTypes,
}

impl ContentTypeLayer {
    /// Takes content of these types, by any method.
    pub fn new(types: ContentTypes) -> Self {
        let policy = Policy {
            by_path: Vec::new(),
            by_method: Vec::new(),
            others: types,
        };
        Self {
            policy: Arc::new(policy),
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl<R> ContentTypeLayer<R> {
    /// Takes content of these types, and of no others, by `method`. The last call for a method counts.
    pub fn method(mut self, method: Method, types: ContentTypes) -> Self {
        let by_method = &mut Arc::make_mut(&mut self.policy).by_method;
        by_method.retain(|(known, _)| *known != method);
        by_method.push((method, types));
        self
    }

    /// Takes content of these types, and of no others, at `paths`, by any method. Of several lists that have a path, the
    /// first counts.
    pub fn paths(mut self, paths: Paths, types: ContentTypes) -> Self {
        Arc::make_mut(&mut self.policy).by_path.push((paths, types));
        self
    }

    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> ContentTypeLayer<RejectFn<F>>
    where
        F: Fn(&UnsupportedContentType, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        ContentTypeLayer {
            policy: self.policy,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `content_type`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<UnsupportedContentType>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for ContentTypeLayer<R> {
    type Service = ContentType<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        ContentType { inner, layer }
    }
}

/// Middleware that refuses content of unwanted types. Built by [`ContentTypeLayer`].
#[derive(Clone, Debug)]
pub struct ContentType<S, R = Negotiated> {
    inner: S,
    layer: ContentTypeLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for ContentType<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<UnsupportedContentType>,
    ReqBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let ContentTypeLayer {
            policy,
            counters,
            reject,
        } = &self.layer;
        let has_content = !request.body().is_end_stream();
        match policy.check(
            request.uri().path(),
            request.method(),
            request.headers(),
            has_content,
        ) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(reason) => {
                counters.record(&reason);
                ResponseFuture::early(refuse(reject, reason, &Caller::of(&request)))
            }
        }
    }
}

impl Policy {
    pub(super) fn check(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
        has_content: bool,
    ) -> Result<(), UnsupportedContentType> {
        if !has_content {
            return Ok(());
        }
        let here = self.by_path.iter().find(|(paths, _)| paths.contains(path));
        let by = || self.by_method.iter().find(|(known, _)| known == method);
        let types = here
            .map(|(_, types)| types)
            .or_else(|| by().map(|(_, types)| types))
            .unwrap_or(&self.others);
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        // Of two lines each recipient could believe another one.
        if let (Some(line), None) = (lines.next(), lines.next())
            && types.allow(line.as_bytes())
        {
            return Ok(());
        }
        Err(UnsupportedContentType {
            accepted: types.header.clone(),
            by_method: match *method {
                Method::PATCH => Some(ACCEPT_PATCH),
                Method::POST => Some(ACCEPT_POST),
                _ => None,
            },
        })
    }
}

/// A list of media types: `application/json, image/*`.
///
/// Parsed from text; parameters are not part of it, because a type is allowed whatever its
/// parameters (`charset`, `boundary`) are.
///
/// ```
/// use portcullis_security_layers::limits::ContentTypes;
///
/// let types: ContentTypes = "application/json, image/*".parse()?;
/// assert_eq!(types.to_string(), "application/json, image/*");
///
/// let error = "application/json; charset=utf-8".parse::<ContentTypes>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "'application/json; charset=utf-8' is not a media type of the form type/subtype or type/*",
/// );
/// # Ok::<_, portcullis_security_layers::limits::InvalidContentTypes>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTypes {
    types: Arc<[MediaType]>,
    header: HeaderValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MediaType {
    // In lower case; of a range without the asterisk: `image/`.
    text: Box<str>,
    is_range: bool,
}

impl ContentTypes {
    // RFC 9110, 8.3.1: type and subtype are case-insensitive, and whitespace may stand before the
    // semicolon that starts the parameters.
    pub(super) fn allow(&self, content_type: &[u8]) -> bool {
        let essence = content_type.split(|&byte| byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii_end();
        self.types.iter().any(|MediaType { text, is_range }| {
            let text = text.as_bytes();
            if !is_range {
                return essence.eq_ignore_ascii_case(text);
            }
            let Some((start, subtype)) = essence.split_at_checked(text.len()) else {
                return false;
            };
            start.eq_ignore_ascii_case(text) && is_token(subtype)
        })
    }
}

impl FromStr for ContentTypes {
    type Err = InvalidContentTypes;

    /// Parses media types, and ranges of the form `type/*`, separated by commas.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let types: Vec<_> = list
            .split(',')
            .map(|text| {
                parse(text.trim_ascii())
                    .ok_or_else(|| InvalidContentTypes(text.trim_ascii().to_owned()))
            })
            .collect::<Result<_, _>>()?;
        let shown: Vec<_> = types.iter().map(MediaType::to_string).collect();
        let header = HeaderValue::try_from(shown.join(", "));
        Ok(Self {
            types: types.into(),
            header: header.map_err(|_| InvalidContentTypes(list.to_owned()))?,
        })
    }
}

fn parse(text: &str) -> Option<MediaType> {
    let (kind, subtype) = text.split_once('/')?;
    let is_range = subtype == "*";
    if !is_token(kind.as_bytes()) || kind == "*" || !is_token(subtype.as_bytes()) {
        return None;
    }
    let text = text.strip_suffix('*').filter(|_| is_range).unwrap_or(text);
    Some(MediaType {
        text: text.to_ascii_lowercase().into(),
        is_range,
    })
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asterisk = if self.is_range { "*" } else { "" };
        write!(f, "{}{asterisk}", self.text)
    }
}

impl fmt::Display for ContentTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, media_type) in self.types.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{media_type}")?;
        }
        Ok(())
    }
}

// RFC 9110, 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_tchar)
}

/// A list of media types that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContentTypes(String);

impl fmt::Display for InvalidContentTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            f,
            "'{text}' is not a media type of the form type/subtype or type/*"
        )
    }
}

impl std::error::Error for InvalidContentTypes {}

/// Why a request was refused: its content has a media type that is not on the list, or none, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedContentType {
    accepted: HeaderValue,
    by_method: Option<HeaderName>,
}

impl UnsupportedContentType {
    /// The types that would have been taken, as an `Accept` header lists them.
    #[must_use]
    pub const fn accepted(&self) -> &HeaderValue {
        &self.accepted
    }
}

impl Reason for UnsupportedContentType {
    fn refusal(&self) -> Refusal {
        let refusal = Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:problem-type:portcullis:unsupported-content-type",
            "the content has a media type that is not accepted here",
        )
        .header(ACCEPT, self.accepted.clone());
        match &self.by_method {
            Some(name) => refusal.header(name.clone(), self.accepted.clone()),
            None => refusal,
        }
    }
}

impl Counted for UnsupportedContentType {
    const LAYER: &'static str = "content_type";
    const REASONS: &'static [&'static str] = &["unsupported"];
}
