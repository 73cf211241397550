use std::collections::HashSet;

use portcullis_layer_core::origin::Scheme;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Csp, Directive, SandboxAllow, SecurityHeadersLayer, Source};
use super::answer;

const SHA256: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn text(policy: &Csp) -> String {
    policy.clone().into_pieces().join("NONCE")
}

#[test]
fn each_directive_stands_once_and_where_it_was_first_set() {
    let policy = Csp::new()
        .directive(Directive::DefaultSrc, Source::NONE)
        .directive(Directive::ScriptSrc, [Source::SELF, Source::SELF])
        .upgrade_insecure_requests()
        .directive(Directive::DefaultSrc, [Source::SELF])
        .upgrade_insecure_requests()
        .sandbox([
            SandboxAllow::Scripts,
            SandboxAllow::Forms,
            SandboxAllow::Scripts,
        ])
        .require_trusted_types()
        .trusted_types(["default", "lit-html"])
        .unwrap()
        .report_to("csp")
        .unwrap()
        .report_uri("/reports")
        .unwrap();
    assert_eq!(
        text(&policy),
        "default-src 'self'; script-src 'self'; upgrade-insecure-requests; sandbox allow-scripts allow-forms; \
         require-trusted-types-for 'script'; trusted-types default lit-html; report-to csp; report-uri /reports"
    );
    assert_eq!(text(&Csp::new().sandbox([])), "sandbox");
    let none = Csp::new().trusted_types([]).unwrap();
    assert_eq!(text(&none), "trusted-types 'none'");
}

// Browsers ignore a second directive of the same name: appended, the nonce would count for nothing and the scripts that
// carry it would be blocked.
#[test]
fn the_nonce_is_merged_into_the_directives_that_are_there() {
    let policy = Csp::new()
        .directive(Directive::DefaultSrc, [Source::SELF])
        .directive(
            Directive::ScriptSrc,
            [Source::host("https://cdn.example.com").unwrap()],
        )
        .directive(Directive::ObjectSrc, Source::NONE)
        .nonce()
        .nonce();
    assert_eq!(
        text(&policy),
        "default-src 'self'; script-src https://cdn.example.com 'nonce-NONCE'; object-src 'none'; \
         style-src 'self' 'nonce-NONCE'"
    );
    let nothing = Csp::new().directive(Directive::DefaultSrc, Source::NONE);
    assert_eq!(
        text(&nothing.nonce()),
        "default-src 'none'; script-src 'nonce-NONCE'; style-src 'nonce-NONCE'"
    );
}

#[test]
fn allowing_more_begins_with_what_browsers_fall_back_to() {
    let cdn = || [Source::host("cdn.example.com").unwrap()];
    let policy = || {
        Csp::new()
            .directive(Directive::DefaultSrc, [Source::SELF, Source::NONCE])
            .directive(Directive::ScriptSrc, [Source::NONCE])
    };
    for (directive, expected) in [
        (
            Directive::ScriptSrc,
            "script-src 'nonce-NONCE' cdn.example.com",
        ),
        (
            Directive::ScriptSrcElem,
            "script-src-elem 'nonce-NONCE' cdn.example.com",
        ),
        (Directive::ScriptSrcAttr, "script-src-attr cdn.example.com"),
        (
            Directive::StyleSrcElem,
            "style-src-elem 'self' 'nonce-NONCE' cdn.example.com",
        ),
        (Directive::ImgSrc, "img-src 'self' cdn.example.com"),
        (
            Directive::FencedFrameSrc,
            "fenced-frame-src 'self' cdn.example.com",
        ),
        (Directive::WorkerSrc, "worker-src 'self' cdn.example.com"),
        (Directive::FormAction, "form-action cdn.example.com"),
        (Directive::FrameAncestors, "frame-ancestors cdn.example.com"),
    ] {
        let policy = policy().allow(directive, cdn());
        let text = text(&policy);
        let found = text
            .split("; ")
            .find(|part| part.starts_with(&format!("{} ", directive.as_str())));
        assert_eq!(found, Some(expected), "{text}");
    }
}

#[test]
fn what_browsers_would_ignore_is_refused_with_a_sentence() {
    let set = |policy| {
        let layer = SecurityHeadersLayer::none().content_security_policy(policy);
        layer.unwrap_err().to_string()
    };
    for (policy, text) in [
        (Csp::new(), "a policy without directives restricts nothing"),
        (
            Csp::new().directive(Directive::FontSrc, [Source::NONCE]),
            "a nonce has no meaning in font-src: it is for scripts and styles",
        ),
        (
            Csp::new().directive(Directive::ScriptSrcAttr, [Source::NONCE]),
            "a nonce has no meaning in script-src-attr: it is for scripts and styles",
        ),
        (
            Csp::new().directive(Directive::ImgSrc, [Source::UNSAFE_INLINE]),
            "'unsafe-inline' has no meaning in img-src: it is for scripts and styles",
        ),
        (
            Csp::new().directive(Directive::FrameAncestors, [Source::hash(SHA256).unwrap()]),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' has no meaning in frame-ancestors: \
             it is for scripts and styles",
        ),
        (
            Csp::new().directive(Directive::ScriptSrc, [Source::SELF, Source::STRICT_DYNAMIC]),
            "'strict-dynamic' without a nonce or a hash in script-src blocks every script",
        ),
    ] {
        assert_eq!(set(policy), text);
    }
    let dynamic = [Source::hash(SHA256).unwrap(), Source::STRICT_DYNAMIC];
    let dynamic = Csp::new().directive(Directive::ScriptSrc, dynamic);
    assert!(
        SecurityHeadersLayer::none()
            .content_security_policy(dynamic)
            .is_ok()
    );
}

#[test]
fn a_report_only_policy_refuses_what_cannot_be_tried_out() {
    let set = |policy| {
        let layer = SecurityHeadersLayer::none().content_security_policy_report_only(policy);
        layer.map_err(|error| error.to_string())
    };
    let sandbox = set(Csp::web().sandbox([])).unwrap_err();
    assert_eq!(
        sandbox,
        "sandbox cannot be tried out: browsers ignore it in a report-only policy"
    );
    assert!(set(Csp::web().upgrade_insecure_requests()).is_err());
    assert!(set(Csp::new()).is_err());

    let layer = set(Csp::web().report_to("csp").unwrap()).unwrap();
    let (headers, nonce) = answer(&layer, Scheme::Http, &[]);
    let policy = headers["content-security-policy-report-only"].to_str();
    let nonce = format!("'nonce-{}'", nonce.unwrap());
    assert_eq!(policy.unwrap().matches(&nonce).count(), 2);
    assert!(!headers.contains_key("content-security-policy"));
}

#[test]
fn sources_are_what_the_grammar_allows() {
    let host = |text: &str| {
        let policy = Csp::new().directive(Directive::ImgSrc, [Source::host(text)?]);
        Ok::<_, super::super::InvalidHeader>(self::text(&policy))
    };
    for good in [
        "example.com",
        "https://example.com",
        "wss://example.com:8443",
        "*.example.com",
        "https://*:*",
        "localhost:*",
        "127.0.0.1:3000",
        "xn--bcher-kva.example",
        "https://example.com/a/b.js",
        "example.com/%3B",
        "self.example",
        "unsafe-inline.example",
    ] {
        assert_eq!(host(good).as_deref(), Ok(&*format!("img-src {good}")));
    }
    for bad in [
        "",
        "self",
        "'self'",
        "none",
        "'none'",
        "unsafe-inline",
        "nonce-abc",
        "sha256-abc",
        "example.com; script-src *",
        "example.com, default-src *",
        "example.com example.org",
        "example.com\r\nset-cookie: a=b",
        "bücher.example",
        "[::1]:3000",
        "https://",
        "://example.com",
        "1http://example.com",
        "exa_mple.com",
        "*example.com",
        "a.*.com",
        "example..com",
        "example.com:",
        "example.com:65536",
        "example.com:+80",
        "user@example.com",
        "example.com/a?b",
        "example.com/a;b",
        "example.com/a,b",
        "example.com/a b",
        "data:",
    ] {
        assert!(host(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        Source::host("'self'").unwrap_err().to_string(),
        r#""'self'" is not a source: keywords, nonces and hashes have constants and functions of their own"#
    );

    for good in ["data", "wss", "x-app+v1.0"] {
        assert!(Source::scheme(good).is_ok(), "{good}");
    }
    for bad in ["", "wss:", "1a", "a b", "a;b", "ü"] {
        assert!(Source::scheme(bad).is_err(), "{bad}");
    }

    assert!(Source::hash(SHA256).is_ok());
    for bad in [
        "",
        "sha256-",
        "sha256-AAAA",
        "md5-1B2M2Y8AsgTpgAmY7PhCfg==",
        "sha384-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; x",
    ] {
        assert!(Source::hash(bad).is_err(), "{bad}");
    }
    for bad in ["", "a b", "a;b", "a,b", "'none'"] {
        assert!(Csp::new().trusted_types([bad]).is_err(), "{bad}");
    }
}

const DIRECTIVES: [Directive; 20] = [
    Directive::DefaultSrc,
    Directive::ChildSrc,
    Directive::ConnectSrc,
    Directive::FencedFrameSrc,
    Directive::FontSrc,
    Directive::FrameSrc,
    Directive::ImgSrc,
    Directive::ManifestSrc,
    Directive::MediaSrc,
    Directive::ObjectSrc,
    Directive::ScriptSrc,
    Directive::ScriptSrcAttr,
    Directive::ScriptSrcElem,
    Directive::StyleSrc,
    Directive::StyleSrcAttr,
    Directive::StyleSrcElem,
    Directive::WorkerSrc,
    Directive::BaseUri,
    Directive::FormAction,
    Directive::FrameAncestors,
];

/// Texts near the grammar and texts far from it; those that are refused leave a fixed source.
fn source() -> impl Strategy<Value = Source> {
    let near = "[a-z*.:/;, '\r\n\t-]{0,20}".prop_map(|text| Source::host(&text));
    let far = any::<String>().prop_map(|text| Source::host(&text));
    let scheme = any::<String>().prop_map(|text| Source::scheme(&text));
    let hash = any::<[u8; 32]>().prop_map(|digest| {
        use base64::Engine as _;
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        Source::hash(&format!("sha256-{digest}"))
    });
    prop_oneof![
        near,
        far,
        scheme,
        hash,
        Just(Ok(Source::NONCE)),
        Just(Ok(Source::STRICT_DYNAMIC)),
        Just(Ok(Source::UNSAFE_INLINE)),
        Just(Ok(Source::SELF)),
    ]
    .prop_map(|source| source.unwrap_or(Source::SELF))
}

proptest! {
    #[test]
    fn no_policy_repeats_a_directive_or_breaks_out_of_its_header(
        steps in vec((0_usize..24, any::<bool>(), vec(source(), 0..4)), 0..12),
        word in any::<String>(),
    ) {
        let policy = steps.into_iter().fold(Csp::new(), |policy, (step, add, sources)| {
            match DIRECTIVES.get(step) {
                Some(directive) if add => policy.allow(*directive, sources),
                Some(directive) => policy.directive(*directive, sources),
                None => match step {
                    20 => policy.nonce(),
                    21 => policy.upgrade_insecure_requests(),
                    22 => policy.clone().report_uri(&word).unwrap_or(policy),
                    _ => policy.clone().trusted_types([&*word]).unwrap_or(policy),
                },
            }
        });
        let text = text(&policy);
        prop_assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b','), "{text:?}");
        let mut seen = HashSet::new();
        for directive in text.split(';').filter(|_| !text.is_empty()) {
            let mut words = directive.split_ascii_whitespace();
            let name = words.next().unwrap_or_default();
            let known = DIRECTIVES.iter().any(|known| known.as_str() == name);
            prop_assert!(
                known || ["upgrade-insecure-requests", "report-uri", "trusted-types"].contains(&name),
                "{name:?} in {text:?}"
            );
            prop_assert!(seen.insert(name.to_owned()), "{name} twice in {text:?}");
            let words: Vec<_> = words.collect();
            prop_assert!(words.len() < 2 || !words.contains(&"'none'"), "{text:?}");
        }
    }
}
