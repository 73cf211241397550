use std::time::Duration;

use http::header::{CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY};
use portcullis_layer_core::origin::Scheme;

use super::super::leaks::LEAKS;
use super::super::{
    Allowlist, Csp, Directive, EmbedderPolicy, Feature, FrameOptions, Hsts, OpenerPolicy,
    PermissionsPolicy, ReferrerPolicy, ResourcePolicy, SecurityHeadersLayer, Source,
};
use super::{answer, lines};

const ONE_YEAR: &str = "strict-transport-security: max-age=31536000; includeSubDomains";
const TWO_YEARS: &str = "strict-transport-security: max-age=63072000; includeSubDomains";
const NO_DEVICES: &str = "permissions-policy: accelerometer=(), camera=(), \
    display-capture=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), \
    midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()";
const WEB_CSP: &str = "content-security-policy: default-src 'none'; script-src 'nonce-NONCE' 'strict-dynamic'; \
    style-src 'self' 'nonce-NONCE'; img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self'; \
    manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
    object-src 'none'";

fn presets() -> [(
    &'static str,
    SecurityHeadersLayer,
    Vec<&'static str>,
    Option<&'static str>,
); 6] {
    let web = vec![
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: strict-origin-when-cross-origin",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        NO_DEVICES,
        "x-permitted-cross-domain-policies: none",
        WEB_CSP,
    ];
    let isolated = [&web[..], &["cross-origin-embedder-policy: require-corp"]].concat();
    [
        ("none", SecurityHeadersLayer::none(), vec![], None),
        (
            "classic",
            SecurityHeadersLayer::classic(),
            vec![
                "x-content-type-options: nosniff",
                "x-xss-protection: 1; mode=block",
                "x-frame-options: DENY",
                "content-security-policy: default-src 'self'",
                "referrer-policy: strict-origin-when-cross-origin",
                "permissions-policy: geolocation=(), microphone=(), camera=()",
            ],
            Some(ONE_YEAR),
        ),
        (
            "strict",
            SecurityHeadersLayer::strict(),
            vec![
                "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'; object-src 'none'",
                "x-content-type-options: nosniff",
                "x-frame-options: DENY",
                "referrer-policy: no-referrer",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-resource-policy: same-origin",
                NO_DEVICES,
                "x-permitted-cross-domain-policies: none",
                "cache-control: no-store",
            ],
            Some(TWO_YEARS),
        ),
        ("web", SecurityHeadersLayer::web(), web, Some(TWO_YEARS)),
        (
            "isolated",
            SecurityHeadersLayer::isolated(),
            isolated,
            Some(TWO_YEARS),
        ),
        (
            "owasp",
            SecurityHeadersLayer::owasp(),
            vec![
                "cache-control: no-store, max-age=0",
                "content-security-policy: default-src 'self'; form-action 'self'; base-uri 'self'; \
                 object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests",
                "cross-origin-embedder-policy: require-corp",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-resource-policy: same-origin",
                "permissions-policy: accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), \
                 display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), \
                 keyboard-map=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
                 publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(self), usb=(), web-share=(), \
                 xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), \
                 idle-detection=(), interest-cohort=(), serial=(), unload=()",
                "referrer-policy: no-referrer",
                "x-content-type-options: nosniff",
                "x-dns-prefetch-control: off",
                "x-frame-options: deny",
                "x-permitted-cross-domain-policies: none",
            ],
            Some(TWO_YEARS),
        ),
    ]
}

#[test]
fn each_preset_sends_these_bytes() {
    for (name, layer, expected, hsts) in presets() {
        let mut http = lines(&layer, Scheme::Http, &[]);
        let mut https = lines(&layer, Scheme::Https, &[]);
        let mut expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        for list in [&mut http, &mut https, &mut expected] {
            list.sort_unstable();
        }
        assert_eq!(http, expected, "{name} over http");
        expected.extend(hsts.map(str::to_owned));
        expected.sort_unstable();
        assert_eq!(https, expected, "{name} over https");
    }
}

#[test]
fn no_preset_sends_what_is_retired_and_only_classic_the_legacy_filter() {
    for (name, layer, _, _) in presets() {
        let (headers, _) = answer(&layer, Scheme::Https, &[]);
        for retired in ["feature-policy", "public-key-pins", "expect-ct"] {
            assert!(!headers.contains_key(retired), "{name} sends {retired}");
        }
        let filter = headers.contains_key("x-xss-protection");
        assert_eq!(filter, name == "classic", "x-xss-protection in {name}");
        let hsts = headers.get(STRICT_TRANSPORT_SECURITY);
        let preload = hsts.is_some_and(|hsts| hsts.to_str().unwrap().contains("preload"));
        assert!(!preload, "{name} consents to preloading");
    }
}

#[test]
fn all_presets_but_none_strip_the_whole_removal_list() {
    assert_eq!(LEAKS.len(), 88);
    for (name, layer, _, _) in presets() {
        let (before, _) = answer(&layer, Scheme::Http, &[]);
        for leak in LEAKS {
            let (headers, _) = answer(&layer, Scheme::Http, &[(leak, "1"), (leak, "2")]);
            assert_eq!(
                headers.contains_key(leak),
                name == "none",
                "{leak} in {name}"
            );
            if name != "none" {
                // The nonce differs, so the names are compared.
                assert!(before.keys().eq(headers.keys()), "{leak} in {name}");
            }
        }
    }
}

// The literals of the presets are what a user gets who builds the same with the typed parts.
#[test]
fn the_typed_parts_make_the_presets() {
    let none = SecurityHeadersLayer::none;
    let year = Hsts::new(Duration::from_secs(31_536_000)).include_subdomains();
    let classic = none()
        .header("x-content-type-options", "nosniff")
        .unwrap()
        .legacy_xss_filter()
        .frame_options(FrameOptions::Deny)
        .content_security_policy(Csp::new().directive(Directive::DefaultSrc, [Source::SELF]))
        .unwrap()
        .referrer_policy(ReferrerPolicy::StrictOriginWhenCrossOrigin)
        .permissions_policy(PermissionsPolicy::new().deny([
            Feature::GEOLOCATION,
            Feature::MICROPHONE,
            Feature::CAMERA,
        ]))
        .hsts(year);
    assert_eq!(
        lines(&classic, Scheme::Https, &[]),
        lines(&SecurityHeadersLayer::classic(), Scheme::Https, &[])
    );

    let owasp_csp = Csp::new()
        .directive(Directive::DefaultSrc, [Source::SELF])
        .directive(Directive::FormAction, [Source::SELF])
        .directive(Directive::BaseUri, [Source::SELF])
        .directive(Directive::ObjectSrc, Source::NONE)
        .directive(Directive::FrameAncestors, Source::NONE)
        .upgrade_insecure_requests();
    let csp = |layer: SecurityHeadersLayer| {
        let (headers, _) = answer(&layer, Scheme::Http, &[]);
        headers[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned()
    };
    for (policy, preset) in [
        (owasp_csp, SecurityHeadersLayer::owasp()),
        (Csp::strict(), SecurityHeadersLayer::strict()),
    ] {
        let typed = none().content_security_policy(policy).unwrap();
        assert_eq!(csp(typed), csp(preset));
    }

    let mut owasp_permissions = PermissionsPolicy::new().deny([
        Feature::ACCELEROMETER,
        Feature::AUTOPLAY,
        Feature::CAMERA,
        Feature::CROSS_ORIGIN_ISOLATED,
        Feature::DISPLAY_CAPTURE,
        Feature::ENCRYPTED_MEDIA,
        Feature::FULLSCREEN,
        Feature::GEOLOCATION,
        Feature::GYROSCOPE,
        Feature::KEYBOARD_MAP,
        Feature::MAGNETOMETER,
        Feature::MICROPHONE,
        Feature::MIDI,
        Feature::PAYMENT,
        Feature::PICTURE_IN_PICTURE,
        Feature::PUBLICKEY_CREDENTIALS_GET,
        Feature::SCREEN_WAKE_LOCK,
    ]);
    owasp_permissions = owasp_permissions
        .feature(Feature::SYNC_XHR, Allowlist::own())
        .deny([
            Feature::USB,
            Feature::WEB_SHARE,
            Feature::XR_SPATIAL_TRACKING,
            Feature::CLIPBOARD_READ,
            Feature::CLIPBOARD_WRITE,
            Feature::GAMEPAD,
            Feature::HID,
            Feature::IDLE_DETECTION,
            Feature::INTEREST_COHORT,
            Feature::SERIAL,
            Feature::UNLOAD,
        ]);
    let (owasp, _) = answer(&SecurityHeadersLayer::owasp(), Scheme::Http, &[]);
    assert_eq!(owasp["permissions-policy"], owasp_permissions.to_string());

    let isolated = SecurityHeadersLayer::none()
        .opener_policy(OpenerPolicy::SameOrigin)
        .embedder_policy(EmbedderPolicy::RequireCorp)
        .resource_policy(ResourcePolicy::SameOrigin);
    let (isolated, _) = answer(&isolated, Scheme::Http, &[]);
    let (preset, _) = answer(&SecurityHeadersLayer::isolated(), Scheme::Http, &[]);
    for (name, value) in &isolated {
        assert_eq!(preset[name], value);
    }
    let permissions = preset["permissions-policy"].to_str().unwrap();
    assert!(!permissions.contains("cross-origin-isolated"));
}

#[test]
fn the_policies_of_the_presets_pass_their_own_checks() {
    for policy in [Csp::strict(), Csp::web()] {
        assert_eq!(policy.check(), Ok(()));
    }
}
