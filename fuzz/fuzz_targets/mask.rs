//! The masks: see the table in `fuzz/README.md`.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use portcullis_secrets::mask::{
    api_key, authorization, card, connection_string, cookie, email, email_and_domain, ip, jwt,
    jwt_ids, password, phone, set_cookie, token, url,
};

const CANARY: &str = "c4n4ry7Hq2vX9s";

type Mask = fn(&str) -> Cow<'static, str>;

const ALL: [Mask; 15] = [
    api_key,
    authorization,
    card,
    connection_string,
    cookie,
    email,
    email_and_domain,
    ip,
    jwt,
    jwt_ids,
    password,
    phone,
    set_cookie,
    token,
    url,
];

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for mask in ALL {
        let masked = mask(&text);
        assert_eq!(mask(&masked), masked, "{text:?}");
        assert!(!masked.contains(char::is_control), "{text:?}: {masked:?}");
    }

    // A secret with all this before and after it, written as the form of the value asks for.
    let secret = format!("{text}{CANARY}{text}");
    let escaped = percent_encoded(&secret);
    let odbc = secret.replace('}', "}}");
    let libpq = secret.replace('\\', "\\\\").replace('\'', "\\'");
    let cookies = secret.replace([';', ','], "");
    for (mask, value) in [
        (
            url as Mask,
            format!("https://{escaped}@example.com/?page=2"),
        ),
        (url, format!("postgres://app:{escaped}@db:5432/orders")),
        (url, format!("/reset?lang=en&token={escaped}&page=2")),
        (url, format!("https://example.com/#{secret}")),
        (
            connection_string,
            format!("Server=db;Pwd={{{odbc}}};Encrypt=yes"),
        ),
        (
            connection_string,
            format!("host=db password='{libpq}' sslmode=require"),
        ),
        (
            connection_string,
            format!("jdbc:postgresql://db/?password={escaped}"),
        ),
        (authorization, format!("Bearer {secret}")),
        (cookie, format!("theme=dark; id={cookies}")),
        (set_cookie, format!("id={cookies}; Path=/; HttpOnly")),
        (jwt, format!("e30.e30.{secret}")),
        (jwt_ids, format!("e30.e30.{secret}")),
        (api_key, format!("ghp_{secret}")),
        (token, format!("01234567890123456789{secret}")),
    ] {
        let masked = mask(&value);
        assert!(!masked.contains(CANARY), "{value:?}: {masked:?}");
    }
});

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
