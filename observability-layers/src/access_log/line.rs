//! What a line says, and whether it is written.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::json::escape;
use super::timestamp::Rfc3339;
use crate::observe::{Outcome, Record, Subject};

const MAX_TEXT: usize = 128;
const MAX_LONG_TEXT: usize = 256;
/// What a line seldom exceeds.
const LINE: usize = 1_024;

pub(super) type Redact = dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync;

/// What is logged, and how.
pub(super) struct Policy {
    /// `","level":"INFO","service":"shop"` and the same for the other levels.
    pub(super) heads: [Box<[u8]>; 3],
    pub(super) slow: Option<Duration>,
    pub(super) one_in: NonZeroU32,
    pub(super) ordinary: AtomicU32,
    pub(super) path: bool,
    pub(super) redact: Option<Arc<Redact>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl Policy {
    pub(super) fn new(service: &str) -> Self {
        let head = |level: Level| {
            let mut head =
                format!("\",\"level\":\"{}\",\"service\":\"", level.as_str()).into_bytes();
            escape(service.as_bytes(), MAX_TEXT, &mut head);
            head.push(b'"');
            head.into()
        };
        Self {
            heads: [Level::Info, Level::Warn, Level::Error].map(head),
            slow: None,
            one_in: NonZeroU32::MIN,
            ordinary: AtomicU32::new(0),
            path: false,
            redact: None,
        }
    }

    /// The level of a record, or `None` for an ordinary one that sampling leaves out. The first one
    /// is always in.
    pub(super) fn admit(&self, record: &Record<'_>) -> Option<Level> {
        let level = self.level(record);
        let sampled = level == Level::Info && self.one_in > NonZeroU32::MIN;
        // Wrapping around shortens one interval in four billion.
        let is_in = |policy: &Self| {
            policy
                .ordinary
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(policy.one_in.get())
        };
        (!sampled || is_in(self)).then_some(level)
    }

    fn level(&self, record: &Record<'_>) -> Level {
        let slow = self.slow.is_some_and(|slow| record.duration >= slow);
        if record.is_server_error() {
            Level::Error
        } else if slow || record.outcome == Outcome::TimedOut {
            Level::Warn
        } else {
            Level::Info
        }
    }

    /// Appends the line of a record to `out`.
    pub(super) fn write(&self, record: &Record<'_>, level: Level, draft: &mut Draft) {
        let Draft { line: out, time } = draft;
        out.clear();
        out.reserve(LINE);
        out.extend_from_slice(b"{\"timestamp\":\"");
        let ended_at = record.ended_at.unwrap_or_else(SystemTime::now);
        out.extend_from_slice(time.write(ended_at));
        out.extend_from_slice(&self.heads[level as usize]);

        let mut line = Line {
            out,
            redact: self.redact.as_deref(),
        };
        if let Some(id) = record.request_id {
            line.foreign_token(",\"request_id\":\"", id.header_value().as_bytes());
        }
        if let Some(trace) = record.trace {
            line.plain(",\"trace_id\":\"", trace.trace_id().as_bytes());
            line.plain(",\"span_id\":\"", trace.span_id().as_bytes());
        }
        if let Some(ip) = record.client_ip {
            line.ip(",\"client_ip\":\"", ip);
        }
        if let Some(user) = record.subject.and_then(Subject::user) {
            line.foreign(",\"user\":\"", user.as_bytes(), MAX_TEXT);
        }
        if let Some(tenant) = record.subject.and_then(Subject::tenant) {
            line.foreign(",\"tenant\":\"", tenant.as_bytes(), MAX_TEXT);
        }
        line.foreign_token(",\"method\":\"", record.method.as_str().as_bytes());
        if let Some(route) = record.route {
            line.text(",\"route\":\"", route.as_bytes(), MAX_LONG_TEXT);
        }
        if let Some(path) = record.path.filter(|_| self.path) {
            line.foreign(",\"path\":\"", path.as_bytes(), MAX_LONG_TEXT);
        }
        if let Some(status) = record.status {
            line.number(",\"status\":", status.as_u16());
        }
        if let Some(code) = record.grpc_status {
            line.number(",\"grpc_status\":", code as u16);
        }
        line.millis(",\"duration_ms\":", record.duration);
        line.number(",\"bytes\":", record.response_bytes);
        line.plain(",\"outcome\":\"", record.outcome.as_str().as_bytes());
        if let Some(agent) = record.user_agent {
            line.foreign(",\"user_agent\":\"", agent.as_bytes(), MAX_LONG_TEXT);
        }
        out.extend_from_slice(b"}\n");
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("slow", &self.slow)
            .field("one_in", &self.one_in)
            .field("path", &self.path)
            .field("redacts", &self.redact.is_some())
            .finish_non_exhaustive()
    }
}

/// Where a thread writes its lines.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) line: Vec<u8>,
    time: Rfc3339,
}

impl Draft {
    pub(super) const fn new() -> Self {
        Self {
            line: Vec::new(),
            time: Rfc3339::new(),
        }
    }
}

/// Members that are appended to a line. Each one is given the comma, its name, and the quote that
/// opens its value, if it has one.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    redact: Option<&'a Redact>,
}

// Inlined, so that the names are known where they are copied: a few moves each, and no call.
impl Line<'_> {
    /// What is printable ASCII without quotes by its type: tokens, ids, our own words. Only cut.
    #[inline(always)]
    fn plain(&mut self, name: &str, value: &[u8]) {
        self.out.extend_from_slice(name.as_bytes());
        let end = value.len().min(MAX_TEXT);
        self.out.extend_from_slice(&value[..end]);
        self.out.push(b'"');
    }

    #[inline(always)]
    fn text(&mut self, name: &str, value: &[u8], max: usize) {
        self.out.extend_from_slice(name.as_bytes());
        escape(value, max, self.out);
        self.out.push(b'"');
    }

    /// Text that comes from outside, and may hold what must not be logged.
    #[inline(always)]
    fn foreign(&mut self, name: &str, value: &[u8], max: usize) {
        match self.redact {
            // Redacted before it is cut: half a secret is not recognised.
            Some(redact) => {
                let value = String::from_utf8_lossy(value);
                self.text(name, redact(&value).as_bytes(), max);
            }
            None => self.text(name, value, max),
        }
    }

    /// The same for what is [plain](Self::plain) by its type unless a redaction makes something else of it.
    #[inline(always)]
    fn foreign_token(&mut self, name: &str, value: &[u8]) {
        if self.redact.is_some() {
            self.foreign(name, value, MAX_TEXT);
        } else {
            self.plain(name, value);
        }
    }

    #[inline(always)]
    fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.out.extend_from_slice(name.as_bytes());
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
    }

    fn millis(&mut self, name: &str, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.number(name, micros / 1_000);
        // A leading one keeps the zeros behind the point, and is replaced by it.
        let point = self.out.len();
        self.number("", 1_000 + micros % 1_000);
        self.out[point] = b'.';
    }

    fn ip(&mut self, name: &str, ip: IpAddr) {
        self.out.extend_from_slice(name.as_bytes());
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                self.number("", a);
                self.number(".", b);
                self.number(".", c);
                self.number(".", d);
            }
            IpAddr::V6(ip) => {
                // Writing to a `Vec` cannot fail.
                let _infallible = write!(self.out, "{ip}");
            }
        }
        self.out.push(b'"');
    }
}
