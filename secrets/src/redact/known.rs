//! Secrets that are known, so that they are found in whatever form they are printed.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::REDACTED;
use super::value::Edit;
use crate::strength::estimate_bits;

/// Values that are redacted wherever they stand: as they are, in Base64 (both alphabets, also as a
/// part of something longer), percent-encoded and as a part of a JSON string.
///
/// ```
/// use std::time::Instant;
/// use portcullis_secrets::redact::{KnownSecrets, Redactor};
///
/// let known = KnownSecrets::new();
/// let redactor = Redactor::builder().known_secrets(known.clone()).build()?;
/// known.insert("database", b"vK8#qd/Lm2\"x7Zp", Instant::now())?;
/// assert_eq!(redactor.redact("tried vK8#qd/Lm2\"x7Zp twice"), "tried [REDACTED] twice");
/// assert_eq!(redactor.redact("tried vK8%23qd%2FLm2%22x7Zp"), "tried [REDACTED]");
/// // It would take ordinary words out of the log.
/// assert!(known.insert("greeting", b"hello hello hello", Instant::now()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Clones are one registry. It keeps the values in memory of its own, which is wiped when they are
/// forgotten.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Registry>);

#[derive(Default)]
struct Registry {
    secrets: Mutex<Vec<Secret>>,
    table: ArcSwap<Table>,
}

struct Secret {
    name: String,
    value: Zeroizing<Vec<u8>>,
    /// When an old value is forgotten. The one in use is not.
    until: Option<Instant>,
}

/// For how long a value is still redacted that is not in use any more.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a secret is not looked for: it has fewer than 12 bytes, or less than 40 bits, so that
/// ordinary text would be taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooCommon(());

impl KnownSecrets {
    /// A value with fewer bytes is refused.
    pub const MIN_BYTES: usize = 12;
    /// A value that [is estimated](estimate_bits) to have fewer bits is refused.
    pub const MIN_BITS: f64 = 40.0;

    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `value` the secret called `name`. The value that it had is looked for during another
    /// 24 hours from `now`.
    ///
    /// # Errors
    ///
    /// [`TooCommon`] if the value would be found in ordinary text. The old one is kept then.
    pub fn insert(&self, name: &str, value: &[u8], now: Instant) -> Result<(), TooCommon> {
        if value.len() < Self::MIN_BYTES || estimate_bits(value) < Self::MIN_BITS {
            return Err(TooCommon(()));
        }
        self.change(now, |secrets| {
            retire(secrets, name, now);
            secrets.push(Secret {
                name: name.to_owned(),
                value: Zeroizing::new(value.to_vec()),
                until: None,
            });
        });
        Ok(())
    }

    /// The secret called `name` is not in use any more. It is looked for during another 24 hours
    /// from `now`.
    pub fn retire(&self, name: &str, now: Instant) {
        self.change(now, |secrets| retire(secrets, name, now));
    }

    /// Forgets the values whose time is over, as [`insert`](Self::insert) and [`retire`](Self::retire) do too.
    pub fn forget_expired(&self, now: Instant) {
        self.change(now, |_| {});
    }

    /// How many values are looked for.
    pub fn len(&self) -> usize {
        self.0.table.load().secrets
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is looked for at this moment, for text that comes in pieces. It does not learn of later
    /// changes.
    pub fn forms(&self) -> KnownForms {
        KnownForms(self.0.table.load_full())
    }

    fn change(&self, now: Instant, change: impl FnOnce(&mut Vec<Secret>)) {
        // A panic cannot leave the list half changed.
        let secrets = self.0.secrets.lock();
        let mut secrets = secrets.unwrap_or_else(PoisonError::into_inner);
        change(&mut secrets);
        secrets.retain(|secret| secret.until.is_none_or(|until| now < until));
        // Still under the lock, so that the last change is the one that stays.
        self.0.table.store(Arc::new(Table::new(&secrets)));
    }

    pub(super) fn edits(&self, text: &[u8]) -> Vec<Edit> {
        let table = self.0.table.load();
        table
            .find(text)
            .map(|range| Edit::new(range, REDACTED))
            .collect()
    }
}

/// The values of a [`KnownSecrets`] at one moment, in all the forms in which they are looked for.
///
/// ```
/// use std::time::Instant;
/// use portcullis_secrets::redact::KnownSecrets;
///
/// let known = KnownSecrets::new();
/// known.insert("database", b"vK8#qd/Lm2x7Zp", Instant::now())?;
/// let forms = known.forms();
/// assert!(forms.find(b"tried vK8#qd/Lm2x7Zp twice").eq([6..20]));
/// // The end of a piece may be the start of a secret: the next piece tells.
/// assert_eq!(forms.find(b"tried vK8#qd/").count(), 0);
/// assert_eq!(forms.unfinished(b"tried vK8#qd/"), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Clones share the values, which are wiped when the last of these is dropped and the registry has
/// forgotten them.
#[derive(Clone)]
pub struct KnownForms(Arc<Table>);

impl KnownForms {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.0.forms.is_empty()
    }

    /// The length of the longest form, in bytes.
    pub fn longest(&self) -> usize {
        self.0.longest
    }

    /// Where they stand in `text`, in the order of their starts and at each start the longest one.
    /// They can overlap.
    pub fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.find(text)
    }

    /// Where the first form starts that `text` ends within, so that only what follows can tell whether
    /// it is one; the length of `text` if there is none. What [`find`](Self::find) finds from there on
    /// may be a part of a longer form.
    pub fn unfinished(&self, text: &[u8]) -> usize {
        self.0.unfinished(text)
    }
}

fn retire(secrets: &mut [Secret], name: &str, now: Instant) {
    for secret in secrets.iter_mut().filter(|secret| secret.name == name) {
        secret.until = secret.until.or(Some(now + RETENTION));
    }
}

/// What to look for. A place in the text is compared with the values only if it starts with eight
/// bytes that hash as those of one of them.
///
/// An automaton would be faster for many values, but it holds them in memory that is not wiped.
#[derive(Default)]
struct Table {
    secrets: usize,
    /// Sorted by hash, the longest one first.
    forms: Vec<(u16, Zeroizing<Vec<u8>>)>,
    longest: usize,
    /// A bit for each hash.
    starts: Vec<u64>,
    /// Nobody can choose a text that hashes as the secrets do.
    key: u64,
}

type Window = [u8; 8];

impl Table {
    fn new(secrets: &[Secret]) -> Self {
        let key = RandomState::new().hash_one(secrets.len()) | 1;
        let mut starts = vec![0; (1 << 16) / 64];
        let mut forms = Vec::new();
        for form in secrets.iter().flat_map(|secret| forms_of(&secret.value)) {
            // Each form is longer than a window, because each value is.
            if let Some(window) = form.first_chunk() {
                let hash = hash(window, key);
                starts[usize::from(hash) / 64] |= 1 << (hash % 64);
                forms.push((hash, form));
            }
        }
        forms.sort_by(|(hash, form), (other, other_form)| {
            let by_length = other_form.len().cmp(&form.len());
            hash.cmp(other).then(by_length)
        });
        Self {
            secrets: secrets.len(),
            longest: forms.iter().map(|(_, form)| form.len()).max().unwrap_or(0),
            forms,
            starts,
            key,
        }
    }

    fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let text_to_search = if self.forms.is_empty() { &[] } else { text };
        let windows = text_to_search.windows(size_of::<Window>()).enumerate();
        // Most windows end here, so the loop holds what they need.
        let (key, starts) = (self.key, self.starts.as_slice());
        windows.filter_map(move |(start, window)| {
            let hash = hash(window.first_chunk()?, key);
            if !is_set(starts, hash) {
                return None;
            }
            let mut forms = self.with_hash(hash);
            let form = forms.find(|form| text[start..].starts_with(form))?;
            Some(start..start + form.len())
        })
    }

    fn unfinished(&self, text: &[u8]) -> usize {
        let first = text.len().saturating_sub(self.longest.saturating_sub(1));
        let goes_on = |start: &usize| {
            let rest = &text[*start..];
            let Some(window) = rest.first_chunk() else {
                return self.forms.iter().any(|(_, form)| form.starts_with(rest));
            };
            let hash = hash(window, self.key);
            let goes_on = |form: &[u8]| form.len() > rest.len() && form.starts_with(rest);
            is_set(&self.starts, hash) && self.with_hash(hash).any(goes_on)
        };
        (first..text.len()).find(goes_on).unwrap_or(text.len())
    }

    /// The forms whose first bytes have this hash, the longest one first.
    fn with_hash(&self, hash: u16) -> impl Iterator<Item = &[u8]> {
        let first = self.forms.partition_point(|(other, _)| *other < hash);
        let forms = self.forms[first..].iter();
        let forms = forms.take_while(move |(other, _)| *other == hash);
        forms.map(|(_, form)| form.as_slice())
    }
}

fn is_set(bits: &[u64], index: u16) -> bool {
    let word = bits.get(usize::from(index) / 64);
    word.is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn hash(window: &Window, key: u64) -> u16 {
    let [.., low, high] = u64::from_le_bytes(*window).wrapping_mul(key).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The forms in which a value is printed, each in memory that is wiped.
fn forms_of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    const DIGITS: [&[u8; 16]; 2] = [b"0123456789ABCDEF", b"0123456789abcdef"];
    let mut forms = vec![Zeroizing::new(value.to_vec())];
    // Strings of JSON: with what has to be escaped, and with what PHP and Go escape as well.
    for more in [&b""[..], b"/", b"<>&"] {
        forms.push(mapped(value, |byte, out| match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'/' if more.contains(&byte) => out.extend(b"\\/"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            byte if byte < b' ' || more.contains(&byte) => {
                out.extend(b"\\u00");
                out.extend(hex(byte, DIGITS[1]));
            }
            _ => out.push(byte),
        }));
    }
    for digits in DIGITS {
        for space in [&b"%20"[..], b"+"] {
            // All but these is escaped: by RFC 3986 (2.3), by JavaScript's `encodeURIComponent`, in forms
            // and user info by the URL standard of WHATWG, and as a segment of a path or in a query (RFC 3986, 3.3).
            for plain in [
                &b"-._~"[..],
                b"-._~!'()*",
                b"*-._",
                b"-._~!$&'()*+,",
                b"-._~!$&'()*+,;=:@",
                b"-._~!$&'()*+,;=:@/?",
            ] {
                forms.push(mapped(value, |byte, out| match byte {
                    b' ' => out.extend(space),
                    byte if byte.is_ascii_alphanumeric() || plain.contains(&byte) => {
                        out.push(byte);
                    }
                    _ => {
                        out.push(b'%');
                        out.extend(hex(byte, digits));
                    }
                }));
            }
        }
    }
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        // Three bytes are four characters. So there are three ways to stand behind something, and
        // the characters that are made of the neighbours' bits as well are left out.
        for before in 0..3 {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.reserve_exact(value.len());
            bytes.extend_from_slice(value);
            let mut text = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
            let Ok(length) = engine.encode_slice(&*bytes, &mut text) else {
                continue;
            };
            let shared_start = (before * 8).div_ceil(6);
            let shared_end = usize::from(bytes.len() % 3 != 0);
            forms.push(Zeroizing::new(
                text[shared_start..length - shared_end].to_vec(),
            ));
        }
    }
    forms.sort_by(|form, other| form.as_slice().cmp(other));
    forms.dedup();
    forms
}

/// `value` with each byte written as `write` does.
fn mapped(value: &[u8], write: impl Fn(u8, &mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    // A byte becomes six at most, so that nothing is left behind by growing.
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 6));
    value.iter().for_each(|byte| write(*byte, &mut out));
    out
}

fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| digits[usize::from(digit)])
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSecrets")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KnownForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownForms")
            .field("len", &self.0.secrets)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TooCommon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, bits) = (KnownSecrets::MIN_BYTES, KnownSecrets::MIN_BITS);
        write!(
            f,
            "a secret of fewer than {bytes} bytes or {bits} bits is found in ordinary text"
        )
    }
}

impl std::error::Error for TooCommon {}
