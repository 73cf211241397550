//! Finds what was sent in what came out, in whatever form.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::kinds::Canary;

/// Looks for the secrets of canaries: as they are, percent-encoded, as a part of a JSON string, of
/// Rust's `Debug`, in hexadecimal, and in Base64 wherever they stand in it.
pub(super) struct Net {
    automaton: AhoCorasick,
    /// What each pattern of the automaton is.
    patterns: Vec<Pattern>,
}

struct Pattern {
    kind: &'static str,
    form: &'static str,
    /// Few enough to be a part of any number.
    is_number: bool,
}

impl Net {
    pub(super) fn new(canaries: &[Canary]) -> Self {
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        for canary in canaries {
            for (form, text) in canary.secrets.iter().flat_map(|secret| forms(secret)) {
                patterns.push(Pattern {
                    kind: canary.kind,
                    form,
                    is_number: text.len() < 8,
                });
                texts.push(text);
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(texts)
            .unwrap();
        Self {
            automaton,
            patterns,
        }
    }

    /// The first place at which one is found, with what is around it.
    pub(super) fn find(&self, text: &str) -> Option<String> {
        let found = self.automaton.find_overlapping_iter(text);
        let mut found = found.filter(|found| {
            // Six digits are in many a fraction and identity.
            let is_joint = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
            };
            let (before, behind) = text.as_bytes().split_at(found.start());
            let joined = is_joint(before.last()) || is_joint(behind.get(found.len()));
            !(self.patterns[found.pattern()].is_number && joined)
        });
        let found = found.next()?;
        let Pattern { kind, form, .. } = &self.patterns[found.pattern()];
        let around = found.start().saturating_sub(200)..text.len().min(found.end() + 200);
        let around = String::from_utf8_lossy(&text.as_bytes()[around]);
        Some(format!("{kind}, {form}, in: {around}"))
    }
}

/// The ways to write a secret, with their names.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![("as it is", secret.to_owned())];
    if secret.len() < 8 {
        return forms;
    }
    let json = serde_json::to_string(secret).unwrap();
    let debug = format!("{secret:?}");
    let all = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let twice = encoded.replace('%', "%25");
    forms.extend([
        ("in JSON", json.trim_matches('"').to_owned()),
        ("as Debug shows it", debug.trim_matches('"').to_owned()),
        ("percent-encoded", encoded),
        ("percent-encoded twice", twice),
        ("percent-encoded byte by byte", all),
        ("in hexadecimal", hex),
    ]);
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        // Three bytes are four characters: there are three ways to stand in something longer, and the
        // characters at the ends are made of the neighbours too.
        for before in 0..3 {
            let text = format!("{}{secret}", "x".repeat(before));
            let whole = text.len() / 3 * 4;
            let encoded = engine.encode(text);
            let inner = &encoded[if before == 0 { 0 } else { 4 }..whole];
            if inner.len() >= 12 {
                forms.push(("in Base64", inner.to_owned()));
            }
        }
    }
    forms
}

#[test]
fn the_net_finds_every_form_and_nothing_else() {
    let secret = "kT7\"mq2/Lx9+Zp=\u{e9}";
    let canary = |secret: &str| Canary {
        kind: "a secret",
        text: String::new(),
        secrets: vec![secret.to_owned()],
        is_recognised: false,
    };
    let net = Net::new(&[canary(secret), canary("123456")]);
    let base64 = |text: &str| BASE64_STANDARD_NO_PAD.encode(text);
    for leak in [
        format!("a {secret} b"),
        secret.to_ascii_uppercase(),
        format!("{:?}", format!("a {secret} b")),
        serde_json::json!({ "a": secret }).to_string(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        base64(secret),
        base64(&format!("joe:{secret}")),
        base64(&format!("j:{secret}:x")),
        base64(&format!("jo:{secret}:x")),
        "code 123456, 7".to_owned(),
        "{\"otp\":123456}".to_owned(),
    ] {
        assert!(net.find(&leak).is_some(), "{leak}");
    }
    for clean in [
        "",
        "kT7",
        "1123456",
        "0.123456",
        "123456.7",
        "018f-a123456b",
        "kT7 mq2/Lx9+Zp=",
    ] {
        assert_eq!(net.find(clean), None);
    }
}
