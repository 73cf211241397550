use crate::origin::x_forwarded::{entries_rev, parse_address};

#[test]
fn addresses() {
    let cases = [
        ("192.0.2.1", Some("192.0.2.1")),
        ("192.0.2.1:4711", Some("192.0.2.1")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("::1", Some("::1")),
        ("::", Some("::")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[2001:db8::1]:443", Some("2001:db8::1")),
        ("::ffff:192.0.2.1", Some("192.0.2.1")),
        ("[::ffff:192.0.2.1]:443", Some("192.0.2.1")),
        // An IPv4-compatible address is not a mapped one.
        ("::192.0.2.1", Some("::192.0.2.1")),
        ("", None),
        ("unknown", None),
        ("_hidden", None),
        ("shop.example", None),
        ("192.0.2.1:", None),
        ("192.0.2.1:http", None),
        ("192.0.2.1:65536", None),
        ("192.0.2.1:-1", None),
        ("192.0.2.1:1:2", None),
        ("192.0.2.01", None),
        ("3232235521", None),
        ("[192.0.2.1]", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]", None),
        ("[2001:db8::1]443", None),
        ("[2001:db8::1]:", None),
        ("fe80::1%eth0", None),
        ("\"192.0.2.1\"", None),
        ("192.0.2.1 192.0.2.2", None),
    ];
    for (entry, expected) in cases {
        let expected = expected.map(|ip| ip.parse().unwrap());
        assert_eq!(parse_address(entry.as_bytes()), expected, "{entry}");
    }
    assert_eq!(parse_address(b"\xff"), None);
}

#[test]
fn entries_come_from_the_right_trimmed_and_without_empty_ones() {
    let entries: Vec<_> = entries_rev(b", a ,\tb,, c d ,").collect();
    assert_eq!(entries, [&b"c d"[..], b"b", b"a"]);
    assert_eq!(entries_rev(b" , ").next(), None);
    assert_eq!(entries_rev(b"").next(), None);
}
