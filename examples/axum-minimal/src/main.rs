//! An axum router behind the gate.
//!
//! ```sh
//! cargo run -p axum-minimal             # or with an address, such as 127.0.0.1:8000
//! curl -i http://127.0.0.1:3000/greetings -H 'content-type: application/json' -d '{"name":"Ada"}'
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::routing::{get, post};
use axum::{Json, Router};
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::health::Health;
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_observability_layers::shutdown::Shutdown;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::limits::{BodyDeadlineLayer, BodyLimitLayer, ContentTypeLayer};
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let (health, _checks) = Health::start([])?;
    let shutdown = Shutdown::on_signals()?.readiness(health.drain_switch());

    let (log, _flush) = AccessLog::builder("axum-minimal").start(std::io::stdout())?;
    let quota: Quota = "100/min,burst=20".parse()?;
    // From the outside in: what stands above also covers the refusals of what stands below.
    let gate = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(log.layer())
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(health.layer())
        .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
        .layer(ContentTypeLayer::new("application/json".parse()?))
        .layer(BodyLimitLayer::default())
        .layer(BodyDeadlineLayer::default());
    let app = Router::new()
        .route("/", get("hello"))
        .route("/greetings", post(greet))
        .layer(gate)
        // The client's address is what the rate limit counts by.
        .into_make_service_with_connect_info::<SocketAddr>();

    let report = shutdown
        .run(|stopping| axum::serve(listener, app).with_graceful_shutdown(stopping.closing()))
        .await;
    println!("{report}");
    report.into_output().transpose()?;
    Ok(())
}

async fn greet(Json(request): Json<Value>) -> Json<Value> {
    let name = request["name"].as_str().unwrap_or("stranger");
    Json(json!({ "greeting": format!("hello, {name}") }))
}
