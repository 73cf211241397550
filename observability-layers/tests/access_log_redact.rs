//! An access log that knows secrets. One test, because all threads' allocations are counted.

use std::alloc::System;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method};
use portcullis_layer_core::request_id::RequestId;
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::observe::{Outcome, Record, Sink as _};
use portcullis_secrets::redact::{KnownSecrets, Redactor};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn secrets_are_left_out_and_other_lines_cost_no_allocation() {
    let known = KnownSecrets::new();
    let secret = "kT7\"mq2Lx9Zp";
    known
        .insert("database", secret.as_bytes(), Instant::now())
        .expect("it is random");
    let redactor = Redactor::builder().known_secrets(known).build();
    let lines = Arc::new(Mutex::new(Vec::with_capacity(64 * 1024)));
    let output = Arc::clone(&lines);
    let (log, guard) = AccessLog::builder("shop")
        .path()
        .redact(redactor.expect("there are no names"))
        .start_with(move |batch| {
            output
                .lock()
                .expect("no writer panics")
                .extend_from_slice(batch);
            Ok(())
        })
        .expect("there is a thread");

    let token = format!("ghp_{}", "a1B2".repeat(9));
    let id = RequestId::new(token.parse().expect("it is a value")).expect("it is an id");
    let method = Method::from_bytes(token.as_bytes()).expect("it is a token");
    let path = format!("/a/{token}");
    let agent = format!("x/1 \"Bearer {token}\" {secret} é");
    let agent = HeaderValue::from_bytes(agent.as_bytes()).expect("it is a value");
    let mut leaky = Record::new(&method, Outcome::Finished);
    leaky.request_id = Some(&id);
    leaky.path = Some(&path);
    leaky.user_agent = Some(&agent);
    log.completed(&leaky);

    let id = RequestId::new(HeaderValue::from_static("018f-id")).expect("it is an id");
    let agent = HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0");
    let mut clean = Record::new(&Method::GET, Outcome::Finished);
    clean.request_id = Some(&id);
    clean.path = Some("/api/v1/projects/shop/configs/app");
    clean.user_agent = Some(&agent);
    // What a thread allocates once for all of its lines.
    log.completed(&clean);
    assert!(guard.flush(Duration::from_secs(60)));

    let region = Region::new(ALLOCATOR);
    for _ in 0..50 {
        log.completed(&clean);
    }
    let change = region.change();
    assert_eq!(change.allocations + change.reallocations, 0);

    drop(guard);
    let lines = lines.lock().expect("no writer panics").clone();
    let lines = String::from_utf8(lines).expect("the log is text");
    assert!(!lines.contains("a1B2") && !lines.contains("mq2Lx9Zp"));
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert_eq!(lines.len(), 52);
    assert_eq!(lines[0]["method"], "ghp_***");
    assert_eq!(lines[0]["request_id"], "ghp_***");
    assert_eq!(lines[0]["path"], "/a/ghp_***");
    assert_eq!(lines[0]["user_agent"], "x/1 \"Bearer ***\" [REDACTED] é");
    assert_eq!(lines[1]["method"], "GET");
    assert_eq!(lines[1]["user_agent"], agent.to_str().expect("it is text"));
}
