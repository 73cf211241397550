//! A hyper service behind the gate.
//!
//! ```sh
//! cargo run -p hyper-minimal            # or with an address, such as 127.0.0.1:8000
//! curl -i http://127.0.0.1:3000/ -d 'hello'
//! ```

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::health::Health;
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_observability_layers::shutdown::{Shutdown, serve};
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::limits::{BodyDeadlineLayer, BodyLimitLayer, UriLimitLayer};
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let (health, _checks) = Health::start([])?;
    let shutdown = Shutdown::on_signals()?.readiness(health.drain_switch());

    let (log, _flush) = AccessLog::builder("hyper-minimal").start(std::io::stdout())?;
    let quota: Quota = "100/min,burst=20".parse()?;
    // From the outside in: what stands above also covers the refusals of what stands below.
    let service = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(log.layer().routes(["/"]))
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(health.layer())
        .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
        .layer(UriLimitLayer::default())
        .layer(BodyLimitLayer::default())
        .layer(BodyDeadlineLayer::default())
        .service_fn(echo);
    println!("{}", serve(listener, service, shutdown).await);
    Ok(())
}

/// Sends back what it gets.
async fn echo<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, B::Error>
where
    B: Body,
{
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::new(body)))
}
