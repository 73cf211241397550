//! A bounded buffer of lines between the requests and the thread that writes.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines may gather before they are written: a busy service wakes the thread a hundred
/// times a second and not once per line.
const LINGER: Duration = Duration::from_millis(10);

/// How long a [`FlushGuard`] waits for the output when it is dropped.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// The thread has done something.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    counts: Counts,
    /// Somebody waits: do not let lines gather.
    hurry: bool,
    /// No more lines are taken.
    closed: bool,
    /// The thread is gone.
    finished: bool,
}

/// What became of the lines so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Taken into the buffer.
    pub(super) taken: u64,
    /// Of these, given to the output, whatever it did with them.
    settled: u64,
    /// Of these, those that the output gave an error for.
    pub(super) failed: u64,
    /// Not taken, because the buffer was full or closed.
    pub(super) dropped: u64,
}

impl Queue {
    /// Starts the thread that writes to `output`. Lines of up to `capacity` bytes wait for it.
    pub(super) fn start<W>(
        capacity: NonZeroUsize,
        mut output: W,
    ) -> io::Result<(Arc<Self>, FlushGuard)>
    where
        W: Write + Send + 'static,
    {
        let capacity = capacity.get();
        let (mut lines, mut batch) = (Vec::new(), Vec::new());
        lines.try_reserve_exact(capacity)?;
        batch.try_reserve_exact(capacity)?;
        let queue = Arc::new(Self {
            capacity,
            state: Mutex::new(State {
                lines,
                ..State::default()
            }),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        let writer = Arc::clone(&queue);
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer.run(&mut output, batch))?;
        let guard = FlushGuard {
            queue: Arc::clone(&queue),
        };
        Ok((queue, guard))
    }

    /// Takes a line if there is room for it. Waits at most for another thread to copy its own.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let before = state.lines.len();
        let after = before + line.len();
        if state.closed || after > self.capacity {
            state.counts.dropped += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        state.counts.taken += 1;
        drop(state);
        // Once when there is work, and once when it gets urgent.
        let urgent = self.capacity / 2;
        if before == 0 || (before < urgent && after >= urgent) {
            self.work.notify_one();
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, output: &mut dyn Write, mut batch: Vec<u8>) {
        let _finish = Finish(self);
        let mut healthy = true;
        let mut torn = false;
        while let Some(lines) = self.next(&mut batch) {
            let result = write_lines(output, &batch, &mut torn);
            batch.clear();
            let mut state = self.lock();
            state.counts.settled += lines;
            if result.is_err() {
                state.counts.failed += lines;
            }
            drop(state);
            self.progress.notify_all();
            match result {
                Ok(()) => healthy = true,
                Err(error) if healthy => {
                    healthy = false;
                    tracing::error!(%error, "the access log cannot be written");
                }
                // Said once, until it works again.
                Err(_) => {}
            }
        }
    }

    /// Waits for lines and moves them to `batch`, which is empty. Returns how many they are, or
    /// `None` if no more will come.
    fn next(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let idle = |state: &mut State| state.lines.is_empty() && !state.closed;
        let wait = self.work.wait_while(self.lock(), idle);
        let state = wait.unwrap_or_else(PoisonError::into_inner);
        let gathering = |state: &mut State| {
            !state.closed && !state.hurry && state.lines.len() < self.capacity / 2
        };
        let wait = self.work.wait_timeout_while(state, LINGER, gathering);
        let mut state = wait.unwrap_or_else(PoisonError::into_inner).0;
        state.hurry = false;
        if state.lines.is_empty() {
            return None;
        }
        std::mem::swap(&mut state.lines, batch);
        Some(state.counts.taken - state.counts.settled)
    }

    /// Waits until what has been taken so far is settled, and says whether it is.
    fn settle(&self, close: bool, deadline: Duration) -> bool {
        let mut state = self.lock();
        let goal = state.counts.taken;
        state.hurry = true;
        state.closed |= close;
        self.work.notify_one();
        let pending = |state: &mut State| state.counts.settled < goal && !state.finished;
        let wait = self.progress.wait_timeout_while(state, deadline, pending);
        let state = wait.unwrap_or_else(PoisonError::into_inner).0;
        state.counts.settled >= goal
    }
}

/// `write_all` and a flush, which keep in `torn` whether the output took a line in part: a full disk
/// does. The next line then begins on a line of its own, or it would be lost as well.
fn write_lines(output: &mut dyn Write, mut lines: &[u8], torn: &mut bool) -> io::Result<()> {
    if *torn {
        output.write_all(b"\n")?;
        *torn = false;
    }
    while !lines.is_empty() {
        match output.write(lines) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                let (taken, rest) = lines.split_at(written);
                *torn = !taken.ends_with(b"\n");
                lines = rest;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

/// Tells everybody that the thread is gone, also when the output panicked.
struct Finish<'a>(&'a Queue);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let counts = &mut state.counts;
        counts.failed += counts.taken - counts.settled;
        counts.settled = counts.taken;
        state.lines = Vec::new();
        state.closed = true;
        state.finished = true;
        self.0.progress.notify_all();
    }
}

/// Writes the lines that are left when it is dropped, and ends the log: later lines count as
/// dropped.
///
/// Keep it until the last request is over. It waits for the output for up to five seconds, on the
/// thread that drops it.
#[derive(Debug)]
#[must_use = "the log ends when the guard is dropped"]
pub struct FlushGuard {
    queue: Arc<Queue>,
}

impl FlushGuard {
    /// Waits until all lines so far are written, but not longer than `timeout`, and says whether they are.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.queue.settle(false, timeout)
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        if !self.queue.settle(true, DEADLINE) {
            tracing::error!("the access log could not be written in time, lines are lost");
        }
    }
}
