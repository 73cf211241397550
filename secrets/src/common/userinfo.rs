//! Where the user and password of a URL end (RFC 3986, 3.2.1).

/// Whether an `@` behind an authority with a colon may be the one that ends a password, of which an unescaped `/`, `?` or
/// `#` has ended the authority too early. One at the start of a segment, as in `/@user`, is common and follows no
/// password, nor does one in a parameter's value.
pub(crate) fn may_end_later(rest: &[u8]) -> bool {
    let sign = |part: &[u8]| part.iter().position(|byte| *byte == b'@');
    let after = rest.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let (path, after) = rest.split_at(after.unwrap_or(rest.len()));
    let mut segments = path.split(|byte| *byte == b'/');
    let in_path = segments.any(|segment| sign(segment).is_some_and(|sign| sign > 0));
    let nameless = |sign: usize| path.is_empty() || !after[..sign].contains(&b'=');
    in_path || sign(after).is_some_and(nameless)
}
