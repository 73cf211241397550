use portcullis_secrets::{SecretBytes, SecretError};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fills `digits` with digits of which each is as likely as any other.
pub(super) fn fill_random(digits: &mut [u8]) -> Result<(), SecretError> {
    let mut empty = digits.iter_mut();
    // One byte in 32 is of no use, so that one draw is nearly always enough.
    loop {
        let drawn = SecretBytes::generate(64)?;
        // From the largest multiple of 62 on, some digits would be more likely than others.
        for byte in drawn.expose_secret().iter().filter(|byte| **byte < 248) {
            match empty.next() {
                Some(digit) => *digit = DIGITS[usize::from(byte % 62)],
                None => return Ok(()),
            }
        }
    }
}

/// `number` with leading zeros. 62 to the power of 6 is more than 32 bits have.
pub(super) fn digits(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits
}
