use std::cell::Cell;
use std::fmt;

use tracing_core::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::values::Policy;
use crate::redact::Redactor;

/// Formats events as `E` does, without the secrets in them. The fields of the spans around them are
/// formatted by [`RedactFields`](super::RedactFields).
pub struct RedactEvent<E> {
    policy: Policy,
    inner: E,
}

impl<E> RedactEvent<E> {
    /// Redacts what `inner` formats. Line breaks become `\n` and `\r`.
    pub fn new(redactor: Redactor, inner: E) -> Self {
        let policy = Policy::new(redactor);
        Self { policy, inner }
    }

    /// Keeps line breaks, for a formatter that escapes them itself.
    pub fn keep_line_breaks(mut self) -> Self {
        self.policy.keep_line_breaks = true;
        self
    }
}

impl<S, N, E> FormatEvent<S, N> for RedactEvent<E>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        self.policy.redacted(
            Some(event.metadata().fields()),
            |visitor| event.record(visitor),
            |values| {
                let Some(values) = values else {
                    return self.inner.format_event(ctx, writer, event);
                };
                let metadata = event.metadata();
                let event = match event.parent() {
                    None if event.is_contextual() => Event::new(metadata, values),
                    parent => Event::new_child_of(parent.cloned(), metadata, values),
                };
                let _redacted = Redacted::enter();
                self.inner.format_event(ctx, writer, &event)
            },
        )
    }
}

impl<E> fmt::Debug for RedactEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactEvent").finish_non_exhaustive()
    }
}

thread_local! {
    static IS_REDACTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether an event is being formatted on this thread that is redacted already, so that it need not
/// be done again for its fields.
pub(super) fn is_redacted() -> bool {
    IS_REDACTED.get()
}

struct Redacted {
    before: bool,
}

impl Redacted {
    fn enter() -> Self {
        let before = IS_REDACTED.replace(true);
        Self { before }
    }
}

impl Drop for Redacted {
    fn drop(&mut self) {
        IS_REDACTED.set(self.before);
    }
}
