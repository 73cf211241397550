use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::fake::text;
use crate::source::FileSource;
use crate::source::SourceErrorKind::{Malformed, Unavailable};
use crate::source::vault::{Login, Vault};

#[tokio::test]
async fn over_tls_only_a_server_of_our_authority_gets_the_token() {
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(AtomicBool::new(false));
    tokio::spawn({
        let heard = heard.clone();
        async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = vec![0; 4096];
                let n = stream.read(&mut request).await.unwrap();
                let request = str::from_utf8(&request[..n]).unwrap();
                heard.fetch_or(
                    request.contains("x-vault-token: hvs.1\r\n"),
                    Ordering::SeqCst,
                );
                let body = match request.contains("lookup-self") {
                    true => r#"{"data":{"ttl":0}}"#,
                    false => r#"{"data":{"data":{"key":"value"}}}"#,
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                // Without the end of TLS: the length says where the answer ends.
                stream.flush().await.unwrap();
            }
        }
    });
    let pem = |certificate: &rcgen::Certificate| {
        let text = STANDARD.encode(certificate.der());
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let token = NamedTempFile::new().unwrap();
    fs::write(token.path(), "hvs.1").unwrap();
    let login = || Login::token(FileSource::new(token.path()));
    let load = async |host: &str, ca: String| {
        let vault =
            Vault::with_tls(&format!("https://{host}:{port}"), ca.as_bytes(), login()).unwrap();
        text(&vault.kv2("secret", "app").unwrap().field("key")).await
    };
    // Neither by another authority nor under another name.
    assert_eq!(load("localhost", pem(&other.cert)).await, Err(Unavailable));
    assert_eq!(load("127.0.0.1", pem(&ours.cert)).await, Err(Unavailable));
    assert!(!heard.load(Ordering::SeqCst));
    let both = pem(&other.cert) + &pem(&ours.cert);
    assert_eq!(load("localhost", both).await.unwrap(), "value");
    assert!(heard.load(Ordering::SeqCst));

    let pem = pem(&ours.cert);
    let cases = [
        ("http://localhost:8200", &*pem),
        ("https://localhost", &*pem),
        ("https://a b:8200", &*pem),
        ("https://u:p@localhost:8200", &*pem),
        ("https://localhost:8200/v1", &*pem),
        ("https://localhost:8200", ""),
        (
            "https://localhost:8200",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ];
    for (url, ca) in cases {
        assert_eq!(
            Vault::with_tls(url, ca.as_bytes(), login())
                .unwrap_err()
                .kind(),
            Malformed,
            "{url} {ca}"
        );
    }
}
