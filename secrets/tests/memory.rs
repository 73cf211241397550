//! What secrets leave in the memory of the process, looked up there.
//!
//! Safe Rust cannot read a buffer that was freed, but Linux shows the memory of a process as a file. The secrets are
//! long, so that something of a freed one is left whatever the allocator does with its place, and are held inverted
//! here, so that the search does not find itself.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{Secret, SecretBytes, SecretErrorKind, SecretString};

struct Hidden(Vec<u8>);

impl Hidden {
    fn from(secret: &[u8]) -> Self {
        Self(secret.iter().map(|byte| !byte).collect())
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().map(|byte| !byte)
    }

    /// The secret, which is text, as a string with `spare` bytes of room.
    fn string(&self, spare: usize) -> String {
        let mut text = String::with_capacity(self.0.len() + spare);
        text.extend(self.iter().map(char::from));
        text
    }
}

/// Finds any eight consecutive bytes of any of the secrets, from each eighth byte of theirs on.
struct Search {
    pieces: HashSet<u64>,
    // By the first two bytes of a piece; keeps the set from being asked for each byte of memory.
    starts: Vec<bool>,
}

impl Search {
    fn new(secrets: &[&Hidden]) -> Self {
        let pieces = secrets
            .iter()
            .flat_map(|hidden| hidden.0.as_chunks::<8>().0);
        let mut starts = vec![false; 1 << 16];
        for piece in pieces.clone() {
            starts[usize::from(u16::from_ne_bytes([piece[0], piece[1]]))] = true;
        }
        Self {
            pieces: pieces.map(|piece| u64::from_ne_bytes(*piece)).collect(),
            starts,
        }
    }

    fn finds_any(&self) -> bool {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut buffer = vec![0; 1 << 20];
        let (mut found, mut seen) = (false, Vec::new());
        for map in maps.lines() {
            let mut columns = map.split_whitespace();
            let (start, end) = columns.next().unwrap().split_once('-').unwrap();
            if !columns.next().unwrap().starts_with("rw") {
                continue;
            }
            seen.push(columns.nth(3).unwrap_or_default());
            let (mut start, end) = (address(start), address(end));
            while start < end {
                let len = buffer.len().min(usize::try_from(end - start).unwrap());
                // Some mappings of the kernel's own cannot be read; no allocation is in them.
                let read = memory.read_at(&mut buffer[..len], start).unwrap_or(0);
                found |= buffer[..read].windows(8).any(|window| self.matches(window));
                // The buffer is memory as well, and will be looked at.
                buffer[..read].fill(0);
                start += u64::try_from(len).unwrap();
            }
        }
        assert!(
            seen.contains(&"[heap]") && seen.contains(&"[stack]"),
            "{seen:?}"
        );
        found
    }

    fn matches(&self, window: &[u8]) -> bool {
        self.starts[usize::from(u16::from_ne_bytes([!window[0], !window[1]]))]
            && window
                .try_into()
                .is_ok_and(|piece| self.pieces.contains(&!u64::from_ne_bytes(piece)))
    }
}

fn address(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).unwrap()
}

/// Gives `filler` bytes, then the secret, and keeps no copy of either.
struct Stream<'a> {
    filler: usize,
    secret: Box<dyn Iterator<Item = u8> + 'a>,
    // Allocated at each read, so that a buffer that grows has to move.
    neighbours: Vec<Vec<u8>>,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.neighbours.push(vec![0; 2000]);
        let mut len = 0;
        while len < buffer.len() {
            if self.filler > 0 {
                self.filler -= 1;
                buffer[len] = b'.';
            } else if let Some(byte) = self.secret.next() {
                buffer[len] = byte;
            } else {
                break;
            }
            len += 1;
        }
        Ok(len)
    }
}

// One test and not several: each would look at the memory of the others.
#[test]
fn a_dropped_secret_is_nowhere_in_memory() {
    let key = SecretBytes::generate(4000).unwrap();
    let bytes = Hidden::from(key.expose_secret());
    let hex = Hidden::from(key.to_hex().expose_secret().as_bytes());
    let base64 = Hidden::from(key.to_base64url().expose_secret().as_bytes());
    let search = Search::new(&[&bytes, &hex, &base64]);

    assert!(search.finds_any(), "the search finds a secret that lives");
    drop(key);
    assert!(
        !search.finds_any(),
        "generating a key and writing it as text left something"
    );

    for spare in [0, 1, 1000] {
        drop(SecretString::from(hex.string(spare)));
        assert!(!search.finds_any(), "taking a string over left something");
        drop(SecretBytes::from(hex.string(spare).into_bytes()));
        assert!(!search.finds_any(), "taking a vector over left something");
    }

    let text = Zeroizing::new(hex.string(0));
    let key = SecretBytes::from_hex(&text).unwrap();
    drop(text);
    let text = Zeroizing::new(base64.string(0));
    assert!(key.ct_eq(&SecretBytes::from_base64(&text).unwrap()));
    drop((text, key));
    assert!(
        !search.finds_any(),
        "reading a key from text left something"
    );

    let stream = |filler| Stream {
        filler,
        secret: Box::new(hex.iter()),
        neighbours: Vec::new(),
    };
    for filler in [0, 4096] {
        drop(SecretString::read_from(stream(filler), 50_000).unwrap());
        assert!(!search.finds_any(), "reading left something");
    }
    let error = SecretString::read_from(stream(100), 8000).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::TooLong);
    assert!(!search.finds_any(), "reading too much left something");
    let error = SecretString::read_from(stream(0).chain(&b"\xff"[..]), 10_000).unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::NotUtf8);
    assert!(
        !search.finds_any(),
        "reading what is no text left something"
    );

    drop(Secret::<[[u8; 32]; 32]>::init_with(|rows| {
        for (place, byte) in rows.iter_mut().flatten().zip(bytes.iter()) {
            *place = byte;
        }
    }));
    assert!(!search.finds_any(), "filling in place left something");

    std::panic::catch_unwind(|| {
        SecretString::from(hex.string(10)).expose(|_| panic!("while it is exposed"));
    })
    .unwrap_err();
    assert!(!search.finds_any(), "a panic left something");

    #[cfg(feature = "serde")]
    {
        let mut json = Zeroizing::new(String::with_capacity(hex.0.len() + 2));
        json.push('"');
        json.extend(hex.iter().map(char::from));
        json.push('"');
        drop(serde_json::from_str::<SecretString>(&json).unwrap());
        drop(json);
        assert!(
            !search.finds_any(),
            "deserializing text without escapes left something"
        );
    }
}
