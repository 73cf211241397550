//! Finds out who sent a request, by which scheme and to which host, believing only the proxies that are named.
//!
//! ```
//! use std::net::{IpAddr, SocketAddr};
//! use http::Request;
//! use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, PeerAddr, Scheme, TrustedProxies};
//!
//! let trust: TrustedProxies = "10.0.0.0/8".parse()?;
//! let policy = OriginPolicy::new(trust, ForwardedHeaders::XForwarded);
//!
//! // The balancer at 10.0.0.7 appended the address that it saw; what stands left of it is the client's own claim.
//! let request = |peer: SocketAddr| {
//!     Request::get("/")
//!         .extension(PeerAddr(peer))
//!         .header("x-forwarded-for", "127.0.0.1, 192.0.2.60")
//!         .header("x-forwarded-proto", "https")
//!         .body(())
//! };
//! let origin = policy.resolve(&request("10.0.0.7:40000".parse()?)?);
//! assert_eq!(origin.client_ip, Some("192.0.2.60".parse::<IpAddr>()?));
//! assert_eq!(origin.scheme, Scheme::Https);
//!
//! // The same headers from anybody else are only text.
//! let origin = policy.resolve(&request("198.51.100.1:40000".parse()?)?);
//! assert_eq!(origin.client_ip, Some("198.51.100.1".parse::<IpAddr>()?));
//! assert_eq!(origin.scheme, Scheme::Http);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is believed
//!
//! **The peer** is the other end of the connection: a [`PeerAddr`] in the request's extensions, else (features `axum`
//! and `tonic`) what those servers put there. With none of them the peer is unknown, and stays unknown: no address is
//! ever made up.
//!
//! **The client.** Each proxy reports the sender that it saw at the *end* of the chosen header. The walk starts at the
//! peer and reads the reports from right to left, over all lines of the header. A report is read only if the hop that
//! wrote it is trusted, and it names the next hop. The walk ends
//! - at the first hop that is not trusted: it is the client, and nothing further left is looked at;
//! - at a report that names no address (missing, `unknown`, obfuscated, malformed): the client is the hop that wrote it,
//!   because it is the last one that was both trusted and known by address;
//! - when there are no reports left: the client is the last hop named.
//!
//! So a proxy that hides or omits its senders makes them all share *its* address. IPv4-mapped IPv6 addresses
//! (`::ffff:192.0.2.1`) are turned into IPv4 before anything is compared.
//!
//! **The scheme** is what the outermost trusted proxy reported: in the last `Forwarded` element that was believed, or in
//! the `X-Forwarded-Proto` value at the same position from the right as the last believed `X-Forwarded-For` entry (when
//! there are fewer values, the leftmost; so a single value always counts). `ws` and `wss` mean `http` and `https`.
//! Without such a report, or with one that names another scheme, it is the scheme of the connection: a
//! [`ConnectionScheme`] in the extensions, else [`OriginPolicy::default_scheme`]. The scheme inside the request (HTTP/2's
//! `:scheme`, the absolute form of HTTP/1.1) is chosen by the client and therefore never looked at.
//!
//! **The authority** is the host reported by the outermost trusted proxy (found like the scheme), else the target's
//! authority (`:authority` in HTTP/2, the absolute form in HTTP/1.1), else the only `Host` header. The first of these
//! that is there decides: one that is not `host` or `host:port` ([`HostPort`]) gives `None`, as do two `Host` headers.
//! It is a *name the client asked for*, not one that the service has: compare it with a list before using it.
//!
//! # Choosing what to trust
//!
//! | In front of the service | Policy |
//! |---|---|
//! | nothing | the default: [`TrustedProxies::none`] |
//! | a proxy on the same machine | [`TrustedProxies::loopback`] |
//! | proxies with known addresses | their ranges, [`TrustedProxies::ranges`] or [`FromStr`](std::str::FromStr) |
//! | proxies somewhere in a private network that clients are not in | [`TrustedProxies::private_networks`] |
//! | a fixed number of proxies with changing addresses, or a proxy on a Unix socket, and *no way around them* | [`TrustedProxies::hops`] |
//!
//! Each trusted proxy has to append to (or overwrite) the chosen header and to overwrite or remove
//! `X-Forwarded-Proto` and `X-Forwarded-Host`. A proxy that passes on what the client sent lets the client write its own
//! origin, and nothing behind it can tell.
//!
//! # In a stack
//!
//! [`OriginLayer`] goes outermost and resolves once; every layer inside finds the [`RequestOrigin`] in the extensions.
//! Without it each layer that needs an origin resolves one by its own [`OriginPolicy`] ([`origin_of`]). This module does
//! not read the PROXY protocol or headers of a single vendor: whoever accepts such connections puts the
//! address into [`PeerAddr`] instead.

mod authority;
mod client_key;
pub mod forwarded;
mod layer;
mod policy;
mod ranges;
mod scheme;
mod service;
mod trust;
mod walk;
pub mod x_forwarded;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Request, Uri, request};

pub use self::{
    authority::HostPort,
    client_key::{ClientKey, InvalidPrefix, Ipv6Prefix},
    layer::OriginLayer,
    policy::{ForwardedHeaders, OriginPolicy, RequestOrigin, origin_of},
    ranges::{InvalidRange, IpRanges},
    scheme::{ConnectionScheme, Scheme},
    service::Origin,
    trust::{InvalidTrust, TrustedProxies},
};

/// Extension: the address at the other end of the connection.
///
/// Put in by whoever accepts connections, once per request. It comes before the address that axum or tonic recorded, so
/// it is also the place for an address that the PROXY protocol announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// The parts of a request that tell where it came from, borrowed.
///
/// Made from a `&Request<B>` or a `&request::Parts`, so every function here takes either.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a http::Extensions,
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl<'a> From<&'a request::Parts> for RequestHead<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self {
            uri: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }
}

impl<'a> RequestHead<'a> {
    /// The request's target.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The request's headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The request's extensions.
    #[must_use]
    pub const fn extensions(&self) -> &'a http::Extensions {
        self.extensions
    }
}

impl RequestHead<'_> {
    /// The peer's address with IPv4-mapped IPv6 turned into IPv4.
    fn peer(&self) -> Option<IpAddr> {
        self.peer_addr().map(|peer| peer.ip().to_canonical())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        if let Some(PeerAddr(peer)) = self.extensions.get() {
            return Some(*peer);
        }
        #[cfg(feature = "axum")]
        {
            use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
            if let Some(ConnectInfo(peer)) = self.extensions.get::<ConnectInfo<SocketAddr>>() {
                return Some(*peer);
            }
            // What axum's own extractor falls back to: the stand-in for tests without a socket.
            if let Some(MockConnectInfo(peer)) =
                self.extensions.get::<MockConnectInfo<SocketAddr>>()
            {
                return Some(*peer);
            }
        }
        // A connection over TLS leaves a `TcpConnectInfo` too, beside its `TlsConnectInfo`.
        #[cfg(feature = "tonic")]
        if let Some(info) = self
            .extensions
            .get::<tonic::transport::server::TcpConnectInfo>()
        {
            return info.remote_addr;
        }
        None
    }
}
