//! Addresses of e-mail: by what people sign in.

use std::fmt;

/// What an address must look like, for the error and the API description. In words: an example of one is masked in answers.
pub(crate) const RULE: &str = "an e-mail address is expected: a name, an at sign and a domain with a dot, \
                               in ASCII, 254 characters at most";

/// The longest path of RFC 5321 4.5.3.1.3, without its angle brackets.
const MAX_BYTES: usize = 254;
const MAX_LOCAL: usize = 64;
const MAX_LABEL: usize = 63;

/// A checked address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email {
    text: String,
    key: String,
}

/// The text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAnEmail;

impl Email {
    /// Takes a `Mailbox` of RFC 5321 4.1.2 in the form that people have: a dot-atom, `@`, and a domain of two labels at least.
    /// Quoted names and numeric addresses of hosts are left out: they are typing errors where somebody signs up.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let is_right = text.len() <= MAX_BYTES && is_local(local) && is_domain(domain);
        is_right
            .then(|| Self {
                text: text.to_owned(),
                key: text.to_ascii_lowercase(),
            })
            .ok_or(NotAnEmail)
    }

    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is compared. The local part as well: no provider of today has two mailboxes that differ in letter case, and
    /// whoever types `Ann@` must not get a second account beside `ann@`.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        !atom.is_empty() && atom.bytes().all(allowed)
    };
    local.len() <= MAX_LOCAL && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    // A last label of digits makes it look like an address of a host.
    domain.contains('.')
        && domain.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}

/// Who has an account here is nothing for a log.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_what_people_have() {
        let long = "a".repeat(64);
        for right in [
            "ann@example.com",
            "Ann.O'Neil+list@mail.example.co.uk",
            "a@b.cc",
            "1@1.a1",
            &format!("{long}@example.com"),
        ] {
            let email = Email::parse(right).unwrap();
            assert_eq!(
                (email.as_str(), email.key()),
                (right, &*right.to_lowercase())
            );
        }
        let domain = vec!["a".repeat(60); 4].join(".");
        for wrong in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@localhost",
            "ann@@example.com",
            "ann@b@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "a..n@example.com",
            "ann @example.com",
            " ann@example.com",
            "ann@example.com ",
            "ann@example.com\r\nBcc: x@example.com",
            "\"ann\"@example.com",
            "ann@[192.0.2.1]",
            "ann@192.0.2.1",
            "ann@-example.com",
            "ann@example-.com",
            "ann@example..com",
            "ann@example.com.",
            "ann@exam_ple.com",
            "änn@example.com",
            "Ann <ann@example.com>",
            &format!("{long}a@example.com"),
            &format!("ann@{}.com", "a".repeat(64)),
            &format!("{long}@{domain}"),
        ] {
            assert!(Email::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
