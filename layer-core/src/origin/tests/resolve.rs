use http::uri::Authority;
use http::{Request, Uri};

use super::{behind, ip, request, trust};
use crate::origin::{
    ConnectionScheme, ForwardedHeaders, OriginPolicy, PeerAddr, Scheme, TrustedProxies,
};

const FORWARDED: ForwardedHeaders = ForwardedHeaders::Forwarded;
const X_FORWARDED: ForwardedHeaders = ForwardedHeaders::XForwarded;

#[test]
fn the_client_is_the_last_hop_that_trusted_hops_lead_to() {
    struct Case {
        what: &'static str,
        peer: &'static str,
        headers: &'static [(&'static str, &'static str)],
        client: &'static str,
    }
    let cases = [
        Case {
            what: "a stranger is believed nothing",
            peer: "192.0.2.1",
            headers: &[
                ("x-forwarded-for", "10.0.0.9"),
                ("forwarded", "for=10.0.0.9"),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "a proxy without a report is the client",
            peer: "10.0.0.1",
            headers: &[],
            client: "10.0.0.1",
        },
        Case {
            what: "one hop",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "192.0.2.1"),
                ("forwarded", "for=192.0.2.1"),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "what stands left of the client is the client's invention",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "8.8.8.8, 10.0.0.7, 192.0.2.1"),
                ("forwarded", "for=8.8.8.8, for=10.0.0.7, for=192.0.2.1"),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "several trusted hops",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "8.8.8.8, 192.0.2.1, 10.0.0.3, 10.0.0.2"),
                (
                    "forwarded",
                    "for=8.8.8.8, for=192.0.2.1, for=10.0.0.3, for=10.0.0.2",
                ),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "all lines count, the last one first",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "8.8.8.8"),
                ("forwarded", "for=8.8.8.8"),
                ("x-forwarded-for", "192.0.2.1, 10.0.0.3"),
                ("forwarded", "for=192.0.2.1, for=10.0.0.3"),
                ("x-forwarded-for", "10.0.0.2"),
                ("forwarded", "for=10.0.0.2"),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "a line of its own beside the client's",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "8.8.8.8"),
                ("forwarded", "for=8.8.8.8"),
                ("x-forwarded-for", "192.0.2.1"),
                ("forwarded", "for=192.0.2.1"),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "when all hops are trusted, the furthest is the client",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "10.0.0.3, 10.0.0.2"),
                ("forwarded", "for=10.0.0.3, for=10.0.0.2"),
            ],
            client: "10.0.0.3",
        },
        Case {
            what: "an unreadable hop is not skipped",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "192.0.2.1, garbage, 10.0.0.2"),
                ("forwarded", "for=192.0.2.1, for=garbage, for=10.0.0.2"),
            ],
            client: "10.0.0.2",
        },
        Case {
            what: "an unknown hop is its reporter",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "192.0.2.1, unknown"),
                ("forwarded", "for=192.0.2.1, for=unknown"),
            ],
            client: "10.0.0.1",
        },
        Case {
            what: "an obfuscated hop is its reporter",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "_hidden, 10.0.0.2"),
                ("forwarded", "for=_hidden, for=10.0.0.2"),
            ],
            client: "10.0.0.2",
        },
        Case {
            what: "empty entries are no hops",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", " , 192.0.2.1, ,"),
                ("forwarded", ", for=192.0.2.1 , ,"),
                ("x-forwarded-for", ""),
                ("forwarded", ""),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "mapped addresses are IPv4 before they are compared",
            peer: "::ffff:10.0.0.1",
            headers: &[
                ("x-forwarded-for", "::ffff:192.0.2.1, ::ffff:10.0.0.2"),
                (
                    "forwarded",
                    r#"for="[::ffff:192.0.2.1]", for="[::ffff:10.0.0.2]""#,
                ),
            ],
            client: "192.0.2.1",
        },
        Case {
            what: "IPv6 all the way, with ports",
            peer: "2001:db8:aaaa::1",
            headers: &[
                (
                    "x-forwarded-for",
                    "[2001:db8:bbbb::9]:40000, 2001:db8:aaaa::2",
                ),
                (
                    "forwarded",
                    r#"for="[2001:db8:bbbb::9]:40000";proto=http, for="[2001:db8:aaaa::2]""#,
                ),
            ],
            client: "2001:db8:bbbb::9",
        },
        Case {
            what: "a quotation mark that a client left open hides nothing",
            peer: "10.0.0.1",
            headers: &[
                ("x-forwarded-for", "\", 192.0.2.1"),
                ("forwarded", r#"for="8.8.8.8, for=192.0.2.1"#),
            ],
            client: "192.0.2.1",
        },
    ];
    for case in cases {
        let request = request(case.peer, case.headers);
        for family in [FORWARDED, X_FORWARDED] {
            let policy = behind(family);
            let origin = policy.resolve(&request);
            let what = case.what;
            assert_eq!(origin.client_ip, Some(ip(case.client)), "{what} {family:?}");
            assert_eq!(policy.client_ip(&request), origin.client_ip, "{what}");
            assert_eq!(origin.peer, Some(ip(case.peer).to_canonical()), "{what}");
        }
        let nobody = OriginPolicy::new(TrustedProxies::none(), X_FORWARDED);
        let peer = ip(case.peer).to_canonical();
        assert_eq!(nobody.resolve(&request).client_ip, Some(peer));
    }
}

#[test]
fn hops_are_counted_from_the_service() {
    // (number of proxies, header, client)
    let cases = [
        ("hops=1", "", "203.0.113.1"),
        ("hops=1", "8.8.8.8, 192.0.2.1", "192.0.2.1"),
        ("hops=2", "8.8.8.8, 192.0.2.1, 198.51.100.1", "192.0.2.1"),
        ("hops=2", "8.8.8.8, 192.0.2.1, unknown", "203.0.113.1"),
        ("hops=3", "192.0.2.1", "192.0.2.1"),
        ("hops=255", "192.0.2.1, 198.51.100.1", "192.0.2.1"),
    ];
    for (hops, header, client) in cases {
        let policy = OriginPolicy::new(trust(hops), X_FORWARDED);
        let request = request("203.0.113.1", &[("x-forwarded-for", header)]);
        let found = policy.client_ip(&request);
        assert_eq!(found, Some(ip(client)), "{hops} {header}");
    }
}

#[test]
fn a_peer_without_an_address_is_believed_only_by_count() {
    let request = Request::get("/")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-proto", "https")
        .body(())
        .unwrap();
    let resolve = |text: &str| OriginPolicy::new(trust(text), X_FORWARDED).resolve(&request);

    // A proxy on a Unix socket.
    let origin = resolve("hops=1");
    assert_eq!(
        (origin.peer, origin.client_ip),
        (None, Some(ip("192.0.2.1")))
    );
    assert_eq!(origin.scheme, Scheme::Https);

    for ranges in ["none", "private", "loopback"] {
        let origin = resolve(ranges);
        assert_eq!((origin.peer, origin.client_ip), (None, None), "{ranges}");
        assert_eq!(origin.scheme, Scheme::Http, "{ranges}");
    }
    assert!(trust("hops=1").believes_peer_of(&request));
    assert!(!trust("private").believes_peer_of(&request));
}

#[test]
fn a_hidden_client_of_a_peer_without_an_address_has_none() {
    let request = Request::get("/")
        .header("x-forwarded-for", "192.0.2.1, unknown")
        .body(())
        .unwrap();
    let policy = OriginPolicy::new(trust("hops=2"), X_FORWARDED);
    assert_eq!(policy.client_ip(&request), None);
}

#[test]
fn only_the_chosen_family_is_read() {
    let headers = [
        (
            "forwarded",
            "for=192.0.2.1;proto=https;host=forwarded.example",
        ),
        ("x-forwarded-for", "192.0.2.2"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "x.example"),
    ];
    let request = request("10.0.0.1", &headers);

    let origin = behind(FORWARDED).resolve(&request);
    assert_eq!(origin.client_ip, Some(ip("192.0.2.1")));
    assert_eq!(origin.scheme, Scheme::Https);
    assert_eq!(origin.authority.unwrap(), "forwarded.example");

    let origin = behind(X_FORWARDED).resolve(&request);
    assert_eq!(origin.client_ip, Some(ip("192.0.2.2")));
    assert_eq!(origin.scheme, Scheme::Http);
    assert_eq!(origin.authority.unwrap(), "x.example");
}

#[test]
fn scheme_and_host_are_those_the_outermost_trusted_proxy_saw() {
    // (X-Forwarded-For, the values beside it, the one that counts); the lists are as long as the walk or not.
    let cases = [
        ("", "b.example", "b.example"),
        ("", "a.example, b.example", "b.example"),
        ("192.0.2.1", "b.example", "b.example"),
        ("192.0.2.1", "evil.example, b.example", "b.example"),
        ("8.8.8.8, 192.0.2.1", "evil.example, b.example", "b.example"),
        ("192.0.2.1, 10.0.0.2", "b.example", "b.example"),
        ("192.0.2.1, 10.0.0.2", "b.example, c.example", "b.example"),
        (
            "8.8.8.8, 192.0.2.1, 10.0.0.2",
            "evil.example, b.example, c.example",
            "b.example",
        ),
        (
            "192.0.2.1, 10.0.0.3, 10.0.0.2",
            "b.example, c.example",
            "b.example",
        ),
        ("unknown", "evil.example, b.example", "b.example"),
    ];
    for (addresses, hosts, expected) in cases {
        let protos = hosts
            .replace(expected, "https")
            .replace("evil.example", "ftp")
            .replace("c.example", "http");
        let headers = [
            ("x-forwarded-for", addresses),
            ("x-forwarded-host", hosts),
            ("x-forwarded-proto", &protos),
        ];
        let origin = behind(X_FORWARDED).resolve(&request("10.0.0.1", &headers));
        assert_eq!(origin.authority.unwrap(), expected, "{addresses} | {hosts}");
        assert_eq!(origin.scheme, Scheme::Https, "{addresses} | {protos}");
    }

    // An element of `Forwarded` speaks for its own hop only.
    let cases = [
        (
            "for=192.0.2.1;proto=https;host=b.example",
            true,
            Some("b.example"),
        ),
        ("proto=https;host=b.example", true, Some("b.example")),
        (
            "for=8.8.8.8;host=evil.example, for=192.0.2.1;proto=https;host=b.example",
            true,
            Some("b.example"),
        ),
        (
            "for=192.0.2.1;proto=https;host=b.example, for=10.0.0.2;proto=http;host=c.example",
            true,
            Some("b.example"),
        ),
        (
            "for=unknown;proto=https;host=\"b.example:8443\"",
            true,
            Some("b.example:8443"),
        ),
        (
            "for=192.0.2.1, for=10.0.0.2;proto=https;host=c.example",
            false,
            None,
        ),
        (
            "for=192.0.2.1;for=192.0.2.1;proto=https;host=b.example",
            false,
            None,
        ),
        (
            "for=192.0.2.1;proto=ftp;host=\"b\\.example\"",
            false,
            Some("b.example"),
        ),
    ];
    for (header, is_https, host) in cases {
        let request = request("10.0.0.1", &[("forwarded", header)]);
        let origin = behind(FORWARDED).resolve(&request);
        assert_eq!(origin.scheme == Scheme::Https, is_https, "{header}");
        let authority = origin.authority.as_ref().map(Authority::as_str);
        assert_eq!(authority, host, "{header}");
    }
}

#[test]
fn the_connection_has_a_scheme_and_the_request_target_does_not() {
    let policy = OriginPolicy::default();
    let plain = Request::get("https://shop.example/").body(()).unwrap();
    assert_eq!(policy.scheme(&plain), Scheme::Http);

    let tls = OriginPolicy::default().default_scheme(Scheme::Https);
    assert_eq!(tls.scheme(&plain), Scheme::Https);

    for scheme in [Scheme::Http, Scheme::Https] {
        let marked = Request::get("http://shop.example/")
            .extension(ConnectionScheme(scheme))
            .body(())
            .unwrap();
        assert_eq!(policy.scheme(&marked), scheme);
        assert_eq!(tls.scheme(&marked), scheme);
    }

    // The hop from the client counts, not the one to us.
    let mut request = request("10.0.0.1", &[("x-forwarded-proto", "http")]);
    request
        .extensions_mut()
        .insert(ConnectionScheme(Scheme::Https));
    assert_eq!(behind(X_FORWARDED).scheme(&request), Scheme::Http);
}

#[test]
fn authorities() {
    // (target, Host headers, authority)
    let cases: [(&str, &[&str], Option<&str>); 16] = [
        ("/", &["shop.example"], Some("shop.example")),
        ("/", &["Shop.Example:8080"], Some("Shop.Example:8080")),
        ("/", &["[2001:db8::1]:8080"], Some("[2001:db8::1]:8080")),
        ("/", &[], None),
        ("/", &[""], None),
        ("/", &["shop.example", "shop.example"], None),
        ("/", &["shop.example, evil.example"], None),
        ("/", &["user@shop.example"], None),
        ("/", &["shop.example:http"], None),
        (
            "http://shop.example/",
            &["evil.example"],
            Some("shop.example"),
        ),
        ("http://shop.example/", &[], Some("shop.example")),
        ("http://shop.example/", &["a", "b"], Some("shop.example")),
        ("http://user@shop.example/", &["shop.example"], None),
        ("http://shop.example:http/", &["shop.example"], None),
        (
            "shop.example:443",
            &["evil.example"],
            Some("shop.example:443"),
        ),
        ("*", &["shop.example"], Some("shop.example")),
    ];
    for (target, hosts, expected) in cases {
        let mut request = Request::builder().uri(target.parse::<Uri>().unwrap());
        for host in hosts {
            request = request.header("host", *host);
        }
        // Nobody may speak for the client here.
        let request = request
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example")
            .extension(PeerAddr("192.0.2.1:9".parse().unwrap()))
            .body(())
            .unwrap();
        let policy = behind(X_FORWARDED);
        let origin = policy.resolve(&request);
        let authority = origin.authority.as_ref().map(Authority::as_str);
        assert_eq!(authority, expected, "{target} {hosts:?}");
        assert_eq!(policy.authority(&request).as_deref(), expected);
    }
}

#[test]
fn a_reported_host_replaces_ours_even_if_it_is_none() {
    let resolve = |family, name, value| {
        let headers = [("host", "backend.internal"), (name, value)];
        let request = request("10.0.0.1", &headers);
        let origin = behind(family).resolve(&request);
        let lent = behind(family).authority(&request);
        let authority = origin.authority.map(|a| a.as_str().to_owned());
        assert_eq!(authority.as_deref(), lent.as_deref());
        authority
    };
    let shop = Some("shop.example".to_owned());
    let own = Some("backend.internal".to_owned());
    assert_eq!(
        resolve(X_FORWARDED, "x-forwarded-host", "shop.example"),
        shop
    );
    assert_eq!(resolve(X_FORWARDED, "x-forwarded-host", "a@b"), None);
    assert_eq!(resolve(X_FORWARDED, "x-forwarded-host", " , "), own);
    assert_eq!(resolve(FORWARDED, "forwarded", "host=shop.example"), shop);
    assert_eq!(
        resolve(FORWARDED, "forwarded", r#"host="\shop.example""#),
        shop
    );
    assert_eq!(resolve(FORWARDED, "forwarded", r#"host="a b""#), None);
    assert_eq!(resolve(FORWARDED, "forwarded", r#"host="""#), None);
    assert_eq!(resolve(FORWARDED, "forwarded", "for=192.0.2.1"), own);
}

#[test]
fn header_values_need_not_be_text() {
    let mut request = request("10.0.0.1", &[]);
    for name in ["x-forwarded-for", "forwarded", "host", "x-forwarded-host"] {
        let value = http::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        request.headers_mut().insert(name, value);
    }
    for family in [FORWARDED, X_FORWARDED] {
        let origin = behind(family).resolve(&request);
        assert_eq!(origin.client_ip, Some(ip("10.0.0.1")));
        assert_eq!(origin.authority, None);
    }
}
