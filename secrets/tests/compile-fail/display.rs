use portcullis_secrets::SecretString;

fn shown(_: impl std::fmt::Display) {}

fn main() {
    shown(SecretString::from("value"));
}
