mod fields;
mod layer;
mod properties;
mod secrets;
mod settings;

use std::time::Instant;

use bytes::Bytes;
use portcullis_secrets::redact::KnownSecrets;

use super::JsonFields;
use super::json::FieldMask;
use super::secrets::SecretMask;

/// The first one needs escapes in JSON and in URLs, the second one could be a number, and the third one
/// starts as an escape sequence ends.
const SECRETS: [&str; 3] = ["vK8#qd/Lm\"x\\7Zp", "839201746592817", "n4x#Rq9&uLw2"];

fn known() -> KnownSecrets {
    let known = KnownSecrets::new();
    for secret in SECRETS {
        known
            .insert(secret, secret.as_bytes(), Instant::now())
            .unwrap();
    }
    known
}

fn fields(paths: &[&str]) -> JsonFields {
    JsonFields::new(paths).unwrap()
}

/// `text` in pieces of `size`, the last of which is said to be so or not.
fn in_pieces(text: &[u8], size: usize, mut push: impl FnMut(Bytes, bool)) {
    let text = Bytes::copy_from_slice(text);
    for start in (0..text.len()).step_by(size) {
        push(text.slice(start..text.len().min(start + size)), false);
    }
    push(Bytes::new(), true);
}

fn mask_fields(fields: &JsonFields, text: &[u8], size: usize) -> Vec<u8> {
    let mut mask = FieldMask::new(fields.clone());
    let mut out = Vec::new();
    in_pieces(text, size, |piece, _| out.extend(mask.push(&piece)));
    out
}

fn mask_secrets(known: &KnownSecrets, is_json: bool, text: &[u8], size: usize) -> Vec<u8> {
    let mut mask = SecretMask::new(known.forms(), is_json);
    let most = known.forms().longest() + LONGEST_TOKEN;
    let mut out = Vec::new();
    in_pieces(text, size, |piece, is_last| {
        out.extend(mask.push(&piece, is_last).concat());
        assert!(mask.held() <= most, "{} bytes are held", mask.held());
    });
    assert!(mask.is_idle());
    out
}

const LONGEST_TOKEN: usize = 256;
