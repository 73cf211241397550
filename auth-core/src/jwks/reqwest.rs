use std::error::Error;
use std::fmt;

use ::reqwest::header::{ACCEPT, AGE, CACHE_CONTROL, HeaderName};
use ::reqwest::redirect::Policy;
use ::reqwest::{Certificate, Client, Proxy, Response};

use super::endpoint::Endpoint;
use super::fetch::{
    CONNECT_TIMEOUT, Document, FETCH_TIMEOUT, Fetch, FetchError, FetchErrorKind, Fetching,
    MAX_DOCUMENT_BYTES,
};

/// Fetches over HTTPS with `reqwest`.
///
/// ```no_run
/// use portcullis_auth_core::jwks::{Endpoint, Jwks, ReqwestFetch};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Endpoint::https("https://accounts.google.com")?;
/// let keys = Jwks::discover(&issuer, ReqwestFetch::new()?).start()?;
/// assert!(keys.loaded().await);
/// # Ok(())
/// # }
/// ```
///
/// TLS is that of `rustls` 1.2 and 1.3, with the cryptography that the process has installed as its default, and with
/// `aws-lc-rs` if there is none. Whom to trust says the operating system, or [`roots`](ReqwestFetchSettings::roots). HTTP is
/// version 1.1, unless another crate of the tree asks `reqwest` for more. Variables such as `HTTPS_PROXY` are not read: what
/// somebody set for another program must not decide who sees which issuers we trust. A clone shares the connections.
#[derive(Clone, Debug)]
pub struct ReqwestFetch(Client);

/// The settings of a [`ReqwestFetch`]. Started by [`ReqwestFetch::settings`].
#[derive(Clone, Debug, Default)]
#[must_use = "settings are checked when they are built"]
pub struct ReqwestFetchSettings {
    roots: Option<String>,
    proxy: Option<String>,
}

impl ReqwestFetch {
    /// Trusts whom the operating system trusts, and asks directly.
    ///
    /// # Errors
    ///
    /// When the operating system's certificates cannot be read, or there are none.
    pub fn new() -> Result<Self, ReqwestFetchError> {
        Self::settings().build()
    }

    /// Starts with the operating system's certificates and without a proxy.
    pub fn settings() -> ReqwestFetchSettings {
        ReqwestFetchSettings::default()
    }
}

impl ReqwestFetchSettings {
    /// Trusts the certificates in `pem` and no others, such as those of a company's own authority.
    pub fn roots(mut self, pem: &str) -> Self {
        self.roots = Some(pem.to_owned());
        self
    }

    /// Asks `https` servers through the HTTP proxy at `url`. It sees their names, and what goes on is between them and us.
    /// Servers of this machine that are asked without TLS are asked directly.
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Some(url.to_owned());
        self
    }

    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// When there are no certificates or they cannot be read, and when the proxy's address is none.
    pub fn build(self) -> Result<ReqwestFetch, ReqwestFetchError> {
        let mut client = Client::builder()
            .tls_backend_rustls()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FETCH_TIMEOUT)
            .referer(false)
            // Another crate may have turned them on. A small answer must not become a large document.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ));
        if let Some(pem) = &self.roots {
            let invalid = |error| ReqwestFetchError::new("the roots are no certificates", error);
            let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(invalid)?;
            if roots.is_empty() {
                return Err(ReqwestFetchError {
                    text: "there must be at least one root",
                    source: None,
                });
            }
            client = client.tls_certs_only(roots);
        }
        if let Some(url) = &self.proxy {
            let invalid = |error| ReqwestFetchError::new("the proxy's address is no url", error);
            client = client.proxy(Proxy::https(url.as_str()).map_err(invalid)?);
        }
        let no_client = |error| ReqwestFetchError::new("no client for https can be made", error);
        client.build().map(ReqwestFetch).map_err(no_client)
    }
}

impl Fetch for ReqwestFetch {
    fn fetch<'a>(&'a self, from: &'a Endpoint) -> Fetching<'a> {
        Box::pin(async move {
            let request = self.0.get(from.as_str());
            let request = request.header(ACCEPT, "application/jwk-set+json, application/json");
            document(request.send().await.map_err(error)?).await
        })
    }
}

async fn document(mut response: Response) -> Result<Document, FetchError> {
    match response.status().as_u16() {
        200 => {}
        301..=303 | 307 | 308 => return Err(FetchErrorKind::Redirect.into()),
        status => return Err(FetchErrorKind::Status(status).into()),
    }
    // What it says is not what it must send, so that is counted as well.
    let too_large = |bytes: u64| bytes > u64::try_from(MAX_DOCUMENT_BYTES).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(too_large) {
        return Err(FetchErrorKind::TooLarge.into());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(error)? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(FetchErrorKind::TooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut document = Document::new(body);
    for line in texts(&response, CACHE_CONTROL) {
        document = document.cache_control(line);
    }
    for age in texts(&response, AGE) {
        document = document.age(age);
    }
    Ok(document)
}

fn texts(response: &Response, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = response.headers().get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

fn error(error: ::reqwest::Error) -> FetchError {
    let kind = if error.is_timeout() {
        FetchErrorKind::Timeout
    } else if error.is_connect() {
        FetchErrorKind::Unreachable
    } else {
        FetchErrorKind::Interrupted
    };
    FetchError::new(kind, error)
}

/// Settings of a [`ReqwestFetch`] that cannot work.
#[derive(Debug)]
pub struct ReqwestFetchError {
    text: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ReqwestFetchError {
    fn new(text: &'static str, source: ::reqwest::Error) -> Self {
        let source = Some(source.into());
        Self { text, source }
    }
}

impl fmt::Display for ReqwestFetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Error for ReqwestFetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
