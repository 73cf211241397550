//! The `Forwarded` header (RFC 7239): its elements, from right to left, and the nodes in them.
//!
//! ```
//! use portcullis_layer_core::origin::forwarded::{Node, elements_rev};
//!
//! let line = br#"for="_gazonk";proto=http, For="[2001:db8:cafe::17]:4711";host=shop.example"#;
//! let mut elements = elements_rev(line);
//!
//! let last = elements.next().unwrap()?;
//! assert_eq!(last.host.as_deref(), Some(&b"shop.example"[..]));
//! assert_eq!(last.sender(), Some(Node::Ip("2001:db8:cafe::17".parse().unwrap())));
//!
//! assert_eq!(elements.next().unwrap()?.sender(), Some(Node::Obfuscated));
//! assert!(elements.next().is_none());
//!
//! assert!(elements_rev(b"for=192.0.2.1;for=192.0.2.2").next().unwrap().is_err());
//! # Ok::<_, portcullis_layer_core::origin::forwarded::Malformed>(())
//! ```
//!
//! Reading from the right is what makes this safe: only the elements on the right were written by proxies that the
//! service knows. A quotation mark that a client left open must not swallow the element a proxy appended behind it, so
//! the line is also *cut* from the right, and each line for itself.
//!
//! Beyond the RFC's grammar two common slips are understood, since neither can be misread: white space around `;`, and
//! the characters `:`, `[` and `]` in a value without quotation marks (`for=[2001:db8::1]`, `host=localhost:8080`).

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str;

use super::authority::parse_port;

/// The elements of one header line, the last one first.
///
/// Empty list elements are left out (RFC 9110, section 5.6.1.2). An element that does not follow the grammar is an
/// error in its place and changes none of those behind it. (An open quotation mark in it may swallow some before it.)
#[must_use]
pub fn elements_rev(line: &[u8]) -> ElementsRev<'_> {
    ElementsRev { rest: Some(line) }
}

/// Iterator over the elements of a line from right to left. Made by [`elements_rev`].
#[derive(Clone, Debug)]
pub struct ElementsRev<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for ElementsRev<'a> {
    type Item = Result<Element<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let element = self.cut_last()?.trim_ascii();
            if !element.is_empty() {
                return Some(Element::parse(element));
            }
        }
    }
}

impl<'a> ElementsRev<'a> {
    /// Takes what stands behind the last comma that is outside of quotation marks, seen from the right.
    ///
    /// In a valid element this is the same as seen from the left: the mark that opens a string follows `=`, and marks
    /// inside of it follow an odd number of backslashes.
    fn cut_last(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.take()?;
        let mut quoted = false;
        for (at, byte) in line.iter().enumerate().rev() {
            match byte {
                b'"' if quoted => quoted = is_escaped(&line[..at]),
                b'"' => quoted = true,
                b',' if !quoted => {
                    self.rest = Some(&line[..at]);
                    return Some(&line[at + 1..]);
                }
                _ => {}
            }
        }
        Some(line)
    }
}

/// Whether the byte behind `before` is escaped, that is: `before` ends in an odd number of backslashes.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// What one proxy reports about the request as it received it. Values are without quotation marks and escapes.
///
/// Parameters that RFC 7239 does not define are checked for their form and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element<'a> {
    /// `for`: who sent the request to the proxy. [`sender`](Self::sender) reads it.
    pub r#for: Option<Cow<'a, [u8]>>,
    /// `by`: the side of the proxy that received the request. Nothing here depends on it.
    pub by: Option<Cow<'a, [u8]>>,
    /// `host`: the `Host` header as the proxy received it.
    pub host: Option<Cow<'a, [u8]>>,
    /// `proto`: the scheme by which the proxy received the request.
    pub proto: Option<Cow<'a, [u8]>>,
}

impl<'a> Element<'a> {
    /// Reads one element: pairs of `name=value` separated by `;`, each name at most once.
    ///
    /// # Errors
    ///
    /// If `text` does not follow the grammar.
    pub fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let mut element = Self::default();
        let mut rest = text.trim_ascii();
        while !rest.is_empty() {
            if rest[0] != b';' {
                rest = element.parse_pair(rest)?;
            }
            rest = match rest.split_first() {
                None => break,
                Some((b';', rest)) => rest.trim_ascii_start(),
                Some(_) => return Err(Malformed),
            };
        }
        Ok(element)
    }

    /// Reads the pair that `text` starts with and returns what follows it and white space.
    fn parse_pair(&mut self, text: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let (name, rest) = take_while(text, is_token_byte);
        let rest = rest.strip_prefix(b"=").ok_or(Malformed)?;
        let (value, rest) = match rest.strip_prefix(b"\"") {
            Some(rest) => take_quoted(rest)?,
            None => match take_while(rest, is_value_byte) {
                (b"", _) => return Err(Malformed),
                (value, rest) => (Cow::Borrowed(value), rest),
            },
        };
        if name.is_empty() {
            return Err(Malformed);
        }
        if let Some(slot) = self.slot(name) {
            if slot.is_some() {
                return Err(Malformed);
            }
            *slot = Some(value);
        }
        Ok(rest.trim_ascii_start())
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Cow<'a, [u8]>>> {
        let slots: [(&[u8], _); 4] = [
            (b"for", &mut self.r#for),
            (b"by", &mut self.by),
            (b"host", &mut self.host),
            (b"proto", &mut self.proto),
        ];
        let mut slots = slots.into_iter();
        let found = slots.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, slot)| slot)
    }

    /// Who sent the request to the proxy: the node in `for`. `None` if it is absent or not a node.
    #[must_use]
    pub fn sender(&self) -> Option<Node> {
        Node::parse(self.r#for.as_deref()?)
    }
}

/// What `for` and `by` name (RFC 7239, section 6). A port is checked and dropped.
// Exhaustive on purpose: the grammar has these three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// An address, with IPv4-mapped IPv6 turned into IPv4.
    Ip(IpAddr),
    /// `unknown`: the proxy does not know, or does not tell.
    Unknown,
    /// A made-up name such as `_hidden`, by which only its proxy knows whom it means.
    Obfuscated,
}

impl Node {
    /// Reads a node, with or without a port; `None` if `text` is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (node, port) = if let Some(literal) = text.strip_prefix('[') {
            let (literal, port) = literal.split_once(']')?;
            let ip = IpAddr::V6(literal.parse::<Ipv6Addr>().ok()?);
            (Self::Ip(ip.to_canonical()), port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let node = if name.eq_ignore_ascii_case("unknown") {
                Self::Unknown
            } else if is_obfuscated(name) {
                Self::Obfuscated
            } else {
                Self::Ip(name.parse::<Ipv4Addr>().ok()?.into())
            };
            (node, port)
        };
        let port_is_valid = match port.strip_prefix(':') {
            None => port.is_empty(),
            Some(port) => is_obfuscated(port) || parse_port(port).is_some(),
        };
        port_is_valid.then_some(node)
    }
}

fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|name| {
        let mut bytes = name.bytes();
        !name.is_empty()
            && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    })
}

fn take_while(text: &[u8], wanted: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !wanted(*byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// Reads a quoted string whose opening mark has been taken, up to and with its closing mark.
fn take_quoted(text: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Malformed> {
    let mut unescaped: Option<Vec<u8>> = None;
    let mut at = 0;
    loop {
        let byte = match *text.get(at).ok_or(Malformed)? {
            b'"' => break,
            b'\\' => {
                unescaped.get_or_insert_with(|| text[..at].to_vec());
                at += 1;
                *text.get(at).ok_or(Malformed)?
            }
            byte => byte,
        };
        // Of the control characters only the tab may stand in a quoted string, escaped or not.
        if byte.is_ascii_control() && byte != b'\t' {
            return Err(Malformed);
        }
        if let Some(unescaped) = &mut unescaped {
            unescaped.push(byte);
        }
        at += 1;
    }
    let value = unescaped.map_or(Cow::Borrowed(&text[..at]), Cow::Owned);
    Ok((value, &text[at + 1..]))
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_value_byte(byte: u8) -> bool {
    is_token_byte(byte) || matches!(byte, b':' | b'[' | b']')
}

/// The text is not an element of a `Forwarded` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed element of a forwarded header")
    }
}

impl Error for Malformed {}
