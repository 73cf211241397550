//! What is clean is looked at where it is. One test, because all threads' allocations are counted.
#![cfg(feature = "redact")]

use std::alloc::System;
use std::borrow::Cow;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use portcullis_secrets::redact::{KnownSecrets, RedactingWriter, Redactor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CLEAN: [&str; 4] = [
    "2024-05-01T10:20:30.123456Z  INFO request{method=GET route=/users/{id}}: app::auth::token: refreshed user=42 token_count=3 elapsed_ms=12 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 peer=192.0.2.1:443",
    "GET https://example.com/a/b?page=2&sort=asc HTTP/1.1 200 basic bearer token secret_version=3 https://h:8080/",
    "naïve ünïcödé → 日本語 🦀 1700000000000 0.4111111111111111",
    "{\"level\":\"INFO\",\"fields\":{\"n\":[1,2.5],\"max_tokens\":4096},\"ok\":true,\"token\":null}",
];

#[test]
fn clean_text_costs_no_allocation() {
    let known = KnownSecrets::new();
    known
        .insert("db", b"kT7#mq2Lx9Zp", Instant::now())
        .expect("it is random");
    let with_known = Redactor::builder().known_secrets(known).emails();
    let with_known = with_known.build().expect("there are no names");
    let plain = Redactor::new();
    let dirty = "password=hunter2";
    for redactor in [&plain, &with_known] {
        let region = Region::new(ALLOCATOR);
        assert!(matches!(black_box(redactor.redact(dirty)), Cow::Owned(_)));
        assert_ne!(region.change().allocations, 0, "the counter counts");

        let mut writer = RedactingWriter::new(redactor.clone(), std::io::sink());
        let region = Region::new(ALLOCATOR);
        for text in CLEAN {
            let borrowed = |cow: &Cow<'_, str>| matches!(cow, Cow::Borrowed(_));
            assert!(borrowed(&redactor.redact(black_box(text))));
            assert!(borrowed(&redactor.redact_json(black_box(text))));
            assert!(borrowed(
                &redactor.redact_url(black_box("https://example.com/a?b=c"))
            ));
            assert!(borrowed(&redactor.redact_query(black_box("a=1&b=2"))));
            let header = redactor.redact_header("accept", black_box(b"text/html"));
            assert!(matches!(header, Cow::Borrowed(_)));
            writer
                .write_all(black_box(b"a line\nanother\n"))
                .expect("a sink takes all");
        }
        let change = region.change();
        assert_eq!(change.allocations + change.reallocations, 0);
    }
}
