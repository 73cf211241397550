//! Takes secrets out of what is about to be printed: log lines, documents, URLs, headers, errors and panics.
//!
//! ```
//! use std::borrow::Cow;
//! use portcullis_secrets::redact::Redactor;
//!
//! let redactor = Redactor::new();
//! assert_eq!(
//!     redactor.redact("login of joe with password=hunter2 from 192.0.2.1"),
//!     "login of joe with password=[REDACTED] from 192.0.2.1",
//! );
//! assert_eq!(
//!     redactor.redact_json(r#"{"user":"joe","token":"s3cr3t","token_count":3}"#),
//!     r#"{"user":"joe","token":"[REDACTED]","token_count":3}"#,
//! );
//! assert_eq!(
//!     redactor.redact_url("postgres://app:pa55@db/app?sslmode=require"),
//!     "postgres://***@db/app?sslmode=require",
//! );
//! // What holds no secret is returned as it came, without a copy.
//! let line = "GET /users/42 200 in 3 ms";
//! assert!(matches!(redactor.redact(line), Cow::Borrowed(clean) if clean == line));
//! ```
//!
//! # Layers
//!
//! A secret is kept out of a log best by [a type that cannot print it](crate::types). What follows is
//! for those that were not, cheapest first: names of fields, then what values look like, then values
//! that are [known](KnownSecrets).
//!
//! | what is printed | what redacts it |
//! |---|---|
//! | spans and events of `tracing`, as text or JSON | `tracing::redacted_text` and `redacted_json`, with the feature of that name |
//! | lines of anybody, of the `log` crate for instance | [`RedactingWriter`] |
//! | errors with their causes | [`Redactor::redact_error`] |
//! | panics | [`Redactor::install_panic_hook`] |
//! | text, bytes, JSON, queries and forms, URLs, headers | the other methods of [`Redactor`] |
//!
//! # Names
//!
//! Case and the separators `_-. ` make no difference. A name is sensitive if it ends with
//! `password`, `passwd`, `pwd`, `passphrase`, `passcode`, `passwordconfirmation`, `secret`, `token`,
//! `apikey`, `accesskey`, `privatekey`, `authorization`, `cookie`, `credential`, `credentials`,
//! `passwords`, `apikeys`, `cookies`, `recoverycodes`, `otp`, `totp`, `pin`, `cvv`, `cvc`, `ssn`,
//! `signature`, `sessionid`, `otpcode`, `recoverycode`, `codeverifier`, `clientassertion`,
//! `secretkey`, `signingkey`, `encryptionkey` or `accountkey`; a number of one or two digits behind
//! it makes no difference either. In a query, `sig`, `code`, `key`, `auth` and `pass` are such ends
//! as well. A name is not sensitive if it ends, as written, with `_count`, `_id`, `_type`, `_ttl`,
//! `_len`, `_kind`, `_policy`, `_version`, `_expires_at` or `_hash_alg`: so `session_id`, by which
//! audit events call a session in public, is shown, and `sessionid`, which frameworks use for the
//! cookie that opens it, is not. [`RedactorBuilder`] changes both lists.
//!
//! # Values
//!
//! What is assigned to a sensitive name in any notation: `a=b`, `a: b`, JSON, forms, multipart forms, XML,
//! command lines, `{"name":"a","value":"b"}`, lists of pairs, the `Debug` of Rust and types such as
//! `Password("b")`; also where the notation itself is escaped in a string, in HTML or, up to three times, in
//! a URL. Private keys as PEM blocks, tokens in the compact form of JOSE, what follows `Bearer` and `Basic`,
//! users and passwords in URLs, passwords in statements of SQL, hashes of passwords, tokens with a known
//! prefix (`ghp_`, `sk_live_`, `AKIA`, `xoxb-` and others), API keys of this family, numbers of payment cards
//! by issuer, length and check digit, and e-mail addresses if you [ask for it](RedactorBuilder::emails).
//!
//! One pass of an automaton finds the places that are worth a look, so that a clean line costs that
//! pass and nothing else. No input takes more than a time in proportion to its length.
//!
//! Whatever is redacted stays as it is when it is redacted again. No character is split; JSON stays
//! JSON. The length of a secret is not told.
//!
//! # What it does not do
//!
//! It cannot know a secret that looks like nothing under a name that says nothing. Behind a name
//! without quotes it takes one word (all that follows for `Authorization`, all pairs for `Cookie`); a
//! passphrase of several words needs quotes. It does not decode what is compressed, encrypted or
//! encoded otherwise than above, nor names in text that are escaped themselves (in JSON and in queries it
//! does). A line of more than 64 KiB is cut and marked. [`RedactingWriter`] sees one line at a time, so a
//! multipart form or an element of XML over several lines is one only where it is redacted as a whole.
//!
//! # In a stack
//!
//! It is no layer. Give it to whatever prints: the subscriber, the access log, the panic hook. What a
//! proxy in front writes into logs of its own is out of reach: keep secrets out of URLs.

mod builder;
mod bytes;
mod card;
mod error;
mod header;
mod json;
mod known;
mod names;
mod panic;
mod pattern;
mod prefix;
mod scan;
#[cfg(test)]
mod tests;
#[cfg(feature = "tracing")]
pub mod tracing;
mod url;
mod userinfo;
mod value;
mod writer;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

pub use self::builder::RedactorBuilder;
pub use self::error::{RedactorError, RedactorErrorKind};
pub use self::known::{KnownForms, KnownSecrets, TooCommon};
pub use self::names::AllowlistMode;
use self::names::{Class, Names};
use self::scan::Scanner;
pub use self::writer::RedactingWriter;
use crate::common::marks::{HIDDEN as IN_PLACE, REDACTED};
use crate::common::names::Place;

/// Stands at the end of a line that was cut.
const CUT: &str = " [TRUNCATED]";
/// In bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// Finds secrets and replaces them. See the [module docs](self) for what it finds.
///
/// Clones share what is built, and none of the methods panics.
#[derive(Clone)]
pub struct Redactor(Arc<Engine>);

struct Engine {
    names: Names,
    scanner: Scanner,
    known: Option<KnownSecrets>,
}

impl Redactor {
    /// The redactor with the built-in rules. It is built once for the process.
    pub fn new() -> Self {
        static BUILT_IN: LazyLock<Redactor> = LazyLock::new(|| {
            let built = Redactor::builder().build();
            built.expect("the built-in names and prefixes are valid and few")
        });
        BUILT_IN.clone()
    }

    /// Starts with the built-in rules.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder::default()
    }

    /// Redacts text, of one or more lines.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(into_text(bytes)),
        }
    }

    /// Redacts what is text, mostly. Bytes that are not UTF-8 are kept.
    pub fn redact_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let Engine {
            names,
            scanner,
            known,
        } = &*self.0;
        let Some(known) = known else {
            return scanner.redact(text, names);
        };
        match scan::apply(text, known.edits(text)) {
            Cow::Borrowed(text) => scanner.redact(text, names),
            Cow::Owned(text) => Cow::Owned(scanner.redact(&text, names).into_owned()),
        }
    }

    /// Redacts JSON: all values under sensitive names but `null`, however deep, and what the other
    /// strings and names contain. Everything else stays as it was written, also the order of members
    /// and the form of numbers. There may be several documents with space between them.
    ///
    /// What is not JSON is redacted as text.
    pub fn redact_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        if let Some(redacted) = json::rewrite(self, json) {
            return redacted;
        }
        let Cow::Owned(text) = self.redact(json) else {
            return Cow::Borrowed(json);
        };
        // What was wrong with it may have been a secret.
        let redacted = match json::rewrite(self, &text) {
            Some(Cow::Owned(redacted)) => redacted,
            _ => text,
        };
        Cow::Owned(redacted)
    }

    /// Redacts a query without its question mark, or a form (`application/x-www-form-urlencoded`):
    /// values of sensitive names, and values that contain a secret, encoded or not, become `***`.
    pub fn redact_query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        url::query(self, query)
    }

    /// Redacts a URL: user and password become `***`, the [query](Self::redact_query) and the path are
    /// redacted, the fragment is left out.
    pub fn redact_url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        url::url(self, url)
    }

    /// Redacts the value of a header field. Of `Authorization` the scheme is kept, of cookies their
    /// names and attributes.
    pub fn redact_header<'a>(&self, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
        header::header(self, name, value)
    }

    /// Redacts [header fields](Self::redact_header), those of an `http::HeaderMap` for instance.
    pub fn redact_headers<'a, N, V>(
        &self,
        headers: impl IntoIterator<Item = (N, &'a V)>,
    ) -> impl Iterator<Item = (N, Cow<'a, [u8]>)>
    where
        N: AsRef<str>,
        V: AsRef<[u8]> + ?Sized + 'a,
    {
        headers.into_iter().map(|(name, value)| {
            let value = self.redact_header(name.as_ref(), value.as_ref());
            (name, value)
        })
    }

    /// Redacts the value of a field: all of it if the name is sensitive, or else what looks like a
    /// secret. With [`AllowlistMode::DropUnlisted`] nothing is left of a field that is not listed.
    pub fn redact_field<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        match self.class(name.as_bytes(), Place::Field) {
            Class::Plain => self.redact(value),
            Class::Sensitive | Class::Unlisted => Cow::Borrowed(REDACTED),
        }
    }

    /// Prints an error and what caused it, separated by colons, and redacts that. A cause that the
    /// error's own text ends with already is not repeated.
    pub fn redact_error(&self, error: &(dyn Error + 'static)) -> String {
        let mut text = String::new();
        for error in chain(error) {
            let cause = error.to_string();
            if text.is_empty() {
                text = cause;
            } else if !text.ends_with(&cause) {
                text.extend([": ", &cause]);
            }
        }
        match self.redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(redacted) => redacted,
        }
    }

    /// Whether the values of fields with this name are replaced.
    pub fn is_sensitive(&self, name: &str) -> bool {
        self.0.names.is_sensitive(name.as_bytes(), Place::Field)
    }

    /// Redacts panics from now on. A panic whose message holds a secret is printed to the standard
    /// error without it, all others are left to the hook that was there before.
    pub fn install_panic_hook(&self) {
        self.install_panic_hook_with(|report| {
            // A hook that panics ends the process.
            drop(writeln!(std::io::stderr(), "{report}"));
        });
    }

    /// Like [`install_panic_hook`](Self::install_panic_hook), with something else to do with the
    /// report: the message without secrets, the thread, the place, and the backtrace if the
    /// environment asks for one.
    ///
    /// The hook that was there before would print the payload, which it cannot be kept from. So it
    /// is not called for these panics.
    pub fn install_panic_hook_with<F>(&self, print: F)
    where
        F: Fn(&str) + Send + Sync + 'static,
    {
        let redactor = self.clone();
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match panic::report(&redactor, info) {
            Some(report) => print(&report),
            None => previous(info),
        }));
    }

    fn class(&self, name: &[u8], place: Place) -> Class {
        self.0.names.class(name, place)
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = &self.0.known;
        f.debug_struct("Redactor")
            .field("known_secrets", known)
            .finish_non_exhaustive()
    }
}

/// An error and its causes.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    // One that is its own cause has no end.
    const MOST: usize = 64;
    let mut next = Some(error);
    let chain = std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    });
    chain.take(MOST)
}

/// Edits begin and end beside ASCII, so this loses nothing.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
