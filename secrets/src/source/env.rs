use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fmt};

use super::content::Content;
use super::{FileSource, Loading, SecretSource, SourceError, SourceErrorKind};
use crate::SecretBytes;

/// An environment variable, read once.
///
/// The variable is read when the source is made and never again: the environment of a running process does not change
/// from outside, and reading it while another thread writes to it is not safe on every system. It also stays readable
/// for as long as the process lives, to the process, its children and its user: prefer files.
#[derive(Debug)]
pub struct EnvSource {
    name: Box<str>,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Value(SecretBytes),
    /// Read at each load: this one can change.
    File(FileSource),
    Fault(SourceErrorKind),
}

impl EnvSource {
    /// The variable `name`.
    pub fn new(name: &str) -> Self {
        Self::look_up(name, |name| env::var_os(name))
    }

    /// The variable `name`, or the file that `{name}_FILE` names, as container images do it.
    ///
    /// That both are set is an error, since one of them must be stale. So is a named file that does not exist: the
    /// operator has said that there is one.
    pub fn or_file(name: &str) -> Self {
        Self::look_up_or_file(name, |name| env::var_os(name))
    }

    /// Refuses a file that group or others may read or write, instead of only saying so. A value of the variable
    /// itself is not affected.
    #[must_use]
    pub fn strict(mut self) -> Self {
        if let Found::File(file) = self.found {
            self.found = Found::File(file.strict());
        }
        self
    }

    pub(super) fn look_up(name: &str, look_up: impl Fn(&str) -> Option<OsString>) -> Self {
        let found = match look_up(name).map(value) {
            Some(Ok(value)) => Found::Value(value),
            Some(Err(fault)) => Found::Fault(fault),
            None => Found::Fault(SourceErrorKind::NotFound),
        };
        let name = name.into();
        Self { name, found }
    }

    pub(super) fn look_up_or_file(name: &str, look_up: impl Fn(&str) -> Option<OsString>) -> Self {
        let Some(path) = look_up(&format!("{name}_FILE")) else {
            return Self::look_up(name, look_up);
        };
        let found = if look_up(name).is_some() {
            Found::Fault(SourceErrorKind::Ambiguous)
        } else if path.is_empty() {
            Found::Fault(SourceErrorKind::Empty)
        } else {
            Found::File(FileSource::new(path))
        };
        let name = name.into();
        Self { name, found }
    }

    fn error(&self, kind: SourceErrorKind) -> SourceError {
        SourceError::new(kind, self)
    }
}

fn value(value: OsString) -> Result<SecretBytes, SourceErrorKind> {
    // A secret from here on, so that the copy is wiped whatever comes.
    let value = SecretBytes::from(value.into_encoded_bytes());
    Content::Text.check(value.expose_secret())?;
    Ok(value)
}

impl SecretSource for EnvSource {
    fn load(&self) -> Loading<'_> {
        Box::pin(async move {
            match &self.found {
                Found::Value(value) => Ok(SecretBytes::from(value.expose_secret()).into()),
                Found::Fault(kind) => Err(self.error(*kind)),
                Found::File(file) => file.load().await.map_err(|error| match error.kind() {
                    SourceErrorKind::NotFound => SourceError::new(SourceErrorKind::Dangling, file),
                    _ => error,
                }),
            }
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        match &self.found {
            Found::File(file) => file.files(),
            Found::Value(_) | Found::Fault(_) => Vec::new(),
        }
    }
}

impl fmt::Display for EnvSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {:?}", self.name)
    }
}
