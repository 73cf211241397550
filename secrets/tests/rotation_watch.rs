//! What watching costs the process, and what it tells when it cannot be done. In a process of its own, where the only
//! watches and threads are those of this one test.
#![cfg(all(feature = "rotate", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "in a test that is a failure")]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use portcullis_secrets::rotate::Rotation;
use portcullis_secrets::source::{FileSource, Loading, SecretSource};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// A file, and the path of another that cannot be looked at.
#[derive(Debug)]
struct Partly(FileSource, PathBuf);

impl SecretSource for Partly {
    fn load(&self) -> Loading<'_> {
        self.0.load()
    }

    fn files(&self) -> Vec<PathBuf> {
        [self.0.files(), vec![self.1.clone()]].concat()
    }
}

/// How many directories are watched, and by how many threads.
fn watches_and_threads() -> (usize, usize) {
    let texts = |directory: &str, file: &str| {
        let entries = fs::read_dir(directory).unwrap();
        let paths = entries.map(|entry| match file {
            "" => entry.unwrap().path(),
            file => entry.unwrap().path().join(file),
        });
        // Some are gone before they are read.
        let texts = paths.filter_map(|path| fs::read_to_string(path).ok());
        texts.collect::<Vec<_>>()
    };
    let threads = texts("/proc/self/task", "comm").into_iter();
    let threads = threads.filter(|name| name.trim() == "secret-files").count();
    let descriptors = texts("/proc/self/fdinfo", "").into_iter();
    let watches = descriptors.map(|text| text.matches("inotify wd:").count());
    (watches.sum(), threads)
}

fn becomes(expected: (usize, usize)) {
    let began = Instant::now();
    while watches_and_threads() != expected {
        let found = watches_and_threads();
        assert!(began.elapsed() < DEADLINE, "{found:?}");
        thread::yield_now();
    }
}

#[tokio::test]
async fn one_thread_watches_for_all_and_ends_with_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Mutex::new(File::create(&log).unwrap()))
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let unwatched = |log: &Path| {
        let log = fs::read_to_string(log).unwrap();
        log.matches(r#"event="secret_unwatched""#).count()
    };
    let secrets = ["one", "two"].map(|name| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("key"), "value 1").unwrap();
        path
    });
    let start = |source: FileSource, other: PathBuf| {
        let rotation = Rotation::new("key", Partly(source, other)).text();
        rotation.poll_every(Duration::from_secs(1)).start()
    };
    becomes((0, 0));

    let [one, two] = secrets.each_ref().map(|path| path.join("key"));
    let first = start(FileSource::new(&one), one.clone()).await.unwrap();
    becomes((1, 1));
    let second = start(FileSource::new(&two), one.clone()).await.unwrap();
    becomes((2, 1));
    drop(first);
    drop(second);
    // The tasks let go of what they hold when they get their turn.
    tokio::task::yield_now().await;
    becomes((0, 0));
    assert_eq!(unwatched(&log), 0);

    // What cannot be watched is said once, and polled; the rest is watched.
    let endless = directory.path().join("endless");
    symlink(&endless, &endless).unwrap();
    let secret = start(FileSource::new(&one), endless.join("key")).await;
    let secret = secret.unwrap();
    let mut versions = secret.subscribe();
    for n in 2..5 {
        fs::write(&one, format!("value {n}")).unwrap();
        let version = timeout(DEADLINE, versions.changed()).await;
        assert!(version.unwrap().is_some());
    }
    assert_eq!(unwatched(&log), 1);
    becomes((1, 1));
    drop(secret);
    tokio::task::yield_now().await;
    becomes((0, 0));
}
