//! What rotation tells the audit log.
//!
//! One test, in a process of its own: an event that another thread registers at the same moment would be switched off
//! for all of them, because `tracing` keeps one verdict per place in the source.
#![cfg(feature = "rotate")]
#![expect(clippy::unwrap_used, reason = "in a test that is a failure")]

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use portcullis_secrets::rotate::{KeyRing, Rejected, RingPolicy, Rotation};
use portcullis_secrets::source::FileSource;

/// Keeps the fields of each audit event, as text.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "portcullis::audit"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                // Those differ from run to run.
                if !matches!(field.name(), "secret_version" | "previous_version" | "path") {
                    self.0 += &format!("{field}={value:?} ");
                }
            }
        }
        let mut fields = Fields(format!("{} ", event.metadata().level()));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0.trim_end().to_owned());
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_change_and_each_failure_is_an_event_without_a_value() {
    let events = Events::default();
    let _guard = tracing::subscriber::set_default(events.clone());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let write = |content: &str| {
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    };
    let loaded = || {
        Rotation::new("key", FileSource::new(&path))
            .strength(|bytes| match bytes.expose_secret().len() {
                0..6 => Err(Rejected::from("it is too short")),
                _ => Ok(()),
            })
            .keep_previous(Duration::from_secs(600))
            .without_polling()
            .start()
    };

    write("hunter-1");
    let secret = loaded().await.unwrap();
    write("hunter-2");
    secret.reload().await.unwrap();
    secret.reload().await.unwrap();
    assert_eq!(
        events.take(),
        [
            r#"INFO event="secret_loaded" outcome="success" secret_name="key""#,
            r#"INFO event="secret_rotated" outcome="success" secret_name="key" previous_kept_seconds=600"#,
        ]
    );

    // The same failure is told once, another one is told, too.
    write("");
    for _ in 0..2 {
        secret.reload().await.unwrap_err();
    }
    write("tiny");
    secret.reload().await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(301)).await;
    secret.reload().await.unwrap_err();
    let told = events
        .take()
        .join("\n")
        .replace(&format!("{path:?}"), "PATH");
    assert_eq!(
        told,
        [
            r#"WARN event="secret_rotation_failed" outcome="failure" reason="empty" secret_name="key" detail=secret "key" could not be loaded cause=file PATH is empty age_seconds=0"#,
            r#"WARN event="secret_weak" outcome="blocked" secret_name="key" detail=secret "key" is too weak: it is too short"#,
            r#"WARN event="secret_rotation_failed" outcome="failure" reason="weak" secret_name="key" detail=secret "key" is too weak: it is too short age_seconds=0"#,
            r#"WARN event="secret_stale" outcome="failure" reason="not_confirmed" secret_name="key" age_seconds=301"#,
        ]
        .join("\n")
    );

    loaded().await.unwrap_err();
    assert_eq!(
        events.take(),
        [
            r#"WARN event="secret_weak" outcome="blocked" secret_name="key" detail=secret "key" is too weak: it is too short"#,
            r#"WARN event="secret_rotation_failed" outcome="failure" reason="weak" secret_name="key" detail=secret "key" is too weak: it is too short"#,
        ]
    );

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let source = FileSource::new(&path);
        for _ in 0..2 {
            source.read().unwrap();
        }
        assert_eq!(
            events.take(),
            [r#"WARN event="secret_weak" outcome="observed" reason="permissions" mode=0644"#]
        );
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let policy = RingPolicy::settings(Duration::from_secs(600), Duration::from_secs(30)).build();
    let mut ring = KeyRing::new("access", policy.unwrap());
    ring.publish("a", (), start).unwrap();
    ring.publish("b", (), start + 29 * DAY).unwrap();
    ring.advance(start + 30 * DAY);
    ring.advance(start + 31 * DAY);
    ring.revoke("b", start + 31 * DAY).unwrap();
    let told = events.take();
    let told: Vec<_> = told
        .iter()
        .map(|line| line.replace(r#" outcome="success" key_purpose="access""#, ""))
        .collect();
    assert_eq!(
        told,
        [
            r#"INFO event="key_published" key_id="a""#,
            r#"INFO event="key_activated" key_id="a""#,
            r#"INFO event="key_published" key_id="b""#,
            r#"INFO event="key_retired" key_id="a""#,
            r#"INFO event="key_activated" key_id="b""#,
            r#"INFO event="key_revoked" key_id="b""#,
        ]
    );
}
