//! What a client can do to its own origin, which is nothing.

use http::{HeaderValue, Request};
use portcullis_layer_core::origin::{
    ForwardedHeaders, OriginPolicy, PeerAddr, Scheme, TrustedProxies, origin_of,
};

/// Sends `lines` as a stranger, then through a proxy that appends `report` about the sender 192.0.2.1: first behind the
/// client's last line, then in a line of its own.
pub fn changes_nothing(
    family: ForwardedHeaders,
    name: &'static str,
    lines: &[HeaderValue],
    report: &str,
) {
    let policy = OriginPolicy::new(TrustedProxies::loopback(), family);
    let origin = |peer: [u8; 4], lines: &[HeaderValue]| {
        let mut request = Request::new(());
        request.extensions_mut().insert(PeerAddr((peer, 9).into()));
        for line in lines {
            request.headers_mut().append(name, line.clone());
        }
        let origin = origin_of(&request, &policy);
        assert_eq!(policy.client_ip(&request), origin.client_ip);
        assert_eq!(policy.scheme(&request), origin.scheme);
        assert_eq!(
            policy.authority(&request).as_deref(),
            origin
                .authority
                .as_ref()
                .map(|authority| authority.as_str())
        );
        origin
    };

    let stranger = origin([198, 51, 100, 1], lines);
    assert_eq!(stranger.client_ip, Some([198, 51, 100, 1].into()));
    assert_eq!(stranger.scheme, Scheme::Http);
    assert_eq!(stranger.authority, None);

    let report = HeaderValue::from_str(report).expect("a report is text");
    let mut own_line = lines.to_vec();
    own_line.push(report.clone());
    let mut appended = lines.to_vec();
    if let Some(last) = appended.last_mut() {
        let joined = [last.as_bytes(), b", ", report.as_bytes()].concat();
        *last = HeaderValue::from_bytes(&joined).expect("both halves are values");
    }
    for lines in [own_line, appended] {
        if lines.is_empty() {
            continue;
        }
        let origin = origin([127, 0, 0, 1], &lines);
        assert_eq!(origin.client_ip, Some([192, 0, 2, 1].into()));
        if family == ForwardedHeaders::Forwarded {
            assert_eq!(origin.scheme, Scheme::Https);
            assert_eq!(
                origin.authority.expect("the proxy reported one"),
                "shop.example"
            );
        }
    }
}
