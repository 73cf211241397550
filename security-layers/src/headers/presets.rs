use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use super::csp::Csp;
use super::layer::SecurityHeadersLayer;
use super::names::{
    CROSS_ORIGIN_EMBEDDER_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY,
    PERMISSIONS_POLICY, X_PERMITTED_CROSS_DOMAIN_POLICIES,
};
use super::values::EmbedderPolicy;

// The values are literals, because a clone of one costs nothing, where that of a built value counts references. The
// tests hold them against what the typed builders make.

const ONE_YEAR: &str = "max-age=31536000; includeSubDomains";
const TWO_YEARS: &str = "max-age=63072000; includeSubDomains";

/// What reads the user's surroundings or devices. Not what pages use as a matter of course (full screen, the clipboard,
/// passkeys), and not `cross-origin-isolated`, whose denial would undo the isolation that other headers ask for.
const NO_DEVICES: &str = "accelerometer=(), camera=(), \
    display-capture=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), \
    midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()";

/// `cross-origin-isolated=()` is in OWASP's list, so [`SecurityHeadersLayer::isolated`] is a preset of its own.
const OWASP_PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), \
    display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), \
    screen-wake-lock=(), sync-xhr=(self), usb=(), web-share=(), xr-spatial-tracking=(), clipboard-read=(), \
    clipboard-write=(), gamepad=(), hid=(), idle-detection=(), interest-cohort=(), serial=(), unload=()";

const CLASSIC: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_XSS_PROTECTION, "1; mode=block"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'self'"),
    (REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (
        PERMISSIONS_POLICY,
        "geolocation=(), microphone=(), camera=()",
    ),
];

const STRICT: [(HeaderName, &str); 9] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (PERMISSIONS_POLICY, NO_DEVICES),
    (X_PERMITTED_CROSS_DOMAIN_POLICIES, "none"),
    (CACHE_CONTROL, "no-store"),
];

const WEB: [(HeaderName, &str); 7] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (PERMISSIONS_POLICY, NO_DEVICES),
    (X_PERMITTED_CROSS_DOMAIN_POLICIES, "none"),
];

const OWASP: [(HeaderName, &str); 11] = [
    (CACHE_CONTROL, "no-store, max-age=0"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; \
         upgrade-insecure-requests",
    ),
    (CROSS_ORIGIN_EMBEDDER_POLICY, "require-corp"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (PERMISSIONS_POLICY, OWASP_PERMISSIONS),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_DNS_PREFETCH_CONTROL, "off"),
    (X_FRAME_OPTIONS, "deny"),
    (X_PERMITTED_CROSS_DOMAIN_POLICIES, "none"),
];

/// The presets. Each can be changed with the setters below. All but [`none`](Self::none) also strip the headers that
/// tell which software answered ([`strip`](Self::strip)).
impl SecurityHeadersLayer {
    /// Adds and strips nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The seven headers that most guides name, with their usual values.
    ///
    /// | header | value |
    /// |---|---|
    /// | `X-Content-Type-Options` | `nosniff` |
    /// | `X-XSS-Protection` | `1; mode=block` |
    /// | `X-Frame-Options` | `DENY` |
    /// | `Content-Security-Policy` | `default-src 'self'` |
    /// | `Referrer-Policy` | `strict-origin-when-cross-origin` |
    /// | `Permissions-Policy` | `geolocation=(), microphone=(), camera=()` |
    /// | `Strict-Transport-Security` (https only) | `max-age=31536000; includeSubDomains` |
    ///
    /// `X-XSS-Protection` is here because lists and scanners ask for it; see
    /// [`legacy_xss_filter`](Self::legacy_xss_filter) for why no other preset sends it.
    pub fn classic() -> Self {
        Self::preset(&CLASSIC, ONE_YEAR)
    }

    /// For an API: a response can be read by the program that asked for it and is of no use as a page.
    ///
    /// [`Csp::strict`], `nosniff`, `X-Frame-Options: DENY`, `Referrer-Policy: no-referrer`, opener and resource policy
    /// `same-origin`, no devices, no Flash policies, `Cache-Control: no-store`, HSTS for two years with subdomains.
    /// CORS still works: the resource policy concerns loads without it.
    pub fn strict() -> Self {
        Self::preset(&STRICT, TWO_YEARS)
    }

    /// For pages: [`Csp::web`] with a nonce for each response ([`CspNonce`](super::CspNonce)).
    ///
    /// Beside it `nosniff`, `X-Frame-Options: DENY`, `Referrer-Policy: strict-origin-when-cross-origin`, opener and
    /// resource policy `same-origin`, no devices, no Flash policies, HSTS for two years with subdomains. Sign-in or
    /// payment in a pop-up of another site needs
    /// [`OpenerPolicy::SameOriginAllowPopups`](super::OpenerPolicy::SameOriginAllowPopups).
    pub fn web() -> Self {
        let mut layer = Self::preset(&WEB, TWO_YEARS);
        layer.set_csp(CONTENT_SECURITY_POLICY, Csp::web());
        layer
    }

    /// The list of OWASP's [Secure Headers Project](https://owasp.org/www-project-secure-headers/), as it stands.
    ///
    /// Its Permissions-Policy denies `cross-origin-isolated`, by which Chromium switches off the isolation that the
    /// list's other headers ask for: a page that wants isolation takes [`isolated`](Self::isolated). The header that
    /// the list sends at a logout is [`ClearSiteData::logout`](super::ClearSiteData::logout).
    pub fn owasp() -> Self {
        Self::preset(&OWASP, TWO_YEARS)
    }

    /// [`web`](Self::web), cross-origin isolated: for `SharedArrayBuffer` and exact timers.
    ///
    /// With `Cross-Origin-Embedder-Policy: require-corp` a page loads from other sites only what they have allowed.
    pub fn isolated() -> Self {
        Self::web().embedder_policy(EmbedderPolicy::RequireCorp)
    }

    fn preset(headers: &[(HeaderName, &'static str)], hsts: &'static str) -> Self {
        let mut layer = Self::none();
        for (name, value) in headers {
            layer.set_static(name.clone(), value);
        }
        layer.set_static_hsts(hsts);
        layer.strip_leaks();
        layer
    }
}
