//! The template of a route, shared and never copied.

use std::fmt;
use std::sync::Arc;

/// Extension, of the request or of the response: the template of the route that matched, such as `/users/{id}`.
///
/// For routers that the layer does not know, and for handlers that route by themselves. It has to
/// come from the program, not from the request: each template becomes a label.
#[derive(Clone)]
pub struct RoutePattern(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
}

impl RoutePattern {
    /// A template that is written in the program.
    pub const fn from_static(template: &'static str) -> Self {
        Self(Repr::Static(template))
    }

    /// A template that is made once and shared by the requests.
    pub fn from_shared(template: impl Into<Arc<str>>) -> Self {
        Self(Repr::Shared(template.into()))
    }

    /// axum keeps its text to itself, so the whole extension is kept.
    #[cfg(feature = "axum")]
    pub(super) fn matched(extensions: &http::Extensions) -> Option<Self> {
        let matched = extensions.get::<axum::extract::MatchedPath>()?;
        Some(Self(Repr::Matched(matched.clone())))
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(template) => template,
            Repr::Shared(template) => template,
            #[cfg(feature = "axum")]
            Repr::Matched(matched) => matched.as_str(),
        }
    }
}

impl fmt::Debug for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoutePattern").field(&self.as_str()).finish()
    }
}

impl PartialEq for RoutePattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RoutePattern {}
