use portcullis_secrets::SecretString;

fn written(_: impl serde::Serialize) {}

fn main() {
    written(SecretString::from("value"));
}
