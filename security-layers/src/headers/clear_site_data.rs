use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

use super::policy::checked;
use super::tokens::tokens;

tokens! {
    /// One kind of what a browser keeps for an origin.
    #[non_exhaustive]
    pub enum SiteData {
        /// Responses it has cached.
        Cache = "\"cache\"",
        /// Cookies (of the whole registrable domain), and HTTP authentication.
        Cookies = "\"cookies\"",
        /// Local and session storage, databases, service workers.
        Storage = "\"storage\"",
        /// Open pages, which are loaded anew.
        ExecutionContexts = "\"executionContexts\"",
        /// The client hints it has agreed to send.
        ClientHints = "\"clientHints\"",
        /// Everything, also kinds that later browsers know.
        All = "\"*\"",
    }
}

/// Makes a browser forget what it keeps for the origin (`Clear-Site-Data`), for the answer to a logout.
///
/// Browsers heed it over https only. Clearing the cache can take them seconds: it belongs on one answer, not on all.
///
/// ```
/// use http::Response;
/// use portcullis_security_layers::headers::{ClearSiteData, SiteData};
///
/// let mut response = Response::new(());
/// ClearSiteData::logout().insert_into(response.headers_mut());
/// assert_eq!(response.headers()["clear-site-data"], r#""cache","cookies","storage""#);
///
/// let signed_out = ClearSiteData::new(SiteData::Cookies);
/// assert_eq!(signed_out.header_value(), r#""cookies""#);
/// ```
///
/// See the [W3C draft](https://www.w3.org/TR/clear-site-data/).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearSiteData(Vec<SiteData>);

impl ClearSiteData {
    /// The header's name.
    pub const NAME: HeaderName = HeaderName::from_static("clear-site-data");

    /// One kind; more with [`and`](Self::and).
    #[must_use]
    pub fn new(kind: SiteData) -> Self {
        Self(vec![kind])
    }

    /// What OWASP's list sends at a logout: cache, cookies and storage.
    #[must_use]
    pub fn logout() -> Self {
        Self::new(SiteData::Cache)
            .and(SiteData::Cookies)
            .and(SiteData::Storage)
    }

    /// One kind more.
    #[must_use]
    pub fn and(mut self, kind: SiteData) -> Self {
        if !self.0.contains(&kind) {
            self.0.push(kind);
        }
        self
    }

    /// The value to send under [`NAME`](Self::NAME).
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        let kinds: Vec<_> = self.0.iter().map(|kind| kind.as_str()).collect();
        checked(kinds.join(","))
    }

    /// Sets the header, in place of one that is there.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        headers.insert(Self::NAME, self.header_value());
    }
}
