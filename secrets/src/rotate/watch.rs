use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::pending;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, pipe};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::audit;
use crate::source::blocking;

/// Files are written and volumes are swapped in several steps: this long after the last of them it is over.
const QUIET: Duration = Duration::from_millis(100);
/// A directory in which it is never quiet is looked at this often.
const LONGEST: Duration = Duration::from_secs(1);
/// A file system that does not answer must not keep the polls waiting.
const DEADLINE: Duration = Duration::from_secs(5);

/// All that may put another content behind a name. Not `MODIFY`: a file that is written in place is read when its writer
/// has closed it, and a log in the same directory is no reason to read secrets.
const EVENTS: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Tells when something has happened where the files of a source are. What cannot be watched is left to the polls.
pub(super) struct Watch {
    name: Box<str>,
    files: Arc<[PathBuf]>,
    held: Option<Held>,
    told: bool,
}

impl Watch {
    pub(super) fn new(name: &str, files: Vec<PathBuf>) -> Self {
        Self {
            name: name.into(),
            files: files.into(),
            held: None,
            told: false,
        }
    }

    /// Finds out anew which directories these are. To be called before each load, so that no change after it is missed.
    pub(super) async fn arm(&mut self) {
        if self.files.is_empty() {
            return;
        }
        let files = self.files.clone();
        let held = match timeout(DEADLINE, blocking(move || Held::new(&files))).await {
            Ok(held) => held.and_then(|held| held),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        };
        // The old one only goes now: what both hold is watched all the time.
        let fault = match held {
            Ok(held) => self.held.insert(held).fault.take(),
            Err(error) => {
                self.held = None;
                Some(error)
            }
        };
        if let Some(fault) = &fault
            && !self.told
        {
            audit::unwatched(&self.name, fault);
        }
        self.told = fault.is_some();
    }

    /// Returns when something has happened, and is over. Never, if nothing is watched.
    pub(super) async fn changed(&self) {
        let Some(Held { changed, .. }) = &self.held else {
            return pending().await;
        };
        changed.notified().await;
        let quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
        timeout(LONGEST, quiet).await.unwrap_or_default();
    }
}

/// The directories that are watched for one source.
struct Held {
    hub: Arc<Hub>,
    changed: Arc<Notify>,
    watches: BTreeSet<i32>,
    /// Why this is not all of them.
    fault: Option<io::Error>,
}

impl Held {
    fn new(files: &[PathBuf]) -> io::Result<Self> {
        let mut held = Self {
            hub: Hub::shared()?,
            changed: Arc::default(),
            watches: BTreeSet::new(),
            fault: None,
        };
        // Links lead elsewhere, and there it may be written in place.
        let targets = || files.iter().filter_map(|file| fs::canonicalize(file).ok());
        // Until nothing more is found: what was made or let go of by others on the way has told nobody.
        for _ in 0..4 {
            let found = held.watches.len();
            for path in files.iter().cloned().chain(targets()) {
                let added = held.add_directory_of(&path);
                held.fault = held.fault.take().or(added.err());
            }
            if held.watches.len() == found {
                break;
            }
        }
        Ok(held)
    }

    /// Of a directory that does not exist, the one in which it would be made.
    fn add_directory_of(&mut self, file: &Path) -> io::Result<()> {
        for directory in file.ancestors().skip(1) {
            match self.add(directory) {
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                added => return Ok(added?),
            }
        }
        Ok(())
    }

    fn add(&mut self, directory: &Path) -> Result<(), Errno> {
        let directory = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => directory,
        };
        let watch = add_watch(&self.hub.inotify, directory, EVENTS)?;
        if self.watches.insert(watch) {
            let mut holders = self.hub.holders();
            holders.entry(watch).or_default().push(self.changed.clone());
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holders = self.hub.holders();
        for &watch in &self.watches {
            let Some(others) = holders.get_mut(&watch) else {
                continue;
            };
            others.retain(|other| !Arc::ptr_eq(other, &self.changed));
            if others.is_empty() {
                holders.remove(&watch);
                // It fails if the directory is gone, and the watch with it.
                remove_watch(&self.hub.inotify, watch).unwrap_or_default();
            }
        }
    }
}

/// One instance of inotify and one thread for all values of the process: a user has no more than 128 instances by default.
struct Hub {
    inotify: Arc<OwnedFd>,
    holders: Arc<Mutex<Holders>>,
    thread: JoinHandle<()>,
    /// Closed with the hub, which ends the thread.
    _end: PipeWriter,
}

/// Who wants to know of each watch: the kernel has one for a directory, however many ask for it.
type Holders = BTreeMap<i32, Vec<Arc<Notify>>>;

impl Hub {
    fn shared() -> io::Result<Arc<Self>> {
        static HUB: Mutex<Weak<Hub>> = Mutex::new(Weak::new());
        let mut shared = HUB.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = shared.upgrade().filter(|hub| !hub.thread.is_finished()) {
            return Ok(hub);
        }
        let hub = Arc::new(Self::open()?);
        *shared = Arc::downgrade(&hub);
        Ok(hub)
    }

    fn open() -> io::Result<Self> {
        let inotify = Arc::new(init(CreateFlags::CLOEXEC)?);
        let holders = Arc::<Mutex<Holders>>::default();
        let (ended, end) = pipe()?;
        let thread = {
            let (inotify, holders) = (inotify.clone(), holders.clone());
            let thread = thread::Builder::new().name("secret-files".into());
            thread.spawn(move || listen(&inotify, &holders, &ended))?
        };
        Ok(Self {
            inotify,
            holders,
            thread,
            _end: end,
        })
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        lock(&self.holders)
    }
}

fn lock(holders: &Mutex<Holders>) -> MutexGuard<'_, Holders> {
    holders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on that something has happened. What it was does not matter: the content is looked at in any case.
fn listen(inotify: &OwnedFd, holders: &Mutex<Holders>, ended: &PipeReader) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = Reader::new(inotify, &mut buffer);
    loop {
        if events.is_buffer_empty() {
            let mut ready = [
                PollFd::new(inotify, PollFlags::IN),
                PollFd::new(ended, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                Ok(_) if ready[1].revents().is_empty() => {}
                _ => return,
            }
        }
        let watch = match events.next() {
            Ok(event) => event.wd(),
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        let holders = lock(holders);
        match holders.get(&watch) {
            Some(holders) => notify(holders),
            // Events were lost, and nobody knows of which watch.
            None if watch < 0 => notify(holders.values().flatten()),
            None => {}
        }
    }
}

fn notify<'a>(holders: impl IntoIterator<Item = &'a Arc<Notify>>) {
    holders.into_iter().for_each(|holder| holder.notify_one());
}
