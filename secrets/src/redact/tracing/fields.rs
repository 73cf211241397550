use std::fmt;
use std::mem;

use tracing_core::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

use super::event::is_redacted;
use super::values::Policy;
use crate::redact::Redactor;

/// Formats the fields of spans as `N` does, also those that are recorded later, without the secrets
/// in them.
pub struct RedactFields<N> {
    policy: Policy,
    inner: N,
}

impl<N> RedactFields<N> {
    /// Redacts what `inner` formats. Line breaks become `\n` and `\r`.
    pub fn new(redactor: Redactor, inner: N) -> Self {
        let policy = Policy::new(redactor);
        Self { policy, inner }
    }

    /// Keeps line breaks, for a formatter that escapes them itself.
    pub fn keep_line_breaks(mut self) -> Self {
        self.policy.keep_line_breaks = true;
        self
    }
}

impl<'writer, N> FormatFields<'writer> for RedactFields<N>
where
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        if is_redacted() {
            return self.inner.format_fields(writer, fields);
        }
        self.policy.redacted(
            None,
            |visitor| fields.record(visitor),
            |values| match values {
                Some(values) => self.inner.format_fields(writer, Record::new(values)),
                None => self.inner.format_fields(writer, &fields),
            },
        )
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        // The other formatter knows how to add to what it wrote, if that is called its own.
        let mut own = FormattedFields::<N>::new(mem::take(&mut current.fields));
        let result = self.policy.redacted(
            None,
            |visitor| fields.record(visitor),
            |values| match values {
                Some(values) => self.inner.add_fields(&mut own, &Record::new(values)),
                None => Ok(()),
            },
        );
        current.fields = own.fields;
        result
    }
}

impl<N> fmt::Debug for RedactFields<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactFields").finish_non_exhaustive()
    }
}
