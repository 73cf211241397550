use portcullis_secrets::ApiKeySecret;

fn cloned(_: impl Clone) {}

fn main() {
    cloned(ApiKeySecret::from("value"));
}
