//! Bounds of a listing: how many items, and after which one.

use std::str::FromStr;

use uuid::Uuid;

use super::shown;

/// The number of items on a page unless the request asks for another.
pub(crate) const DEFAULT_LIMIT: u32 = 50;
/// The most items on a page.
pub(crate) const MAX_LIMIT: u32 = 200;

/// One page of a listing that is ordered by `K`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<K> {
    /// The last key of the page before; `None` for the first page.
    pub(crate) after: Option<K>,
    pub(crate) limit: u32,
}

/// A query parameter that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadParameter {
    pub(crate) parameter: String,
    pub(crate) detail: String,
}

impl<K> Page<K> {
    /// Reads `limit` and `cursor`; `key` reads the cursor, which callers treat as opaque.
    pub(crate) fn parse(
        query: &str,
        key: impl Fn(&str) -> Option<K>,
    ) -> Result<Self, BadParameter> {
        Self::parse_with(query, key, |_, _| false)
    }

    /// The same where there are other parameters: `take` gets them, and says whether it takes one.
    pub(crate) fn parse_with(
        query: &str,
        key: impl Fn(&str) -> Option<K>,
        mut take: impl FnMut(&str, &str) -> bool,
    ) -> Result<Self, BadParameter> {
        let (mut after, mut limit) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" if limit.is_none() => {
                    let number = value.parse().ok();
                    let number = number.filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let detail = || bad("limit", format!("a number from 1 to {MAX_LIMIT}"));
                    limit = Some(number.ok_or_else(detail)?);
                }
                "cursor" if after.is_none() => {
                    let detail = || bad("cursor", "the `next_cursor` of another page".to_owned());
                    after = Some(key(&value).ok_or_else(detail)?);
                }
                name if take(name, &value) => {}
                // A misspelt parameter that is ignored gives an answer to another question, and so does one of two.
                name => {
                    return Err(bad(
                        name,
                        "it is not known here, or was there before".to_owned(),
                    ));
                }
            }
        }
        Ok(Self {
            after,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        })
    }

    /// One item more than the page holds tells whether there is a next one.
    pub(crate) const fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// Cuts what was fetched down to the page; the key of its last item is the next cursor.
    pub(crate) fn cut<T>(&self, items: &mut Vec<T>, key: impl Fn(&T) -> String) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if items.len() <= limit {
            return None;
        }
        items.truncate(limit);
        items.last().map(key)
    }
}

/// Reads a cursor that is an id, as ids are written here.
pub(crate) fn id<K: FromStr>(cursor: &str) -> Option<K> {
    let id = Uuid::try_parse(cursor).ok()?;
    let is_written_so = id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == cursor;
    is_written_so.then(|| cursor.parse().ok()).flatten()
}

fn bad(parameter: &str, detail: String) -> BadParameter {
    BadParameter {
        parameter: shown(parameter).chars().take(64).collect(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_LIMIT, Page, id};

    fn parse(query: &str) -> Result<Page<u32>, String> {
        Page::parse(query, |text| text.parse().ok()).map_err(|bad| bad.parameter)
    }

    #[test]
    fn queries_are_read_strictly() {
        let page = |after, limit| Ok(Page { after, limit });
        assert_eq!(parse(""), page(None, DEFAULT_LIMIT));
        assert_eq!(parse("limit=1&cursor=7"), page(Some(7), 1));
        assert_eq!(parse("limit=200"), page(None, 200));
        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=", "limit"),
            ("cursor=x", "cursor"),
            ("cursor=", "cursor"),
            ("cursor=1&cursor=1", "cursor"),
            ("limit=1&limit=1", "limit"),
            ("limit=1&cursor=7&limit=2", "limit"),
            ("Limit=1", "Limit"),
            ("limit=1&page=2", "page"),
            ("postgres://app:hunter2@db/x", "postgres://***@db/x"),
        ] {
            assert_eq!(parse(query), Err(parameter.to_owned()), "{query}");
        }
    }

    #[test]
    fn a_cursor_that_is_an_id_is_written_in_one_way() {
        let known = "01998d1f-2a3b-7c4d-8e5f-0a1b2c3d4e5f";
        assert_eq!(id::<String>(known), Some(known.to_owned()));
        let upper = known.to_uppercase();
        let simple = known.replace('-', "");
        for other in ["", "x", "1", &upper, &simple, &format!("{{{known}}}")] {
            assert_eq!(id::<String>(other), None, "{other}");
        }
    }

    #[test]
    fn the_extra_item_becomes_the_cursor_of_the_next_page() {
        let page = parse("limit=2").unwrap();
        let mut items = vec![1, 2, 3];
        assert_eq!(page.cut(&mut items, u32::to_string), Some("2".to_owned()));
        assert_eq!(items, [1, 2]);
        assert_eq!(page.cut(&mut items, u32::to_string), None);
    }
}
