use std::fmt;
use std::io::BufRead;

use portcullis_secrets::SecretBytes;
use xorf::{BinaryFuse8, BinaryFuse16, Filter as _};

use super::{BreachFilterError, BreachFilterErrorKind};

/// What a filter's construction counts entries with.
const MAX_ENTRIES: usize = u32::MAX as usize / 2;
/// 40 digits, a colon, a count, and what lines end with.
const MAX_LINE: u64 = 128;

/// How many passwords that nobody has lost are refused nevertheless, against the memory that it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// One in 256, with 9 bits for each entry.
    Bits8,
    /// One in 65,536, with 18 bits for each entry.
    #[default]
    Bits16,
}

/// A list of breached passwords in memory: asked without a network and without telling anybody.
///
/// ```
/// use portcullis_auth_core::password::{BreachFilter, Precision};
///
/// // As the downloader of Have I Been Pwned writes it: SHA-1, a colon, how often it was seen.
/// let list = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52372427\r\n\
///             F7C3BC1D808E04732ADF679965CCC34CA7AE3441:79\r\n\
///             E6B6AFBD6D76BB5D2041542D7D2E3FAC5BB05593:1\r\n";
/// let filter = BreachFilter::build(list.as_bytes(), 10, Precision::Bits16)?;
/// assert_eq!(filter.len(), 2, "the third was seen less than ten times");
///
/// let mut file = Vec::new();
/// filter.write_to(&mut file)?;
/// let filter = BreachFilter::read_from(file.as_slice())?;
/// assert!(filter.contains_password("password"));
/// assert!(!filter.contains_password("correct horse battery staple"));
///
/// file[60] ^= 1;
/// assert!(BreachFilter::read_from(file.as_slice()).is_err());
/// # Ok::<_, portcullis_auth_core::password::BreachFilterError>(())
/// ```
///
/// It is a binary fuse filter over the first 64 bits of each SHA-1: what is in the list is always found, and a few others are
/// taken for listed (see [`Precision`]). To keep only what was seen ten times or more makes it much smaller and loses little.
///
/// A filter is read into memory and not mapped, since mapping needs `unsafe`: whoever can cut a mapped file short could end the
/// process.
pub struct BreachFilter {
    pub(super) entries: u64,
    pub(super) fingerprints: Fingerprints,
}

#[derive(Clone)]
pub(super) enum Fingerprints {
    Bits8(BinaryFuse8),
    Bits16(BinaryFuse16),
}

impl BreachFilter {
    /// Makes a filter of the lines `SHA-1:count`, in any order, keeping those with `min_count` or more.
    ///
    /// Meant for a machine with memory: while it runs it takes about 40 bytes for each entry that is kept.
    ///
    /// # Errors
    ///
    /// When the list cannot be read, has a line of another form, or has nothing that is to be kept.
    pub fn build(
        mut list: impl BufRead,
        min_count: u64,
        precision: Precision,
    ) -> Result<Self, BreachFilterError> {
        let mut keys = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            // Not `read_line`: a file without line feeds would be one line.
            let mut limited = std::io::Read::take(&mut list, MAX_LINE);
            if limited.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let (key, count) = entry(&line).ok_or(BreachFilterErrorKind::Line(number))?;
            if count >= min_count {
                keys.push(key);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() || keys.len() > MAX_ENTRIES {
            return Err(BreachFilterErrorKind::Entries.into());
        }
        let fingerprints = match precision {
            Precision::Bits8 => BinaryFuse8::try_from(&keys).map(Fingerprints::Bits8),
            Precision::Bits16 => BinaryFuse16::try_from(&keys).map(Fingerprints::Bits16),
        };
        Ok(Self {
            entries: keys.len() as u64,
            fingerprints: fingerprints.map_err(|_| BreachFilterErrorKind::Construction)?,
        })
    }

    /// Whether the list has this SHA-1, or one that the filter takes for it.
    #[must_use]
    pub fn contains(&self, sha1: &[u8; 20]) -> bool {
        let key = truncated(sha1);
        match &self.fingerprints {
            Fingerprints::Bits8(filter) => filter.contains(&key),
            Fingerprints::Bits16(filter) => filter.contains(&key),
        }
    }

    /// Whether the list has the SHA-1 of this password, byte for byte.
    #[must_use]
    pub fn contains_password(&self, password: &str) -> bool {
        self.contains(&super::sha1(password.as_bytes()))
    }

    /// How many passwords it was made of.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a filter of nothing is not built"
    )]
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// How many it takes for listed by mistake.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match self.fingerprints {
            Fingerprints::Bits8(_) => Precision::Bits8,
            Fingerprints::Bits16(_) => Precision::Bits16,
        }
    }
}

fn truncated(sha1: &[u8; 20]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *sha1;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Reads `SHA-1:count` and the end of the line.
fn entry(line: &[u8]) -> Option<(u64, u64)> {
    let line = str::from_utf8(line).ok()?.trim_end_matches(['\r', '\n']);
    let (digest, count) = line.split_once(':')?;
    let sha1 = SecretBytes::from_hex(digest).ok()?;
    let sha1 = sha1.expose_secret().try_into().ok()?;
    let count = count
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(count)?;
    Some((truncated(sha1), count.parse().ok()?))
}

impl fmt::Debug for BreachFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachFilter")
            .field("entries", &self.entries)
            .field("precision", &self.precision())
            .finish_non_exhaustive()
    }
}
