//! A stop under load: whatever the server has seen is answered in full.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tower::service_fn;

use crate::shutdown::{Server, Shutdown, Stopping};

const BODY: usize = 20_000;
const BEFORE_STOP: usize = 3_000;

/// What server and clients know of each other.
#[derive(Default)]
struct World {
    next: AtomicU64,
    answered: AtomicUsize,
    enough: Notify,
    seen: Mutex<HashSet<u64>>,
    complete: Mutex<HashSet<u64>>,
}

impl World {
    fn request(&self) -> (u64, Request<Empty<Bytes>>) {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let request = Request::get(format!("http://localhost/{id}"))
            .header("host", "localhost")
            .body(Empty::new());
        (id, request.unwrap())
    }

    /// Every third request takes some turns, and every hundredth until the server closes.
    async fn handle(
        self: Arc<Self>,
        stopping: Stopping,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let id: u64 = request.uri().path()[1..].parse().unwrap();
        self.seen.lock().unwrap().insert(id);
        if id.is_multiple_of(3) {
            for _ in 0..50 {
                yield_now().await;
            }
        }
        if id.is_multiple_of(100) {
            stopping.closing().await;
        }
        Ok(Response::new(Full::from(vec![b'.'; BODY])))
    }

    /// Counts an answer whose every byte arrived. Whether the connection ends with it.
    async fn complete(&self, id: u64, response: Response<Incoming>) -> bool {
        let last = response
            .headers()
            .get(CONNECTION)
            .is_some_and(|value| value == "close");
        let body = response.into_body().collect().await;
        let body = body.expect("an answer was cut off").to_bytes();
        assert_eq!(body.len(), BODY);
        assert!(self.complete.lock().unwrap().insert(id));
        if self.answered.fetch_add(1, Ordering::SeqCst) == BEFORE_STOP {
            self.enough.notify_one();
        }
        last
    }
}

/// Sends requests on kept connections, and opens another when the server ends one, until it cannot.
async fn http1_client(world: Arc<World>, address: SocketAddr) {
    while let Ok(stream) = TcpStream::connect(address).await {
        let io = TokioIo::new(stream);
        let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(io).await else {
            continue;
        };
        tokio::spawn(connection);
        let mut first = true;
        while sender.ready().await.is_ok() {
            let (id, request) = world.request();
            match sender.send_request(request).await {
                Ok(response) => {
                    if world.complete(id, response).await {
                        break;
                    }
                }
                // Connected by the kernel when the server had closed: never accepted.
                Err(_) if first => break,
                Err(error) => panic!("request {id} was lost on a kept connection: {error}"),
            }
            first = false;
        }
    }
}

/// Sends requests side by side on one connection until it takes no more.
async fn http2_client(world: Arc<World>, address: SocketAddr) {
    while let Ok(stream) = TcpStream::connect(address).await {
        let io = TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let Ok((sender, connection)) = handshake.await else {
            continue;
        };
        tokio::spawn(connection);
        let mut lanes = JoinSet::new();
        for _ in 0..8 {
            let (world, mut sender) = (Arc::clone(&world), sender.clone());
            lanes.spawn(async move {
                while sender.ready().await.is_ok() {
                    let (id, request) = world.request();
                    // What the goodbye turned away may be sent again, and was never seen.
                    if let Ok(response) = sender.send_request(request).await {
                        world.complete(id, response).await;
                    }
                }
            });
        }
        drop(sender);
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_under_load_drops_nothing_that_was_accepted() {
    let world = Arc::new(World::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::manual().delay(Duration::from_millis(10));
    let trigger = shutdown.trigger();
    let handler = Arc::clone(&world);
    let (sender, receiver) = oneshot::channel();
    let server = tokio::spawn(shutdown.run(move |stopping| {
        sender.send(()).unwrap();
        let sign = stopping.clone();
        let service = service_fn(move |request| Arc::clone(&handler).handle(sign.clone(), request));
        // Generous, for machines that are busy with other tests: clients that are active never wait for it.
        let server = Server::new(listener).linger(Duration::from_secs(5));
        server.serve(service, stopping)
    }));
    receiver.await.unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..24 {
        clients.spawn(http1_client(Arc::clone(&world), address));
    }
    for _ in 0..4 {
        clients.spawn(http2_client(Arc::clone(&world), address));
    }

    world.enough.notified().await;
    trigger.stop();
    let report = timeout(Duration::from_secs(60), server)
        .await
        .unwrap()
        .unwrap();
    assert!(report.is_clean(), "{report}");
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let seen = world.seen.lock().unwrap();
    let complete = world.complete.lock().unwrap();
    assert!(complete.len() > BEFORE_STOP);
    let lost: Vec<_> = seen.difference(&complete).collect();
    assert!(
        lost.is_empty(),
        "seen by the server and not answered: {lost:?}"
    );
}
