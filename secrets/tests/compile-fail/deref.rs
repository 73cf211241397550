use portcullis_secrets::SecretString;

fn main() {
    let secret = SecretString::from("value");
    let _: &str = &secret;
}
