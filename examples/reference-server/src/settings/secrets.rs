//! Settings whose value nobody is to see: from a variable, the settings file, or a file of their own.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::path::Path;

use portcullis_auth_core::jwt::{Algorithm, SigningKey};
use portcullis_secrets::source::{FileSource, SourceErrorKind};
use portcullis_secrets::strength::require_strong;
use portcullis_secrets::{SecretBytes, SecretString};

use super::sources::{Given, Source};
use super::{Environment, Fault, Noted, Reader};
use crate::redaction::redactor;

impl Reader {
    pub(super) fn token_secret(
        &mut self,
        environment: Option<Environment>,
    ) -> Option<SecretString> {
        let production = environment == Some(Environment::Production);
        let found = self.secret("token_secret", "token_secret_file").ok()?;
        if let Some((secret, source)) = found {
            if let Source::Key(key, path) = &source
                && key == "token_secret"
            {
                self.warn_of_readers(path, &source);
            }
            let name = source.to_string();
            match secret.expose(|text| require_strong(&name, text.as_bytes())) {
                Err(weak) if production => {
                    self.faults.push(Fault(weak.to_string()));
                    return None;
                }
                Err(weak) => self.warnings.push(weak.to_string()),
                Ok(()) => {}
            }
            return Some(secret);
        }
        if production {
            let text = "PORTCULLIS_TOKEN_SECRET is missing, and production needs it; make a strong one with \
                        `openssl rand -base64 48`";
            self.faults.push(Fault(text.to_owned()));
            return None;
        }
        match SecretBytes::generate(32) {
            Ok(secret) => {
                let text = "PORTCULLIS_TOKEN_SECRET is not set: one was generated, which ends with this process";
                self.warnings.push(text.to_owned());
                Some(secret.to_base64url())
            }
            Err(error) => {
                let text = format!("a token secret cannot be generated: {error}");
                self.faults.push(Fault(text));
                None
            }
        }
    }

    /// The key of the file, for whichever algorithm it is.
    pub(super) fn signing_key(&mut self) -> Result<Option<SigningKey>, Noted> {
        let Some(Given { text, source }) = self.gathered.remove("signing_key_file") else {
            return Ok(None);
        };
        let pem = self.read(&text, &source)?;
        let algorithms = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];
        let mut keys = algorithms
            .into_iter()
            .map(|algorithm| pem.expose(|pem| SigningKey::from_pem(algorithm, pem)));
        match keys.find_map(Result::ok) {
            Some(key) => Ok(Some(key)),
            None => {
                let text = "it has to hold an unencrypted private key in PEM: Ed25519, P-256, or RSA of 2048 bits and more";
                self.note(&source, text)
            }
        }
    }

    /// What `key` says, or the file that `file_key` names, and which of them it was.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Option<(SecretString, Source)>, Noted> {
        let value = self.gathered.remove(key);
        let file = self.gathered.remove(file_key);
        let by_rank = match (&value, &file) {
            (Some(value), Some(file)) => value.source.rank().cmp(&file.source.rank()),
            (value, file) => value.is_some().cmp(&file.is_some()),
        };
        match (by_rank, value, file) {
            (Ordering::Equal, Some(value), Some(file)) => {
                // One of them must be stale, and which one cannot be told.
                let text = format!("{} is set as well; keep one of them", file.source);
                self.note(&value.source, &text)
            }
            (Ordering::Greater, Some(Given { text, source }), _) => {
                let text = SecretString::from(text);
                self.check_value(&text, &source)?;
                Ok(Some((text, source)))
            }
            (Ordering::Less, _, Some(Given { text, source })) => {
                let text = self.read(&text, &source)?;
                Ok(Some((text, source)))
            }
            _ => Ok(None),
        }
    }

    fn check_value(&mut self, value: &SecretString, source: &Source) -> Result<(), Noted> {
        if value.expose(str::is_empty) {
            return self.note(source, "it is empty");
        }
        let has_password = |text: &str| matches!(redactor().redact(text), Cow::Owned(_));
        if matches!(source, Source::Flag(_)) && value.expose(has_password) {
            let text = "everybody on the machine can read the password in an argument; use a variable or a file";
            return self.note(source, text);
        }
        Ok(())
    }

    /// Volumes of containers are open to others as a rule, so that it is no fault.
    fn warn_of_readers(&mut self, path: &Path, source: &Source) {
        if let Err(error) = FileSource::new(path).strict().read()
            && error.kind() == SourceErrorKind::Permissions
        {
            self.warnings.push(format!("{source}: {error}"));
        }
    }

    fn read(&mut self, path: &str, source: &Source) -> Result<SecretString, Noted> {
        if path.is_empty() {
            return self.note(source, "it is empty");
        }
        self.warn_of_readers(Path::new(path), source);
        let file = FileSource::new(path);
        let read = file.read().map_err(|error| redactor().redact_error(&error));
        let text = read.and_then(|secret| {
            let text = str::from_utf8(secret.value().expose_secret());
            text.map(SecretString::from)
                .map_err(|_| format!("{file} is not text"))
        });
        match text {
            Ok(text) => Ok(text),
            Err(text) => self.note(source, &text),
        }
    }
}
