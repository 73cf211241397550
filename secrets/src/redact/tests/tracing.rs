use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::field::Empty;
use tracing::{Subscriber, info, info_span};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::{self as tracing_fmt, MakeWriter};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

use super::Failure;
use crate::redact::tracing::{RedactMakeWriter, redacted_json, redacted_text};
use crate::redact::{AllowlistMode, Redactor};

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn log(
    layer: impl FnOnce(Output) -> Box<dyn Layer<Registry> + Send + Sync>,
    events: impl FnOnce(),
) -> String {
    let output = Output::default();
    let subscriber = tracing_subscriber::registry().with(layer(output.clone()));
    tracing::subscriber::with_default(subscriber, events);
    output.text()
}

fn as_text(redactor: &Redactor, events: impl FnOnce()) -> String {
    log(
        |output| {
            let layer = tracing_fmt::layer()
                .without_time()
                .with_ansi(false)
                .with_writer(output);
            Box::new(redacted_text(layer, redactor))
        },
        events,
    )
}

fn as_json(redactor: &Redactor, events: impl FnOnce()) -> Vec<Value> {
    let text = log(
        |output| {
            let layer = tracing_fmt::layer()
                .json()
                .without_time()
                .with_writer(output);
            Box::new(redacted_json(layer, redactor))
        },
        events,
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn login() {
    let span = info_span!(
        "login",
        user = "joe",
        password = "hunter2",
        otp = Empty,
        url = Empty
    );
    let _entered = span.enter();
    span.record("otp", 123_456);
    span.record("url", "https://joe:hunter2@idp/");
    info!(
        attempt = 3,
        ratio = 0.5,
        ok = true,
        api_key = %"hunter2",
        body = ?Some("token=hunter2"),
        token_count = 7,
        card = 4_111_111_111_111_111_u64,
        "password=hunter2 for {}", "joe"
    );
}

#[test]
fn text_of_spans_events_and_later_records_is_redacted() {
    assert_eq!(
        as_text(&Redactor::new(), login),
        " INFO login{user=\"joe\" password=[REDACTED] otp=[REDACTED] url=\"https://***@idp/\"}: \
         portcullis_secrets::redact::tests::tracing: password=[REDACTED] for joe \
         attempt=3 ratio=0.5 ok=true api_key=[REDACTED] body=Some(\"token=[REDACTED]\") token_count=7 card=***1111\n"
    );
}

#[test]
fn json_of_spans_events_and_later_records_is_redacted_and_keeps_its_types() {
    let lines = as_json(&Redactor::new(), login);
    let span = serde_json::json!({
        "name": "login", "user": "joe", "password": "[REDACTED]", "otp": "[REDACTED]", "url": "https://***@idp/",
    });
    let expected = serde_json::json!({
        "level": "INFO",
        "target": "portcullis_secrets::redact::tests::tracing",
        "fields": {
            "message": "password=[REDACTED] for joe",
            "attempt": 3, "ratio": 0.5, "ok": true, "api_key": "[REDACTED]",
            "body": "Some(\"token=[REDACTED]\")", "token_count": 7, "card": "***1111",
        },
        "span": span,
        "spans": [span],
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn a_formatter_with_fields_of_its_own_gets_no_secrets_either() {
    let text = log(
        |output| {
            let layer = tracing_fmt::layer()
                .pretty()
                .with_ansi(false)
                .without_time()
                .with_writer(output);
            Box::new(redacted_text(layer, &Redactor::new()))
        },
        login,
    );
    assert!(text.contains("password: [REDACTED]"), "{text}");
    assert!(text.contains("attempt: 3"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("123456"),
        "{text}"
    );
}

#[test]
fn errors_are_redacted_with_their_causes() {
    let cause = Failure("at https://u:p@db/", None);
    let error = Failure("no token=abc", Some(Box::new(cause)));
    let text = as_text(&Redactor::new(), || {
        info!(error = &error as &(dyn Error + 'static), "failed");
    });
    assert!(
        text.ends_with("failed error=no token=[REDACTED] error.sources=[at https://***@db/]\n"),
        "{text}"
    );
}

#[test]
fn nobody_can_start_a_line_of_their_own() {
    let events = || {
        let span = info_span!("login", user = %"joe\n INFO fake");
        let _entered = span.enter();
        span.record("user", tracing::field::display("a\r\nb"));
        info!(agent = %"x\ny", "one\r\ntwo");
    };
    let text = as_text(&Redactor::new(), events);
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(text.contains(r"one\r\ntwo agent=x\ny"), "{text}");
    // JSON escapes them itself.
    let lines = as_json(&Redactor::new(), events);
    assert_eq!(lines[0]["fields"]["message"], "one\r\ntwo");
    assert_eq!(lines[0]["fields"]["agent"], "x\ny");
}

#[test]
fn fields_that_are_not_listed_are_left_out() {
    let redactor = Redactor::builder()
        .allow(["status"])
        .allowlist_mode(AllowlistMode::DropUnlisted)
        .build()
        .unwrap();
    let text = as_text(&redactor, || {
        let _entered = info_span!("a", status = 1, city = "Paris").entered();
        let _inner = info_span!("b", city = "Rome").entered();
        info!(city = "Paris", status = 200, password = "x", "done");
        info!(city = "Oslo");
    });
    let target = "portcullis_secrets::redact::tests::tracing";
    assert_eq!(
        text,
        format!(
            " INFO a{{status=1}}:b: {target}: done status=200 password=[REDACTED]\n INFO a{{status=1}}:b: {target}: \n"
        )
    );
}

#[test]
fn events_about_a_span_are_not_taken_for_its_fields() {
    // The first field of such an event has the index that the password has in the span, and the second
    // one that of the name.
    for first_life in [true, false] {
        let text = log(
            |output| {
                let layer = tracing_fmt::layer()
                    // Without it the times that are fields are left out too.
                    .with_timer(())
                    .with_ansi(false)
                    .with_span_events(if first_life {
                        FmtSpan::FULL
                    } else {
                        FmtSpan::CLOSE
                    })
                    .with_writer(output);
                Box::new(redacted_text(layer, &Redactor::new()))
            },
            || {
                for _ in 0..2 {
                    let span = info_span!(
                        "life",
                        password = "hunter2",
                        name = "joe",
                        secret = "hunter2"
                    );
                    let _entered = span.enter();
                    info!("in");
                }
            },
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(
            text.matches("password=[REDACTED] name=\"joe\" secret=[REDACTED]")
                .count(),
            text.lines().count()
        );
        assert_eq!(text.matches(": close time.busy=").count(), 2, "{text}");
    }
}

#[test]
fn an_event_about_a_span_without_fields_is_json_too() {
    let text = log(
        |output| {
            let layer = tracing_fmt::layer()
                .json()
                .with_span_events(FmtSpan::CLOSE)
                .with_writer(output);
            Box::new(redacted_json(layer, &Redactor::new()))
        },
        || drop(info_span!("bare")),
    );
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["fields"]["message"], "close");
    assert!(line["fields"]["time.busy"].is_string());
}

#[test]
fn values_under_sensitive_names_are_not_even_formatted() {
    struct Never;
    impl fmt::Debug for Never {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("it was formatted")
        }
    }
    let text = as_text(&Redactor::new(), || info!(password = ?Never, "x"));
    assert!(text.ends_with("x password=[REDACTED]\n"), "{text}");
}

#[test]
fn a_value_may_log_while_it_is_formatted() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let _entered = info_span!("inner", token = "hunter2").entered();
            info!(password = "hunter2", "nested");
            f.write_str("token=hunter2")
        }
    }
    // `tracing` drops what is logged while an event is dispatched, but not what is while a span is.
    let text = as_text(&Redactor::new(), || {
        let _entered = info_span!("outer", a = 1, value = ?Chatty, b = 2).entered();
        info!(a = 1, value = ?Chatty, b = 2, "done");
    });
    let outer = " INFO outer{a=1 value=token=[REDACTED] b=2}: ";
    assert!(
        text.ends_with(": done a=1 value=token=[REDACTED] b=2\n"),
        "{text}"
    );
    assert!(text.contains(outer), "{text}");
}

#[test]
fn more_fields_than_an_array_usually_holds_are_all_shown() {
    let lines = as_json(&Redactor::new(), || {
        info!(
            f00 = 0,
            f01 = 1,
            f02 = 2,
            f03 = 3,
            f04 = 4,
            f05 = 5,
            f06 = 6,
            f07 = 7,
            f08 = 8,
            f09 = 9,
            f10 = 0,
            f11 = 1,
            f12 = 2,
            f13 = 3,
            f14 = 4,
            f15 = 5,
            f16 = 6,
            f17 = 7,
            f18 = 8,
            f19 = 9,
            f20 = 0,
            f21 = 1,
            f22 = 2,
            f23 = 3,
            f24 = 4,
            f25 = 5,
            f26 = 6,
            f27 = 7,
            f28 = 8,
            f29 = 9,
            f30 = 0,
            f31 = 1,
            f32 = 2,
            f33 = 3,
            f34 = 4,
            f35 = 5,
            f36 = 6,
            f37 = 7,
            f38 = 8,
            f39 = 9,
            f40 = 0,
            f41 = 1,
            f42 = 2,
            f43 = 3,
            f44 = 4,
            f45 = 5,
            f46 = 6,
            f47 = 7,
            f48 = 8,
            f49 = 9,
            f50 = 0,
            f51 = 1,
            f52 = 2,
            f53 = 3,
            f54 = 4,
            f55 = 5,
            f56 = 6,
            f57 = 7,
            f58 = 8,
            f59 = 9,
            f60 = 0,
            f61 = 1,
            f62 = 2,
            f63 = 3,
            f64 = 4,
            password = "hunter2",
            f66 = 6,
        );
    });
    let fields = lines[0]["fields"].as_object().unwrap();
    assert_eq!(fields.len(), 67);
    assert_eq!(fields["password"], "[REDACTED]");
    assert_eq!(fields["f64"], 4);
}

/// Prints events on its own, in several pieces.
struct Foreign<M>(M);

impl<S: Subscriber, M: for<'a> MakeWriter<'a> + 'static> Layer<S> for Foreign<M> {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut writer = self.0.make_writer_for(event.metadata());
        let text = format!(
            "{:?}",
            event.fields().map(|field| field.name()).collect::<Vec<_>>()
        );
        for piece in ["pass", "word=hun", "ter2 ", &text] {
            writer.write_all(piece.as_bytes()).unwrap();
        }
    }
}

#[test]
fn the_writer_catches_what_a_foreign_layer_prints() {
    let text = log(
        |output| Box::new(Foreign(RedactMakeWriter::new(Redactor::new(), output))),
        || info!(a = 1),
    );
    assert_eq!(text, "password=[REDACTED] [\"a\"]");
}
