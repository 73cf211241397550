//! The server over real sockets. Nothing here waits for a time to pass, except for the server's own timeouts.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{Extensions, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_layer_core::origin::{ConnectionScheme, PeerAddr, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};
use tower::service_fn;

use crate::shutdown::{Cause, Outcome, Report, Server, Shutdown, Stopping, Trigger, serve};

const SOON: Duration = Duration::from_millis(20);
/// Long after anything that is right has happened.
const NEVER: Duration = Duration::from_secs(30);

type Sender1 = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;
type Sender2 = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

struct Running {
    address: SocketAddr,
    trigger: Trigger,
    stopping: Stopping,
    done: JoinHandle<Report<()>>,
}

impl Running {
    /// Serves with what `serve` makes of the server and its sign to stop.
    async fn start<F, Fut>(shutdown: Shutdown, serve: F) -> Self
    where
        F: FnOnce(Server, Stopping) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let trigger = shutdown.trigger();
        let (sender, receiver) = oneshot::channel();
        let done = tokio::spawn(shutdown.run(move |stopping| {
            sender.send(stopping.clone()).unwrap();
            serve(Server::new(listener), stopping)
        }));
        Self {
            address,
            trigger,
            stopping: receiver.await.unwrap(),
            done,
        }
    }

    async fn end(self) -> Report<()> {
        self.trigger.stop();
        timeout(NEVER, self.done).await.unwrap().unwrap()
    }
}

fn at_once() -> Shutdown {
    Shutdown::manual().delay(Duration::ZERO)
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello")))
}

/// A handler that says when it has a request, and answers when it is let; at `/now` it answers at once.
#[derive(Clone, Default)]
struct Gate {
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    async fn pass(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if request.uri().path() == "/now" {
            return hello(request).await;
        }
        let opened = self.open.notified();
        self.entered.notify_one();
        opened.await;
        Ok(Response::new(Full::from("hello")))
    }
}

async fn http1(address: SocketAddr) -> Sender1 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

async fn http2(address: SocketAddr) -> Sender2 {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://localhost{path}"))
        .header("host", "localhost")
        .body(Empty::new())
        .unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn says_close<B>(response: &Response<B>) -> bool {
    response
        .headers()
        .get(CONNECTION)
        .is_some_and(|value| value == "close")
}

/// Everything that comes until the connection ends, whichever way.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(NEVER, stream.read_to_end(&mut bytes)).await;
    match read.expect("the connection was not closed") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn request_in_flight_is_answered_and_its_connection_closed() {
    let gate = Gate::default();
    let handler = gate.clone();
    let running = Running::start(at_once(), |server, stopping| {
        let service = service_fn(move |request| handler.clone().pass(request));
        server.serve(service, stopping)
    })
    .await;
    let mut client = http1(running.address).await;
    let answer = tokio::spawn(client.send_request(get("/")));
    gate.entered.notified().await;

    running.trigger.stop();
    running.stopping.closing().await;
    // The server has had its turn, and closed the listener.
    while TcpStream::connect(running.address).await.is_ok() {
        yield_now().await;
    }
    assert!(!running.done.is_finished());
    gate.open.notify_one();
    let response = answer.await.unwrap().unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
    assert!(says_close(&response));
    assert_eq!(text(response).await, "hello");
    let report = running.end().await;
    assert_eq!(report.cause(), Cause::Trigger);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn idle_connection_is_kept_for_the_request_that_is_on_its_way() {
    let running = Running::start(at_once(), |server, stopping| {
        server.linger(NEVER).serve(service_fn(hello), stopping)
    })
    .await;
    let mut client = http1(running.address).await;
    let response = client.send_request(get("/")).await.unwrap();
    assert!(!says_close(&response));
    assert_eq!(text(response).await, "hello");

    running.trigger.stop();
    running.stopping.closing().await;
    while TcpStream::connect(running.address).await.is_ok() {
        yield_now().await;
    }
    client.ready().await.unwrap();
    let response = client.send_request(get("/")).await.unwrap();
    assert!(says_close(&response));
    assert_eq!(text(response).await, "hello");
    let report = running.end().await;
    assert!(report.is_clean(), "{report}");
    assert!(client.ready().await.is_err());
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_keep_the_server_up() {
    let running = Running::start(at_once(), |server, stopping| {
        server.linger(SOON).serve(service_fn(hello), stopping)
    })
    .await;
    let mut idle1 = http1(running.address).await;
    let mut idle2 = http2(running.address).await;
    text(idle1.send_request(get("/")).await.unwrap()).await;
    text(idle2.send_request(get("/")).await.unwrap()).await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    let mut half = TcpStream::connect(running.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap();
    // One more request on a new connection: those before it have been accepted by now.
    text(
        http1(running.address)
            .await
            .send_request(get("/"))
            .await
            .unwrap(),
    )
    .await;

    let report = running.end().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(rest(silent).await, "");
    assert_eq!(rest(half).await, "");
    assert!(idle1.ready().await.is_err());
    assert!(idle2.ready().await.is_err());
}

#[tokio::test]
async fn connection_that_waits_to_be_accepted_is_served() {
    let running = Running::start(at_once(), |server, stopping| {
        server.linger(SOON).serve(service_fn(hello), stopping)
    })
    .await;
    // Connected by the kernel, while the server's task has no turn: this test has the only thread.
    let mut streams: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(running.address).unwrap())
        .collect();
    for stream in &mut streams {
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).unwrap();
    }
    let report = running.end().await;
    assert!(report.is_clean(), "{report}");
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert!(answer.contains("connection: close\r\n"), "{answer:?}");
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer:?}");
    }
}

#[tokio::test]
async fn http2_requests_in_flight_are_answered_and_new_ones_turned_away() {
    let gate = Gate::default();
    let handler = gate.clone();
    let running = Running::start(at_once(), |server, stopping| {
        let service = service_fn(move |request| handler.clone().pass(request));
        server.serve(service, stopping)
    })
    .await;
    let mut client = http2(running.address).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        client.ready().await.unwrap();
        answers.push(tokio::spawn(client.send_request(get("/"))));
        gate.entered.notified().await;
    }
    running.trigger.stop();
    // Until the goodbye has come.
    while client.send_request(get("/now")).await.is_ok() {}
    assert!(!running.done.is_finished());
    gate.open.notify_waiters();
    for answer in answers {
        let response = answer.await.unwrap().unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.headers().get(CONNECTION), None);
        assert_eq!(text(response).await, "hello");
    }
    let report = running.end().await;
    assert!(report.is_clean(), "{report}");
}

/// Counts how many of it exist.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn requests_that_never_end_are_cut_off_and_leave_nothing_behind() {
    for outcome in [Outcome::DeadlinePassed, Outcome::Forced] {
        let alive = Arc::new(AtomicUsize::new(0));
        let entered = Arc::new(Semaphore::new(0));
        let (count, enter) = (Arc::clone(&alive), Arc::clone(&entered));
        let deadline = match outcome {
            Outcome::DeadlinePassed => SOON,
            _ => NEVER,
        };
        let running = Running::start(at_once().deadline(deadline), |server, stopping| {
            let service = service_fn(move |_: Request<Incoming>| {
                let alive = Alive::new(&count);
                enter.add_permits(1);
                async move {
                    let _alive = alive;
                    pending::<Result<Response<Full<Bytes>>, Infallible>>().await
                }
            });
            server.serve(service, stopping)
        })
        .await;
        let mut client1 = http1(running.address).await;
        let mut client2 = http2(running.address).await;
        let answers = [
            tokio::spawn(client1.send_request(get("/"))),
            tokio::spawn(client2.send_request(get("/"))),
        ];
        drop(entered.acquire_many(2).await.unwrap());
        assert_eq!(alive.load(Ordering::SeqCst), 2);

        let trigger = running.trigger.clone();
        running.trigger.stop();
        running.stopping.closing().await;
        if outcome == Outcome::Forced {
            trigger.stop_now();
        }
        let report = running.end().await;
        assert_eq!(report.outcome(), outcome);
        for answer in answers {
            assert!(answer.await.unwrap().is_err());
        }
        let gone = async {
            while alive.load(Ordering::SeqCst) > 0 {
                yield_now().await;
            }
        };
        timeout(NEVER, gone)
            .await
            .expect("a handler was left running");
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let running = Running::start(at_once(), |server, stopping| {
        let one = NonZeroUsize::MIN;
        let server = server.max_connections(one).linger(SOON);
        server.serve(service_fn(hello), stopping)
    })
    .await;
    let mut first = http1(running.address).await;
    text(first.send_request(get("/")).await.unwrap()).await;
    let mut second = http1(running.address).await;
    let mut waiting = tokio::spawn(second.send_request(get("/")));
    assert!(
        timeout(SOON, &mut waiting).await.is_err(),
        "two were served"
    );
    drop(first);
    let response = timeout(NEVER, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(text(response).await, "hello");
    assert!(running.end().await.is_clean());
}

#[tokio::test]
async fn silent_slow_and_idle_clients_are_let_go() {
    let running = Running::start(at_once(), |server, stopping| {
        let server = server.idle_timeout(SOON).header_timeout(5 * SOON);
        server.serve(service_fn(hello), stopping)
    })
    .await;
    let silent = TcpStream::connect(running.address).await.unwrap();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: lo").await.unwrap();
    let mut idle1 = http1(running.address).await;
    text(idle1.send_request(get("/")).await.unwrap()).await;
    let mut idle2 = http2(running.address).await;
    text(idle2.send_request(get("/")).await.unwrap()).await;

    assert_eq!(rest(silent).await, "");
    assert_eq!(rest(slow).await, "");
    let gone = async {
        while idle1.ready().await.is_ok() || idle2.ready().await.is_ok() {
            yield_now().await;
        }
    };
    timeout(NEVER, gone)
        .await
        .expect("an idle connection was kept");
    assert!(running.end().await.is_clean());
}

// The idle timeout, which is the shorter one above, would hide that this one is not set.
#[tokio::test]
async fn slow_head_is_cut_off_long_before_an_idle_connection() {
    let running = Running::start(at_once(), |server, stopping| {
        let server = server.idle_timeout(100 * NEVER).header_timeout(SOON);
        server.serve(service_fn(hello), stopping)
    })
    .await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: lo").await.unwrap();
    assert_eq!(rest(slow).await, "");
    let mut between = http1(running.address).await;
    text(between.send_request(get("/")).await.unwrap()).await;
    let gone = async {
        while between.ready().await.is_ok() {
            yield_now().await;
        }
    };
    timeout(NEVER, gone).await.expect("it was kept");
    assert!(running.end().await.is_clean());
}

/// More than all buffers between here and there take.
const MUCH: usize = 64 * 1024 * 1024;

// The timing is tested where the clock can be stopped; this is that the server asks for it.
#[tokio::test]
async fn client_that_never_reads_its_answer_is_let_go() {
    let count = Arc::new(AtomicUsize::new(0));
    let alive = Arc::clone(&count);
    let running = Running::start(at_once(), |server, stopping| {
        let service = service_fn(move |_: Request<Incoming>| {
            let alive = Alive::new(&alive);
            let body = Full::new(Bytes::from(vec![0; MUCH])).map_frame(move |frame| {
                let _alive = &alive;
                frame
            });
            async { Ok::<_, Infallible>(Response::new(body)) }
        });
        let server = server.idle_timeout(100 * NEVER).write_timeout(SOON);
        server.serve(service, stopping)
    })
    .await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // The answer has begun, so there is one to be given up.
    stream.readable().await.unwrap();
    let trigger = running.trigger.clone();
    trigger.stop();
    let report = timeout(NEVER, running.done).await.unwrap().unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(rest(stream).await.len() < MUCH);
}

#[tokio::test]
async fn request_that_takes_longer_than_the_idle_timeout_is_answered() {
    let gate = Gate::default();
    let handler = gate.clone();
    let running = Running::start(at_once(), |server, stopping| {
        let service = service_fn(move |request| handler.clone().pass(request));
        server
            .idle_timeout(Duration::from_millis(1))
            .serve(service, stopping)
    })
    .await;
    let mut client = http2(running.address).await;
    let mut answer = tokio::spawn(client.send_request(get("/")));
    gate.entered.notified().await;
    assert!(timeout(SOON, &mut answer).await.is_err(), "it was cut off");
    gate.open.notify_one();
    assert_eq!(text(answer.await.unwrap().unwrap()).await, "hello");
    assert!(running.end().await.is_clean());
}

#[tokio::test]
async fn head_beyond_the_limit_is_answered_431() {
    let running = Running::start(at_once(), |server, stopping| {
        let server = server.max_header_bytes(10_000).linger(SOON);
        server.serve(service_fn(hello), stopping)
    })
    .await;
    let with = |bytes: usize| {
        let mut request = get("/");
        let value = "x".repeat(bytes).parse().unwrap();
        request.headers_mut().insert("x-long", value);
        request
    };
    let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    // HTTP/2 knows the size before it reads; what is far beyond ends the connection.
    for (bytes1, bytes2, expected) in [(8_000, 8_000, StatusCode::OK), (40_000, 12_000, too_large)]
    {
        let mut client = http1(running.address).await;
        let response = client.send_request(with(bytes1)).await.unwrap();
        assert_eq!(response.status(), expected, "HTTP/1");
        let mut client = http2(running.address).await;
        let response = client.send_request(with(bytes2)).await.unwrap();
        assert_eq!(response.status(), expected, "HTTP/2");
    }
    assert!(running.end().await.is_clean());
}

#[tokio::test]
async fn requests_carry_their_peer_and_what_the_handshake_found() {
    async fn who(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let PeerAddr(peer) = request.extensions().get().unwrap();
        let scheme = request.extensions().get::<ConnectionScheme>();
        let text = format!("{peer} {scheme:?}");
        Ok(Response::new(Full::from(text)))
    }

    let running = Running::start(at_once(), |server, stopping| {
        // A handshake that the client can end, or never end.
        let server = server
            .linger(SOON)
            .handshake_with(async |mut stream: TcpStream| {
                let greeting = stream.read_u8().await?;
                if greeting != b'!' {
                    return Err(io::Error::other("no greeting"));
                }
                let mut extensions = Extensions::new();
                extensions.insert(ConnectionScheme(Scheme::Https));
                Ok((stream, extensions))
            });
        server.serve(service_fn(who), stopping)
    })
    .await;
    // Neither holds up the one that follows.
    let hanging = TcpStream::connect(running.address).await.unwrap();
    let mut wrong = TcpStream::connect(running.address).await.unwrap();
    wrong.write_all(b"?").await.unwrap();
    assert_eq!(rest(wrong).await, "");

    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let local = stream.local_addr().unwrap();
    stream.write_all(b"!GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let answer = rest(stream).await;
    let expected = format!("{local} Some(ConnectionScheme(Https))");
    assert!(answer.ends_with(&expected), "{answer:?}");

    assert!(running.end().await.is_clean());
    assert_eq!(rest(hanging).await, "");
}

#[tokio::test]
async fn upgraded_connection_belongs_to_its_handler() {
    async fn shout(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        tokio::spawn(async move {
            let mut io = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            let byte = io.read_u8().await.unwrap();
            io.write_u8(byte.to_ascii_uppercase()).await.unwrap();
        });
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "upgrade")
            .header("upgrade", "shout")
            .body(Empty::new());
        Ok(response.unwrap())
    }

    let running = Running::start(at_once(), |server, stopping| {
        server.serve(service_fn(shout), stopping)
    })
    .await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request =
        b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    stream.write_all(b"a").await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.ends_with("\r\n\r\nA"), "{answer:?}");
    assert!(running.end().await.is_clean());
}

#[tokio::test]
async fn failing_and_panicking_services_end_their_own_connection_only() {
    async fn fail(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        match request.uri().path() {
            "/error" => Err(io::Error::other("as it was told to")),
            "/panic" => panic!("as it was told to"),
            _ => Ok(Response::new(Full::from("hello"))),
        }
    }

    let running = Running::start(at_once(), |server, stopping| {
        server.serve(service_fn(fail), stopping)
    })
    .await;
    let mut bystander = http1(running.address).await;
    text(bystander.send_request(get("/")).await.unwrap()).await;
    for path in ["/error", "/panic"] {
        assert!(
            http1(running.address)
                .await
                .send_request(get(path))
                .await
                .is_err()
        );
        assert!(
            http2(running.address)
                .await
                .send_request(get(path))
                .await
                .is_err()
        );
    }
    bystander.ready().await.unwrap();
    text(bystander.send_request(get("/")).await.unwrap()).await;
    assert!(running.end().await.is_clean());
}

#[tokio::test]
async fn axum_stops_by_the_same_sign() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
    let shutdown = at_once();
    let trigger = shutdown.trigger();
    let done = tokio::spawn(shutdown.run(move |stopping| {
        axum::serve(listener, router).with_graceful_shutdown(stopping.closing())
    }));
    let response = http1(address).await.send_request(get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello");
    trigger.stop();
    let report = timeout(NEVER, done).await.unwrap().unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn router_is_served_by_the_short_form() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
    let shutdown = at_once();
    let trigger = shutdown.trigger();
    let done = tokio::spawn(serve(listener, router, shutdown));
    let response = http1(address).await.send_request(get("/")).await.unwrap();
    assert_eq!(text(response).await, "hello");
    trigger.stop();
    assert!(timeout(NEVER, done).await.unwrap().unwrap().is_clean());
}

#[tokio::test]
async fn forgotten_server_is_gone() {
    let count = Arc::new(AtomicUsize::new(0));
    let alive = Arc::new(Alive::new(&count));
    let running = Running::start(at_once(), |server, stopping| {
        let service = service_fn(move |request| {
            let _alive = &alive;
            hello(request)
        });
        server.serve(service, stopping)
    })
    .await;
    let mut client = http1(running.address).await;
    text(client.send_request(get("/")).await.unwrap()).await;
    running.done.abort();
    let start = Instant::now();
    while count.load(Ordering::SeqCst) > 0 {
        assert!(start.elapsed() < NEVER, "the service outlives its server");
        yield_now().await;
    }
}
