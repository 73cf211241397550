use std::fmt;

use portcullis_secrets::zeroize::Zeroizing;

use super::common::fold_char;

/// Shorter ones are parts of half of all words.
const SHORTEST: usize = 3;
/// So that no profile makes the search a load.
const MOST: usize = 32;
/// No address of mail is longer (RFC 5321 4.5.3.1.3).
const LONGEST: usize = 254;

/// Names that somebody who attacks this very account tries first.
///
/// They are looked for in any case and with the usual digits for letters. A password may have them in it: what counts is what
/// is left when they are taken out. A name counts as a whole, and in its parts: it is taken apart where it has something else
/// than letters and digits. Parts of fewer than three characters do not count, and 32 are kept.
#[derive(Clone, Default)]
pub struct ContextWords(Vec<Vec<char>>);

impl ContextWords {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the name that the user signs in with, or any other of theirs.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.words(name)
    }

    /// Adds an e-mail address: as it is, its domain, and the parts of both. The top-level domain by itself is no name.
    #[must_use]
    pub fn email(self, address: &str) -> Self {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let (labels, _) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let words = self.word(address).word(domain);
        words.words(local).words(labels)
    }

    /// Adds the name of the tenant.
    #[must_use]
    pub fn tenant(self, name: &str) -> Self {
        self.words(name)
    }

    /// Adds the name of the application or the company.
    #[must_use]
    pub fn app(self, name: &str) -> Self {
        self.words(name)
    }

    fn words(self, text: &str) -> Self {
        let parts = text.split(|char: char| !char.is_alphanumeric());
        parts.fold(self.word(text), Self::word)
    }

    fn word(mut self, text: &str) -> Self {
        let word: Vec<char> = text.chars().take(LONGEST).map(fold_char).collect();
        if word.len() >= SHORTEST && self.0.len() < MOST && !self.0.contains(&word) {
            // The longest first, lest a part of a name hides the whole.
            let at = self.0.partition_point(|other| other.len() >= word.len());
            self.0.insert(at, word);
        }
        self
    }

    /// What is left of `password` without these; none if none of them is in it.
    pub(super) fn without(&self, password: &[char]) -> Option<Zeroizing<Vec<char>>> {
        let folded = password.iter().copied().map(fold_char).collect();
        let folded: Zeroizing<Vec<char>> = Zeroizing::new(folded);
        let mut rest = Zeroizing::new(Vec::with_capacity(password.len()));
        let (mut at, mut found) = (0, false);
        while at < password.len() {
            let mut words = self.0.iter();
            if let Some(word) = words.find(|word| folded[at..].starts_with(word)) {
                found = true;
                at += word.len();
            } else {
                rest.push(password[at]);
                at += 1;
            }
        }
        found.then_some(rest)
    }
}

/// Names are personal data: only their number is shown.
impl fmt::Debug for ContextWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextWords")
            .field("len", &self.0.len())
            .finish()
    }
}
