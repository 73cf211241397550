//! A tonic server behind the gate.
//!
//! ```sh
//! cargo run -p tonic-minimal            # or with an address, such as 127.0.0.1:8000
//! grpcurl -plaintext -proto examples/tonic-minimal/greeter.proto -d '{"name":"Ada"}' \
//!     127.0.0.1:3000 greeter.Greeter/Greet
//! ```

use std::error::Error;
use std::time::Duration;

use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_observability_layers::request_id::{RequestId, RequestIdLayer};
use portcullis_observability_layers::shutdown::Shutdown;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::limits::HeaderLimitLayer;
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tower::ServiceBuilder;

#[expect(unreachable_pub, unused_qualifications, reason = "generated code")]
mod proto {
    tonic::include_proto!("greeter");
}
use proto::greeter_server::{Greeter, GreeterServer};
use proto::{GreetReply, GreetRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let (log, _flush) = AccessLog::builder("tonic-minimal").start(std::io::stdout())?;
    let quota: Quota = "100/min,burst=20".parse()?;
    // From the outside in: what stands above also covers the refusals of what stands below.
    let gate = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(log.layer().routes(["/greeter.Greeter/Greet"]))
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
        .layer(HeaderLimitLayer::default())
        .into_inner();
    let server = Server::builder()
        .layer(gate)
        .add_service(GreeterServer::new(Hello));

    // Nothing asks this server for its readiness, so there is nothing to wait for.
    let report = Shutdown::on_signals()?
        .delay(Duration::ZERO)
        .run(|stopping| {
            server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stopping.closing())
        })
        .await;
    println!("{report}");
    report.into_output().transpose()?;
    Ok(())
}

struct Hello;

#[tonic::async_trait]
impl Greeter for Hello {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        let id = request.extensions().get().map_or("", RequestId::as_str);
        let name = &request.get_ref().name;
        let greeting = format!("hello, {name}; this was request {id}");
        Ok(Response::new(GreetReply { greeting }))
    }
}
