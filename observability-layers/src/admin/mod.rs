//! What operators ask and switch, for a listener of its own: health in detail, drain, build, log level, metrics.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use http::{Request, StatusCode};
//! # use http_body_util::{BodyExt as _, Full};
//! # use bytes::Bytes;
//! # use portcullis_layer_core::endpoint::EndpointService;
//! # use portcullis_observability_layers::admin::{Admin, BuildInfo, LogLevel};
//! # use portcullis_observability_layers::health::Health;
//! # use tower::ServiceExt as _;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (health, _guard) = Health::start([])?;
//! # let filter = Arc::new(Mutex::new("info".to_owned()));
//! # let (reload, current) = (Arc::clone(&filter), filter);
//! let admin = EndpointService::new(
//!     Admin::new(&health)
//!         .with(BuildInfo::new([("version", env!("CARGO_PKG_VERSION"))]))
//!         .with(LogLevel::new(
//!             move || current.lock().unwrap().clone(),
//!             move |filter| match filter {
//!                 "info" | "debug" => Ok(*reload.lock().unwrap() = filter.to_owned()),
//!                 _ => Err("not a level"),
//!             },
//!         )),
//!     // With feature `metrics`: `.with(metrics.endpoint())`
//! );
//!
//! let put = |level: &'static str| Request::put("/log-level").body(Full::<Bytes>::from(level));
//! let response = admin.clone().oneshot(put("debug")?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), r#"{"filter":"debug"}"#);
//!
//! let response = admin.clone().oneshot(put("loud")?).await?;
//! assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
//!
//! // A page in an operator's browser can switch nothing.
//! let mut request = put("info")?;
//! request.headers_mut().insert("origin", "http://localhost:9090".parse()?);
//! assert_eq!(admin.oneshot(request).await?.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! | Path | Methods | |
//! |---|---|---|
//! | `/health` | GET | every check with its error, latency and age; 503 like the public one |
//! | `/drain` | GET, PUT or POST, DELETE | takes the service out of traffic, and back |
//! | `/build` | GET | with [`BuildInfo`] |
//! | `/log-level` | GET, PUT | with [`LogLevel`] |
//! | `/metrics` | GET | with the endpoint of `metrics`, or anybody's |
//!
//! There are no accounts here: whoever reaches the listener is an operator. Bind it to the loopback
//! address, or to one that only operators and the scraper can reach, and put an address filter or
//! authentication before it where that is not enough. Requests that change something are refused if they come from a browser,
//! known by `Origin` and `Sec-Fetch-Site`, same-origin ones included: a page whose name was made to point to the loopback
//! address (DNS rebinding) is of the same origin. Against such a page *reading* the answers only a
//! check of the host name helps.
//!
//! Each change is an `authz_admin` event of the `tracing` target `portcullis::audit`. A proxy in front should not exist.

mod parts;
#[cfg(test)]
mod tests;

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ORIGIN;
use http::{HeaderMap, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use portcullis_layer_core::endpoint::{Endpoint, is_read};
use portcullis_layer_core::refusal::{Caller, Refusal};

pub use self::parts::{BuildInfo, Drain, LogLevel};
use crate::health::{Health, HealthDetail};

/// Parts for operators, as one [`Endpoint`]. See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct Admin<E = Either<HealthDetail, Drain>> {
    parts: E,
}

impl Admin {
    /// Answers `/health` and `/drain`.
    pub fn new(health: &Health) -> Self {
        Self {
            parts: Either {
                first: HealthDetail::new(health.clone()),
                second: Drain::new(health.drain_switch()),
            },
        }
    }
}

impl<E> Admin<E> {
    /// Adds a part. A path that an earlier part owns stays with that one.
    pub fn with<P>(self, part: P) -> Admin<Either<E, P>> {
        Admin {
            parts: Either {
                first: self.parts,
                second: part,
            },
        }
    }
}

impl<E: Endpoint<B>, B> Endpoint<B> for Admin<E> {
    type Future = EitherFuture<Ready<Response<Bytes>>, E::Future>;

    fn owns(&self, path: &str) -> bool {
        self.parts.owns(path)
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        if !is_read(request.method()) && is_from_browser(request.headers()) {
            let refused = refuse_browser(&Caller::of(&request));
            return EitherFuture::first(ready(refused));
        }
        EitherFuture::second(self.parts.answer(request))
    }
}

/// Browsers send `Origin` with all requests but GET and HEAD (Fetch, 3.2), and newer ones
/// `Sec-Fetch-Site` with all to trustworthy origins, loopback included. Nobody else has reason to.
fn is_from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

fn refuse_browser(caller: &Caller) -> Response<Bytes> {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "urn:problem-type:portcullis:browser-refused",
        "browsers may not change anything here",
    )
    .into_response(caller)
}

/// Two endpoints as one; the first goes first.
#[derive(Clone, Debug)]
pub struct Either<A, B> {
    first: A,
    second: B,
}

impl<A, B, ReqBody> Endpoint<ReqBody> for Either<A, B>
where
    A: Endpoint<ReqBody>,
    B: Endpoint<ReqBody>,
{
    type Future = EitherFuture<A::Future, B::Future>;

    fn owns(&self, path: &str) -> bool {
        self.first.owns(path) || self.second.owns(path)
    }

    fn answer(&self, request: Request<ReqBody>) -> Self::Future {
        if self.first.owns(request.uri().path()) {
            EitherFuture::first(self.first.answer(request))
        } else {
            EitherFuture::second(self.second.answer(request))
        }
    }
}

pin_project! {
    /// Future of [`Either`] and [`Admin`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct EitherFuture<A, B> {
        #[pin]
        kind: Kind<A, B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<A, B> {
        First { #[pin] future: A },
        Second { #[pin] future: B },
    }
}

impl<A, B> EitherFuture<A, B> {
    const fn first(future: A) -> Self {
        let kind = Kind::First { future };
        Self { kind }
    }

    const fn second(future: B) -> Self {
        let kind = Kind::Second { future };
        Self { kind }
    }
}

impl<A, B> Future for EitherFuture<A, B>
where
    A: Future<Output = Response<Bytes>>,
    B: Future<Output = Response<Bytes>>,
{
    type Output = Response<Bytes>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::First { future } => future.poll(cx),
            KindProj::Second { future } => future.poll(cx),
        }
    }
}
