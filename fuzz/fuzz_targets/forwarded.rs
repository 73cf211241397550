//! `Forwarded`: see the table in `fuzz/README.md`.
#![no_main]

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use portcullis_layer_core::origin::ForwardedHeaders;
use portcullis_layer_core::origin::forwarded::{Element, Malformed, elements_rev};

#[path = "shared/client.rs"]
mod client;

fuzz_target!(|data: &[u8]| {
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        let elements: Vec<_> = elements_rev(line).collect();
        if elements.iter().all(Result::is_ok) {
            assert_eq!(elements, elements_from_the_left(line));
        }
        for element in elements.iter().flatten() {
            let text = write(element);
            assert_eq!(Element::parse(&text).as_ref(), Ok(element));
        }
    }

    let lines = lines
        .iter()
        .filter_map(|line| HeaderValue::from_bytes(line).ok());
    client::changes_nothing(
        ForwardedHeaders::Forwarded,
        "forwarded",
        &lines.collect::<Vec<_>>(),
        "for=\"192.0.2.1\";proto=https;host=shop.example",
    );
});

/// The elements of a line, the last one first, but found by reading it the usual way round.
fn elements_from_the_left(line: &[u8]) -> Vec<Result<Element<'_>, Malformed>> {
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    let mut pieces = Vec::new();
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                pieces.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&line[start..]);
    let pieces = pieces.into_iter().rev().map(<[u8]>::trim_ascii);
    pieces
        .filter(|piece| !piece.is_empty())
        .map(Element::parse)
        .collect()
}

fn write(element: &Element<'_>) -> Vec<u8> {
    let values = [
        ("for", &element.r#for),
        ("by", &element.by),
        ("host", &element.host),
        ("proto", &element.proto),
    ];
    let mut text = Vec::new();
    for (name, value) in values {
        let Some(value) = value else { continue };
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"=\"");
        for byte in value.iter() {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.extend_from_slice(b"\";");
    }
    text
}
