//! Keys that everybody has.

use crate::SecretBytes;

const PUBLISHED: [&str; 25] = [
    // RFC 7515 A.1 and RFC 7517 A.3: the HS256 key of every JWT library's tests.
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "GawgguFyGrWKav7AX4VKUg",
    // RFC 7520 3.5 and 3.6.
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    "AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8",
    // RFC 8032 7.1.
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    // RFC 3394 and FIPS 197.
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "2b7e151628aed2a6abf7158809cf4f3c",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    // The sample of the Standard Webhooks libraries.
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    // Of a tutorial on JWTs; copied into thousands of public repositories.
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    // AWS's documentation.
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    // The hashes of nothing by MD5, SHA-1 and SHA-256, and of `password`.
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    // RFC 9562 (4122): the sample, and the name spaces.
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
    // The samples that documentation uses.
    "123e4567-e89b-12d3-a456-426614174000",
    "550e8400-e29b-41d4-a716-446655440000",
    "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
];

/// Whether `secret` ends with one of these, in any case and with any punctuation, or is the bytes that one stands for.
pub(super) fn contains(secret: &[u8]) -> bool {
    let bytes = SecretBytes::from(secret);
    let (hex, base64) = (bytes.to_hex(), bytes.to_base64url());
    PUBLISHED.iter().any(|known| {
        ends_with(secret, known)
            || ends_with(hex.expose_secret().as_bytes(), known)
            || ends_with(base64.expose_secret().as_bytes(), known)
    })
}

fn ends_with(secret: &[u8], known: &str) -> bool {
    let mut secret = alphanumeric(secret).rev();
    alphanumeric(known.as_bytes())
        .rev()
        .all(|byte| secret.next() == Some(byte))
}

fn alphanumeric(text: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    text.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
}
