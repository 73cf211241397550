use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A server whose certificate one of our authorities has signed.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    host: Box<str>,
    port: u16,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// `None`: `authority` is not a host and a port, or there are no certificates in `ca`, which is PEM text.
    pub(super) fn new(authority: &str, ca: &[u8]) -> Option<Self> {
        let (host, port) = authority.rsplit_once(':')?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca) {
            roots.add(certificate.ok()?).ok()?;
        }
        if roots.is_empty() {
            return None;
        }
        // Named, because the process's default is not ours to choose, and there may be none or two.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Some(Self {
            host: host.into(),
            port: port.parse().ok()?,
            name: ServerName::try_from(host.to_owned()).ok()?,
            config: Arc::new(config),
        })
    }

    pub(super) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        let connector = TlsConnector::from(self.config.clone());
        connector.connect(self.name.clone(), stream).await
    }
}
