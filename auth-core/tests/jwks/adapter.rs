//! The adapter for `reqwest`, before servers of this machine that behave and misbehave.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use portcullis_auth_core::jwks::{
    Document, Endpoint, FETCH_TIMEOUT, Fetch, FetchErrorKind, Jwks, MAX_DOCUMENT_BYTES,
    ReqwestFetch,
};
use portcullis_auth_core::jwt::{Issuer, JwtErrorKind, Profile, Verifier};
use portcullis_auth_core::time::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{AUDIENCE, Theirs, key, seconds, set};

/// A server that gives the same answer to everybody.
#[derive(Clone)]
struct Peer {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Answers with `answer`, byte by byte, and then closes the connection, or keeps it open and says no more.
    async fn start(answer: impl Into<Vec<u8>>, hang: bool, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let peer = Self { port, heard };
        let (this, answer) = (peer.clone(), Arc::<[u8]>::from(answer.into()));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (this, answer, tls) = (this.clone(), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => this.serve(stream, &answer, hang).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                this.serve(stream, &answer, hang).await;
                            }
                        }
                    }
                });
            }
        });
        peer
    }

    async fn plain(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer, false, None).await
    }

    async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        answer: &[u8],
        hang: bool,
    ) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        self.heard.lock().unwrap().push(request);
        // The client may not want to hear all of it.
        if stream.write_all(answer).await.is_ok() && stream.flush().await.is_ok() && hang {
            std::future::pending::<()>().await;
        }
    }

    fn endpoint(&self) -> Endpoint {
        let url = format!("http://127.0.0.1:{}/jwks", self.port);
        Endpoint::https_or_loopback(&url).unwrap()
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{head}\r\n{body}")
}

async fn fetch(peer: &Peer) -> Result<Document, FetchErrorKind> {
    let fetched = ReqwestFetch::new().unwrap().fetch(&peer.endpoint()).await;
    fetched.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_document_comes_with_what_its_server_says_of_its_age() {
    let head = "cache-control: public\r\nCache-Control: max-age=300\r\nage: 100\r\n";
    let peer = Peer::plain(answer(head, "{}")).await;
    let document = fetch(&peer).await.unwrap();
    assert_eq!(document.body(), b"{}");
    assert_eq!(document.fresh_for(seconds(600)), seconds(200));
    let heard = peer.heard();
    let [request] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert!(request.starts_with("GET /jwks HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\naccept: application/jwk-set+json, application/json\r\n"));
    for header in ["referer", "cookie", "accept-encoding", "authorization"] {
        assert!(!request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Peer::plain(answer("", "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let place = elsewhere.endpoint();
        let redirect =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
        let peer = Peer::plain(redirect).await;
        assert_eq!(fetch(&peer).await.unwrap_err(), FetchErrorKind::Redirect);
    }
    assert!(elsewhere.heard().is_empty());
}

#[tokio::test]
async fn only_200_is_a_document() {
    for (status, kind) in [
        (201, FetchErrorKind::Status(201)),
        (206, FetchErrorKind::Status(206)),
        (304, FetchErrorKind::Status(304)),
        (401, FetchErrorKind::Status(401)),
        (404, FetchErrorKind::Status(404)),
        (503, FetchErrorKind::Status(503)),
    ] {
        let peer = Peer::plain(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(fetch(&peer).await.unwrap_err(), kind);
    }
}

#[tokio::test]
async fn a_document_has_256_kib_at_most_whatever_its_server_says() {
    let full = "x".repeat(MAX_DOCUMENT_BYTES);
    let document = fetch(&Peer::plain(answer("", &full)).await).await.unwrap();
    assert_eq!(document.body().len(), MAX_DOCUMENT_BYTES);

    let larger = answer("", &format!("{full}x"));
    let without_length = format!("HTTP/1.1 200 OK\r\n\r\n{full}x");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
    // It would go on for ever.
    let endless = chunked + &chunk.repeat(4);
    for (answer, hang) in [(larger, false), (without_length, false), (endless, true)] {
        let peer = Peer::start(answer, hang, None).await;
        assert_eq!(fetch(&peer).await.unwrap_err(), FetchErrorKind::TooLarge);
    }
    // Said, but never sent: it is not waited for.
    let promise = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let peer = Peer::start(promise, true, None).await;
    assert_eq!(fetch(&peer).await.unwrap_err(), FetchErrorKind::TooLarge);
}

#[tokio::test]
async fn what_was_packed_is_not_unpacked() {
    // 20 bytes of gzip, which are no JSON to us.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    let mut response =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n".to_vec();
    response.extend_from_slice(gzip);
    let document = fetch(&Peer::plain(response).await).await.unwrap();
    assert_eq!(document.body(), gzip);
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for half in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "",
    ] {
        let error = fetch(&Peer::plain(half).await).await.unwrap_err();
        assert_eq!(error, FetchErrorKind::Interrupted, "{half}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let peer = Peer {
        port,
        heard: Arc::default(),
    };
    assert_eq!(fetch(&peer).await.unwrap_err(), FetchErrorKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_waited_for_five_seconds() {
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let peer = Peer::start(said, true, None).await;
        // The time goes on by itself whenever all wait.
        let start = Instant::now();
        assert_eq!(fetch(&peer).await.unwrap_err(), FetchErrorKind::Timeout);
        assert!(start.elapsed() <= FETCH_TIMEOUT + seconds(1) / 100);
    }
}

#[tokio::test]
async fn the_environment_names_no_proxy() {
    const CHILD: &str = "PORTCULLIS_TEST_PROXY";
    if std::env::var_os(CHILD).is_some() {
        let peer = Peer::plain(answer("", "{}")).await;
        assert_eq!(fetch(&peer).await.unwrap().body(), b"{}");
        return;
    }
    let proxy = Peer::plain("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "adapter::the_environment_names_no_proxy"]);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
    ] {
        child.env(name, &url);
    }
    child
        .env(CHILD, "1")
        .env_remove("no_proxy")
        .env_remove("NO_PROXY");
    let run = tokio::task::spawn_blocking(move || child.output());
    let output = run.await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
    assert!(proxy.heard().is_empty());
}

#[tokio::test]
async fn a_server_must_prove_its_name() {
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let private = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], private)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let peer = Peer::start(answer("", "{}"), false, Some(tls)).await;
    let pem = |certificate: &rcgen::Certificate| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let (trusted, untrusted) = (pem(&ours.cert), pem(&other.cert));
    let at = |host: &str| Endpoint::https(&format!("https://{host}:{}/jwks", peer.port)).unwrap();
    for (client, host) in [
        (ReqwestFetch::settings(), "localhost"),
        (ReqwestFetch::settings().roots(&untrusted), "localhost"),
        (ReqwestFetch::settings().roots(&trusted), "127.0.0.1"),
    ] {
        let refused = client.build().unwrap().fetch(&at(host)).await.unwrap_err();
        assert_eq!(refused.kind(), FetchErrorKind::Unreachable, "{host}");
    }
    assert!(peer.heard().is_empty());
    let client = ReqwestFetch::settings()
        .roots(&(untrusted + &trusted))
        .build()
        .unwrap();
    let document = client.fetch(&at("localhost")).await.unwrap();
    assert_eq!(document.body(), b"{}");
}

#[tokio::test]
async fn through_a_proxy_goes_what_is_told_to_and_nothing_without_tls() {
    let proxy = Peer::plain("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let client = ReqwestFetch::settings().proxy(&url).build().unwrap();
    let secure = Endpoint::https("https://id.invalid/jwks").unwrap();
    let refused = client.fetch(&secure).await.unwrap_err();
    assert_eq!(refused.kind(), FetchErrorKind::Unreachable);
    let heard = proxy.heard();
    assert!(heard[0].starts_with("CONNECT id.invalid:443 "), "{heard:?}");

    let peer = Peer::plain(answer("", "{}")).await;
    assert!(client.fetch(&peer.endpoint()).await.is_ok());
    assert!(proxy.heard().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (settings, text) in [
        (
            ReqwestFetch::settings().roots(""),
            "there must be at least one root",
        ),
        (
            ReqwestFetch::settings()
                .roots("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "no client for https can be made",
        ),
        (
            ReqwestFetch::settings().proxy("not a url"),
            "the proxy's address is no url",
        ),
    ] {
        assert_eq!(settings.build().unwrap_err().to_string(), text);
    }
}

// AUTH case 24
#[tokio::test]
async fn what_a_token_says_of_its_key_is_never_read() {
    let now = SystemClock.now();
    let theirs = Theirs::new(now);
    let served = Peer::plain(answer("", &theirs.jwks(now))).await;
    let attacker = key();
    let attackers = Peer::plain(answer("", &set(&[&attacker]))).await;
    let keys = Jwks::at(
        "https://id.example",
        &served.endpoint(),
        ReqwestFetch::new().unwrap(),
    );
    let keys = keys.start().unwrap();
    assert!(keys.loaded().await);
    let issuer = Issuer::settings("https://id.example", AUDIENCE, Profile::Rfc9068, keys);
    let verifier = Verifier::new([issuer.build().unwrap()]).unwrap();
    // Told apart by nothing but the key: this is what a good one looks like.
    let good = theirs.token(now);
    assert!(verifier.verify(&good, now).is_ok());

    let place = attackers.endpoint();
    let jwk: Value = serde_json::from_str(&attacker.verifying_key().to_jwk().unwrap()).unwrap();
    let theirs_id = theirs.ring.signing(now).unwrap().id().to_owned();
    for (kid, refusal) in [
        (attacker.id(), JwtErrorKind::UnknownKey),
        (&theirs_id, JwtErrorKind::Signature),
    ] {
        let header = json!({
            "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "jku": place.as_str(), "x5u": place.as_str(), "jwk": jwk,
        });
        let token = forge(&header, &good, &attacker);
        let refused = verifier.verify_or_refresh(&token, now).await.unwrap_err();
        assert_eq!(refused.kind(), refusal);
    }
    assert!(attackers.heard().is_empty());
    for request in served.heard() {
        assert!(request.starts_with("GET /jwks HTTP/1.1\r\n"), "{request}");
    }
}

/// `good` with another header, signed by `key`.
fn forge(header: &Value, good: &str, key: &portcullis_auth_core::jwt::SigningKey) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::EncodingKey;

    let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
    write!(token, ".{}", good.split('.').nth(1).unwrap()).unwrap();
    let pem = key.to_pem().unwrap();
    let private = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).unwrap();
    let algorithm = jsonwebtoken::Algorithm::EdDSA;
    let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &private, algorithm).unwrap();
    write!(token, ".{signature}").unwrap();
    token
}
