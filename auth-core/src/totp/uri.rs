use std::error::Error;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use portcullis_secrets::SecretString;

use super::TotpSecret;

/// The name under which an authenticator lists what it scanned.
///
/// 1 to 64 bytes without colons, which separate it from the account, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// A text that cannot be an [`Issuer`]: empty, longer than 64 bytes, with a colon or a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidIssuer(());

impl fmt::Display for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an issuer has 1 to 64 bytes, no colon and no control character")
    }
}

impl Error for InvalidIssuer {}

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let valid = (1..=64).contains(&text.len())
            && !text.chars().any(|char| char == ':' || char.is_control());
        valid.then(|| Self(text.into())).ok_or(InvalidIssuer(()))
    }
}

/// What an authenticator scans: the [Key URI Format], with everything that is not unreserved (RFC 3986 2.3) escaped, since
/// apps take `+` for a plus sign and some of them end a label at an `@`.
///
/// [Key URI Format]: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
pub(super) fn provisioning(issuer: &Issuer, account: &str, secret: &TotpSecret) -> SecretString {
    let secret = secret.to_base32();
    let secret = secret.expose_secret();
    let mut uri = String::with_capacity(128 + 6 * issuer.0.len() + 3 * account.len());
    uri.push_str("otpauth://totp/");
    escape(&mut uri, &issuer.0);
    uri.push(':');
    escape(&mut uri, account);
    uri.push_str("?secret=");
    uri.push_str(secret);
    uri.push_str("&issuer=");
    escape(&mut uri, &issuer.0);
    uri.push_str("&algorithm=SHA1&digits=6&period=30");
    uri.into()
}

fn escape(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => {
                // Writing to a `String` does not fail.
                let _infallible = write!(uri, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_secrets::SecretBytes;

    use super::*;

    #[test]
    fn labels_are_escaped_so_that_they_cannot_end_early() {
        let secret = SecretBytes::from(&b"12345678901234567890"[..]);
        let secret = TotpSecret::from_bytes(secret).unwrap();
        for (issuer, account, label, parameter) in [
            ("Acme", "ann@example.com", "Acme:ann%40example.com", "Acme"),
            (
                "Acme & Sons",
                "ann?secret=x",
                "Acme%20%26%20Sons:ann%3Fsecret%3Dx",
                "Acme%20%26%20Sons",
            ),
            ("Ä/+", "a:b#c%", "%C3%84%2F%2B:a%3Ab%23c%25", "%C3%84%2F%2B"),
        ] {
            let uri = provisioning(&issuer.parse().unwrap(), account, &secret);
            let expected = format!(
                "otpauth://totp/{label}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer={parameter}&algorithm=SHA1&digits=6&period=30"
            );
            assert_eq!(uri.expose_secret(), expected);
        }
    }

    #[test]
    fn an_issuer_has_no_colon() {
        for text in ["", "a:b", "a\nb", &"x".repeat(65)] {
            let error = text.parse::<Issuer>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "an issuer has 1 to 64 bytes, no colon and no control character"
            );
        }
    }
}
