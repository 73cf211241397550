/// A set of small numbers. Sets of one catalogue have the same length, and few catalogues have more than 64 permissions: sets
/// of theirs ask for no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    first: u64,
    more: Box<[u64]>,
}

impl Bits {
    /// The empty set, with room for the numbers below `len`.
    pub(super) fn none(len: usize) -> Self {
        let first = 0;
        let more = vec![0; len.saturating_sub(1) / 64].into();
        Self { first, more }
    }

    pub(super) fn add(&mut self, index: usize) {
        let bit = 1 << (index % 64);
        match (index / 64).checked_sub(1) {
            None => self.first |= bit,
            Some(word) => self.more[word] |= bit,
        }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        let word = match (index / 64).checked_sub(1) {
            None => self.first,
            Some(word) => self.more[word],
        };
        word & (1 << (index % 64)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first == 0 && self.more.iter().all(|word| *word == 0)
    }

    pub(super) fn contains_all(&self, other: &Self) -> bool {
        let mut words = self.more.iter().zip(&other.more);
        self.first & other.first == other.first && words.all(|(a, b)| a & b == *b)
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.first |= other.first;
        for (a, b) in self.more.iter_mut().zip(&other.more) {
            *a |= b;
        }
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        self.first &= other.first;
        for (a, b) in self.more.iter_mut().zip(&other.more) {
            *a &= b;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bits(len: usize, set: &BTreeSet<usize>) -> Bits {
        let mut bits = Bits::none(len);
        set.iter().for_each(|index| bits.add(*index));
        bits
    }

    proptest! {
        #[test]
        fn a_set_of_any_length_is_a_set(
            (len, a, b) in prop::sample::select(vec![1_usize, 63, 64, 65, 128, 129, 200]).prop_flat_map(|len| {
                let set = || prop::collection::btree_set(0..len, 0..6);
                (Just(len), set(), set())
            }),
        ) {
            let (left, right) = (bits(len, &a), bits(len, &b));
            prop_assert_eq!(left.is_empty(), a.is_empty());
            prop_assert_eq!(left.contains_all(&right), a.is_superset(&b));
            prop_assert!((0..len).all(|index| left.contains(index) == a.contains(&index)));
            let mut both = left.clone();
            both.unite(&right);
            prop_assert_eq!(both, bits(len, &(&a | &b)));
            let mut shared = left;
            shared.intersect(&right);
            prop_assert_eq!(shared, bits(len, &(&a & &b)));
        }
    }
}
