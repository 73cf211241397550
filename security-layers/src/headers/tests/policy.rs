use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use portcullis_layer_core::origin::Scheme;

use super::super::policy::{Policy, Value};
use super::super::{
    Csp, InvalidHeader, PermissionsPolicy, ReportingEndpoints, SecurityHeadersLayer,
};
use super::{answer, lines};

#[test]
fn headers_of_the_handler_are_kept_with_all_their_values() {
    let handler = [
        ("vary", "accept"),
        ("x-frame-options", "SAMEORIGIN"),
        ("vary", "origin"),
        ("content-security-policy", "default-src *"),
    ];
    assert_eq!(
        lines(&SecurityHeadersLayer::classic(), Scheme::Https, &handler),
        [
            "x-content-type-options: nosniff",
            "x-xss-protection: 1; mode=block",
            "x-frame-options: SAMEORIGIN",
            "content-security-policy: default-src *",
            "referrer-policy: strict-origin-when-cross-origin",
            "permissions-policy: geolocation=(), microphone=(), camera=()",
            "strict-transport-security: max-age=31536000; includeSubDomains",
            "vary: accept",
            "vary: origin",
        ]
    );
}

#[test]
fn the_answer_does_not_depend_on_whether_the_handler_set_a_header() {
    for layer in [
        SecurityHeadersLayer::none(),
        SecurityHeadersLayer::classic(),
        SecurityHeadersLayer::web(),
        SecurityHeadersLayer::owasp(),
    ] {
        for scheme in [Scheme::Http, Scheme::Https] {
            let alone = lines(&layer, scheme, &[]);
            let beside = lines(&layer, scheme, &[("x-own", "1")]);
            assert_eq!(
                beside.split_last(),
                Some((&"x-own: 1".to_owned(), &alone[..]))
            );
        }
    }
}

#[test]
fn a_policy_that_the_handler_wrote_is_kept_and_gets_no_nonce() {
    let own = [("content-security-policy", "script-src 'self'")];
    let (headers, nonce) = answer(&SecurityHeadersLayer::web(), Scheme::Http, &own);
    assert_eq!(headers["content-security-policy"], "script-src 'self'");
    assert!(nonce.is_some());
}

#[test]
fn a_forced_header_replaces_all_that_the_handler_set_under_its_name() {
    let handler = [
        ("x-frame-options", "SAMEORIGIN"),
        ("x-frame-options", "DENY, SAMEORIGIN"),
        ("referrer-policy", "unsafe-url"),
        ("strict-transport-security", "max-age=1"),
    ];
    let classic = SecurityHeadersLayer::classic;
    let one = classic().force("X-Frame-Options").unwrap();
    let (headers, _) = answer(&one, Scheme::Https, &handler);
    let values: Vec<_> = headers.get_all("x-frame-options").iter().collect();
    assert_eq!(values, ["DENY"]);
    assert_eq!(headers["referrer-policy"], "unsafe-url");

    let (headers, _) = answer(&classic().force_all(), Scheme::Https, &handler);
    let (plain, _) = answer(&classic(), Scheme::Https, &[]);
    assert_eq!(headers, plain);

    // What the layer does not send over http, it does not replace there either.
    let (headers, _) = answer(&classic().force_all(), Scheme::Http, &handler);
    assert_eq!(headers["strict-transport-security"], "max-age=1");

    let web = SecurityHeadersLayer::web().force("content-security-policy");
    let own = [("content-security-policy", "script-src 'self'")];
    let (headers, nonce) = answer(&web.unwrap(), Scheme::Http, &own);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(nonce.unwrap().as_str()), "{policy}");
}

#[test]
fn a_setter_after_force_changes_the_value_and_keeps_the_force() {
    let layer = SecurityHeadersLayer::classic()
        .force("content-security-policy")
        .and_then(|layer| layer.content_security_policy(Csp::strict()))
        .unwrap();
    let own = [("content-security-policy", "default-src *")];
    let (headers, _) = answer(&layer, Scheme::Http, &own);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
}

#[test]
fn leaking_headers_go_unless_they_are_kept_and_own_ones_stay() {
    let handler = [
        ("server", "Example/1.0"),
        ("x-powered-by", "Example"),
        ("x-powered-by", "More"),
        ("x-aspnet-version", "4.0"),
        ("x-request-id", "1"),
        ("x-internal", "1"),
    ];
    let layer = SecurityHeadersLayer::classic()
        .keep("Server")
        .and_then(|layer| layer.strip("X-Internal"))
        .and_then(|layer| layer.header("x-powered-by", "steam"))
        .unwrap();
    let (headers, _) = answer(&layer, Scheme::Http, &handler);
    assert_eq!(headers["server"], "Example/1.0");
    assert_eq!(headers["x-request-id"], "1");
    assert_eq!(headers["x-powered-by"], "steam");
    for gone in ["x-aspnet-version", "x-internal"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[test]
fn an_empty_policy_takes_its_header_away() {
    let layer = SecurityHeadersLayer::classic()
        .permissions_policy(PermissionsPolicy::new())
        .reporting_endpoints(ReportingEndpoints::new());
    let (headers, _) = answer(&layer, Scheme::Http, &[]);
    assert_eq!(headers.len(), 5);
    assert!(!headers.contains_key("permissions-policy"));
}

#[test]
fn headers_can_be_left_out_and_set_anew() {
    let layer = SecurityHeadersLayer::classic()
        .without("X-XSS-Protection")
        .and_then(|layer| layer.without("strict-transport-security"))
        .and_then(|layer| layer.header("X-Robots-Tag", "noindex"))
        .unwrap();
    let (headers, _) = answer(&layer, Scheme::Https, &[]);
    assert_eq!(headers.len(), 6);
    assert_eq!(headers["x-robots-tag"], "noindex");
}

#[test]
fn settings_that_would_do_nothing_or_harm_are_refused_with_a_sentence() {
    let refused =
        |result: Result<SecurityHeadersLayer, InvalidHeader>| result.unwrap_err().to_string();
    let classic = SecurityHeadersLayer::classic;
    for (result, text) in [
        (
            classic().without("x-frame-option"),
            r#""x-frame-option" is not sent, so it cannot be left out"#,
        ),
        (
            classic().force("cache-control"),
            r#""cache-control" is not sent, so it cannot be forced"#,
        ),
        (
            classic().keep("x-request-id"),
            r#""x-request-id" is not stripped, so it need not be kept"#,
        ),
        (
            classic().strip("x internal"),
            r#""x internal" is not the name of a header"#,
        ),
        (
            classic().header("x:y", "1"),
            r#""x:y" is not the name of a header"#,
        ),
        (
            classic().header("x-y", "1\r\nset-cookie: a=b"),
            "the value of x-y has characters that are not visible ascii",
        ),
        (
            classic().header("Strict-Transport-Security", "max-age=1"),
            "strict-transport-security is set with `hsts`, which sends it over https only",
        ),
        (
            classic().header("Content-Security-Policy", "a; a"),
            "content-security-policy is set with `content_security_policy`",
        ),
        (
            classic().header("Transfer-Encoding", "chunked"),
            "transfer-encoding belongs to the server, which knows how the message is framed",
        ),
        (
            classic().header("Expect-CT", "max-age=1"),
            "expect-ct is retired: browsers ignore it",
        ),
    ] {
        assert_eq!(refused(result), text);
    }
}

#[test]
fn changing_a_clone_leaves_the_original_as_it_was() {
    let original = SecurityHeadersLayer::classic();
    let changed = original.clone().header("x-own", "1").unwrap();
    assert_eq!(answer(&original, Scheme::Http, &[]).0.len(), 6);
    assert_eq!(answer(&changed, Scheme::Http, &[]).0.len(), 7);
}

#[test]
fn a_response_without_room_for_more_headers_is_left_alone() {
    let mut policy = Policy::default();
    for i in 0..10 {
        let name = HeaderName::try_from(format!("x-ours-{i}")).unwrap();
        policy.set(name, Value::Fixed(HeaderValue::from_static("1")));
    }
    let mut full = HeaderMap::new();
    let mut i = 0;
    while full.try_reserve(10).is_ok() {
        let name = HeaderName::try_from(format!("x-{i}")).unwrap();
        full.append(name, HeaderValue::from_static("1"));
        i += 1;
    }
    let before = full.clone();
    policy.apply(Scheme::Http, None, &mut full);
    assert_eq!(full, before);
    // With one header fewer all of ours fit, to the last place.
    full.remove("x-0");
    policy.apply(Scheme::Http, None, &mut full);
    assert_eq!(full.len(), before.len() + 9);
}
