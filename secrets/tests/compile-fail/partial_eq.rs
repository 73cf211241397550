use portcullis_secrets::Password;

fn main() {
    let _ = Password::from("value") == Password::from("value");
}
