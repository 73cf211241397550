use super::SourceErrorKind;

/// The most bytes that a secret may have: 64 KiB. A chain of certificates with its key fits; a file named by mistake does
/// not fill the memory.
pub const MAX_BYTES: usize = 64 * 1024;

/// What the bytes of a source are taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    #[default]
    Text,
    Binary,
}

impl Content {
    /// The part of a file that is the secret.
    pub(super) fn of_file(self, bytes: &[u8]) -> Result<&[u8], SourceErrorKind> {
        let bytes = match self {
            Self::Text => without_line_end(bytes),
            Self::Binary => bytes,
        };
        self.check(bytes)
    }

    pub(super) fn check(self, bytes: &[u8]) -> Result<&[u8], SourceErrorKind> {
        if bytes.len() > MAX_BYTES {
            return Err(SourceErrorKind::TooLarge);
        }
        if bytes.is_empty() {
            return Err(SourceErrorKind::Empty);
        }
        if self == Self::Text {
            // Of UTF-8 and of UTF-16: an editor put it there, and it would be part of the key for ever.
            if [&b"\xef\xbb\xbf"[..], b"\xfe\xff", b"\xff\xfe"]
                .iter()
                .any(|mark| bytes.starts_with(mark))
            {
                return Err(SourceErrorKind::ByteOrderMark);
            }
            if bytes.contains(&0) {
                return Err(SourceErrorKind::Nul);
            }
            if str::from_utf8(bytes).is_err() {
                return Err(SourceErrorKind::NotUtf8);
            }
        }
        Ok(bytes)
    }
}

/// Without the one line end that editors and `echo` append. A second one was meant.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let Some(bytes) = bytes.strip_suffix(b"\n") else {
        return bytes;
    };
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
