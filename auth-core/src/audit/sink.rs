use std::fmt;
use std::sync::Arc;

use super::{Event, Severity};

/// Where events go.
///
/// Called after the change that the event tells of, by whoever made it: what takes time is put into a queue.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Takes an event. There is no way to say that it was not kept: who drops some tells how many by an
    /// [`AuditDropped`](super::EventKind::AuditDropped).
    fn record(&self, event: &Event);
}

impl<S: AuditSink + ?Sized> AuditSink for Arc<S> {
    fn record(&self, event: &Event) {
        (**self).record(event);
    }
}

/// Writes events through `tracing`, with the target `portcullis::audit`: at `ERROR` what is critical, at `WARN` what is
/// high or a warning, at `INFO` the rest. What is not known is left out. The field `ts` is in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TracingSink;

macro_rules! write {
    ($level:ident, $event:ident) => {
        tracing::$level!(
            target: "portcullis::audit",
            event = $event.kind().as_str(),
            outcome = $event.outcome_ref().as_str(),
            severity = $event.severity_ref().as_str(),
            id = %$event.id(),
            ts = $event.at().as_millis(),
            tenant = $event.tenant_ref().map(|tenant| tenant.as_str()),
            actor_kind = $event.actor_ref().map(|actor| actor.kind()),
            actor_id = $event.actor_ref().and_then(|actor| actor.id()),
            subject = $event.subject_ref(),
            session_id = $event.session_ref().map(tracing::field::display),
            client_id = $event.client_ref().map(|client| client.as_str()),
            key_id = $event.key_id_ref(),
            reason = $event.reason_ref(),
            method = $event.method_ref(),
            count = $event.count_ref(),
            client_ip = $event.context_ref().ip_ref().map(tracing::field::display),
            user_agent = $event.user_agent_ref(),
            request_id = $event.context_ref().request_id_ref(),
        )
    };
}

impl AuditSink for TracingSink {
    fn record(&self, event: &Event) {
        match event.severity_ref() {
            Severity::Critical => write!(error, event),
            Severity::High | Severity::Warning => write!(warn, event),
            Severity::Info => write!(info, event),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::audit::{Actor, Context, EventKind};
    use crate::time::Timestamp;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_of_what_is_known() {
        // With one subscriber alone, another test without any could switch these events off.
        let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let event = Event::new(EventKind::TokenReuse, Timestamp::MIN)
                .tenant(&"acme".parse().unwrap())
                .actor(Actor::System)
                .subject(&"u-1".parse().unwrap())
                .context(&Context::default().ip("192.0.2.1".parse().unwrap()));
            TracingSink.record(&event);
            TracingSink.record(&Event::new(EventKind::LoginSuccess, Timestamp::MIN));
        });
        let said = lines.0.lock().unwrap().clone();
        let said = String::from_utf8(said).unwrap();
        let (first, second) = said.split_once('\n').unwrap();
        assert!(first.starts_with("ERROR portcullis::audit: event=\"authn_token_reuse\" outcome=\"blocked\" severity=\"CRITICAL\""), "{first}");
        assert!(
            first.ends_with(
                "ts=0 tenant=\"acme\" actor_kind=\"system\" subject=\"u-1\" client_ip=192.0.2.1"
            ),
            "{first}"
        );
        assert!(
            second
                .trim_start()
                .starts_with("INFO portcullis::audit: event=\"authn_login_success\""),
            "{second}"
        );
        assert!(!second.contains("subject"), "{second}");
    }
}
