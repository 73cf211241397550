//! Files that are replaced under a running service.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::rotate::{RotateErrorKind, Rotation, SecretSet};
use crate::source::{Directory, FileSource, SourceErrorKind};

const POLL: Duration = Duration::from_secs(30);

/// A volume as the kubelet lays it out: files are links into `..data`, which is a link to the generation.
pub(super) struct Volume {
    pub(super) root: tempfile::TempDir,
    generation: u32,
    written: SystemTime,
}

impl Volume {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let mut volume = Self {
            root: tempfile::tempdir().unwrap(),
            generation: 0,
            written: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        };
        volume.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), volume.path(name)).unwrap();
        }
        volume
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a new generation, with the times of the first, swaps the link and removes the old one.
    pub(super) fn swap(&mut self, files: &[(&str, &str)]) {
        let old = self.path(&format!("..generation{}", self.generation));
        self.generation += 1;
        let name = format!("..generation{}", self.generation);
        let directory = self.path(&name);
        fs::create_dir(&directory).unwrap();
        for (name, content) in files {
            let path = directory.join(name);
            fs::write(&path, content).unwrap();
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(self.written)
                .unwrap();
        }
        File::open(&directory)
            .unwrap()
            .set_modified(self.written)
            .unwrap();
        symlink(&name, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if self.generation > 1 {
            fs::remove_dir_all(old).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_swapped_link_is_seen_within_one_poll_though_the_times_are_equal() {
    let mut volume = Volume::new(&[("key", "value 1")]);
    let source = FileSource::new(volume.path("key"));
    let secret = Rotation::new("key", source).text().start().await.unwrap();
    let mut versions = secret.subscribe();
    let before = fs::metadata(volume.path("key"))
        .unwrap()
        .modified()
        .unwrap();

    volume.swap(&[("key", "value 2")]);
    assert_eq!(
        fs::metadata(volume.path("key"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
    let swapped = Instant::now();
    let version = versions.changed().await.unwrap();
    assert!(swapped.elapsed() <= POLL);
    assert!(secret.load().unwrap().ct_matches("value 2"));
    assert_eq!(secret.status().version, Some(version));

    // Replaced by an empty file: the value stays, and that it does is visible.
    volume.swap(&[("key", "")]);
    sleep(POLL + Duration::from_secs(1)).await;
    assert!(secret.load().unwrap().ct_matches("value 2"));
    let status = secret.status();
    assert_eq!(
        status.failing,
        Some(RotateErrorKind::Source(SourceErrorKind::Empty))
    );
    assert_eq!(status.version, Some(version));
    assert!(status.age >= POLL, "{status:?}");

    volume.swap(&[("key", "value 3")]);
    versions.changed().await.unwrap();
    assert!(secret.load().unwrap().ct_matches("value 3"));
    assert_eq!(secret.status().failing, None);
}

#[tokio::test(start_paused = true)]
async fn a_file_written_in_place_and_one_that_vanishes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, "value 1").unwrap();
    let secret = Rotation::new("key", FileSource::new(&path))
        .text()
        .start()
        .await
        .unwrap();
    let mut versions = secret.subscribe();

    fs::write(&path, "value 2").unwrap();
    versions.changed().await.unwrap();
    fs::remove_file(&path).unwrap();
    sleep(POLL * 3).await;
    assert_eq!(
        secret.status().failing,
        Some(RotateErrorKind::Source(SourceErrorKind::NotFound))
    );
    assert!(secret.load().unwrap().ct_matches("value 2"));
    fs::write(&path, "value 3").unwrap();
    versions.changed().await.unwrap();
    assert!(secret.load().unwrap().ct_matches("value 3"));
}

#[tokio::test(start_paused = true)]
async fn a_set_is_swapped_as_a_whole_or_not_at_all() {
    let mut volume = Volume::new(&[("user", "app 1"), ("password", "secret 1")]);
    let source = Directory::new(volume.root.path())
        .group(["user", "password"])
        .unwrap();
    let set: SecretSet = Rotation::new("database", source).start().await.unwrap();
    let login = |set: &SecretSet| {
        let set = set.load().unwrap();
        ["user", "password"]
            .map(|name| String::from_utf8(set.get(name).unwrap().expose_secret().to_vec()).unwrap())
    };
    assert_eq!(login(&set), ["app 1", "secret 1"]);

    volume.swap(&[("user", "app 2"), ("password", "")]);
    set.reload().await.unwrap_err();
    assert_eq!(login(&set), ["app 1", "secret 1"]);
    volume.swap(&[("user", "app 2")]);
    set.reload().await.unwrap_err();
    assert_eq!(login(&set), ["app 1", "secret 1"]);
    volume.swap(&[("user", "app 2"), ("password", "secret 2")]);
    set.reload().await.unwrap();
    assert_eq!(login(&set), ["app 2", "secret 2"]);
}
