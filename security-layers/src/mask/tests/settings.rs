use http::{HeaderName, HeaderValue};
use portcullis_layer_core::testing::{Mock, contract};

use super::super::headers::SensitiveHeaders;
use super::super::types::MediaType;
use super::super::{InvalidFields, JsonFields, MaskLayer, MediaTypes};
use super::known;

#[test]
fn fields_that_are_none_are_refused() {
    let refused = |paths: &[&str]| JsonFields::new(paths).map_err(|error| error.to_string());
    let long = "a".repeat(65);
    for path in ["", ".", "a.", ".a", "a..b", "-", "_._", &long] {
        assert_eq!(
            refused(&["ok", path]).unwrap_err(),
            format!("'{path}' is no field: names of 1 to 64 letters are separated by dots"),
        );
    }
    refused(&[&"a_".repeat(64)]).unwrap();

    let names: Vec<_> = (0..64).map(|index| format!("name{index}")).collect();
    let error: InvalidFields =
        JsonFields::new(names.iter().map(String::as_str).chain(["x"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fields have more than 64 names in all"
    );
    let all = JsonFields::new(&names).unwrap();
    let json = r#"{"name63":1,"name64":2}"#;
    let masked = super::mask_fields(&all, json.as_bytes(), 3);
    assert_eq!(masked, br#"{"name63":"[REDACTED]","name64":2}"#);
    let error = JsonFields::new([names.join("."), "x".to_owned()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fields have more than 64 names in all"
    );
    assert_eq!(
        format!("{:?}", JsonFields::new(["a.B_c"]).unwrap()),
        r#"["a", "bc"]"#
    );
}

#[test]
fn media_types_that_are_none_are_refused() {
    for text in [
        "",
        "text",
        "text/",
        "/json",
        "text/html, ",
        "*/*json",
        "*/*+",
        "te xt/html",
        "a/b/c",
        "text/html; charset=utf-8",
        "te*/html",
    ] {
        let last = text.rsplit(',').next().unwrap_or_default().trim();
        assert_eq!(
            text.parse::<MediaTypes>().unwrap_err().to_string(),
            format!("'{last}' is no media type of the form type/subtype, type/* or */*+suffix"),
        );
    }
    let types: MediaTypes = " Text/* ,*/*,image/*+XML".parse().unwrap();
    assert_eq!(types.to_string(), "Text/*, */*, image/*+XML");
    let again = MediaTypes::texts().to_string().parse();
    assert_eq!(again, Ok(MediaTypes::texts()));
}

#[test]
fn text_is_told_from_the_rest() {
    for (content_type, is_text, is_json) in [
        ("application/json", true, true),
        ("Application/JSON; charset=utf-8", true, true),
        ("text/json", true, true),
        ("application/problem+json", true, true),
        ("model/gltf+json ; a=b", true, true),
        ("application/x-ndjson", true, true),
        ("application/jsonl", true, true),
        ("application/json-seq", true, true),
        ("text/html", true, false),
        ("text/event-stream", true, false),
        ("image/svg+xml", true, false),
        ("application/x-www-form-urlencoded", true, false),
        ("image/json", false, false),
        ("application/octet-stream", false, false),
        ("application/jsonp", false, false),
        ("image/png", false, false),
        ("json", false, false),
        ("", false, false),
        ("multipart/byteranges; boundary=text/html", false, false),
    ] {
        let media_type = MediaType::of(content_type.as_bytes());
        assert_eq!(
            MediaTypes::texts().contain(&media_type),
            is_text,
            "{content_type}"
        );
        assert_eq!(media_type.is_json(), is_json, "{content_type}");
        assert!(!media_type.is_grpc());
    }
    for content_type in [
        "application/grpc",
        "application/grpc+json",
        "Application/gRPC-Web-Text",
    ] {
        assert!(MediaType::of(content_type.as_bytes()).is_grpc());
    }
}

#[test]
fn all_values_of_sensitive_headers_are_marked_and_no_others() {
    let mut sensitive = SensitiveHeaders::known();
    sensitive.extend([HeaderName::from_static("x-pin")]);
    let mut headers = http::HeaderMap::new();
    let secret = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-vault-token",
        "x-pin",
    ];
    let plain = [
        "content-type",
        "host",
        "x-request-id",
        "x-pins",
        "x-nip",
        "accept",
    ];
    for name in secret.into_iter().chain(plain) {
        headers.append(name, HeaderValue::from_static("first"));
        headers.append(name, HeaderValue::from_static("second"));
    }
    sensitive.mark(&mut headers);
    for (name, value) in &headers {
        assert_eq!(
            value.is_sensitive(),
            secret.contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!(headers.len(), 2 * (secret.len() + plain.len()));
}

#[test]
fn the_documented_headers_are_those_that_are_marked() {
    let page = include_str!("../mod.rs").to_ascii_lowercase();
    for name in SensitiveHeaders::known().names() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_layer_can_be_shared_and_shows_no_secret() {
    contract::is_a_layer::<MaskLayer, Mock>();
    let shown = format!("{:?}", MaskLayer::new().known_secrets(known()));
    for secret in super::SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
}
