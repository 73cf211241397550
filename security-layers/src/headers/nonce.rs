use std::{fmt, str};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Request};

use super::policy::checked;

/// Extension: the nonce that this response's policy allows, for the `nonce` attribute of inline scripts and styles.
///
/// 128 bits from the thread's generator, which the operating system seeds and reseeds, as 24 characters of base64. In an
/// attribute with quotes it needs no escaping. The layer makes one per request, if its policy asks for one, and keeps
/// one that is there already: so the handler, a layer on the route and a layer around the whole router agree.
///
/// A page with a nonce must not be kept by a shared cache: whoever can fetch it knows the nonce.
// Exactly the text: 16 bytes make 24 characters with the padding.
#[derive(Clone, PartialEq, Eq)]
pub struct CspNonce([u8; Self::LEN]);

impl CspNonce {
    const LEN: usize = 24;

    /// Makes a new nonce.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to seed the thread's generator with: a nonce that can be guessed is
    /// worse than no answer.
    #[must_use]
    pub fn random() -> Self {
        let mut text = [0; Self::LEN];
        STANDARD
            .encode_slice(rand::random::<u128>().to_ne_bytes(), &mut text)
            .expect("16 bytes are 24 characters of base64");
        Self(text)
    }

    /// The nonce of the response to `request`; `None` if no layer outside sends a policy with one.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Option<&Self> {
        request.extensions().get()
    }

    /// The nonce as it stands in the header and belongs into the attribute.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Base64 is ASCII, so the fallback is never seen.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// Until the page has arrived the nonce is a secret, so a logged request does not show it.
impl fmt::Debug for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CspNonce(..)")
    }
}

/// A header value with gaps for the nonce.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Box<[String]>,
    len: usize,
}

impl Template {
    /// The nonce goes between each two of `pieces`.
    pub(super) fn new(pieces: Vec<String>) -> Self {
        let gaps = pieces.len().saturating_sub(1);
        let len = pieces.iter().map(String::len).sum::<usize>() + gaps * CspNonce::LEN;
        Self {
            pieces: pieces.into(),
            len,
        }
    }

    pub(super) fn fill(&self, nonce: &CspNonce) -> HeaderValue {
        let mut text = String::with_capacity(self.len);
        for (i, piece) in self.pieces.iter().enumerate() {
            if i > 0 {
                text.push_str(nonce.as_str());
            }
            text.push_str(piece);
        }
        checked(text)
    }
}
