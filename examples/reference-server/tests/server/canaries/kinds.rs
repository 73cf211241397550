//! Secrets of many kinds, each one fresh and in the true form of its kind.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use portcullis_secrets::SecretBytes;

/// A secret that is sent to the server, and must not come out of it.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    pub(super) kind: &'static str,
    /// As somebody would send it.
    pub(super) text: String,
    /// The parts of it that nobody may see.
    pub(super) secrets: Vec<String>,
    /// Whether it is recognised wherever it stands: by its form, by a name before it, or because
    /// the server knows it. Others are kept out of what is printed by not printing what holds them.
    pub(super) is_recognised: bool,
}

const DIGITS: &[u8] = b"0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE64: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";

/// Characters of an alphabet. They are not quite evenly distributed, which is no matter here.
pub(super) fn random(alphabet: &[u8], length: usize) -> String {
    let bytes = SecretBytes::generate(length.max(16)).unwrap();
    let bytes = bytes.expose_secret().iter().take(length);
    bytes
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

fn alphanumeric(length: usize) -> String {
    random(ALPHANUMERIC, length)
}

/// All that the server may be sent; `own` is the secret that it was started with.
pub(super) fn all(own: &str) -> Vec<Canary> {
    let own = recognised("the server's own secret", own.to_owned(), [own.to_owned()]);
    let mut all = vec![own];
    all.extend(tokens());
    all.extend(keys());
    all.extend(named());
    all.extend(urls());
    all.extend(personal());
    all.extend(of_no_form());
    all
}

fn recognised<const N: usize>(kind: &'static str, text: String, secrets: [String; N]) -> Canary {
    let secrets = secrets.into();
    Canary {
        kind,
        text,
        secrets,
        is_recognised: true,
    }
}

/// A secret that `write` puts into its form.
fn around(kind: &'static str, secret: String, write: impl FnOnce(&str) -> String) -> Canary {
    recognised(kind, write(&secret), [secret])
}

fn tokens() -> Vec<Canary> {
    let with_prefix = |kind, prefix: &str, secret: String| {
        around(kind, secret, |secret| format!("{prefix}{secret}"))
    };
    let claims = format!("{{\"sub\":\"{}\",\"exp\":4102444800}}", alphanumeric(20));
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let (header, payload) = (
        encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
        encode(&claims),
    );
    let signature = alphanumeric(43);
    let jwt = format!("{header}.{payload}.{signature}");
    let sealed = [0, 38, 16, 64, 22].map(alphanumeric);
    let jwe = format!(
        "{}.{}.{}.{}.{}",
        encode("{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}"),
        sealed[1],
        sealed[2],
        sealed[3],
        sealed[4],
    );
    let [_, key, nonce, content, tag] = sealed;
    vec![
        recognised("JWT", jwt, [payload, signature]),
        recognised("JWE", jwe, [key, nonce, content, tag]),
        around("bearer token", alphanumeric(40), |secret| {
            format!("Bearer {secret}")
        }),
        with_prefix("GitHub token", "ghp_", alphanumeric(36)),
        with_prefix("GitHub fine-grained token", "github_pat_", alphanumeric(82)),
        with_prefix("GitLab token", "glpat-", alphanumeric(20)),
        with_prefix("npm token", "npm_", alphanumeric(36)),
        with_prefix("Stripe key", "sk_live_", alphanumeric(24)),
        with_prefix("Stripe webhook secret", "whsec_", alphanumeric(32)),
        with_prefix("Slack token", "xoxb-", alphanumeric(40)),
        with_prefix("Google API key", "AIza", alphanumeric(35)),
        with_prefix("Google OAuth token", "ya29.", alphanumeric(60)),
        with_prefix(
            "SendGrid key",
            "SG.",
            format!("{}.{}", alphanumeric(22), alphanumeric(43)),
        ),
        with_prefix("Vault token", "hvs.", alphanumeric(24)),
        with_prefix("AWS access key id", "AKIA", random(UPPER, 16)),
    ]
}

fn keys() -> Vec<Canary> {
    let pem = |kind, label: &str| {
        let lines: [String; 4] = [64, 64, 64, 32].map(|length| random(BASE64, length));
        let body = lines.join("\n");
        let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        recognised(kind, text, lines)
    };
    vec![
        pem("private key", "PRIVATE KEY"),
        pem("RSA private key", "RSA PRIVATE KEY"),
        pem("SSH private key", "OPENSSH PRIVATE KEY"),
        pem("encrypted private key", "ENCRYPTED PRIVATE KEY"),
    ]
}

/// Secrets that only their names tell.
fn named() -> Vec<Canary> {
    let pair = format!("{}:{}", random(LOWER, 12), alphanumeric(16));
    let basic = BASE64_STANDARD.encode(&pair);
    vec![
        recognised("basic credentials", format!("Basic {basic}"), [pair, basic]),
        around("AWS secret key", random(BASE64, 40), |secret| {
            format!("aws_secret_access_key={secret}")
        }),
        around("password in text", alphanumeric(14), |secret| {
            format!("password={secret}")
        }),
        around("API key in JSON", alphanumeric(24), |secret| {
            format!("{{\"api_key\":\"{secret}\"}}")
        }),
        around("client secret in a form", alphanumeric(24), |secret| {
            format!("grant_type=x&client_secret={secret}")
        }),
        around("session cookie", alphanumeric(32), |secret| {
            format!("sessionid={secret}; theme=dark")
        }),
        around("one-time password in text", random(DIGITS, 6), |secret| {
            format!("otp={secret}")
        }),
        around("ODBC connection string", alphanumeric(16), |secret| {
            format!("Driver=x;Server=db;Uid=app;Pwd={secret};")
        }),
        around("Azure connection string", random(BASE64, 86), |secret| {
            format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={secret}==")
        }),
    ]
}

fn urls() -> Vec<Canary> {
    let url = |kind, scheme: &str| {
        around(kind, alphanumeric(18), |secret| {
            format!("{scheme}://app:{secret}@db.example/app")
        })
    };
    let parameter = |kind, name: &str| {
        around(kind, alphanumeric(24), |secret| {
            format!("https://example.com/a?page=2&{name}={secret}&x=1")
        })
    };
    vec![
        url("PostgreSQL URL", "postgres"),
        url("Redis URL", "redis"),
        url("AMQP URL", "amqps"),
        url("URL with a password", "https"),
        parameter("token in a URL", "token"),
        parameter("API key in a URL", "api_key"),
        parameter("signature in a URL", "sig"),
        parameter("authorization code in a URL", "code"),
        around("Slack webhook", alphanumeric(24), |secret| {
            format!("https://hooks.slack.com/services/T0123456/B0123456/{secret}")
        }),
    ]
}

fn personal() -> Vec<Canary> {
    let card = |kind, separator: &str| {
        let number = card();
        let groups: Vec<_> = (0..4).map(|group| &number[group * 4..][..4]).collect();
        let text = groups.join(separator);
        let hidden = text[..text.len() - 4]
            .trim_end_matches([' ', '-'])
            .to_owned();
        recognised(kind, text, [hidden])
    };
    vec![
        card("card number", ""),
        card("card number in groups", " "),
        around("e-mail address", random(LOWER, 16), |local| {
            format!("{local}@example.com")
        }),
    ]
}

/// A number that begins as Visa's do, with the check digit of ISO/IEC 7812-1.
fn card() -> String {
    let number = format!("4{}", random(DIGITS, 14));
    let digits = number.bytes().rev().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, double) if double > 9 => double - 9,
            (0, double) => double,
            _ => digit,
        })
        .sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

/// What looks like any other text.
fn of_no_form() -> Vec<Canary> {
    let plain = |kind, text: String| Canary {
        is_recognised: false,
        ..recognised(kind, text.clone(), [text])
    };
    let uuid = [8, 4, 4, 4, 12].map(|length| random(HEX, length)).join("-");
    let words = [7, 5, 9, 6].map(|length| random(LOWER, length));
    vec![
        plain("password", alphanumeric(14)),
        plain("passphrase", words.join(" ")),
        plain("TOTP code", random(DIGITS, 6)),
        plain("recovery code", words.join("-")),
        plain("UUID that is an API key", uuid),
        plain("hexadecimal key", random(HEX, 64)),
        plain("base64 key", random(BASE64, 43)),
        plain("HMAC", format!("sha256={}", random(HEX, 64))),
    ]
}
