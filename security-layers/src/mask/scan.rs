use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::json::FieldMask;
use super::secrets::SecretMask;
use super::stats::State;

/// What is done with one body: fields first, so that nobody searches values that are gone.
pub(super) struct Scan {
    fields: Option<FieldMask>,
    secrets: Option<SecretMask>,
    state: Arc<State>,
}

impl Scan {
    pub(super) fn new(
        fields: Option<FieldMask>,
        secrets: Option<SecretMask>,
        state: Arc<State>,
    ) -> Self {
        state.scanned();
        Self {
            fields,
            secrets,
            state,
        }
    }

    /// Takes the next piece, and says what can be passed on; `is_last` is true when nothing follows.
    pub(super) fn push(&mut self, mut data: Bytes, is_last: bool) -> [Bytes; 2] {
        if let Some(fields) = &mut self.fields {
            data = fields.push(&data);
            self.state.masked_fields(fields.take_found());
        }
        let Some(secrets) = &mut self.secrets else {
            return [data, Bytes::new()];
        };
        let data = secrets.push(&data, is_last);
        self.state.masked_secrets(secrets.take_found());
        data
    }

    /// Whether nothing is to come after what was passed on.
    pub(super) fn is_idle(&self) -> bool {
        self.secrets.as_ref().is_none_or(SecretMask::is_idle)
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("fields", &self.fields.is_some())
            .field("secrets", &self.secrets.is_some())
            .finish_non_exhaustive()
    }
}
