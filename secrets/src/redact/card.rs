//! Numbers of payment cards (ISO/IEC 7812): by issuer, length and check digit.

use std::ops::Range;

use super::bytes::{at, before, starts_word};
use crate::common::luhn;

const SHORTEST: usize = 13;
const LONGEST: usize = 19;
/// The groups of a number are fewer.
const GROUPS: usize = 5;

/// Calls `found` with all but the last four digits of each card's number.
pub(super) fn cards(text: &[u8], mut found: impl FnMut(Range<usize>)) {
    // Groups of digits have one character between them. So in each two neighbours there is a digit,
    // and it takes one look in twelve places not to pass by a whole number.
    let is_digit = |index: usize| at(text, index).is_ascii_digit();
    let (mut floor, mut look) = (0, SHORTEST - 1);
    while look < text.len() {
        if !is_digit(look) && !is_digit(look - 1) {
            look += SHORTEST - 1;
            continue;
        }
        let mut start = if is_digit(look) { look } else { look - 1 };
        while start > floor && is_digit(start - 1)
            || start > floor + 1 && is_separator(text[start - 1]) && is_digit(start - 2)
        {
            start -= 1;
        }
        // The digits of `%20` are none of the number behind it.
        let is_escape = before(text, start) == b'%' && is_digit(start + 1);
        let mut end = if is_escape { start + 2 } else { start };
        while is_digit(end) || is_separator(at(text, end)) && is_digit(end + 1) {
            let card = if is_digit(end) {
                number(text, end)
            } else {
                None
            };
            if let Some(card) = card {
                end = card.end;
                found(card.start..last_four(text, card.end));
            } else {
                // A number starts with a group.
                while is_digit(end) {
                    end += 1;
                }
                end += usize::from(is_separator(at(text, end)) && is_digit(end + 1));
            }
        }
        floor = end;
        look = end + SHORTEST;
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// The number of a card that starts at `start`.
fn number(text: &[u8], start: usize) -> Option<Range<usize>> {
    // A fraction has as many digits, and what follows on asterisks is a number that was masked.
    let is_fraction = before(text, start) == b'.' && before(text, start - 1).is_ascii_digit();
    if !starts_word(text, start) || is_fraction || before(text, start) == b'*' {
        return None;
    }
    let mut digits = Digits::default();
    let mut groups = [0; GROUPS];
    let mut separator = None;
    let (mut end, mut card) = (start, None);
    for group in 0..GROUPS {
        let group_start = end;
        while let digit @ b'0'..=b'9' = at(text, end) {
            if !digits.push(digit - b'0') {
                return card;
            }
            end += 1;
        }
        groups[group] = end - group_start;
        let next = at(text, end);
        let in_word =
            next.is_ascii_alphanumeric() || next == b'.' && at(text, end + 1).is_ascii_digit();
        if !in_word && is_grouped(&groups[..=group]) && digits.is_card() {
            card = Some(start..end);
        }
        let goes_on = is_separator(next) && separator.is_none_or(|known| known == next);
        if !goes_on || !at(text, end + 1).is_ascii_digit() {
            break;
        }
        separator = Some(next);
        end += 1;
    }
    card
}

/// How numbers are printed on cards.
fn is_grouped(groups: &[usize]) -> bool {
    matches!(
        groups,
        [SHORTEST..=LONGEST] | [4, 4, 4, 4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5]
    )
}

#[derive(Default)]
struct Digits {
    digits: [u8; LONGEST],
    length: usize,
}

impl Digits {
    /// Whether there was room for it.
    fn push(&mut self, digit: u8) -> bool {
        let place = self.digits.get_mut(self.length);
        self.length += usize::from(place.is_some());
        place.map(|place| *place = digit).is_some()
    }

    fn is_card(&self) -> bool {
        // Other lengths and first digits are those of timestamps and identifiers.
        let is_issued = matches!(
            (self.digits[0], self.digits[1], self.length),
            (2, 2..=7, 16)
                | (3, 0 | 6 | 8 | 9, 14..)
                | (3, 4 | 7, 15)
                | (3, 5, 16..)
                | (4, _, 13 | 16 | 19)
                | (5, 1..=5, 16)
                | (5, 0 | 6.., 13..)
                | (6, _, 13..)
        );
        is_issued && luhn::is_valid(self.digits[..self.length].iter().copied())
    }
}

/// Where the last four digits before `end` start.
fn last_four(text: &[u8], end: usize) -> usize {
    let digits = (0..end).rev().filter(|index| text[*index].is_ascii_digit());
    digits.take(4).last().unwrap_or(end)
}
