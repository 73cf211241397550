use std::net::Ipv4Addr;
use std::num::NonZeroU8;

use ipnet::IpNet;

use super::{ip, trust};
use crate::origin::{ClientKey, HostPort, IpRanges, Ipv6Prefix, Scheme, TrustedProxies};

#[test]
fn ranges_hold_their_first_and_last_address_and_no_neighbour() {
    let ranges: IpRanges = "10.0.0.0/8 192.0.2.4/30,198.51.100.7, 2001:db8::/32"
        .parse()
        .unwrap();
    let inside = [
        "10.0.0.0",
        "10.255.255.255",
        "192.0.2.4",
        "192.0.2.7",
        "198.51.100.7",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "::ffff:10.1.2.3",
    ];
    let outside = [
        "9.255.255.255",
        "11.0.0.0",
        "192.0.2.3",
        "192.0.2.8",
        "198.51.100.6",
        "198.51.100.8",
        "2001:db7:ffff::",
        "2001:db9::",
        // The IPv4-compatible spelling is an IPv6 address like any other.
        "::10.1.2.3",
        "255.255.255.255",
        "0.0.0.0",
    ];
    for address in inside {
        assert!(ranges.contains(ip(address)), "{address}");
    }
    for address in outside {
        assert!(!ranges.contains(ip(address)), "{address}");
    }
}

#[test]
fn ranges_are_merged_and_mapped_ranges_are_ipv4() {
    let ranges: IpRanges =
        "10.0.0.0/9, 10.128.0.0/9, 10.3.0.0/16, ::ffff:192.0.2.0/120, 2001:db8::1"
            .parse()
            .unwrap();
    assert_eq!(
        ranges.to_string(),
        "10.0.0.0/8, 192.0.2.0/24, 2001:db8::1/128"
    );
    assert!(ranges.contains(ip("192.0.2.9")));

    let empty: IpRanges = " , ".parse().unwrap();
    assert!(empty.is_empty() && !empty.contains(ip("0.0.0.0")) && !empty.contains(ip("::")));

    // A typed range may have bits set behind its prefix.
    let typed: IpRanges = ["10.1.2.3/8".parse::<IpNet>().unwrap()]
        .into_iter()
        .collect();
    assert_eq!(typed.to_string(), "10.0.0.0/8");
    let addresses: IpRanges = [ip("192.0.2.1")].into_iter().collect();
    assert_eq!(addresses.to_string(), "192.0.2.1/32");
}

#[test]
fn errors_name_the_word_that_is_wrong() {
    let cases = [
        (
            "10.0.0.0/8, 10.0.0.0/33",
            "`10.0.0.0/33` is neither an ip address nor a range such as 192.0.2.0/24",
        ),
        (
            "proxy.internal",
            "`proxy.internal` is neither an ip address nor a range such as 192.0.2.0/24",
        ),
        (
            "2001:db8::1/32",
            "`2001:db8::1/32` has bits set behind its prefix: 2001:db8::/32 is the range, 2001:db8::1/128 the address",
        ),
        (
            "private, ::/0",
            "::/0 would let every sender choose its own address; name the proxies or give their number",
        ),
        (
            "0.0.0.0/1 128.0.0.0/1",
            "0.0.0.0/0 would let every sender choose its own address; name the proxies or give their number",
        ),
        (
            "::ffff:0:0/96",
            "0.0.0.0/0 would let every sender choose its own address; name the proxies or give their number",
        ),
        (
            "hops=0",
            "`0` is not a number of proxies, which is 1 to 255",
        ),
        (
            "hops=256",
            "`256` is not a number of proxies, which is 1 to 255",
        ),
        ("hops=", "`` is not a number of proxies, which is 1 to 255"),
        ("", "no proxy is named; write `none` to trust nobody"),
        (
            "none, 10.0.0.0/8",
            "`none` is neither an ip address nor a range such as 192.0.2.0/24",
        ),
    ];
    for (text, expected) in cases {
        let error = TrustedProxies::try_from(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn words_and_constructors_say_the_same() {
    assert_eq!(trust(" none "), TrustedProxies::none());
    assert_eq!(TrustedProxies::default(), TrustedProxies::none());
    assert_eq!(trust("loopback"), TrustedProxies::loopback());
    assert_eq!(trust("private"), TrustedProxies::private_networks());
    assert_eq!(
        trust("hops=2"),
        TrustedProxies::hops(NonZeroU8::new(2).unwrap())
    );
    assert_eq!(
        trust("192.0.2.1"),
        TrustedProxies::ranges([Ipv4Addr::new(192, 0, 2, 1)].map(std::net::IpAddr::V4)).unwrap()
    );
    let nothing: [IpNet; 0] = [];
    assert_eq!(
        TrustedProxies::ranges(nothing).unwrap(),
        TrustedProxies::none()
    );
}

#[test]
fn presets_believe_what_their_docs_list() {
    let cases = [
        ("127.0.0.1", true, true),
        ("127.255.255.255", true, true),
        ("::1", true, true),
        ("::ffff:127.0.0.1", true, true),
        ("10.0.0.1", false, true),
        ("172.16.0.1", false, true),
        ("172.31.255.255", false, true),
        ("172.32.0.0", false, false),
        ("192.168.0.1", false, true),
        ("fd00::1", false, true),
        ("169.254.0.1", false, false),
        ("100.64.0.1", false, false),
        ("fe80::1", false, false),
        ("::2", false, false),
        ("192.0.2.1", false, false),
    ];
    for (address, loopback, private) in cases {
        let believes = |trust: TrustedProxies| trust.believes(0, Some(ip(address)));
        assert_eq!(believes(TrustedProxies::loopback()), loopback, "{address}");
        assert_eq!(
            believes(TrustedProxies::private_networks()),
            private,
            "{address}"
        );
        assert!(!believes(TrustedProxies::none()));
    }
    assert!(!TrustedProxies::private_networks().believes(0, None));
}

#[test]
fn hosts() {
    let cases = [
        ("shop.example", Some(("shop.example", None))),
        ("Shop.Example.:8443", Some(("Shop.Example.", Some(8443)))),
        ("a_b-c.example:0", Some(("a_b-c.example", Some(0)))),
        ("192.0.2.1:80", Some(("192.0.2.1", Some(80)))),
        ("[2001:db8::1]", Some(("[2001:db8::1]", None))),
        ("[2001:db8::1]:443", Some(("[2001:db8::1]", Some(443)))),
        ("shop.example:", Some(("shop.example", None))),
        ("", None),
        (":80", None),
        ("shop.example:65536", None),
        ("shop.example:https", None),
        ("shop.example:+80", None),
        ("shop.example:80:80", None),
        ("user@shop.example", None),
        ("shop.example, evil.example", None),
        ("shop.example,evil.example", None),
        ("shop.example/", None),
        ("shop.example?", None),
        ("shop.example#", None),
        ("shop%2eexample", None),
        ("shop example", None),
        ("bücher.example", None),
        ("2001:db8::1", None),
        ("[2001:db8::1", None),
        ("[shop.example]", None),
        ("[192.0.2.1]", None),
        ("[fe80::1%25eth0]", None),
        ("[v1.x]", None),
        ("[]", None),
        ("[::1]x", None),
        ("x[::1]", None),
    ];
    for (text, expected) in cases {
        let parsed = HostPort::parse(text.as_bytes());
        assert_eq!(parsed.map(|h| (h.host(), h.port())), expected, "{text}");
        assert!(parsed.is_none_or(|host| host.as_str() == text));
    }
}

#[test]
fn schemes() {
    assert_eq!(Scheme::parse(b"HTTPS"), Some(Scheme::Https));
    assert_eq!(Scheme::parse(b"wss"), Some(Scheme::Https));
    assert_eq!(Scheme::parse(b"http"), Some(Scheme::Http));
    assert_eq!(Scheme::parse(b"WS"), Some(Scheme::Http));
    assert_eq!(Scheme::parse(b"ftp"), None);
    assert_eq!(Scheme::parse(b"https:"), None);
    assert_eq!(Scheme::parse(b""), None);
    assert_eq!(http::uri::Scheme::from(Scheme::Https).as_str(), "https");
    assert_eq!(http::uri::Scheme::from(Scheme::Http).as_str(), "http");
}

#[test]
fn client_keys() {
    let key = |address, bits| ClientKey::with_prefix(ip(address), Ipv6Prefix::new(bits).unwrap());
    let network = |address, bits| key(address, bits).to_string();
    assert_eq!(network("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::");
    assert_eq!(network("2001:db8:1:2:3:4:5:6", 48), "2001:db8:1::");
    assert_eq!(network("2001:db8:1:2:3:4:5:6", 128), "2001:db8:1:2:3:4:5:6");
    assert_eq!(network("ffff::", 1), "8000::");
    assert_eq!(network("192.0.2.77", 1), "192.0.2.77");
    assert_eq!(network("::ffff:192.0.2.77", 1), "192.0.2.77");
    // Masked IPv6 never meets the space in which IPv4 is kept.
    assert_ne!(key("::1", 64), key("0.0.0.0", 64));
    assert_ne!(key("::ffff", 64), key("0.0.0.0", 64));
    assert_eq!(ClientKey::new(ip("::1")).to_bytes(), [0; 16]);
    assert_eq!(
        ClientKey::new(ip("1.2.3.4")).to_bytes(),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]
    );
    assert_eq!(format!("{:?}", key("::1", 64)), "ClientKey(::)");

    for bits in [0, 129, 255] {
        assert_eq!(
            Ipv6Prefix::try_from(bits).unwrap_err().to_string(),
            format!("{bits} is not the length of an ipv6 prefix, which is 1 to 128")
        );
    }
    assert_eq!(Ipv6Prefix::default().bits(), 64);
}
