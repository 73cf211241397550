//! Files that are watched: the polls are an hour apart, so what is seen, the watch has seen.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

use super::files::Volume;
use crate::SecretString;
use crate::rotate::{RotateErrorKind, Rotating, Rotation, SecretSet, Subscription};
use crate::source::{
    Chain, Directory, FileSource, GroupSource, Loading, SecretGroup, SecretSource, SourceErrorKind,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DEADLINE: Duration = Duration::from_secs(30);

async fn text(source: impl SecretSource) -> Rotating<SecretString> {
    let rotation = Rotation::new("key", source).text().poll_every(HOUR);
    rotation.start().await.unwrap()
}

async fn set(source: impl SecretSource<SecretGroup>) -> SecretSet {
    let rotation = Rotation::new("set", source).poll_every(HOUR);
    rotation.start().await.unwrap()
}

async fn told(versions: &mut Subscription) {
    let version = timeout(DEADLINE, versions.changed()).await;
    assert!(version.expect("nothing was seen").is_some());
}

async fn becomes(secret: &Rotating<SecretString>, versions: &mut Subscription, value: &str) {
    told(versions).await;
    assert!(secret.load().unwrap().ct_matches(value));
}

async fn fails(secret: &Rotating<SecretString>, why: SourceErrorKind) {
    let failing = async {
        let mut moments = interval(Duration::from_millis(10));
        while secret.status().failing != Some(RotateErrorKind::Source(why)) {
            moments.tick().await;
        }
    };
    timeout(DEADLINE, failing).await.expect("it never failed");
}

/// Counts the loads of a file, and does something when it has been read.
struct Reading<F> {
    file: FileSource,
    loads: Arc<AtomicUsize>,
    after: F,
}

impl<F> std::fmt::Debug for Reading<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl<F: Fn(usize) + Send + Sync + 'static> SecretSource for Reading<F> {
    fn load(&self) -> Loading<'_> {
        Box::pin(async {
            let loaded = self.file.load().await;
            (self.after)(self.loads.fetch_add(1, Ordering::SeqCst) + 1);
            loaded
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.file.files()
    }
}

// AUTH case 50
#[tokio::test]
async fn each_swap_of_the_link_is_taken_over_though_the_times_are_equal() {
    let mut volume = Volume::new(&[("key", "value 0")]);
    let secret = text(FileSource::new(volume.path("key"))).await;
    let mut versions = secret.subscribe();
    for n in 1..=3 {
        let value = format!("value {n}");
        volume.swap(&[("key", &value)]);
        becomes(&secret, &mut versions, &value).await;
    }

    volume.swap(&[("key", "")]);
    fails(&secret, SourceErrorKind::Empty).await;
    assert!(secret.load().unwrap().ct_matches("value 3"));
    volume.swap(&[("key", "value 4")]);
    becomes(&secret, &mut versions, "value 4").await;
    assert_eq!(secret.status().failing, None);
}

#[tokio::test]
async fn a_file_that_is_replaced_or_written_in_place_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let (path, temporary) = (directory.path().join("key"), directory.path().join("new"));
    fs::write(&path, "value 1").unwrap();
    let secret = text(FileSource::new(&path)).await;
    let mut versions = secret.subscribe();

    fs::write(&temporary, "value 2").unwrap();
    fs::rename(&temporary, &path).unwrap();
    becomes(&secret, &mut versions, "value 2").await;
    fs::write(&path, "value 3").unwrap();
    becomes(&secret, &mut versions, "value 3").await;

    // Through a link to where nobody but the watch of the target sees it.
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "value 4").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    becomes(&secret, &mut versions, "value 4").await;
    fs::write(&target, "value 5").unwrap();
    becomes(&secret, &mut versions, "value 5").await;
}

#[tokio::test]
async fn an_empty_moment_is_no_failure_unless_it_lasts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, "value 1").unwrap();
    let loads = Arc::new(AtomicUsize::new(0));
    let secret = text(Reading {
        file: FileSource::new(&path),
        loads: loads.clone(),
        after: {
            let path = path.clone();
            // The second one has found it empty.
            move |loads| {
                if loads == 2 {
                    fs::write(&path, "value 2").unwrap();
                }
            }
        },
    })
    .await;
    let mut versions = secret.subscribe();
    fs::write(&path, "").unwrap();
    becomes(&secret, &mut versions, "value 2").await;
    assert!(loads.load(Ordering::SeqCst) > 2);
    assert_eq!(secret.status().failures, 0);

    fs::write(&path, "").unwrap();
    fails(&secret, SourceErrorKind::Empty).await;
    assert!(secret.load().unwrap().ct_matches("value 2"));
    fs::write(&path, "value 3").unwrap();
    becomes(&secret, &mut versions, "value 3").await;
}

#[tokio::test]
async fn a_bad_file_in_a_directory_that_never_rests_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, "value 1").unwrap();
    let secret = text(FileSource::new(&path)).await;
    fs::write(&path, "").unwrap();
    let unrest = async {
        let mut moments = interval(Duration::from_millis(20));
        loop {
            moments.tick().await;
            fs::write(directory.path().join("log"), "").unwrap();
        }
    };
    tokio::select! {
        () = fails(&secret, SourceErrorKind::Empty) => {}
        () = unrest => {}
    }
}

#[tokio::test]
async fn directories_may_go_and_come_again() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("deep").join("secrets");
    let path = directory.join("key");
    let write = |directory: &Path, value: &str| {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("key"), value).unwrap();
    };
    write(&directory, "value 1");
    let secret = text(FileSource::new(&path)).await;
    let mut versions = secret.subscribe();

    fs::remove_dir_all(&directory).unwrap();
    fails(&secret, SourceErrorKind::NotFound).await;
    assert!(secret.load().unwrap().ct_matches("value 1"));
    write(&directory, "value 2");
    becomes(&secret, &mut versions, "value 2").await;

    fs::remove_dir_all(root.path().join("deep")).unwrap();
    fails(&secret, SourceErrorKind::NotFound).await;
    write(&directory, "value 3");
    becomes(&secret, &mut versions, "value 3").await;

    // Without a moment in between that anybody could see.
    let other = root.path().join("other");
    write(&other, "value 4");
    fs::rename(&directory, root.path().join("old")).unwrap();
    fs::rename(&other, &directory).unwrap();
    becomes(&secret, &mut versions, "value 4").await;
    fs::write(&path, "value 5").unwrap();
    becomes(&secret, &mut versions, "value 5").await;
}

#[tokio::test]
async fn groups_directories_and_chains_are_watched_as_well() {
    let mut volume = Volume::new(&[("user", "app 1"), ("password", "secret 1")]);
    let members = Directory::new(volume.root.path()).group(["user", "password"]);
    let of_one_directory = set(members.unwrap()).await;
    let mut versions = of_one_directory.subscribe();
    volume.swap(&[("user", "app 2"), ("password", "secret 2")]);
    told(&mut versions).await;
    let login = of_one_directory.load().unwrap();
    assert!(login.get("user").unwrap().ct_matches(b"app 2"));
    assert!(login.get("password").unwrap().ct_matches(b"secret 2"));

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("port"), "5432").unwrap();
    let of_two = GroupSource::new("database")
        .secret("user", FileSource::new(volume.path("user")))
        .secret("port", FileSource::new(other.path().join("port")));
    let of_two = set(of_two).await;
    let mut versions = of_two.subscribe();
    fs::write(other.path().join("port"), "5433").unwrap();
    told(&mut versions).await;
    volume.swap(&[("user", "app 3"), ("password", "secret 3")]);
    told(&mut versions).await;

    // What comes first in a chain may be made later than what comes after it.
    let preferred = other.path().join("preferred").join("key");
    let chain = Chain::new()
        .then(FileSource::new(&preferred))
        .then(Directory::new(other.path()).secret("port").unwrap());
    let secret = text(chain).await;
    let mut versions = secret.subscribe();
    fs::create_dir(preferred.parent().unwrap()).unwrap();
    fs::write(&preferred, "better").unwrap();
    becomes(&secret, &mut versions, "better").await;

    // What will come next is a file, too.
    let next = other.path().join("next");
    let secret = Rotation::new("key", FileSource::new(&preferred)).text();
    let secret = secret.next(FileSource::new(&next)).poll_every(HOUR);
    let secret = secret.start().await.unwrap();
    fs::write(&next, "the next").unwrap();
    let announced = async {
        let mut moments = interval(Duration::from_millis(10));
        while secret
            .verify(|value| value.ct_matches("the next"))
            .is_none()
        {
            moments.tick().await;
        }
    };
    timeout(DEADLINE, announced).await.unwrap();
}

#[tokio::test]
async fn of_two_in_one_directory_each_is_watched_until_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, "value 1").unwrap();
    let (one, other) = (
        text(FileSource::new(&path)).await,
        text(FileSource::new(&path)).await,
    );
    let mut versions = [one.subscribe(), other.subscribe()];
    fs::write(&path, "value 2").unwrap();
    for versions in &mut versions {
        told(versions).await;
    }
    drop(one);
    let [gone, versions] = &mut versions;
    assert_eq!(timeout(DEADLINE, gone.changed()).await.unwrap(), None);
    fs::write(&path, "value 3").unwrap();
    becomes(&other, versions, "value 3").await;
}

#[tokio::test]
async fn thousands_of_events_are_a_few_loads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, "value 0").unwrap();
    let loads = Arc::new(AtomicUsize::new(0));
    let secret = text(Reading {
        file: FileSource::new(&path),
        loads: loads.clone(),
        after: |_| {},
    })
    .await;
    let mut versions = secret.subscribe();
    let began = Instant::now();
    let write = move || {
        for n in 0..1_000 {
            let temporary = directory.path().join("new");
            fs::write(&temporary, format!("value {n}")).unwrap();
            fs::rename(temporary, &path).unwrap();
        }
        fs::write(&path, "the last").unwrap();
        directory
    };
    let _directory = tokio::task::spawn_blocking(write).await.unwrap();
    while !secret.load().unwrap().ct_matches("the last") {
        told(&mut versions).await;
    }
    // Between two loads it has been quiet for 100 ms, or nobody was let rest for a second.
    let most = 2 + began.elapsed().as_millis() / 100;
    assert!(loads.load(Ordering::SeqCst) as u128 <= most);
}
