//! The filter's file, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PCBREACH` |
//! | 2 | version, 1 |
//! | 2 | bits of a fingerprint, 8 or 16 |
//! | 4 | length of a segment, a power of two |
//! | 4 | length of all segments but the last two |
//! | 4 | zero |
//! | 8 | seed |
//! | 8 | number of entries |
//! | 8 | number of fingerprints |
//! | .. | fingerprints |
//! | 32 | SHA-256 of all before |

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use xorf::{BinaryFuse8, BinaryFuse16, Descriptor};

use super::filter::Fingerprints;
use super::{BreachFilter, BreachFilterError, BreachFilterErrorKind};

const MAGIC: [u8; 8] = *b"PCBREACH";
const VERSION: u16 = 1;
const HEAD: usize = 48;
const CHECKSUM: usize = 32;
/// So much is read at a time, and no more than that is taken on trust in what a head says.
const CHUNK: usize = 1 << 20;

struct Head {
    bits: u16,
    descriptor: Descriptor,
    entries: u64,
    fingerprints: u64,
}

impl Head {
    fn of(filter: &BreachFilter) -> Self {
        let (bits, descriptor, fingerprints) = match &filter.fingerprints {
            Fingerprints::Bits8(filter) => (8, &filter.descriptor, filter.fingerprints.len()),
            Fingerprints::Bits16(filter) => (16, &filter.descriptor, filter.fingerprints.len()),
        };
        Self {
            bits,
            descriptor: descriptor.clone(),
            entries: filter.entries,
            fingerprints: fingerprints as u64,
        }
    }

    fn to_bytes(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let fields: [&[u8]; 9] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &self.bits.to_le_bytes(),
            &self.descriptor.segment_length.to_le_bytes(),
            &self.descriptor.segment_count_length.to_le_bytes(),
            &[0; 4],
            &self.descriptor.seed.to_le_bytes(),
            &self.entries.to_le_bytes(),
            &self.fingerprints.to_le_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        bytes
    }

    /// Reads a head, and makes sure that no key can point outside of the fingerprints.
    fn parse(bytes: &[u8; HEAD]) -> Result<Self, BreachFilterErrorKind> {
        let mut rest = &bytes[..];
        if take(&mut rest) != MAGIC {
            return Err(BreachFilterErrorKind::NotAFilter);
        }
        if u16::from_le_bytes(take(&mut rest)) != VERSION {
            return Err(BreachFilterErrorKind::Version);
        }
        let bits = u16::from_le_bytes(take(&mut rest));
        let segment_length = u32::from_le_bytes(take(&mut rest));
        let segment_count_length = u32::from_le_bytes(take(&mut rest));
        let zero: [u8; 4] = take(&mut rest);
        let seed = u64::from_le_bytes(take(&mut rest));
        let entries = u64::from_le_bytes(take(&mut rest));
        let fingerprints = u64::from_le_bytes(take(&mut rest));
        let all = u64::from(segment_count_length) + 2 * u64::from(segment_length);
        let fits = matches!(bits, 8 | 16)
            && zero == [0; 4]
            && segment_length.is_power_of_two()
            && segment_count_length >= segment_length
            && segment_count_length.is_multiple_of(segment_length)
            && u32::try_from(all).is_ok()
            && all == fingerprints
            && (1..=fingerprints).contains(&entries);
        if !fits {
            return Err(BreachFilterErrorKind::Size);
        }
        Ok(Self {
            bits,
            descriptor: Descriptor {
                seed,
                segment_length,
                segment_length_mask: segment_length - 1,
                segment_count_length,
            },
            entries,
            fingerprints,
        })
    }

    fn body_bytes(&self) -> u64 {
        self.fingerprints * u64::from(self.bits / 8)
    }
}

/// The next bytes. A head has as many as are taken.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((first, after)) => {
            *rest = after;
            *first
        }
        None => [0; N],
    }
}

impl BreachFilter {
    /// Reads a filter that [`write_to`](Self::write_to) has written.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no filter, is shorter or longer than it says, or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BreachFilterError> {
        Self::read_from(BufReader::with_capacity(CHUNK, File::open(path)?))
    }

    /// Reads a filter from anywhere, to the end.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read_from(mut reader: impl Read) -> Result<Self, BreachFilterError> {
        let mut bytes = [0; HEAD];
        reader.read_exact(&mut bytes)?;
        let head = Head::parse(&bytes)?;
        let mut checksum = Sha256::new_with_prefix(bytes);
        let fingerprints = match head.bits {
            8 => Fingerprints::Bits8(BinaryFuse8 {
                fingerprints: body(&mut reader, &head, &mut checksum, |[byte]| byte)?,
                descriptor: head.descriptor,
            }),
            _ => Fingerprints::Bits16(BinaryFuse16 {
                fingerprints: body(&mut reader, &head, &mut checksum, u16::from_le_bytes)?,
                descriptor: head.descriptor,
            }),
        };
        let mut stored = [0; CHECKSUM];
        reader.read_exact(&mut stored)?;
        if stored[..] != checksum.finalize()[..] {
            return Err(BreachFilterErrorKind::Checksum.into());
        }
        if reader.read(&mut [0])? != 0 {
            return Err(BreachFilterErrorKind::Size.into());
        }
        Ok(Self {
            entries: head.entries,
            fingerprints,
        })
    }

    /// Writes the filter, so that it can be read where it is used. To replace a file that is in use, write another and rename it.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn write_to(&self, mut writer: impl Write) -> io::Result<()> {
        let head = Head::of(self).to_bytes();
        let mut checksum = Sha256::new_with_prefix(head);
        writer.write_all(&head)?;
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut put = |bytes: &[u8]| {
            checksum.update(bytes);
            writer.write_all(bytes)
        };
        match &self.fingerprints {
            Fingerprints::Bits8(filter) => put(&filter.fingerprints)?,
            Fingerprints::Bits16(filter) => {
                for fingerprints in filter.fingerprints.chunks(CHUNK / 2) {
                    chunk.clear();
                    chunk.extend(fingerprints.iter().flat_map(|print| print.to_le_bytes()));
                    put(&chunk)?;
                }
            }
        }
        writer.write_all(&checksum.finalize())?;
        writer.flush()
    }
}

/// Reads the fingerprints, of `N` bytes each.
fn body<const N: usize, T>(
    reader: &mut impl Read,
    head: &Head,
    checksum: &mut Sha256,
    print: impl Fn([u8; N]) -> T,
) -> Result<Box<[T]>, BreachFilterError> {
    let mut prints = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut left = head.body_bytes();
    while left > 0 {
        let len = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let chunk = &mut chunk[..len];
        reader.read_exact(chunk)?;
        checksum.update(&*chunk);
        let (whole, _) = chunk.as_chunks::<N>();
        prints.extend(whole.iter().copied().map(&print));
        left -= len as u64;
    }
    Ok(prints.into())
}
