use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use super::error::InvalidMediaTypes;

/// A list of media types, `text/*, application/json, */*+json` for instance.
///
/// Case makes no difference, and parameters (`charset`) are not a part of it.
///
/// ```
/// use portcullis_security_layers::mask::MediaTypes;
///
/// let types: MediaTypes = "text/*, */*+json".parse()?;
/// assert_eq!(types.to_string(), "text/*, */*+json");
/// assert_eq!(
///     "text".parse::<MediaTypes>().unwrap_err().to_string(),
///     "'text' is no media type of the form type/subtype, type/* or */*+suffix",
/// );
/// # Ok::<_, portcullis_security_layers::mask::InvalidMediaTypes>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTypes(Arc<[Pattern]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// `None` is any.
    kind: Option<Box<str>>,
    subtype: Subtype,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtype {
    Any,
    Is(Box<str>),
    /// With the plus sign.
    EndsWith(Box<str>),
}

const TEXTS: &str = "application/json, text/*, */*+json, */*+xml, application/xml, application/javascript, \
    application/ecmascript, application/x-www-form-urlencoded, application/x-ndjson, application/ndjson, \
    application/jsonl, application/json-seq, application/graphql, application/yaml, application/x-yaml, \
    application/toml, application/sql, application/x-sh";

/// One document, or several behind one another.
const JSON: [&str; 6] = [
    "json",
    "x-ndjson",
    "ndjson",
    "jsonl",
    "x-jsonlines",
    "json-seq",
];

impl MediaTypes {
    /// What holds text: `text/*`, JSON (one document or several), XML, forms, scripts, GraphQL, YAML, TOML, SQL,
    /// and everything that ends with `+json` or `+xml`.
    #[must_use]
    pub fn texts() -> Self {
        static TYPES: LazyLock<MediaTypes> = LazyLock::new(|| {
            let parsed = TEXTS.parse();
            parsed.expect("the list above is one")
        });
        TYPES.clone()
    }

    pub(super) fn contain(&self, media_type: &MediaType<'_>) -> bool {
        self.0.iter().any(|pattern| pattern.fits(media_type))
    }
}

impl Pattern {
    fn fits(&self, MediaType { kind, subtype }: &MediaType<'_>) -> bool {
        let is = |known: &str, text: &[u8]| text.eq_ignore_ascii_case(known.as_bytes());
        self.kind.as_ref().is_none_or(|known| is(known, kind))
            && match &self.subtype {
                Subtype::Any => true,
                Subtype::Is(known) => is(known, subtype),
                Subtype::EndsWith(suffix) => ends_with(subtype, suffix),
            }
    }
}

fn ends_with(subtype: &[u8], suffix: &str) -> bool {
    let start = subtype.len().checked_sub(suffix.len());
    start.is_some_and(|start| subtype[start..].eq_ignore_ascii_case(suffix.as_bytes()))
}

/// The media type in a `Content-Type` (RFC 9110, 8.3.1).
pub(super) struct MediaType<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
}

impl<'a> MediaType<'a> {
    pub(super) fn of(content_type: &'a [u8]) -> Self {
        let find = |sign, text: &[u8]| text.iter().position(|byte| *byte == sign);
        let end = find(b';', content_type).unwrap_or(content_type.len());
        let text = content_type[..end].trim_ascii();
        let slash = find(b'/', text).unwrap_or(text.len());
        Self {
            kind: &text[..slash],
            subtype: text.get(slash + 1..).unwrap_or_default(),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        let Self { kind, subtype } = self;
        let is_named_so =
            || kind.eq_ignore_ascii_case(b"application") || kind.eq_ignore_ascii_case(b"text");
        ends_with(subtype, "+json")
            || JSON
                .iter()
                .any(|json| subtype.eq_ignore_ascii_case(json.as_bytes()))
                && is_named_so()
    }

    /// gRPC or gRPC-Web, in whatever encoding.
    pub(super) fn is_grpc(&self) -> bool {
        let start = self.subtype.get(..4).unwrap_or_default();
        self.kind.eq_ignore_ascii_case(b"application") && start.eq_ignore_ascii_case(b"grpc")
    }
}

impl FromStr for MediaTypes {
    type Err = InvalidMediaTypes;

    /// Parses media types, separated by commas: `type/subtype`, `type/*`, `*/*`, and `*/*+suffix` for all that end so.
    fn from_str(list: &str) -> Result<Self, InvalidMediaTypes> {
        let types = list.split(',').map(|text| {
            let text = text.trim_ascii();
            parse(text).ok_or_else(|| InvalidMediaTypes(text.to_owned()))
        });
        Ok(Self(types.collect::<Result<_, _>>()?))
    }
}

fn parse(text: &str) -> Option<Pattern> {
    let (kind, subtype) = text.split_once('/')?;
    let kind = (kind != "*").then_some(kind);
    let subtype = match subtype.strip_prefix('*') {
        None => Subtype::Is(subtype.into()),
        Some("") => Subtype::Any,
        Some(suffix) if suffix.starts_with('+') && suffix.len() > 1 => {
            Subtype::EndsWith(suffix.into())
        }
        Some(_) => return None,
    };
    let names = match &subtype {
        Subtype::Any => [kind, None],
        Subtype::Is(name) | Subtype::EndsWith(name) => [kind, Some(&**name)],
    };
    let are_tokens = names.into_iter().flatten().all(is_token);
    are_tokens.then(|| Pattern {
        kind: kind.map(Box::from),
        subtype,
    })
}

// RFC 9110, 5.6.2, without the asterisk.
fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

impl fmt::Display for MediaTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Pattern { kind, subtype }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let kind = kind.as_deref().unwrap_or("*");
            match subtype {
                Subtype::Any => write!(f, "{comma}{kind}/*")?,
                Subtype::Is(name) => write!(f, "{comma}{kind}/{name}")?,
                Subtype::EndsWith(suffix) => write!(f, "{comma}{kind}/*{suffix}")?,
            }
        }
        Ok(())
    }
}
