//! What the decisions leave behind for whoever has to explain them later: one [`Event`] for each, written after it took effect.
//!
//! ```
//! use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind, TracingSink};
//! use portcullis_auth_core::time::{Clock, SystemClock};
//!
//! let context = Context::default().ip("192.0.2.7".parse()?).user_agent("curl/8.5\r\nforged: line");
//! let event = Event::new(EventKind::LoginFail, SystemClock.now())
//!     .reason("wrong_password")
//!     .subject(&"u-17".parse()?)
//!     .context(&context);
//! assert_eq!(event.kind().as_str(), "authn_login_fail");
//! assert_eq!(event.user_agent_ref(), Some(r"curl/8.5\r\nforged: line"));
//! TracingSink.record(&event);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The names follow the [OWASP logging vocabulary] where it has one. No event holds a credential: tokens are told by their
//! `jti`, keys and sessions by their id, and what somebody typed as a name by a keyed hash, since people type passwords there.
//!
//! Some tell of what anybody can do as often as they like: a [`FoldingSink`] bounds how many of these are written.
//!
//! [OWASP logging vocabulary]: https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html

mod event;
mod fold;
mod kind;
mod sink;

pub use event::{Actor, Context, Event};
pub use fold::FoldingSink;
pub use kind::{EventKind, Outcome, Severity};
pub use sink::{AuditSink, TracingSink};
