use std::fmt;

use super::InvalidHeader;

/// Where browsers send reports (`Reporting-Endpoints`, [Reporting API](https://www.w3.org/TR/reporting-1/), section 3.3).
///
/// A policy names one of the endpoints with [`Csp::report_to`](super::Csp::report_to).
///
/// ```
/// use portcullis_security_layers::headers::ReportingEndpoints;
///
/// let endpoints = ReportingEndpoints::new().endpoint("csp", "https://reports.example.com/csp")?;
/// assert_eq!(endpoints.to_string(), r#"csp="https://reports.example.com/csp""#);
/// assert!(ReportingEndpoints::new().endpoint("csp", "http://reports.example.com/").is_err());
/// # Ok::<_, portcullis_security_layers::headers::InvalidHeader>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportingEndpoints(Vec<(String, String)>);

impl ReportingEndpoints {
    /// No endpoint yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an endpoint, or gives the one of that name another address.
    ///
    /// # Errors
    ///
    /// If `name` is not made of lower-case letters, digits and `_-.*`, beginning with a letter or `*`, or `uri` is
    /// neither an https address nor a path that begins with `/`.
    pub fn endpoint(mut self, name: &str, uri: &str) -> Result<Self, InvalidHeader> {
        check_name(name)?;
        check_uri(uri)?;
        match self.0.iter_mut().find(|(old, _)| old == name) {
            Some((_, old)) => uri.clone_into(old),
            None => self.0.push((name.to_owned(), uri.to_owned())),
        }
        Ok(self)
    }
}

/// A dictionary of strings (RFC 9651): the addresses have neither `"` nor `\`, so nothing is escaped.
impl fmt::Display for ReportingEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, uri)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}=\"{uri}\"")?;
        }
        Ok(())
    }
}

/// RFC 9651, section 3.1.2: the key of a dictionary.
pub(super) fn check_name(name: &str) -> Result<(), InvalidHeader> {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '*');
    let is_key_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b);
    if !starts || !name.bytes().all(is_key_byte) {
        return Err(InvalidHeader::new(format!(
            "{name:?} is not the name of an endpoint: lower-case letters, digits and `_-.*`, a letter first"
        )));
    }
    Ok(())
}

/// Browsers report over https only, which a path on a page served by https means as well.
pub(super) fn check_uri(uri: &str) -> Result<(), InvalidHeader> {
    let absolute = uri.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty()
    });
    let path = uri.starts_with('/') && !uri.starts_with("//");
    // RFC 3986 without `;` and `,`, which mean something to the headers, and without a fragment.
    let is_uri_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+=%".contains(&b);
    if !(absolute || path) || !uri.bytes().all(is_uri_byte) {
        return Err(InvalidHeader::new(format!(
            "{uri:?} is neither an https address nor a path such as /reports"
        )));
    }
    Ok(())
}
