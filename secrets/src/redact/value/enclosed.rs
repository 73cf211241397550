//! Values between a beginning and an end that have their name: elements of XML, parts of forms.

use std::ops::Range;

use memchr::memmem;

use crate::redact::bytes::{before, is_blank, is_token};

/// How far the end of a tag and that of an element can be.
const NEAR: usize = 2048;

fn find(text: &[u8], range: Range<usize>, wanted: &[u8]) -> Option<usize> {
    let end = text.len().min(range.end);
    let start = range.start.min(end);
    Some(start + memmem::find(&text[start..end], wanted)?)
}

/// The content of an element, if it is nothing but text: `<password>x</password>`, with a namespace, with
/// attributes, as `CDATA`, and where all of that is escaped as it is in JSON, in HTML or in a URL.
pub(super) fn element(text: &[u8], name: Range<usize>) -> Option<Range<usize>> {
    const BRACKETS: [[&[u8]; 3]; 6] = [
        [b"<", b">", b"</"],
        [b"&lt;", b"&gt;", b"&lt;/"],
        [b"\\u003c", b"\\u003e", b"\\u003c/"],
        [b"\\u003C", b"\\u003E", b"\\u003C/"],
        [b"%3C", b"%3E", b"%3C%2F"],
        [b"%3c", b"%3e", b"%3c%2f"],
    ];
    const LONGEST_PREFIX: usize = 64;
    let mut start = name.start;
    if before(text, start) == b':' {
        let prefix = text[..start - 1].iter().rev().take(LONGEST_PREFIX);
        start -= 1 + prefix.take_while(|byte| is_token(**byte)).count();
    }
    let mut brackets = BRACKETS.iter();
    let [open, close, last] = brackets.find(|[open, ..]| text[..start].ends_with(open))?;
    let tag_end = find(text, name.end..name.end + NEAR, close)?;
    let attributes = &text[name.end..tag_end];
    let is_tag = attributes
        .first()
        .is_none_or(|byte| is_blank(*byte) || matches!(byte, b'+' | b'%'))
        && !attributes.ends_with(b"/")
        && memmem::find(attributes, open).is_none();
    if !is_tag {
        return None;
    }
    let content = tag_end + close.len();
    let end = find(text, content..content + NEAR, open)?;
    let cdata = [open, &b"![CDATA["[..]].concat();
    let (content, end) = if text[end..].starts_with(&cdata) && end == content {
        let content = content + cdata.len();
        let end = [b"]]", *close].concat();
        (content, find(text, content..content + NEAR, &end)?)
    } else if text[end..].starts_with(last) {
        (content, end)
    } else {
        return None;
    };
    let blank = text[content..end]
        .iter()
        .take_while(|byte| is_blank(**byte));
    let content = content + blank.count();
    Some(content..content + text[content..end].trim_ascii_end().len())
}

/// The body of a part of a form (RFC 7578, 4.2), whose name is in quotes: `form-data; name="password"`.
/// Line breaks may be shown as a string shows them.
pub(super) fn part(
    text: &[u8],
    name: usize,
    quote_end: usize,
    line_end: impl FnOnce(usize) -> usize,
) -> Option<Range<usize>> {
    const BEFORE: &[u8] = b"form-data; name=";
    const LONGEST_HEAD: usize = 512;
    const BREAKS: [[&[u8]; 3]; 4] = [
        [b"\r\n\r\n", b"\r\n", b"\r\n--"],
        [b"\n\n", b"\n", b"\n--"],
        [b"\\r\\n\\r\\n", b"\\r\\n", b"\\r\\n--"],
        [b"\\n\\n", b"\\n", b"\\n--"],
    ];
    let start = name.checked_sub(BEFORE.len())?;
    if !text[start..name].eq_ignore_ascii_case(BEFORE) {
        return None;
    }
    let heads = BREAKS.iter().filter_map(|breaks| {
        let head = find(text, quote_end..quote_end + LONGEST_HEAD, breaks[0])?;
        Some((head, breaks))
    });
    let (head, [blank_line, line_break, boundary]) = heads.min_by_key(|(head, _)| *head)?;
    // The head of another part.
    if memmem::find(&text[quote_end..head], b"form-data").is_some() {
        return None;
    }
    let body = head + blank_line.len();
    let end = match line_break.starts_with(b"\\") {
        true => line_end(body),
        false => text.len(),
    };
    Some(body..find(text, body..end, boundary).unwrap_or(end))
}
