use std::io::{ErrorKind, Read};

use zeroize::Zeroizing;

use super::{SecretError, SecretErrorKind};

const FIRST_READ: usize = 4 * 1024;

/// Reads to the end, at most `max` bytes, and leaves nothing behind in memory but what it returns.
pub(super) fn read_all(mut reader: impl Read, max: usize) -> Result<Box<[u8]>, SecretError> {
    // One byte more than allowed tells a secret of just the allowed length from one that goes on.
    let limit = max.saturating_add(1);
    let mut buffer = Zeroizing::new(vec![0; limit.min(FIRST_READ)]);
    let mut len = 0;
    loop {
        if len == limit {
            return Err(SecretErrorKind::TooLong.into());
        }
        if len == buffer.len() {
            // Not `Vec::resize`, which may move the bytes and leave the old place as it was.
            let mut larger = Zeroizing::new(vec![0; limit.min(len.saturating_mul(2))]);
            larger[..len].copy_from_slice(&buffer);
            buffer = larger;
        }
        match reader.read(&mut buffer[len..]) {
            Ok(0) => return Ok(buffer[..len].into()),
            // A reader that claims to have read more than it was given room for is wrong, but no reason to panic.
            Ok(n) => len = buffer.len().min(len.saturating_add(n)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(SecretError::io(error)),
        }
    }
}
