//! A subscriber that asks for the health it is told of. Alone in its process: what other tests do with their
//! subscribers decides for the whole process which events are worth making.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use portcullis_observability_layers::health::{Check, Health, Status};
use tracing::span::{self, Attributes, Id};

const SECOND: Duration = Duration::from_secs(1);

/// Asks for the health at each event: on another thread, so that a lock that is held is no hang.
struct Asking {
    health: Health,
    answers: Arc<Mutex<Vec<Result<Status, RecvTimeoutError>>>>,
}

impl tracing::Subscriber for Asking {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().contains("health")
    }

    fn event(&self, _: &tracing::Event<'_>) {
        let (sender, receiver) = mpsc::channel();
        let health = self.health.clone();
        thread::spawn(move || sender.send(health.snapshot().overall()));
        let answer = receiver.recv_timeout(10 * SECOND);
        let mut answers = self.answers.lock().expect("nobody panics with it");
        answers.push(answer);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

// The event came while the check's lock was held.
#[tokio::test(start_paused = true)]
async fn subscriber_may_ask_for_the_health_that_it_is_told_of() {
    let down = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&down);
    let database = Check::new("database", move || {
        let down = asked.load(Ordering::SeqCst);
        async move { if down { Err("down") } else { Ok(()) } }
    });
    let (health, _guard) = Health::start([database]).unwrap();
    let mut watch = health.watch();
    while health.snapshot().overall() != Status::Pass {
        watch.changed().await;
    }
    let answers = Arc::default();
    let asking = Asking {
        health: health.clone(),
        answers: Arc::clone(&answers),
    };
    tracing::subscriber::set_global_default(asking).unwrap();
    for (now_down, status) in [(true, Status::Fail), (false, Status::Pass)] {
        down.store(now_down, Ordering::SeqCst);
        while health.snapshot().overall() != status {
            watch.changed().await;
        }
    }
    let answers = answers.lock().unwrap();
    assert_eq!(*answers, [Ok(Status::Fail), Ok(Status::Pass)]);
}
