//! A shutdown as clients of tonic see it; those of hyper and axum are with the module itself.

use std::sync::Arc;
use std::time::Duration;

use portcullis_observability_layers::shutdown::Shutdown;
use portcullis_tests::client;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::util::MapFutureLayer;

#[tokio::test]
async fn a_call_in_flight_is_answered_before_tonic_stops() {
    let (arrived, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = {
        let (arrived, released) = (arrived.clone(), released.clone());
        MapFutureLayer::new(move |answer| {
            let (arrived, released) = (arrived.clone(), released.clone());
            async move {
                arrived.notify_one();
                released.notified().await;
                answer.await
            }
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(held).add_service(health);
    let shutdown = Shutdown::manual().delay(Duration::ZERO);
    let trigger = shutdown.trigger();
    let closing = Arc::new(Notify::new());
    let noticed = closing.clone();
    let running = tokio::spawn(shutdown.run(move |stopping| {
        let closes = stopping.closing();
        let incoming = TcpIncoming::from(listener);
        server.serve_with_incoming_shutdown(incoming, async move {
            closes.await;
            noticed.notify_one();
        })
    }));

    let call = tokio::spawn(client::check_health(addr));
    arrived.notified().await;
    trigger.stop();
    closing.notified().await;
    released.notify_one();
    call.await.unwrap().unwrap();
    let report = running.await.unwrap();
    assert!(report.is_clean(), "{report}");
}
