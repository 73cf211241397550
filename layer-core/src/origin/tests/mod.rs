mod forwarded;
mod layer;
mod property;
mod resolve;
mod settings;
mod x_forwarded;

use std::net::{IpAddr, SocketAddr};

use http::Request;

use super::{ForwardedHeaders, OriginPolicy, PeerAddr, TrustedProxies};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trust(text: &str) -> TrustedProxies {
    text.parse().unwrap()
}

/// A policy that trusts 10.0.0.0/8 and 2001:db8:aaaa::/48.
fn behind(headers: ForwardedHeaders) -> OriginPolicy {
    OriginPolicy::new(trust("10.0.0.0/8, 2001:db8:aaaa::/48"), headers)
}

/// A request from `peer` with these header lines, in this order.
fn request(peer: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = SocketAddr::new(ip(peer), 40_000);
    request.extension(PeerAddr(peer)).body(()).unwrap()
}
