use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use unicode_segmentation::UnicodeSegmentation;

use super::{HIDDEN, REDACTED};
use crate::common::luhn;

/// The longest address that a mail server has to take (RFC 5321 4.5.3.1.3 with erratum 1690), in bytes.
const LONGEST_ADDRESS: usize = 254;

/// The first character of the local part and the domain: `j***@example.com`. Of a local part of one character nothing is
/// shown: `***@example.com`.
///
/// Not taken for an address, and hidden whole, is what has no `@` or two, white space, an empty part, more than 254 bytes,
/// or a domain with anything but letters, digits and `-._:[]`.
#[must_use]
pub fn email(address: &str) -> Cow<'static, str> {
    mask_email(address, str::to_owned)
}

/// As [`email`], and of the domain its first character and its last part: `j***@e***.com`.
#[must_use]
pub fn email_and_domain(address: &str) -> Cow<'static, str> {
    mask_email(address, |domain| {
        let first = domain.graphemes(true).next().unwrap_or_default();
        match domain.rsplit_once('.') {
            Some((rest, last))
                if !rest.is_empty() && last.bytes().any(|byte| byte.is_ascii_alphabetic()) =>
            {
                format!("{}.{last}", first_of(first, rest))
            }
            _ => first_of(first, domain),
        }
    })
}

fn mask_email(address: &str, domain: impl Fn(&str) -> String) -> Cow<'static, str> {
    let masked = parts(address).map(|(local, rest)| {
        let first = local.graphemes(true).next().unwrap_or_default();
        format!("{}@{}", first_of(first, local), domain(rest))
    });
    // A mask may be longer than what it hides, and is an address as well.
    match masked {
        Some(masked) if masked.len() <= LONGEST_ADDRESS => masked.into(),
        _ => REDACTED.into(),
    }
}

/// `first` and the mask, unless that is all there is, or is nothing that can be shown.
fn first_of(first: &str, whole: &str) -> String {
    let visible = first.starts_with(|c: char| c.is_alphanumeric() || c.is_ascii_graphic())
        && first.len() <= 16;
    if first == whole || whole == HIDDEN || !visible {
        return HIDDEN.to_owned();
    }
    format!("{first}{HIDDEN}")
}

fn parts(address: &str) -> Option<(&str, &str)> {
    if address.len() > LONGEST_ADDRESS
        || address.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return None;
    }
    let (local, domain) = address.split_once('@')?;
    // A character that joins others may have joined the `@`.
    let apart = address.graphemes(true).any(|character| character == "@");
    let host = |c: char| c.is_alphanumeric() || "-._:[]*".contains(c);
    let valid = apart && !local.is_empty() && !domain.is_empty() && domain.chars().all(host);
    valid.then_some((local, domain))
}

/// The last four digits of a card number (13 to 19 digits with a valid check digit; spaces and hyphens between them):
/// `***4242`.
///
/// ```
/// # use portcullis_secrets::mask::card;
/// assert_eq!(card("4242 4242 4242 4242"), "***4242");
/// assert_eq!(card("4242 4242 4242 4243"), "[REDACTED]");
/// ```
#[must_use]
pub fn card(number: &str) -> Cow<'static, str> {
    let is_card = |digits: &[u8]| {
        let digits = digits.iter().map(|digit| digit - b'0');
        (13..=19).contains(&digits.len()) && luhn::is_valid(digits)
    };
    last_digits::<4>(number, " -", is_card)
}

/// The last two digits of a telephone number (7 to 15 digits; spaces and `+-./()` between them): `***67`.
#[must_use]
pub fn phone(number: &str) -> Cow<'static, str> {
    last_digits::<2>(number, " +-./()", |digits| (7..=15).contains(&digits.len()))
}

fn last_digits<const N: usize>(
    number: &str,
    separators: &str,
    valid: impl FnOnce(&[u8]) -> bool,
) -> Cow<'static, str> {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let only_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if number
        .strip_prefix(HIDDEN)
        .is_some_and(|shown| shown.len() == N && only_digits(shown))
    {
        return number.to_owned().into();
    }
    let known = number
        .chars()
        .all(|c| c.is_ascii_digit() || separators.contains(c));
    let digits = digits(number);
    match digits.last_chunk::<N>() {
        Some(last) if known && valid(&digits) => {
            let last = last.iter().map(|digit| char::from(*digit));
            HIDDEN.chars().chain(last).collect::<String>().into()
        }
        _ => REDACTED.into(),
    }
}

/// The network of an address: `203.0.113.0/24`, `2001:db8:7::/48`. A port is dropped; an IPv4 address that is written as an
/// IPv6 one is an IPv4 address.
#[must_use]
pub fn ip(address: &str) -> Cow<'static, str> {
    let network = address
        .strip_suffix("/24")
        .or_else(|| address.strip_suffix("/48"));
    let ip = network.unwrap_or(address).parse::<IpAddr>();
    match ip.or_else(|_| address.parse().map(|socket: SocketAddr| socket.ip())) {
        Ok(ip) => match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24").into()
            }
            IpAddr::V6(ip) => {
                let network = u128::from(ip) >> 80 << 80;
                format!("{}/48", std::net::Ipv6Addr::from(network)).into()
            }
        },
        Err(_) => REDACTED.into(),
    }
}
