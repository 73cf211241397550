use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderValue, Request};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{behind, ip};
use crate::origin::forwarded::{Element, Node, elements_rev};
use crate::origin::x_forwarded::{entries_rev, parse_address};
use crate::origin::{
    ClientKey, ForwardedHeaders, HostPort, IpRanges, OriginPolicy, PeerAddr, Scheme, TrustedProxies,
};

/// Any bytes that a header can carry, with the ones that mean something made frequent.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => proptest::sample::select(&b"\"\\,;=[]:. \t_forbyhostproto0129af"[..]),
        1 => (32_u8..=255).prop_filter("no header carries DEL", |byte| *byte != 127),
    ];
    vec(byte, 0..80)
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

/// An address, and one of the ways to write it as a node.
fn node() -> impl Strategy<Value = (Node, String)> {
    let port = proptest::option::of(prop_oneof![
        any::<u16>().prop_map(|port| port.to_string()),
        "_[a-zA-Z0-9._-]{1,8}",
    ]);
    let name = prop_oneof![
        4 => address().prop_map(|ip| {
            let text = match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            (Node::Ip(ip.to_canonical()), text)
        }),
        1 => Just((Node::Unknown, "unknown".to_owned())),
        1 => "_[a-zA-Z0-9._-]{1,8}".prop_map(|name| (Node::Obfuscated, name)),
    ];
    (name, port).prop_map(|((node, text), port)| match port {
        Some(port) => (node, format!("{text}:{port}")),
        None => (node, text),
    })
}

/// `value` as a quoted string, with escapes where they are due and, by `seed`, where they are not.
fn quote(value: &str, mut seed: u64) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') || (c.is_ascii() && seed & 1 == 1) {
            text.push('\\');
        }
        text.push(c);
        seed = seed.rotate_right(1);
    }
    text + "\""
}

#[derive(Clone, Debug)]
struct Wanted {
    node: Node,
    host: String,
    text: String,
}

/// An element in one of the many ways to write it.
fn element() -> impl Strategy<Value = Wanted> {
    let host = "[ -~ü\t]{0,12}";
    (node(), host, any::<u64>(), any::<[bool; 3]>()).prop_map(
        |((node, name), host, seed, style)| {
            let [spaced, last, extended] = style;
            let r#for = format!("FoR={}", quote(&name, seed));
            let mut pairs = vec![
                format!("host={}", quote(&host, seed >> 7)),
                "proto=https".to_owned(),
            ];
            pairs.insert(if last { 2 } else { 0 }, r#for);
            if extended {
                pairs.push(format!("x={}", quote(",for=6.6.6.6;\"\\", seed >> 3)));
            }
            let text = pairs.join(if spaced { " ;\t" } else { ";" });
            Wanted { node, host, text }
        },
    )
}

fn matches(element: &Element<'_>, wanted: &Wanted) -> bool {
    element.sender() == Some(wanted.node)
        && element.host.as_deref() == Some(wanted.host.as_bytes())
        && element.proto.as_deref() == Some(&b"https"[..])
        && element.by.is_none()
}

fn request_of(peer: IpAddr, headers: &[(&'static str, Vec<u8>)]) -> Request<()> {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let peer = SocketAddr::new(peer, 9);
    request.extension(PeerAddr(peer)).body(()).unwrap()
}

/// The walk again, as plainly as it can be said: all entries in one list, from left to right.
fn client_by_the_book(trust: &TrustedProxies, peer: IpAddr, entries: &[String]) -> IpAddr {
    let mut client = peer;
    for (hop, entry) in entries.iter().rev().enumerate() {
        if !trust.believes(hop, Some(client)) {
            break;
        }
        match entry.parse::<IpAddr>() {
            Ok(next) => client = next,
            Err(_) => break,
        }
    }
    client
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_to_an_end(line in line()) {
        prop_assert!(elements_rev(&line).count() <= line.len() + 1);
        prop_assert!(entries_rev(&line).count() <= line.len() + 1);
        let _ = (Node::parse(&line), parse_address(&line), HostPort::parse(&line));
    }

    #[test]
    fn written_elements_are_read_back(elements in vec(element(), 0..6)) {
        let text: Vec<_> = elements.iter().map(|wanted| wanted.text.as_str()).collect();
        let text = text.join(" , ");
        let parsed: Vec<_> = elements_rev(text.as_bytes()).collect();
        prop_assert_eq!(parsed.len(), elements.len());
        for (parsed, wanted) in parsed.into_iter().rev().zip(&elements) {
            let parsed = parsed.unwrap();
            prop_assert!(matches(&parsed, wanted), "{:?} is not {:?}", parsed, wanted);
        }
    }

    #[test]
    fn nothing_before_an_element_changes_it(mut line in line(), wanted in element()) {
        line.push(b',');
        line.extend_from_slice(wanted.text.as_bytes());
        let last = elements_rev(&line).next().unwrap().unwrap();
        prop_assert!(matches(&last, &wanted), "{:?} is not {:?}", last, wanted);
    }

    #[test]
    fn written_addresses_are_read_back(ip in address(), port in any::<u16>()) {
        let mut texts = vec![ip.to_string(), SocketAddr::new(ip, port).to_string()];
        if ip.is_ipv6() {
            texts.push(format!("[{ip}]"));
        }
        for text in texts {
            prop_assert_eq!(parse_address(text.as_bytes()), Some(ip.to_canonical()));
        }
    }

    #[test]
    fn a_stranger_is_believed_nothing(
        lines in vec((proptest::sample::select(&["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"][..]), line()), 0..5),
    ) {
        let stranger = ip("192.0.2.1");
        let mut request = request_of(stranger, &lines);
        request.headers_mut().insert("host", HeaderValue::from_static("shop.example"));
        for family in [ForwardedHeaders::Forwarded, ForwardedHeaders::XForwarded] {
            let origin = behind(family).resolve(&request);
            prop_assert_eq!(origin.client_ip, Some(stranger));
            prop_assert_eq!(origin.scheme, Scheme::Http);
            prop_assert_eq!(origin.authority.unwrap(), "shop.example");
        }
    }

    #[test]
    fn what_a_client_sends_does_not_change_what_its_proxies_report(
        spoofed in vec(line(), 0..4),
        own_line in any::<bool>(),
        hops in vec(0_u8..=255, 0..4),
        client in address().prop_filter("not one of the proxies", |client| {
            !TrustedProxies::private_networks().believes(0, Some(*client))
        }),
    ) {
        // The client's lines; then what each proxy appended: the client, and the proxies before it.
        let hops: Vec<_> = hops.iter().map(|last| ip(&format!("10.0.0.{last}"))).collect();
        let reported: Vec<_> = std::iter::once(client).chain(hops).collect();
        let x: Vec<_> = reported.iter().map(IpAddr::to_string).collect();
        let rfc: Vec<_> = reported
            .iter()
            .map(|ip| match ip {
                IpAddr::V4(ip) => format!("for={ip}"),
                IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
            })
            .collect();
        let cases = [
            (ForwardedHeaders::XForwarded, "x-forwarded-for", x.join(", ")),
            (ForwardedHeaders::Forwarded, "forwarded", rfc.join(", ")),
        ];
        for (family, name, report) in cases {
            let mut lines = spoofed.clone();
            match lines.last_mut() {
                Some(last) if !own_line => {
                    last.extend_from_slice(b", ");
                    last.extend_from_slice(report.as_bytes());
                }
                _ => lines.push(report.into_bytes()),
            }
            let headers: Vec<_> = lines.into_iter().map(|line| (name, line)).collect();
            let trust = TrustedProxies::private_networks();
            let found = OriginPolicy::new(trust, family).client_ip(&request_of(ip("10.0.0.1"), &headers));
            prop_assert_eq!(found, Some(client.to_canonical()));
        }
    }

    #[test]
    fn the_walk_is_the_one_in_the_book(
        peer in proptest::sample::select(&["10.0.0.1", "192.0.2.9"][..]),
        lines in vec(vec(proptest::sample::select(&["10.0.0.2", "10.0.0.3", "192.0.2.1", "192.0.2.2", "unknown"][..]), 1..4), 0..4),
        trusted in proptest::sample::select(&["none", "10.0.0.0/8", "10.0.0.2", "hops=1", "hops=3"][..]),
    ) {
        let trusted: TrustedProxies = trusted.parse().unwrap();
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("x-forwarded-for", line.join(",").into_bytes()))
            .collect();
        let entries: Vec<_> = lines.concat().into_iter().map(str::to_owned).collect();
        let expected = client_by_the_book(&trusted, ip(peer), &entries);
        let policy = OriginPolicy::new(trusted, ForwardedHeaders::XForwarded);
        prop_assert_eq!(policy.client_ip(&request_of(ip(peer), &headers)), Some(expected));
    }

    #[test]
    fn ranges_hold_what_one_of_them_holds(
        nets in vec((address(), 0_u8..=32), 0..8),
        asked in address(),
    ) {
        let nets: Vec<_> = nets
            .into_iter()
            .map(|(ip, bits)| ipnet::IpNet::new(ip.to_canonical(), bits).unwrap())
            .collect();
        let ranges: IpRanges = nets.iter().copied().collect();
        let mut addresses = vec![asked.to_canonical()];
        addresses.extend(nets.iter().flat_map(|net| [net.network(), net.broadcast()]));
        for ip in addresses {
            let expected = nets.iter().any(|net| net.contains(&ip));
            prop_assert_eq!(ranges.contains(ip), expected, "{} in {}", ip, ranges);
        }
        let text = ranges.to_string();
        prop_assert_eq!(text.parse::<IpRanges>().unwrap(), ranges);
    }

    #[test]
    fn a_key_is_the_key_of_its_own_address(ip in address(), bits in 1_u8..=128) {
        let prefix = crate::origin::Ipv6Prefix::new(bits).unwrap();
        let key = ClientKey::with_prefix(ip, prefix);
        prop_assert_eq!(ClientKey::with_prefix(key.ip(), prefix), key);
        let net = ipnet::IpNet::new(ip.to_canonical(), if ip.to_canonical().is_ipv4() { 32 } else { bits });
        prop_assert_eq!(net.unwrap().network(), key.ip());
    }
}
