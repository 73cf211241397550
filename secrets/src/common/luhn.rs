/// Whether the last of the digits is the right check digit (ISO/IEC 7812-1, annex B).
pub(crate) fn is_valid(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let weighted = digits
        .rev()
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        });
    weighted.map(u32::from).sum::<u32>().is_multiple_of(10)
}
