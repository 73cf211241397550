//! From a layer's reason to a response.

use bytes::Bytes;
use http::Response;

use super::caller::Caller;
use super::problem::Refusal;
use crate::body::without_body;

/// Why a layer refused a request.
///
/// Implement it for a small type of the layer's own; it is cloned into the response's extensions.
pub trait Reason: Clone + Send + Sync + 'static {
    /// The refusal that the default responder sends.
    fn refusal(&self) -> Refusal;
}

/// Turns a reason into a response. Layers take one through their `reject_with`.
pub trait Reject<E> {
    /// The answer to `caller`, whose request was refused for `reason`.
    fn reject(&self, reason: &E, caller: &Caller) -> Response<Bytes>;
}

/// The default [`Reject`]: the reason's own [`Refusal`], in the form that the caller reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it has no settings and gets none"
)]
pub struct Negotiated;

impl<E: Reason> Reject<E> for Negotiated {
    fn reject(&self, reason: &E, caller: &Caller) -> Response<Bytes> {
        reason.refusal().into_response(caller)
    }
}

/// A [`Reject`] made of a closure.
#[derive(Clone, Copy)]
pub struct RejectFn<F>(F);

impl<F> RejectFn<F> {
    /// Answers with what `f` builds from the reason and the caller.
    pub const fn new(f: F) -> Self {
        Self(f)
    }
}

impl<F> std::fmt::Debug for RejectFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RejectFn")
    }
}

impl<E, F, B> Reject<E> for RejectFn<F>
where
    F: Fn(&E, &Caller) -> Response<B>,
    B: Into<Bytes>,
{
    fn reject(&self, reason: &E, caller: &Caller) -> Response<Bytes> {
        (self.0)(reason, caller).map(Into::into)
    }
}

/// The response to a refused request, with its reason in the extensions and, if the request was a
/// `HEAD`, without its body.
pub fn refuse<E, R>(reject: &R, reason: E, caller: &Caller) -> Response<Bytes>
where
    E: Clone + Send + Sync + 'static,
    R: Reject<E>,
{
    let mut response = reject.reject(&reason, caller);
    response.extensions_mut().insert(reason);
    if caller.is_head() {
        without_body(response)
    } else {
        response
    }
}
