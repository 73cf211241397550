use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::freshness::CacheControl;

/// How long the connection to a server may take: 2 seconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a document may take from the first byte of the request to its own last one: 5 seconds.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of a document: 256 KiB. Those of large issuers have some thousand.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Reads documents of other issuers over the network.
///
/// The contract:
///
/// - It asks `from` and nobody else: no redirect is followed, and no variable of the environment sends it to a proxy.
/// - It gives up when there is no connection after [`CONNECT_TIMEOUT`] or no document after [`FETCH_TIMEOUT`]. Dropping it
///   ends the request. Who calls it does not wait any longer than that, whatever it does.
/// - Only an answer with status 200 is a document. Of one with more than [`MAX_DOCUMENT_BYTES`] the rest is not read.
/// - The certificate of an `https` server is verified, for the host in the address.
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Reads the document at `from`.
    fn fetch<'a>(&'a self, from: &'a Endpoint) -> Fetching<'a>;
}

/// What [`Fetch::fetch`] returns. Boxed, so that a client can hold a fetcher of any kind.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Document, FetchError>> + Send + 'a>>;

impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    fn fetch<'a>(&'a self, from: &'a Endpoint) -> Fetching<'a> {
        (**self).fetch(from)
    }
}

/// Holds any fetcher to the contract, as far as that can be done from outside.
pub(super) async fn bounded(fetch: &dyn Fetch, from: &Endpoint) -> Result<Document, FetchError> {
    let document = tokio::time::timeout(FETCH_TIMEOUT, fetch.fetch(from))
        .await
        .map_err(|_| FetchErrorKind::Timeout)??;
    if document.body.len() > MAX_DOCUMENT_BYTES {
        return Err(FetchErrorKind::TooLarge.into());
    }
    Ok(document)
}

/// A document, and for how long its server says that it is good.
#[derive(Clone, Debug, Default)]
pub struct Document {
    body: Vec<u8>,
    cache: CacheControl,
}

impl Document {
    /// A document whose server said nothing of how long it is good.
    #[must_use]
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            body,
            ..Self::default()
        }
    }

    /// Adds a line of the header `Cache-Control` (RFC 9111 section 5.2).
    #[must_use]
    pub fn cache_control(mut self, line: &str) -> Self {
        self.cache.add(line);
        self
    }

    /// Sets the header `Age` (RFC 9111 section 5.1). What is no number is ignored.
    #[must_use]
    pub fn age(mut self, age: &str) -> Self {
        self.cache.age(age);
        self
    }

    /// What the server sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// For how long it is taken for fresh, between one minute and one day; `otherwise` if the server did not say.
    #[must_use]
    pub fn fresh_for(&self, otherwise: Duration) -> Duration {
        self.cache.fresh_for(otherwise)
    }
}

/// Why the keys of another issuer could not be read.
#[derive(Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The causes of a [`FetchError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// There is no connection: no such name, nobody listens, or the certificate is not right.
    Unreachable,
    /// It took longer than it may.
    Timeout,
    /// The answer was a redirect. It is not followed: whoever can place one could send us anywhere.
    Redirect,
    /// The answer had this status, and not 200.
    Status(u16),
    /// The document has more than [`MAX_DOCUMENT_BYTES`].
    TooLarge,
    /// The connection broke.
    Interrupted,
    /// The document is not what it should be.
    Malformed,
    /// The set of keys has none that can be used.
    NoUsableKey,
    /// The discovery document is that of another issuer.
    IssuerMismatch,
    /// The discovery document names keys at an address that is not `https`.
    InsecureUri,
    /// The fetcher panicked, or the runtime ended.
    Aborted,
}

impl FetchErrorKind {
    /// A fixed name of the kind, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Interrupted => "interrupted",
            Self::Malformed => "malformed",
            Self::NoUsableKey => "no_usable_key",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::InsecureUri => "insecure_uri",
            Self::Aborted => "aborted",
        }
    }
}

impl FetchError {
    /// A failure with the error that caused it.
    pub fn new(kind: FetchErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl From<FetchErrorKind> for FetchError {
    fn from(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FetchErrorKind::Unreachable => "the server cannot be reached",
            FetchErrorKind::Timeout => "the server took too long to answer",
            FetchErrorKind::Redirect => "the server answered with a redirect",
            FetchErrorKind::Status(status) => {
                return write!(f, "the server answered with status {status}");
            }
            FetchErrorKind::TooLarge => "the document has more than 256 KiB",
            FetchErrorKind::Interrupted => "the connection broke",
            FetchErrorKind::Malformed => "the document cannot be read",
            FetchErrorKind::NoUsableKey => "the set of keys has none that can be used",
            FetchErrorKind::IssuerMismatch => "the discovery document is that of another issuer",
            FetchErrorKind::InsecureUri => {
                "the discovery document names keys at an address that is not https"
            }
            FetchErrorKind::Aborted => "the fetch was not brought to its end",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
