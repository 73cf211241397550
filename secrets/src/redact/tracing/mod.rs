//! Keeps secrets out of what the `fmt` layer of `tracing-subscriber` prints, as text or as JSON.
//!
//! ```
//! # use std::io::Write as _;
//! # use std::sync::{Arc, Mutex};
//! use portcullis_secrets::redact::Redactor;
//! use portcullis_secrets::redact::tracing::redacted_json;
//! use tracing_subscriber::fmt;
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! # let out = Arc::new(Mutex::new(Vec::new()));
//! # let writer = Arc::clone(&out);
//! # let writer = move || Writer(Arc::clone(&writer));
//! # struct Writer(Arc<Mutex<Vec<u8>>>);
//! # impl std::io::Write for Writer {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.0.lock().unwrap().write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! let layer = redacted_json(fmt::layer().json().with_writer(writer), &Redactor::new());
//! let subscriber = tracing_subscriber::registry().with(layer);
//! tracing::subscriber::with_default(subscriber, || {
//!     let span = tracing::info_span!("login", user = "joe", password = "hunter2", otp = tracing::field::Empty);
//!     span.record("otp", 123456);
//!     let _entered = span.enter();
//!     tracing::info!(attempt = 3, "trying https://joe:hunter2@idp.example/");
//! });
//! let line = String::from_utf8(out.lock().unwrap().clone())?;
//! assert!(line.contains(r#""attempt":3"#) && line.contains(r#""user":"joe""#));
//! assert!(line.contains(r#""password":"[REDACTED]""#) && line.contains(r#""otp":"[REDACTED]""#));
//! assert!(line.contains("trying https://***@idp.example/"));
//! assert!(!line.contains("hunter2") && !line.contains("123456"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A layer beside another one cannot change what that prints. So this sits in the layer itself: it
//! gives the formatters events and spans that have no secrets any more, and every formatter will do.
//! A value under a sensitive name is not even formatted; all others are searched, the message too.
//! Numbers and booleans keep their types. Of an event's names each is judged once, at its first event.
//!
//! With [`AllowlistMode::DropUnlisted`](super::AllowlistMode::DropUnlisted) the message is left, and
//! the fields that are listed.
//!
//! # What it does not do
//!
//! It does not see what other layers print, for instance those that send spans away. [`RedactMakeWriter`] is
//! for the ones that write lines, and a [`RedactingWriter`] for whatever
//! else does. Names of spans, targets and files are printed as they are.

mod event;
mod fields;
mod mask;
mod stored;
mod values;

use std::fmt;

use tracing_core::{Metadata, Subscriber};
use tracing_subscriber::fmt::{FormatEvent, FormatFields, Layer, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

pub use self::event::RedactEvent;
pub use self::fields::RedactFields;
use super::{RedactingWriter, Redactor};

/// Redacts what `layer` prints as text. Line breaks in values become `\n` and `\r`, so that nobody
/// can write a line of their own.
pub fn redacted_text<S, N, E, W>(
    layer: Layer<S, N, E, W>,
    redactor: &Redactor,
) -> Layer<S, RedactFields<N>, RedactEvent<E>, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, RedactFields<N>> + 'static,
    W: for<'a> MakeWriter<'a> + 'static,
{
    layer
        .map_fmt_fields(|fields| RedactFields::new(redactor.clone(), fields))
        .map_event_format(|event| RedactEvent::new(redactor.clone(), event))
}

/// Redacts what `layer` prints as JSON, or in any other form that escapes line breaks itself.
pub fn redacted_json<S, N, E, W>(
    layer: Layer<S, N, E, W>,
    redactor: &Redactor,
) -> Layer<S, RedactFields<N>, RedactEvent<E>, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    E: FormatEvent<S, RedactFields<N>> + 'static,
    W: for<'a> MakeWriter<'a> + 'static,
{
    layer
        .map_fmt_fields(|fields| RedactFields::new(redactor.clone(), fields).keep_line_breaks())
        .map_event_format(|event| RedactEvent::new(redactor.clone(), event).keep_line_breaks())
}

/// Makes [`RedactingWriter`]s around the writers that `M` makes. For layers that print what
/// [`RedactEvent`] cannot see: they make one for each event, as a rule, and whatever they write to it in
/// how many pieces is redacted by lines.
#[derive(Clone)]
pub struct RedactMakeWriter<M> {
    redactor: Redactor,
    inner: M,
}

impl<M> RedactMakeWriter<M> {
    /// Redacts what goes to the writers that `inner` makes.
    pub const fn new(redactor: Redactor, inner: M) -> Self {
        Self { redactor, inner }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactMakeWriter<M> {
    type Writer = RedactingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter::new(self.redactor.clone(), self.inner.make_writer())
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        RedactingWriter::new(self.redactor.clone(), self.inner.make_writer_for(meta))
    }
}

impl<M> fmt::Debug for RedactMakeWriter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactMakeWriter").finish_non_exhaustive()
    }
}
