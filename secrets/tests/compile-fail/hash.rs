use portcullis_secrets::SecretBytes;

fn hashed(_: impl std::hash::Hash) {}

fn main() {
    hashed(SecretBytes::from(&b"value"[..]));
}
