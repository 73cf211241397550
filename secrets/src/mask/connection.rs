use std::borrow::Cow;

use super::url::is_scheme;
use super::{HIDDEN, is_sensitive, url};

/// Hides user info and the values of sensitive keys, in a URL (also after `jdbc:`) as in a list of keys and values, be it
/// separated by `;` (ODBC, ADO.NET, Azure) or by spaces (libpq).
///
/// ```
/// # use portcullis_secrets::mask::connection_string;
/// assert_eq!(
///     connection_string("Server=db;User Id=app;Password='9f;86';Encrypt=true"),
///     "Server=db;User Id=app;Password=***;Encrypt=true",
/// );
/// assert_eq!(connection_string("host=db user=app password = 9f86"), "host=db user=app password=***");
/// assert_eq!(connection_string("postgres://app:9f86@db/orders"), "postgres://***@db/orders");
/// assert_eq!(connection_string("app:9f86@tcp(db:3306)/orders"), "***");
/// ```
///
/// What is of none of these forms is hidden whole.
#[must_use]
pub fn connection_string(text: &str) -> Cow<'static, str> {
    mask(text).into()
}

fn mask(text: &str) -> String {
    let (jdbc, rest) = match text.get(..5) {
        Some(start) if start.eq_ignore_ascii_case("jdbc:") => text.split_at(5),
        _ => ("", text),
    };
    let masked = match rest.find([':', '=', ';']) {
        // Of a list, the first key comes before any colon.
        Some(at) if rest[at..].starts_with("://") && is_scheme(&rest[..at]) => {
            match rest.split_once(';') {
                // SQL Server's driver has its list after the host.
                Some((host, list)) if !jdbc.is_empty() => {
                    format!("{};{}", url(host), mask_list(list))
                }
                _ => url(rest).into_owned(),
            }
        }
        _ if jdbc.is_empty() => mask_list(rest),
        _ => HIDDEN.to_owned(),
    };
    format!("{jdbc}{masked}")
}

fn mask_list(text: &str) -> String {
    let by_semicolon = has_semicolon(text);
    let mut masked: Vec<String> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || by_semicolon && c == ';');
        if rest.is_empty() {
            break;
        }
        let (item, after) = next_item(rest, by_semicolon);
        masked.push(item);
        rest = after;
    }
    if masked.is_empty() {
        return HIDDEN.to_owned();
    }
    // A list of one would no longer be seen to have had a semicolon.
    let ends = by_semicolon && (masked.len() == 1 || text.trim_end().ends_with(';'));
    let mut text = masked.join(if by_semicolon { ";" } else { " " });
    if ends {
        text.push(';');
    }
    text
}

/// The first item of a list, masked, and what comes after it.
fn next_item(text: &str, by_semicolon: bool) -> (String, &str) {
    let ends = |c: char| {
        if by_semicolon {
            c == ';'
        } else {
            c.is_whitespace()
        }
    };
    let hidden = |rest: &str| {
        let end = rest.find(ends).unwrap_or(rest.len());
        (HIDDEN.to_owned(), end)
    };
    let Some(equals) = text.find('=') else {
        let (item, end) = hidden(text);
        return (item, &text[end..]);
    };
    let name = text[..equals].trim_end();
    let is_name =
        |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c) || by_semicolon && c == ' ';
    if name.is_empty() || !name.chars().all(is_name) {
        let (item, end) = hidden(text);
        return (item, &text[end..]);
    }
    let value = text[equals + 1..].trim_start();
    let (quoted, closed) = quoted_len(value);
    let len = quoted + value[quoted..].find(ends).unwrap_or(value.len() - quoted);
    let (value, after) = value.split_at(len);
    let value = value.trim_end();
    // Something after the closing quote: whatever reads this may see it otherwise.
    let clear = closed && (quoted == 0 || quoted == value.len());
    // Shown, this semicolon would be taken for a separator the next time.
    let semicolon = !by_semicolon && value.contains(';');
    if !clear || semicolon || is_sensitive(name) || !is_harmless(value) {
        return (format!("{name}={HIDDEN}"), after);
    }
    (format!("{name}={value}"), after)
}

/// Whether a value can be shown: no list of its own, no user info, nothing that breaks the line.
fn is_harmless(value: &str) -> bool {
    let user_info = value.contains(':') && value.contains('@');
    let hides_something = value.contains("://") && url(value) != value;
    !user_info && !hides_something && !value.contains('=') && !value.contains(char::is_control)
}

/// The length of the quoted text that `value` begins with, quotes included, and whether the last quote is there.
fn quoted_len(value: &str) -> (usize, bool) {
    let close = match value.chars().next() {
        Some('{') => '}',
        Some(quote @ ('"' | '\'')) => quote,
        _ => return (0, true),
    };
    let mut chars = value.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && close == '\'' {
            chars.next();
        } else if c == close && chars.next_if(|(_, next)| *next == close).is_none() {
            return (at + 1, true);
        }
    }
    (value.len(), false)
}

/// Whether there is a semicolon that is not in quotes.
fn has_semicolon(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['=', ';']) {
        if rest[at..].starts_with(';') {
            return true;
        }
        rest = rest[at + 1..].trim_start();
        rest = &rest[quoted_len(rest).0..];
    }
    false
}
