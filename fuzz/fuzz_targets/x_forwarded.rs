//! `X-Forwarded-For`: see the table in `fuzz/README.md`.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use portcullis_layer_core::origin::ForwardedHeaders;
use portcullis_layer_core::origin::x_forwarded::{entries_rev, parse_address};

#[path = "shared/client.rs"]
mod client;

fuzz_target!(|data: &[u8]| {
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        let mut entries: Vec<_> = entries_rev(line).collect();
        for entry in &entries {
            if let Some(ip) = parse_address(entry) {
                assert_eq!(ip, ip.to_canonical());
                assert_eq!(parse_address(ip.to_string().as_bytes()), Some(ip));
                let with_port = SocketAddr::new(ip, 4711).to_string();
                assert_eq!(parse_address(with_port.as_bytes()), Some(ip));
            }
            // Whatever the standard library takes for an address is one, and nothing without digits or colons.
            let text = std::str::from_utf8(entry).unwrap_or_default();
            if let Ok(ip) = text.parse::<IpAddr>() {
                assert_eq!(parse_address(entry), Some(ip.to_canonical()));
            }
            if let Ok(socket) = text.parse::<SocketAddr>()
                && !text.contains('%')
            {
                assert_eq!(parse_address(entry), Some(socket.ip().to_canonical()));
            }
        }
        entries.reverse();
        let split = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let expected: Vec<_> = split.filter(|entry| !entry.is_empty()).collect();
        assert_eq!(entries, expected);
    }

    let lines = lines
        .iter()
        .filter_map(|line| HeaderValue::from_bytes(line).ok());
    client::changes_nothing(
        ForwardedHeaders::XForwarded,
        "x-forwarded-for",
        &lines.collect::<Vec<_>>(),
        "192.0.2.1",
    );
});
