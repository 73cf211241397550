use crate::origin::forwarded::{Element, Malformed, Node, elements_rev};

/// The elements of a line, from left to right, as (for, by, host, proto); a malformed one is `None`.
type Fields = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn elements(line: &str) -> Vec<Option<Fields>> {
    let text = |value: Option<std::borrow::Cow<'_, [u8]>>| {
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    };
    let mut elements: Vec<_> = elements_rev(line.as_bytes())
        .map(|element| {
            let element = element.ok()?;
            Some((
                text(element.r#for),
                text(element.by),
                text(element.host),
                text(element.proto),
            ))
        })
        .collect();
    elements.reverse();
    elements
}

fn element(r#for: &str, by: &str, host: &str, proto: &str) -> Option<Fields> {
    let text = |text: &str| (text != "-").then(|| text.to_owned());
    Some((text(r#for), text(by), text(host), text(proto)))
}

#[test]
fn examples_of_rfc_7239() {
    let cases = [
        (
            // Section 4.
            r#"for="_gazonk""#,
            vec![element("_gazonk", "-", "-", "-")],
        ),
        (
            r#"For="[2001:db8:cafe::17]:4711""#,
            vec![element("[2001:db8:cafe::17]:4711", "-", "-", "-")],
        ),
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            vec![element("192.0.2.60", "203.0.113.43", "-", "http")],
        ),
        (
            "for=192.0.2.43, for=198.51.100.17",
            vec![
                element("192.0.2.43", "-", "-", "-"),
                element("198.51.100.17", "-", "-", "-"),
            ],
        ),
        (
            // Section 6.3.
            "for=_hidden, for=_SEVKISEK",
            vec![
                element("_hidden", "-", "-", "-"),
                element("_SEVKISEK", "-", "-", "-"),
            ],
        ),
        (
            // Section 7.1.
            r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown"#,
            vec![
                element("192.0.2.43", "-", "-", "-"),
                element("[2001:db8:cafe::17]", "-", "-", "-"),
                element("unknown", "-", "-", "-"),
            ],
        ),
        (
            // Section 7.4.
            r#"for=192.0.2.43, for="[2001:db8:cafe::17]""#,
            vec![
                element("192.0.2.43", "-", "-", "-"),
                element("[2001:db8:cafe::17]", "-", "-", "-"),
            ],
        ),
        (
            r#"for=_hidden, for=_SEVKISEK;proto=https;by=203.0.113.60;host="a.example:80""#,
            vec![
                element("_hidden", "-", "-", "-"),
                element("_SEVKISEK", "203.0.113.60", "a.example:80", "https"),
            ],
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(elements(line), expected, "{line}");
    }
}

#[test]
fn elements_are_cut_at_commas_outside_of_quotes() {
    let one = |host: &str| vec![element("-", "-", host, "-")];
    let cases = [
        (r#"host="a,b""#, one("a,b")),
        (r#"host="a\"b""#, one("a\"b")),
        (
            r#"host="a\",for=6.6.6.6;x=\"b""#,
            one("a\",for=6.6.6.6;x=\"b"),
        ),
        (r#"host="a\\""#, one("a\\")),
        (r#"host="a\\\",\\""#, one("a\\\",\\")),
        (r#"host="\a\b""#, one("ab")),
        (r#"host="""#, one("")),
        (r#"host="a;b=c""#, one("a;b=c")),
        ("host=\"a\tb\"", one("a\tb")),
        ("", vec![]),
        (" , ,\t,", vec![]),
        (
            ", host=a,, host=b,",
            vec![element("-", "-", "a", "-"), element("-", "-", "b", "-")],
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(elements(line), expected, "{line}");
    }
}

#[test]
fn pairs_are_read_as_the_grammar_says_and_a_little_beyond() {
    let cases = [
        ("FOR=a;By=b;HOST=c;pRoTo=d", element("a", "b", "c", "d")),
        (";for=a;;host=b;", element("a", "-", "b", "-")),
        (";", element("-", "-", "-", "-")),
        ("for=a;secret=x;secret=y", element("a", "-", "-", "-")),
        // The two slips that the module docs promise to understand.
        ("for=a ; host=b;\tproto=c", element("a", "-", "b", "c")),
        (
            "for=[2001:db8::1]:80;host=localhost:8080",
            element("[2001:db8::1]:80", "-", "localhost:8080", "-"),
        ),
        // Errors.
        ("for=a;for=b", None),
        ("for=a;FOR=a", None),
        ("for", None),
        ("for=", None),
        ("=a", None),
        ("for =a", None),
        ("for= a", None),
        ("for=a b", None),
        ("for=a host=b", None),
        ("for=a@b", None),
        ("for=\"a\"b", None),
        ("for=a\"b\"", None),
        ("for=\"a", None),
        ("for=\"a\\\"", None),
        ("for=\"a\u{7f}\"", None),
        ("for=\"a\\\u{1}\"", None),
        ("for=ü", None),
        ("for=(a)", None),
    ];
    for (line, expected) in cases {
        let parsed = elements(line);
        assert_eq!(parsed, [expected], "{line:?}");
    }
}

#[test]
fn a_malformed_element_does_not_spoil_its_neighbours() {
    assert_eq!(
        elements("for=192.0.2.1, for, for=\"192.0.2.3\""),
        [
            element("192.0.2.1", "-", "-", "-"),
            None,
            element("192.0.2.3", "-", "-", "-"),
        ]
    );
}

#[test]
fn an_open_quotation_mark_reaches_to_the_left_only() {
    let parsed = elements(r#"for=192.0.2.1, host="a", for="open, for=192.0.2.4, host="b""#);
    let last_two = [
        element("192.0.2.4", "-", "-", "-"),
        element("-", "-", "b", "-"),
    ];
    assert!(parsed.ends_with(&last_two), "{parsed:?}");
}

#[test]
fn bytes_beyond_ascii_stand_only_in_quotes() {
    let mut elements = elements_rev(b"host=\"\xff\", host=\xff");
    assert_eq!(elements.next(), Some(Err(Malformed)));
    let quoted = elements.next().unwrap().unwrap();
    assert_eq!(quoted.host.as_deref(), Some(&b"\xff"[..]));
}

#[test]
fn nodes() {
    let v6 = |text: &str| Some(Node::Ip(text.parse().unwrap()));
    let cases = [
        ("192.0.2.1", v6("192.0.2.1")),
        ("192.0.2.1:4711", v6("192.0.2.1")),
        ("192.0.2.1:_port", v6("192.0.2.1")),
        ("[2001:db8::1]", v6("2001:db8::1")),
        ("[2001:DB8::1]:4711", v6("2001:db8::1")),
        ("[2001:db8::1]:_a.b-c", v6("2001:db8::1")),
        ("[::ffff:192.0.2.1]:1", v6("192.0.2.1")),
        ("[::ffff:c000:201]", v6("192.0.2.1")),
        ("unknown", Some(Node::Unknown)),
        ("UnKnown:1", Some(Node::Unknown)),
        ("_gazonk", Some(Node::Obfuscated)),
        ("_a.b-c_:65535", Some(Node::Obfuscated)),
        ("", None),
        ("_", None),
        ("_a b", None),
        ("shop.example", None),
        ("192.0.2", None),
        ("192.0.2.256", None),
        ("192.0.2.010", None),
        ("192.0.2.1:", None),
        ("192.0.2.1:65536", None),
        ("192.0.2.1:+1", None),
        ("192.0.2.1:80:80", None),
        ("192.0.2.1 ", None),
        // Without brackets it could end in a port.
        ("2001:db8::1", None),
        ("[192.0.2.1]", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]80", None),
        ("[fe80::1%eth0]", None),
        ("[2001:db8::1]]", None),
        ("0x7f000001", None),
    ];
    for (text, expected) in cases {
        assert_eq!(Node::parse(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(Node::parse(b"\xff"), None);
}

#[test]
fn an_escaped_address_is_still_an_address() {
    let element = Element::parse(br#"for="\1\9\2.0.2.1""#).unwrap();
    assert_eq!(
        element.sender(),
        Some(Node::Ip("192.0.2.1".parse().unwrap()))
    );
    assert_eq!(
        Malformed.to_string(),
        "malformed element of a forwarded header"
    );
}
