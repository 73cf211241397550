use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_layer_core::origin::PeerAddr;
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::testing::{ManualClock, Mock, TestBody, contract};
use proptest::prelude::*;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use super::line::{Draft, Level, Policy};
use super::*;
use crate::observe::{Outcome, Record, Sink as _, Subject, TraceContext};

const PATIENCE: Duration = Duration::from_secs(60);

/// An output that can be read.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record(status: u16) -> Record<'static> {
    Record {
        status: StatusCode::from_u16(status).ok(),
        ended_at: Some(UNIX_EPOCH + Duration::from_millis(1_800_000_000_007)),
        ..Record::new(&Method::GET, Outcome::Finished)
    }
}

fn line(policy: &Policy, record: &Record<'_>) -> String {
    let mut draft = Draft::new();
    policy.write(record, policy.admit(record).unwrap(), &mut draft);
    String::from_utf8(draft.line).unwrap()
}

#[test]
fn line_with_everything_is_as_written_here() {
    let method = Method::from_bytes(b"PROPFIND").unwrap();
    let id = RequestId::new(HeaderValue::from_static("018f-id")).unwrap();
    let subject = Subject::new().with_user("u-1").with_tenant("acme \"x\"");
    let agent = HeaderValue::from_bytes(b"curl/8\t\xe2\x82\xac\xff").unwrap();
    let trace = TraceContext::new([0x1f; 16], [0x2e; 8], true).unwrap();
    let full = Record {
        route: Some("/users/{id}"),
        path: Some("/users/7"),
        grpc_status: Some(GrpcCode::ResourceExhausted),
        response_bytes: u64::MAX,
        duration: Duration::from_nanos(12_034_567),
        client_ip: "2001:db8::7".parse().ok(),
        request_id: Some(&id),
        user_agent: Some(&agent),
        subject: Some(&subject),
        trace: Some(&trace),
        ..Record {
            method: &method,
            ..record(429)
        }
    };
    let expected = r#"{"timestamp":"2027-01-15T08:00:00.007Z","level":"INFO","service":"the \"shop\"","request_id":"018f-id","trace_id":"1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f","span_id":"2e2e2e2e2e2e2e2e","client_ip":"2001:db8::7","user":"u-1","tenant":"acme \"x\"","method":"PROPFIND","route":"/users/{id}","status":429,"grpc_status":8,"duration_ms":12.034,"bytes":18446744073709551615,"outcome":"finished","user_agent":"curl/8\u0009\u20ac\ufffd"}"#;
    let policy = Policy::new("the \"shop\"");
    assert_eq!(line(&policy, &full), format!("{expected}\n"));

    // The path, only where it was asked for.
    let policy = Policy {
        path: true,
        ..policy
    };
    let with_path = expected.replace(
        r#""route":"/users/{id}","#,
        r#""route":"/users/{id}","path":"/users/7","#,
    );
    assert_eq!(line(&policy, &full), format!("{with_path}\n"));
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Record {
        status: None,
        outcome: Outcome::Cancelled,
        ..record(200)
    };
    assert_eq!(
        line(&Policy::new("shop"), &bare),
        "{\"timestamp\":\"2027-01-15T08:00:00.007Z\",\"level\":\"INFO\",\"service\":\"shop\",\"method\":\"GET\",\"duration_ms\":0.000,\"bytes\":0,\"outcome\":\"cancelled\"}\n"
    );
}

#[test]
fn addresses_and_durations_are_written_exactly() {
    let policy = Policy::new("shop");
    let member = |record: Record<'_>, name: &str| {
        let line = line(&policy, &record);
        let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    for ip in ["0.0.0.0", "203.0.113.9", "255.255.255.255", "::1"] {
        let with = Record {
            client_ip: ip.parse().ok(),
            ..record(200)
        };
        assert_eq!(member(with, "client_ip"), format!("\"{ip}\""));
    }
    for (micros, expected) in [
        (0, "0.000"),
        (1, "0.001"),
        (999, "0.999"),
        (1_000, "1.000"),
        (60_000_050, "60000.050"),
    ] {
        let with = Record {
            duration: Duration::from_micros(micros),
            ..record(200)
        };
        assert_eq!(member(with, "duration_ms"), expected);
    }
}

#[test]
fn level_says_whether_somebody_should_look() {
    let policy = Policy {
        slow: Some(Duration::from_secs(1)),
        ..Policy::new("shop")
    };
    let with = |outcome| Record {
        outcome,
        ..record(200)
    };
    let slow = |millis| Record {
        duration: Duration::from_millis(millis),
        ..record(200)
    };
    for (record, expected) in [
        (record(200), Level::Info),
        (record(404), Level::Info),
        (with(Outcome::Cancelled), Level::Info),
        (slow(999), Level::Info),
        (slow(1_000), Level::Warn),
        (with(Outcome::TimedOut), Level::Warn),
        (record(500), Level::Error),
        (with(Outcome::Failed), Level::Error),
        (with(Outcome::Panicked), Level::Error),
    ] {
        assert_eq!(policy.admit(&record), Some(expected), "{record:?}");
    }
}

#[test]
fn sampling_leaves_out_ordinary_requests_only() {
    let policy = Policy {
        one_in: NonZeroU32::new(3).unwrap(),
        slow: Some(Duration::from_secs(1)),
        ..Policy::new("shop")
    };
    let slow = Record {
        duration: Duration::from_secs(2),
        ..record(200)
    };
    let mut logged = 0;
    for _ in 0..9 {
        logged += u32::from(policy.admit(&record(200)).is_some());
        assert!(policy.admit(&record(503)).is_some());
        assert!(policy.admit(&slow).is_some());
    }
    assert_eq!(logged, 3);
}

#[test]
fn values_from_outside_are_redacted_before_they_are_cut() {
    let policy = Policy {
        redact: Some(Arc::new(|text| {
            if text.contains("s3cret") {
                Cow::Owned(text.replace("s3cret", "***"))
            } else {
                Cow::Borrowed(text)
            }
        })),
        path: true,
        ..Policy::new("shop")
    };
    let method = Method::from_bytes(b"s3cret").unwrap();
    let id = RequestId::new(HeaderValue::from_static("s3cret")).unwrap();
    let subject = Subject::new().with_user("s3cret").with_tenant("s3cret");
    // The bound of 256 bytes falls into the middle of the secret.
    let agent = format!("{}s3cret", "x".repeat(253));
    let agent = HeaderValue::from_str(&agent).unwrap();
    let leaky = Record {
        method: &method,
        request_id: Some(&id),
        subject: Some(&subject),
        path: Some("/s3cret"),
        user_agent: Some(&agent),
        ..record(200)
    };
    let line = line(&policy, &leaky);
    assert!(!line.contains("s3"), "{line}");
    assert_eq!(line.matches("***").count(), 6, "{line}");
}

proptest! {
    #[test]
    fn any_record_is_one_line_of_bounded_json(
        texts in prop::array::uniform5(any::<String>()),
        agent: Vec<u8>,
        method in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,300}",
        status in prop::option::of(100..=999_u16),
        nanos: u64,
        response_bytes: u64,
        client_ip: Option<std::net::IpAddr>,
        millis in 0..=u64::from(u32::MAX) * 100_000,
    ) {
        let [service, user, tenant, route, path] = &texts;
        let agent: Vec<u8> = agent.into_iter().filter(|byte| *byte >= b' ' && *byte != 0x7f).collect();
        let agent = HeaderValue::from_bytes(&agent).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let subject = Subject::new().with_user(user.as_str()).with_tenant(tenant.as_str());
        let any = Record {
            route: Some(route),
            path: Some(path),
            status: status.and_then(|status| StatusCode::from_u16(status).ok()),
            response_bytes,
            duration: Duration::from_nanos(nanos),
            ended_at: Some(UNIX_EPOCH + Duration::from_millis(millis)),
            client_ip,
            user_agent: Some(&agent),
            subject: Some(&subject),
            ..Record::new(&method, Outcome::Finished)
        };
        let policy = Policy { path: true, ..Policy::new(service) };
        let line = line(&policy, &any);
        let json = line.strip_suffix('\n').unwrap();
        prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert!(json.len() < 8_192, "{}", json.len());
        let json: Value = serde_json::from_str(json).unwrap();
        prop_assert_eq!(&json["bytes"], response_bytes);
        prop_assert_eq!(json["status"].as_u64(), status.map(u64::from));
        let cut = |text: &str, max: usize| {
            let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            text[..end.unwrap()].to_owned()
        };
        prop_assert_eq!(json["user"].as_str(), Some(&*cut(user, 128)));
        prop_assert_eq!(json["route"].as_str(), Some(&*cut(route, 256)));
    }
}

fn request() -> Request<TestBody> {
    Request::new(TestBody::empty())
}

#[tokio::test]
async fn layer_keeps_the_contract_of_the_family() {
    let (log, _guard) = AccessLog::builder("shop").start(io::sink()).unwrap();
    contract::is_a_layer::<AccessLogLayer, Mock>();
    contract::keeps(&log.layer(), request).await;
}

#[tokio::test]
async fn requests_are_logged_from_one_end_to_the_other() {
    let output = Shared::default();
    let (log, guard) = AccessLog::builder("shop")
        .path()
        .start(output.clone())
        .unwrap();
    let clock = ManualClock::default();
    let hands = clock.clone();
    let mock = Mock::answering(move |_| {
        hands.advance(Duration::from_micros(1_500));
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("5"));
        let mut response = Response::new(TestBody::new([]).with_trailers(trailers));
        let subject = Subject::new().with_user("alice");
        response.extensions_mut().insert(subject);
        response
    });
    let service = log.layer().clock(clock).layer(mock);

    let mut request = request();
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/pkg.Shop/Buy?token=secret".parse().unwrap();
    let peer: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    request.extensions_mut().insert(PeerAddr(peer));
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(USER_AGENT, HeaderValue::from_static("grpc-test"));
    headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    drop(guard);
    assert_eq!(
        output.text(),
        "{\"timestamp\":\"2027-01-15T08:00:00.001Z\",\"level\":\"INFO\",\"service\":\"shop\",\"client_ip\":\"192.0.2.1\",\"user\":\"alice\",\"method\":\"POST\",\"path\":\"/pkg.Shop/Buy\",\"status\":200,\"grpc_status\":5,\"duration_ms\":1.500,\"bytes\":0,\"outcome\":\"finished\",\"user_agent\":\"grpc-test\"}\n"
    );
}

#[test]
fn flush_waits_for_all_lines_so_far() {
    let output = Shared::default();
    let (log, guard) = AccessLog::builder("shop").start(output.clone()).unwrap();
    for count in 1..=100 {
        log.completed(&record(200));
        assert!(guard.flush(PATIENCE));
        assert_eq!(output.text().lines().count(), count);
    }
    // There is nothing to wait for.
    assert!(guard.flush(Duration::ZERO));
    assert_eq!((log.taken(), log.dropped(), log.failed()), (100, 0, 0));
}

#[test]
fn lines_of_many_threads_stay_whole() {
    let output = Shared::default();
    let (log, guard) = AccessLog::builder("shop").start(output.clone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| log.completed(&record(200))));
        }
    });
    drop(guard);
    let text = output.text();
    let whole = line(&Policy::new("shop"), &record(200));
    assert_eq!(text, whole.repeat(2_000));
}

#[test]
fn stuck_output_costs_lines_and_not_time() {
    let (entered, writing) = mpsc::channel();
    let (resume, stuck) = mpsc::channel::<()>();
    let (log, guard) = AccessLog::builder("shop")
        .queue_bytes(NonZeroUsize::new(1_000).unwrap())
        .start_with(move |_| {
            entered.send(()).unwrap();
            // Fails when the test lets go of the other end, which lets the rest through.
            stuck.recv().map_err(io::Error::other)
        })
        .unwrap();
    log.completed(&record(200));
    writing.recv().unwrap();
    // The thread holds one line and does not come back.
    assert!(!guard.flush(Duration::ZERO));
    let room = 1_000 / line(&Policy::new("shop"), &record(200)).len() as u64;
    for _ in 0..100 {
        log.completed(&record(200));
    }
    assert_eq!(log.taken(), 1 + room);
    assert_eq!(log.dropped(), 100 - room);

    // And there is room again when it does.
    resume.send(()).unwrap();
    writing.recv().unwrap();
    log.completed(&record(200));
    assert_eq!(log.taken(), 2 + room);
    drop(resume);
    assert!(guard.flush(PATIENCE));
    assert_eq!(log.failed(), 1 + room);
}

#[test]
fn output_that_fails_is_counted_and_tried_again() {
    let mut fails = true;
    let (log, guard) = AccessLog::builder("shop")
        .start_with(move |_| match std::mem::replace(&mut fails, false) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        })
        .unwrap();
    log.completed(&record(200));
    assert!(guard.flush(PATIENCE));
    assert_eq!((log.taken(), log.failed()), (1, 1));
    log.completed(&record(200));
    assert!(guard.flush(PATIENCE));
    assert_eq!((log.taken(), log.failed()), (2, 1));
}

// The line after a full disk was appended to the half of the last one, and no reader could parse it.
#[test]
fn line_that_was_written_in_part_spoils_no_other() {
    struct Full(Shared, u32);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 {
                1 => self.0.write(&bytes[..20]),
                2 => Err(io::ErrorKind::StorageFull.into()),
                3 => Err(io::ErrorKind::Interrupted.into()),
                _ => self.0.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let output = Shared::default();
    let (log, guard) = AccessLog::builder("shop")
        .start(Full(output.clone(), 0))
        .unwrap();
    for _ in 0..3 {
        log.completed(&record(200));
        assert!(guard.flush(PATIENCE));
    }
    assert_eq!((log.taken(), log.failed()), (3, 1));
    let whole = line(&Policy::new("shop"), &record(200));
    assert_eq!(output.text(), format!("{}\n{whole}{whole}", &whole[..20]));
}

// It panicked, or ended the process, for a number that is a setting like any other.
#[test]
fn queue_that_memory_cannot_hold_is_an_error() {
    let started = AccessLog::builder("shop")
        .queue_bytes(NonZeroUsize::MAX)
        .start(io::sink());
    assert_eq!(started.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
}

#[test]
fn output_that_panics_ends_the_log_and_nothing_else() {
    let (log, guard) = AccessLog::builder("shop")
        .start_with(|_| panic!("as the test wants it"))
        .unwrap();
    log.completed(&record(200));
    assert!(guard.flush(PATIENCE));
    assert_eq!((log.taken(), log.failed(), log.dropped()), (1, 1, 0));
    log.completed(&record(200));
    assert_eq!((log.taken(), log.failed(), log.dropped()), (1, 1, 1));
}

#[test]
fn lines_after_the_guard_are_dropped() {
    let output = Shared::default();
    let (log, guard) = AccessLog::builder("shop").start(output.clone()).unwrap();
    log.completed(&record(200));
    drop(guard);
    log.completed(&record(200));
    assert_eq!(output.text().lines().count(), 1);
    assert_eq!((log.taken(), log.dropped()), (1, 1));
}

#[cfg(feature = "metrics")]
#[test]
fn counters_are_exposed() {
    use crate::metrics::{Format, Metrics};

    let (log, guard) = AccessLog::builder("shop").start(io::sink()).unwrap();
    let metrics = Metrics::new();
    metrics.register_with(|registry| registry.register_collector(Box::new(log.clone())));
    log.completed(&record(200));
    drop(guard);
    log.completed(&record(200));
    let text = metrics.encode(Format::Text);
    for sample in [
        "\naccess_log_lines_total 1\n",
        "\naccess_log_lines_failed_total 0\n",
        "\naccess_log_lines_dropped_total 1\n",
    ] {
        assert!(text.contains(sample), "{text}");
    }
}
