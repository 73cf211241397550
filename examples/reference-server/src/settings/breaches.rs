//! The list of passwords that are known from breaches.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use portcullis_auth_core::password::{BreachFilter, BreachFilterError, Precision};

use super::sources::Given;
use super::{Noted, Reader};

/// What the file of a filter begins with.
const FILTER: &[u8] = b"PCBREACH";

impl Reader {
    pub(super) fn breach_list(&mut self) -> Result<Option<BreachFilter>, Noted> {
        let Some(Given { text, source }) = self.gathered.remove("breach_list") else {
            return Ok(None);
        };
        match read(Path::new(&text)) {
            Ok(list) => Ok(Some(list)),
            Err(error) => self.note(&source, &format!("{text}: {error}")),
        }
    }
}

fn read(path: &Path) -> Result<BreachFilter, BreachFilterError> {
    // As much as a disk likes to give at a time.
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    if file.fill_buf()?.starts_with(FILTER) {
        BreachFilter::read_from(file)
    } else {
        BreachFilter::build(file, 1, Precision::Bits16)
    }
}
