use portcullis_secrets::SecretString;

fn main() {
    let secret = SecretString::from("value");
    let _ = secret.expose(|text| text);
}
