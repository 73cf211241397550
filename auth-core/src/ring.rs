//! Keys by the numbers under which what they made is stored: one that makes, and others that only read.

use std::fmt;

/// No two keys have one number.
#[derive(Clone)]
pub(crate) struct Ring<K> {
    current: (u8, K),
    others: Vec<(u8, K)>,
}

impl<K> Ring<K> {
    pub(crate) fn new(id: u8, key: K) -> Self {
        Self {
            current: (id, key),
            others: Vec::new(),
        }
    }

    /// Adds a key that makes nothing new. None if another one has its number.
    pub(crate) fn and(mut self, id: u8, key: K) -> Option<Self> {
        if self.find(id).is_some() {
            return None;
        }
        self.others.push((id, key));
        Some(self)
    }

    pub(crate) fn current(&self) -> (u8, &K) {
        (self.current.0, &self.current.1)
    }

    pub(crate) fn find(&self, id: u8) -> Option<&K> {
        let mut keys = std::iter::once(&self.current).chain(&self.others);
        keys.find_map(|(found, key)| (*found == id).then_some(key))
    }
}

/// Numbers only.
impl<K> fmt::Debug for Ring<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.iter().map(|(id, _)| id);
        f.debug_struct("Ring")
            .field("current", &self.current.0)
            .field("others", &others.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_makes_and_all_are_found() {
        let ring = Ring::new(3, "new").and(1, "old").unwrap();
        assert_eq!(ring.current(), (3, &"new"));
        assert_eq!(
            [1, 2, 3].map(|id| ring.find(id)),
            [Some(&"old"), None, Some(&"new")]
        );
        assert!(ring.clone().and(3, "other").is_none() && ring.clone().and(1, "other").is_none());
        assert_eq!(format!("{ring:?}"), "Ring { current: 3, others: [1], .. }");
    }
}
