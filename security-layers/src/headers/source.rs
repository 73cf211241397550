use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::InvalidHeader;

/// One thing that a [`Directive`](super::Directive) allows (CSP level 3, section 2.3.1).
///
/// Nothing at all is [`Source::NONE`], an empty list: `'none'` has no meaning beside another source.
///
/// ```
/// use portcullis_security_layers::headers::Source;
///
/// assert!(Source::host("https://cdn.example.com/assets/").is_ok());
/// assert!(Source::host("*.example.com:8443").is_ok());
///
/// let error = Source::host("cdn.example.com; script-src *").unwrap_err();
/// assert_eq!(error.to_string(), r#""cdn.example.com; script-src *" is not a source: a host is made of letters, digits, `-` and `.`"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A place to load from: has a meaning in every directive.
    Place(Cow<'static, str>),
    /// Speaks of inline code: has a meaning for scripts and styles.
    Code(&'static str),
    Hash(String),
    Nonce,
}

impl Source {
    /// Nothing: `'none'`.
    pub const NONE: [Self; 0] = [];
    /// The page's own origin: `'self'`.
    pub const SELF: Self = Self::place("'self'");
    /// Every host over the schemes of the web: `*`.
    pub const ANY: Self = Self::place("*");
    /// Every host over https: `https:`.
    pub const HTTPS: Self = Self::place("https:");
    /// `data:` addresses. In `script-src` they undo the policy.
    pub const DATA: Self = Self::place("data:");
    /// `blob:` addresses.
    pub const BLOB: Self = Self::place("blob:");
    /// What carries the response's [`CspNonce`](super::CspNonce): `'nonce-…'`, made anew for each response.
    pub const NONCE: Self = Self(Kind::Nonce);
    /// What an allowed script loads, and then no host and no scheme: `'strict-dynamic'`.
    pub const STRICT_DYNAMIC: Self = Self::code("'strict-dynamic'");
    /// A piece of the code in violation reports: `'report-sample'`.
    pub const REPORT_SAMPLE: Self = Self::code("'report-sample'");
    /// Inline `<script type="speculationrules">`: `'inline-speculation-rules'`.
    pub const INLINE_SPECULATION_RULES: Self = Self::code("'inline-speculation-rules'");
    /// WebAssembly, but not `eval`: `'wasm-unsafe-eval'`.
    pub const WASM_UNSAFE_EVAL: Self = Self::code("'wasm-unsafe-eval'");
    /// `eval` and its like: `'unsafe-eval'`.
    pub const UNSAFE_EVAL: Self = Self::code("'unsafe-eval'");
    /// Hashes count for event handlers and `style` attributes too: `'unsafe-hashes'`.
    pub const UNSAFE_HASHES: Self = Self::code("'unsafe-hashes'");
    /// All inline code, an attacker's too, unless there is a nonce or a hash: `'unsafe-inline'`.
    pub const UNSAFE_INLINE: Self = Self::code("'unsafe-inline'");

    const fn place(text: &'static str) -> Self {
        Self(Kind::Place(Cow::Borrowed(text)))
    }

    const fn code(text: &'static str) -> Self {
        Self(Kind::Code(text))
    }

    /// A host, with an optional scheme, port and path: `https://cdn.example.com/js/`, `*.example.com`, `localhost:*`.
    ///
    /// # Errors
    ///
    /// If `text` is not one: a keyword, an IPv6 address (browsers match none), a query, a name that is not ASCII (write
    /// its `xn--` form), or anything with white space, `;` or `,`.
    pub fn host(text: &str) -> Result<Self, InvalidHeader> {
        match Place::parse(text) {
            Ok(_) => Ok(Self(Kind::Place(Cow::Owned(text.to_owned())))),
            Err(problem) => Err(InvalidHeader::new(format!(
                "{text:?} is not a source: {problem}"
            ))),
        }
    }

    /// Every address of a scheme, which is given without its colon: `wss`, `mediastream`.
    ///
    /// # Errors
    ///
    /// If `name` is not the name of a scheme (RFC 3986, section 3.1).
    pub fn scheme(name: &str) -> Result<Self, InvalidHeader> {
        if !is_scheme(name) {
            return Err(InvalidHeader::new(format!(
                "{name:?} is not a scheme such as wss, which is written without its colon"
            )));
        }
        Ok(Self(Kind::Place(Cow::Owned(format!("{name}:")))))
    }

    /// The inline code, or the file with that `integrity`, whose digest is `text`: `sha256-…`, `sha384-…` or `sha512-…`
    /// with base64, as browsers and build tools print it.
    ///
    /// # Errors
    ///
    /// If `text` is not of that form or the digest has another length than the algorithm's.
    pub fn hash(text: &str) -> Result<Self, InvalidHeader> {
        let digest = text.split_once('-').and_then(|(algorithm, digest)| {
            let len = match algorithm {
                "sha256" => 32,
                "sha384" => 48,
                "sha512" => 64,
                _ => return None,
            };
            let digest = STANDARD.decode(digest).ok()?;
            (digest.len() == len).then_some(digest)
        });
        match digest {
            Some(_) => Ok(Self(Kind::Hash(format!("'{text}'")))),
            None => Err(InvalidHeader::new(format!(
                "{text:?} is not a digest such as sha256- with 44 characters of base64"
            ))),
        }
    }

    pub(super) const fn kind(&self) -> &Kind {
        &self.0
    }

    /// The source as it stands in the policy; `None` for the nonce, which each response has its own of.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.0 {
            Kind::Place(text) => Some(text),
            Kind::Code(text) => Some(text),
            Kind::Hash(text) => Some(text),
            Kind::Nonce => None,
        }
    }
}

/// A host source, checked and taken apart.
pub(super) struct Place<'a> {
    pub(super) scheme: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
}

impl<'a> Place<'a> {
    /// Section 2.3.1 of CSP level 3: `[scheme "://"] host [":" port] [path]`.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if is_keyword(text) {
            return Err("keywords, nonces and hashes have constants and functions of their own");
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
            return Err("what stands before :// is not a scheme");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.starts_with('[') {
            return Err("browsers match no ipv6 address in a policy");
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if host != "*" {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let is_label = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            if !name.split('.').all(is_label) {
                return Err("a host is made of letters, digits, `-` and `.`");
            }
        }
        let is_number =
            |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if port.is_some_and(|port| port != "*" && !is_number(port)) {
            return Err("a port is a number up to 65535 or `*`");
        }
        if !path.bytes().all(is_path_byte) {
            return Err("a path has no query, and `;` and `,` are written %3B and %2C");
        }
        Ok(Self { scheme, host, path })
    }
}

/// Whether `text` is meant as a keyword, with or without its quotes. Sent as a host it would allow nothing.
fn is_keyword(text: &str) -> bool {
    const STARTS: [&str; 6] = [
        "unsafe-",
        "wasm-unsafe-",
        "nonce-",
        "sha256-",
        "sha384-",
        "sha512-",
    ];
    let word = text.trim_matches('\'');
    let whole = matches!(word, "none" | "self" | "strict-dynamic" | "report-sample");
    // With a dot it is a name that only begins like one.
    whole || (!word.contains('.') && STARTS.iter().any(|start| word.starts_with(start)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// RFC 3986, section 3.3, without `;` and `,`: they would end the directive or the policy.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+=:@".contains(&byte)
}
