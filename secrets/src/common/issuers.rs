//! What issuers put in front of their tokens so that these can be recognised. One list, so that what is masked by its
//! prefix is found by it too.

/// What the characters are that must follow a prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// Capital letters and digits.
    Upper,
    /// Letters and digits.
    Alphanumeric,
    /// These, `_`, `-` and `.`.
    Any,
    /// These and `/`.
    Path,
}

use Body::{Alphanumeric, Any, Path, Upper};

/// The prefix, how many characters must follow so that it is a token, what these are, and whether the prefix must stand at
/// the start of a word, because it is also the end of some. As the issuers document them; the bounds are a little below
/// what is issued today.
pub(crate) const ISSUERS: &[(&str, usize, Body, bool)] = &[
    ("ghp_", 30, Alphanumeric, false),
    ("gho_", 30, Alphanumeric, false),
    ("ghu_", 30, Alphanumeric, false),
    ("ghs_", 30, Alphanumeric, false),
    ("ghr_", 30, Alphanumeric, false),
    ("github_pat_", 20, Any, false),
    ("glpat-", 20, Any, false),
    ("gldt-", 20, Any, false),
    ("glrt-", 20, Any, false),
    ("glptt-", 20, Any, false),
    ("sk_live_", 10, Alphanumeric, false),
    ("sk_test_", 10, Alphanumeric, false),
    ("rk_live_", 10, Alphanumeric, false),
    ("rk_test_", 10, Alphanumeric, false),
    ("whsec_", 16, Any, false),
    ("AKIA", 16, Upper, false),
    ("ASIA", 16, Upper, false),
    ("xoxa-", 10, Any, false),
    ("xoxb-", 10, Any, false),
    ("xoxe-", 10, Any, false),
    ("xoxe.", 10, Any, false),
    ("xoxp-", 10, Any, false),
    ("xoxr-", 10, Any, false),
    ("xoxs-", 10, Any, false),
    ("xapp-", 10, Any, false),
    ("hooks.slack.com/services/", 8, Path, false),
    ("AIza", 35, Any, false),
    ("ya29.", 20, Any, false),
    ("GOCSPX-", 20, Any, false),
    ("npm_", 36, Alphanumeric, false),
    ("pypi-", 50, Any, false),
    ("rubygems_", 40, Alphanumeric, false),
    ("dckr_pat_", 20, Any, false),
    ("sk-proj-", 20, Any, false),
    ("sk-svcacct-", 20, Any, false),
    ("sk-ant-", 20, Any, false),
    ("sk-", 40, Alphanumeric, true),
    ("hf_", 30, Alphanumeric, true),
    ("SG.", 40, Any, true),
    ("shpat_", 32, Alphanumeric, false),
    ("shpss_", 32, Alphanumeric, false),
    ("dop_v1_", 40, Alphanumeric, false),
    ("hvs.", 20, Any, true),
    ("hvb.", 20, Any, true),
    ("lin_api_", 32, Alphanumeric, false),
    ("sq0csp-", 20, Any, false),
    ("glsa_", 30, Any, false),
    ("AGE-SECRET-KEY-1", 40, Upper, false),
    ("pk_live_", 10, Alphanumeric, false),
    ("pk_test_", 10, Alphanumeric, false),
    ("xkeysib-", 40, Any, false),
    ("shpca_", 32, Alphanumeric, false),
    ("sq0atp-", 20, Any, false),
    ("doo_v1_", 40, Alphanumeric, false),
    ("hvr.", 20, Any, true),
    ("glc_", 30, Any, true),
    ("NRAK-", 20, Upper, false),
    ("tskey-", 20, Any, false),
    ("figd_", 30, Any, false),
];

/// Of the form `<brand>_live_<id>_<secret and checksum>`, the keys of this family have an id of so many characters,
/// which is public,
pub(crate) const OWN_ID: usize = 12;
/// and so many behind it.
pub(crate) const OWN_SECRET: usize = 49;
