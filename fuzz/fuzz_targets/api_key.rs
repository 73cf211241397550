//! API keys: see the table in `fuzz/README.md`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::api_key::{Environment, KeyFormat, Network};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let live = KeyFormat::new("acme", Environment::Live).expect("a brand");
    let test = KeyFormat::new("acme", Environment::Test).expect("a brand");

    let read = live.parse(&text);
    if let Ok(id) = read {
        // What is read is all there is to it: nothing in front, nothing behind, nothing left out.
        assert_eq!(text.len(), 72, "{text:?}");
        assert!(
            text.starts_with(&format!("{}_", live.display(id))),
            "{text:?}"
        );
        assert!(
            live.is_meant_by(&text) && test.is_meant_by(&text),
            "{text:?}"
        );
        assert!(test.parse(&text).is_err(), "{text:?}");
    }

    // A key in which anything is changed is none: the checksum finds each error within 32 bits, and the rest by chance.
    let key = "acme_live_0123456789AB_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1KRudo";
    assert!(live.parse(key).is_ok());
    if let [place, byte, ..] = data {
        let place = usize::from(*place) % key.len();
        let mut changed = key.as_bytes().to_vec();
        changed[place] = *byte;
        let changed = String::from_utf8_lossy(&changed);
        assert_eq!(live.parse(&changed).is_ok(), changed == key, "{changed:?}");
    }

    // A network that is read is written so that it reads the same.
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(network.to_string().parse(), Ok(network), "{text:?}");
    }
});
