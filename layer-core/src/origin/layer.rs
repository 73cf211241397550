use tower_layer::Layer;

use super::{Origin, OriginPolicy};

/// Resolves the origin of each request once and puts it into the extensions as a
/// [`RequestOrigin`](super::RequestOrigin).
///
/// Goes outermost, so that all layers inside agree and none has to be told whom to trust. Of two such layers around each
/// other the outer one decides. See the [module docs](super) for what is believed.
///
/// ```
/// use http::{Request, Response};
/// use portcullis_layer_core::origin::{OriginLayer, OriginPolicy, PeerAddr, RequestOrigin};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = ServiceBuilder::new()
///     .layer(OriginLayer::new(OriginPolicy::default()))
///     .service_fn(async |request: Request<()>| {
///         let origin = request.extensions().get::<RequestOrigin>();
///         Ok::<_, std::convert::Infallible>(Response::new(origin.and_then(|origin| origin.client_ip)))
///     });
///
/// let request = Request::get("/").extension(PeerAddr("192.0.2.1:9999".parse()?)).body(())?;
/// assert_eq!(*service.clone().oneshot(request).await?.body(), Some("192.0.2.1".parse()?));
///
/// // Nobody is trusted, so a header alone says nothing.
/// let request = Request::get("/").header("forwarded", "for=192.0.2.1").body(())?;
/// assert_eq!(*service.oneshot(request).await?.body(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct OriginLayer {
    pub(super) policy: OriginPolicy,
}

impl OriginLayer {
    /// Resolves by `policy`.
    pub const fn new(policy: OriginPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for OriginLayer {
    type Service = Origin<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Origin {
            inner,
            layer: self.clone(),
        }
    }
}
