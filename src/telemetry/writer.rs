//! Writing the log: lines gather in memory and leave in one go, on a thread of their own.
//!
//! A line costs its request a copy. The thread is woken once for all lines of some milliseconds: waking it and writing
//! for each line would cost a busy gateway more than everything else it does for an answer from the cache.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather.
const GATHER: Duration = Duration::from_millis(20);

/// With so many bytes waiting, whoever logs waits too: no line is lost, and memory is bounded.
const LIMIT: usize = 1 << 20;

/// Where lines are written to.
#[derive(Clone)]
pub(super) struct Sink(Arc<Shared>);

/// Writes what is left when it is dropped.
#[must_use = "the log ends when this is dropped"]
pub struct LogGuard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    /// The first line came, or the last that there is room for, or the end.
    arrived: Condvar,
    /// What was pending is being written.
    taken: Condvar,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    ended: bool,
}

/// Starts a thread that writes to `out`.
pub(super) fn gather(out: impl Write + Send + 'static) -> io::Result<(Sink, LogGuard)> {
    let shared = Arc::new(Shared::default());
    let own = Arc::clone(&shared);
    let thread = thread::Builder::new().name("log".to_owned()).spawn(move || own.write_all(out))?;
    Ok((Sink(Arc::clone(&shared)), LogGuard { shared, thread: Some(thread) }))
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let pending = self.pending();
            let quiet = |pending: &mut Pending| pending.lines.is_empty() && !pending.ended;
            let pending = self.arrived.wait_while(pending, quiet).unwrap_or_else(PoisonError::into_inner);
            let early = |pending: &mut Pending| pending.lines.len() < LIMIT && !pending.ended;
            let waited = self.arrived.wait_timeout_while(pending, GATHER, early);
            let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut pending.lines, &mut lines);
            let ended = pending.ended;
            drop(pending);
            self.taken.notify_all();
            // Nobody can be told that the log cannot be written.
            let _cannot_be_helped = out.write_all(&lines).and_then(|()| out.flush());
            lines.clear();
            if ended {
                return;
            }
        }
    }
}

impl Write for &Sink {
    /// Takes whole lines: what is written in one piece stays in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let full = |pending: &mut Pending| pending.lines.len() >= LIMIT && !pending.ended;
        let pending = self.0.taken.wait_while(self.0.pending(), full);
        let mut pending = pending.unwrap_or_else(PoisonError::into_inner);
        let first = pending.lines.is_empty();
        pending.lines.extend_from_slice(line);
        let last = pending.lines.len() >= LIMIT;
        drop(pending);
        if first || last {
            self.0.arrived.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Sink {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.shared.pending().ended = true;
        self.shared.arrived.notify_one();
        self.shared.taken.notify_all();
        if let Some(thread) = self.thread.take() {
            // It only ends early if it panicked, and then there is nothing left to wait for.
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, gather};
    use std::{
        io::{self, Write},
        sync::mpsc,
        thread,
    };

    /// Sends each piece that is written.
    struct Pieces(mpsc::Sender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            // The receiver may be gone: then nobody wants to know.
            let _gone = self.0.send(piece.to_vec());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_many_lines_at_once_and_the_rest_at_the_end() {
        let (sender, pieces) = mpsc::channel();
        let (lines, guard) = gather(Pieces(sender)).expect("a thread");
        for _ in 0..100 {
            (&lines).write_all(b"line\n").expect("room");
        }
        drop(guard);
        let pieces: Vec<_> = pieces.into_iter().collect();
        assert_eq!(pieces.concat(), b"line\n".repeat(100));
        assert!(pieces.len() < 10, "{} pieces", pieces.len());
    }

    #[test]
    fn waits_for_room_and_loses_nothing() {
        let (sender, pieces) = mpsc::channel();
        let (lines, guard) = gather(Pieces(sender)).expect("a thread");
        let line = vec![b'x'; LIMIT / 3];
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (&lines).write_all(&line).expect("room"));
            }
        });
        drop(guard);
        assert_eq!(pieces.into_iter().map(|piece| piece.len()).sum::<usize>(), 8 * line.len());
    }
}
