use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn line(password: &str, count: u64) -> String {
    let mut line = String::new();
    for byte in sha1(password.as_bytes()) {
        write!(line, "{byte:02X}").unwrap();
    }
    write!(line, ":{count}\r\n").unwrap();
    line
}

fn list(range: std::ops::Range<u32>) -> String {
    range
        .map(|number| line(&format!("breached {number}"), u64::from(number)))
        .collect()
}

fn file(filter: &BreachFilter) -> Vec<u8> {
    let mut file = Vec::new();
    filter.write_to(&mut file).unwrap();
    file
}

fn kind(bytes: &[u8]) -> BreachFilterErrorKind {
    BreachFilter::read_from(bytes).unwrap_err().kind()
}

#[test]
fn what_is_listed_is_found_and_hardly_anything_else() {
    for (precision, most) in [(Precision::Bits8, 200), (Precision::Bits16, 5)] {
        let built = BreachFilter::build(list(0..20_000).as_bytes(), 0, precision).unwrap();
        let read = BreachFilter::read_from(&*file(&built)).unwrap();
        for filter in [built, read] {
            assert_eq!((filter.len(), filter.precision()), (20_000, precision));
            let hits = |range: std::ops::Range<u32>| {
                range
                    .filter(|number| filter.contains_password(&format!("breached {number}")))
                    .count()
            };
            assert_eq!(hits(0..20_000), 20_000);
            // Of 20,000: 78 and less than one are to be expected.
            assert!(hits(20_000..40_000) < most, "{precision:?}");
        }
    }
}

#[test]
fn rare_entries_are_left_out_and_repeated_ones_count_once() {
    let twice = format!("{}{}", list(0..100), list(50..100));
    let filter = BreachFilter::build(twice.as_bytes(), 10, Precision::Bits16).unwrap();
    assert_eq!(filter.len(), 90);
    assert!(filter.contains_password("breached 10"));
    assert!(!filter.contains_password("breached 9"));
}

#[test]
fn a_list_of_one_is_a_list() {
    for count in 1..5 {
        let filter = BreachFilter::build(list(0..count).as_bytes(), 0, Precision::Bits16).unwrap();
        let filter = BreachFilter::read_from(&*file(&filter)).unwrap();
        assert!(filter.contains_password("breached 0"));
        assert!(!filter.contains_password("breached 9"));
    }
}

#[test]
fn a_line_that_is_no_entry_is_told_by_its_number() {
    let good = line("one", 1);
    for bad in [
        "\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD:1\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD80:1\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDG:1\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:+1\n",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1 \n",
        &"5".repeat(1000),
    ] {
        let list = format!("{good}{bad}");
        let error = BreachFilter::build(list.as_bytes(), 0, Precision::Bits16).unwrap_err();
        assert_eq!(error.kind(), BreachFilterErrorKind::Line(2), "{bad:?}");
    }
    // Lower case, bare line feeds and no last line feed will do.
    let list = good.to_lowercase().replace('\r', "");
    let filter = BreachFilter::build(list.trim_end().as_bytes(), 0, Precision::Bits16).unwrap();
    assert!(filter.contains_password("one"));
    for empty in ["", good.as_str()] {
        let error = BreachFilter::build(empty.as_bytes(), 2, Precision::Bits16).unwrap_err();
        assert_eq!(error.kind(), BreachFilterErrorKind::Entries);
    }
}

#[test]
fn a_file_with_a_bad_head_a_wrong_size_or_a_flipped_bit_is_refused() {
    for precision in [Precision::Bits8, Precision::Bits16] {
        let good = file(&BreachFilter::build(list(0..50).as_bytes(), 0, precision).unwrap());
        assert!(BreachFilter::read_from(&*good).is_ok());
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            kind(&bytes)
        };
        assert_eq!(with(0, b'p'), BreachFilterErrorKind::NotAFilter);
        assert_eq!(with(8, 2), BreachFilterErrorKind::Version);
        assert_eq!(with(10, 32), BreachFilterErrorKind::Size, "bits");
        assert_eq!(with(12, 3), BreachFilterErrorKind::Size, "no power of two");
        assert_eq!(with(20, 1), BreachFilterErrorKind::Size, "reserved");
        // More than there is memory: it is found out before it is asked for.
        assert_eq!(with(47, 0x7f), BreachFilterErrorKind::Size);
        // The seed, the fingerprints and the sum itself.
        for at in (24..32).chain((48..good.len()).step_by(7)) {
            assert_eq!(with(at, !good[at]), BreachFilterErrorKind::Checksum, "{at}");
        }
        for len in [0, 7, 47, 48, good.len() - 33, good.len() - 1] {
            assert_eq!(kind(&good[..len]), BreachFilterErrorKind::Size, "{len}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(kind(&longer), BreachFilterErrorKind::Size);
    }
}

#[test]
fn a_file_is_opened_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("breaches");
    let missing = BreachFilter::open(&path).unwrap_err();
    assert_eq!(missing.kind(), BreachFilterErrorKind::Io);
    let filter = BreachFilter::build(list(0..50).as_bytes(), 0, Precision::Bits16).unwrap();
    filter
        .write_to(std::fs::File::create(&path).unwrap())
        .unwrap();
    assert!(
        BreachFilter::open(&path)
            .unwrap()
            .contains_password("breached 7")
    );
}

proptest! {
    /// A head can say anything. What is read never points outside of itself.
    #[test]
    fn no_file_makes_a_look_up_panic(
        head in proptest::collection::vec(any::<u8>(), 40),
        segment in 0_u32..12,
        segments in 0_u32..12,
        more in 0_u64..3,
        sha1: [u8; 20],
    ) {
        let length = 1 << segment;
        let count = length * segments;
        let mut bytes = b"PCBREACH\x01\x00".to_vec();
        bytes.extend(if head[0] % 2 == 0 { [8, 0] } else { [16, 0] });
        bytes.extend(u32::to_le_bytes(length));
        bytes.extend(u32::to_le_bytes(count));
        bytes.extend([0; 4]);
        bytes.extend(&head[..8]);
        bytes.extend(1_u64.to_le_bytes());
        let prints = u64::from(count + 2 * length) + more - 1;
        bytes.extend(prints.to_le_bytes());
        let size = prints * if head[0] % 2 == 0 { 1 } else { 2 };
        bytes.extend(head.iter().cycle().take(usize::try_from(size).unwrap()));
        let checksum = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
        bytes.extend(checksum);
        match BreachFilter::read_from(&*bytes) {
            Ok(filter) => {
                prop_assert!(segments > 0 && more == 1);
                let _either = filter.contains(&sha1);
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), BreachFilterErrorKind::Size);
                prop_assert!(segments == 0 || more != 1);
            }
        }
    }
}
