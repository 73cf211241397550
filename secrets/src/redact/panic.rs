//! What a process says on its way out.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::panic::PanicHookInfo;
use std::thread;

use super::Redactor;

/// What to say about a panic, or `None` if its message may be shown as it is.
pub(super) fn report(redactor: &Redactor, info: &PanicHookInfo<'_>) -> Option<String> {
    let Cow::Owned(message) = redactor.redact(message(info.payload())?) else {
        return None;
    };
    let thread = thread::current();
    let mut report = format!("thread '{}' panicked", thread.name().unwrap_or("<unnamed>"));
    if let Some(location) = info.location() {
        report.extend([" at ", &location.to_string()]);
    }
    report.extend([":\n", &message]);
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        report.extend(["\nstack backtrace:\n", &backtrace.to_string()]);
    }
    Some(report)
}

/// The text of a panic. Other payloads are not printed by anybody.
fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let string = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(string)
}
