use std::borrow::Cow;
use std::net::IpAddr;
use std::str;

use http::header::HOST;
use http::uri::Authority;

use super::walk::Trail;
use super::{ConnectionScheme, HostPort, RequestHead, Scheme, TrustedProxies};

/// Where a request came from. The [module docs](super) say what each field believes.
///
/// [`OriginLayer`](super::OriginLayer) puts it into the extensions of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestOrigin {
    /// The other end of the connection; `None` if nobody recorded it (or there is no address: a Unix socket).
    pub peer: Option<IpAddr>,
    /// The sender behind all trusted proxies; `None` if it is not known. Never a stand-in such as 0.0.0.0.
    pub client_ip: Option<IpAddr>,
    /// How the client's request travelled to the outermost trusted proxy, or to us.
    pub scheme: Scheme,
    /// The host the client asked for, in the client's spelling; `None` if it is missing, repeated or not a host.
    pub authority: Option<Authority>,
}

/// The header family that the trusted proxies write. One of them, by choice: a proxy that writes one passes the other
/// on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardedHeaders {
    /// `Forwarded` (RFC 7239). The default.
    #[default]
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
}

/// Whom to believe about the origin of a request, and what to read from them.
///
/// The default believes nobody. Cheap to clone.
///
/// The readers [`client_ip`](Self::client_ip), [`scheme`](Self::scheme) and [`authority`](Self::authority) are what a
/// layer calls that needs one thing only: they take it from the [`RequestOrigin`] that an
/// [`OriginLayer`](super::OriginLayer) further out has put into the request, and otherwise work it out by this policy
/// without allocating (unless a `Forwarded` value has escapes). If such a layer has run, *its* policy decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginPolicy {
    trust: TrustedProxies,
    headers: ForwardedHeaders,
    default_scheme: Scheme,
}

impl OriginPolicy {
    /// Believes what the proxies in `trust` report in `headers`; the scheme of a connection is http unless it is marked.
    #[must_use]
    pub const fn new(trust: TrustedProxies, headers: ForwardedHeaders) -> Self {
        Self {
            trust,
            headers,
            default_scheme: Scheme::Http,
        }
    }

    /// Sets the scheme of connections that carry no [`ConnectionScheme`]: [`Scheme::Https`] if all listeners speak TLS.
    #[must_use]
    pub const fn default_scheme(mut self, scheme: Scheme) -> Self {
        self.default_scheme = scheme;
        self
    }

    /// Works out the origin of a request, whatever an [`OriginLayer`](super::OriginLayer) may have found.
    ///
    /// Allocates only to copy an authority that comes from a header.
    #[must_use]
    pub fn resolve<'a>(&self, request: impl Into<RequestHead<'a>>) -> RequestOrigin {
        let head = request.into();
        let trail = self.follow(head);
        RequestOrigin {
            peer: head.peer(),
            client_ip: trail.client,
            scheme: self.scheme_by(head, &trail),
            authority: match named(head, trail) {
                Some(Named::Target(authority)) => Some(authority.clone()),
                Some(Named::Text(text)) => text.parse().ok(),
                None => None,
            },
        }
    }

    /// The client's address. See [`RequestOrigin::client_ip`].
    #[must_use]
    pub fn client_ip<'a>(&self, request: impl Into<RequestHead<'a>>) -> Option<IpAddr> {
        let head = request.into();
        match resolved(head) {
            Some(origin) => origin.client_ip,
            None => self.follow(head).client,
        }
    }

    /// The scheme that the client used. See [`RequestOrigin::scheme`].
    #[must_use]
    pub fn scheme<'a>(&self, request: impl Into<RequestHead<'a>>) -> Scheme {
        let head = request.into();
        match resolved(head) {
            Some(origin) => origin.scheme,
            None => self.scheme_by(head, &self.follow(head)),
        }
    }

    /// The host and port that the client asked for, which [`HostPort::parse`] takes apart.
    /// See [`RequestOrigin::authority`].
    #[must_use]
    pub fn authority<'a>(&self, request: impl Into<RequestHead<'a>>) -> Option<Cow<'a, str>> {
        let head = request.into();
        if let Some(origin) = resolved(head) {
            let authority = origin.authority.as_ref()?;
            return Some(Cow::Borrowed(authority.as_str()));
        }
        named(head, self.follow(head)).map(|named| match named {
            Named::Target(authority) => Cow::Borrowed(authority.as_str()),
            Named::Text(text) => text,
        })
    }

    fn follow<'a>(&self, head: RequestHead<'a>) -> Trail<'a> {
        Trail::follow(head, &self.trust, self.headers)
    }

    fn scheme_by(&self, head: RequestHead<'_>, trail: &Trail<'_>) -> Scheme {
        trail.scheme().unwrap_or_else(|| {
            let connection = head.extensions.get::<ConnectionScheme>();
            connection.map_or(self.default_scheme, |marked| marked.0)
        })
    }
}

/// The origin that an [`OriginLayer`](super::OriginLayer) found, else the one that `policy` finds.
#[must_use]
pub fn origin_of<'a>(request: impl Into<RequestHead<'a>>, policy: &OriginPolicy) -> RequestOrigin {
    let head = request.into();
    match resolved(head) {
        Some(origin) => origin.clone(),
        None => policy.resolve(head),
    }
}

fn resolved(head: RequestHead<'_>) -> Option<&RequestOrigin> {
    head.extensions.get()
}

/// A host that has been checked, and where it stands: the target's can be shared, a header's has to be copied.
enum Named<'a> {
    Target(&'a Authority),
    Text(Cow<'a, str>),
}

fn named<'a>(head: RequestHead<'a>, trail: Trail<'a>) -> Option<Named<'a>> {
    // A report that is not a host ends the search as well: the name by which the proxy addressed *us* is no substitute.
    if let Some(reported) = trail.host() {
        return match reported {
            Cow::Borrowed(text) => Some(Cow::Borrowed(HostPort::parse(text)?.as_str())),
            Cow::Owned(text) => Some(Cow::Owned(HostPort::parse(&text)?.as_str().to_owned())),
        }
        .map(Named::Text);
    }
    if let Some(target) = head.uri.authority() {
        HostPort::parse(target.as_str().as_bytes())?;
        return Some(Named::Target(target));
    }
    let mut lines = head.headers.get_all(HOST).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let host = HostPort::parse(line.as_bytes())?;
    Some(Named::Text(Cow::Borrowed(host.as_str())))
}
