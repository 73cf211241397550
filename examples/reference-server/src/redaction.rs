//! What is kept out of everything that the server prints, and out of what it tells clients of their own words.
//!
//! One for the process, as its panic hook and its subscriber are.

use std::sync::LazyLock;

use portcullis_secrets::redact::{KnownSecrets, Redactor};

static KNOWN: LazyLock<KnownSecrets> = LazyLock::new(KnownSecrets::new);

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let builder = Redactor::builder().known_secrets(KNOWN.clone());
    // Who has an account here is nothing for a log.
    let built = builder.emails().build();
    built.expect("there are no names and prefixes of ours among the rules")
});

/// The secrets that the server was given, to be found in whatever form they are printed.
pub(crate) fn known() -> &'static KnownSecrets {
    &KNOWN
}

pub(crate) fn redactor() -> &'static Redactor {
    &REDACTOR
}
