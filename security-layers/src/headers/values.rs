//! Headers whose whole value is one token.

use super::tokens::tokens;

tokens! {
    /// How much of its address a page tells the sites that it links to or loads from (`Referrer-Policy`).
    ///
    /// [W3C Referrer Policy](https://www.w3.org/TR/referrer-policy/), section 3.
    #[non_exhaustive]
    pub enum ReferrerPolicy {
        /// Nothing. A browser then sends `Origin: null` with forms, also to the site itself, which a check against
        /// cross-site request forgery has to expect.
        NoReferrer = "no-referrer",
        /// The whole address, unless it would travel from https to http.
        NoReferrerWhenDowngrade = "no-referrer-when-downgrade",
        /// The origin alone, also from https to http.
        Origin = "origin",
        /// The whole address within the site, the origin alone to others, also from https to http.
        OriginWhenCrossOrigin = "origin-when-cross-origin",
        /// The whole address within the site, nothing to others.
        SameOrigin = "same-origin",
        /// The origin alone, and nothing from https to http.
        StrictOrigin = "strict-origin",
        /// The whole address within the site, the origin alone to others, nothing from https to http. What browsers do
        /// without the header.
        StrictOriginWhenCrossOrigin = "strict-origin-when-cross-origin",
        /// The whole address to everybody.
        UnsafeUrl = "unsafe-url",
    }
}

tokens! {
    /// Who may show a page in a frame (`X-Frame-Options`, RFC 7034).
    ///
    /// The policy's `frame-ancestors` says the same to every browser of today and wins over this header; the header is
    /// for older ones.
    // Exhaustive on purpose: the third value of the RFC, `ALLOW-FROM`, is implemented nowhere and switches the header off.
    pub enum FrameOptions {
        /// Nobody.
        Deny = "DENY",
        /// Pages of the same origin.
        SameOrigin = "SAMEORIGIN",
    }
}

tokens! {
    /// Which windows stay connected to a page that opened them or was opened by them (`Cross-Origin-Opener-Policy`).
    ///
    /// [HTML](https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies), section 7.1.3.
    #[non_exhaustive]
    pub enum OpenerPolicy {
        /// All of them. What browsers do without the header.
        UnsafeNone = "unsafe-none",
        /// Those that the page itself opens and that ask for no isolation: for sign-in and payment in pop-ups.
        SameOriginAllowPopups = "same-origin-allow-popups",
        /// Those of the same origin with this same policy. One half of cross-origin isolation.
        SameOrigin = "same-origin",
        /// Like `same-origin-allow-popups`, and it also cuts the page off from a page of its own origin that opened it.
        NoopenerAllowPopups = "noopener-allow-popups",
    }
}

tokens! {
    /// What a page may load from other sites (`Cross-Origin-Embedder-Policy`).
    ///
    /// [HTML](https://html.spec.whatwg.org/multipage/browsers.html#coep), section 7.1.4.
    #[non_exhaustive]
    pub enum EmbedderPolicy {
        /// Everything. What browsers do without the header.
        UnsafeNone = "unsafe-none",
        /// What allows it by `Cross-Origin-Resource-Policy` or CORS. The other half of cross-origin isolation.
        RequireCorp = "require-corp",
        /// Everything, without cookies where nothing allows more. Isolates too, in the browsers that know it.
        Credentialless = "credentialless",
    }
}

tokens! {
    /// Whose pages may load a response without CORS (`Cross-Origin-Resource-Policy`).
    ///
    /// [Fetch](https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header), section 3.7.
    // Exhaustive on purpose: origin, site, anybody; there is nothing between or beyond.
    pub enum ResourcePolicy {
        /// Those of the same origin.
        SameOrigin = "same-origin",
        /// Those of the same site: scheme and registrable domain.
        SameSite = "same-site",
        /// Anybody's.
        CrossOrigin = "cross-origin",
    }
}
