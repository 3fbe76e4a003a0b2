//! The writer's thread: one group at a time, one write, one sync, then the index, then the answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::disk::{Disk, is_full};
use super::format::{BLOCK, BLOCK_U64, FrameHeader, Kind, length, pad};
use super::group::Group;
use super::options::FatalHook;
use super::queue::{Queue, Request, Work};
use super::read::Log;
use super::record::{self, RECORD_HEADER};
use super::scan::{Scanner, Segment};
use super::segment::{self, CreateError};
use crate::port::AppendError;

/// Owns the end of the log. There is one, so its order is the store's order (INV-8).
pub(super) struct Writer {
    dir: PathBuf,
    log: Arc<Log>,
    queue: Arc<Queue>,
    head: watch::Sender<u64>,
    disk: Arc<dyn Disk>,
    fatal: FatalHook,
    segment_bytes: u64,
    seal_after: Duration,
    scanner: Scanner,
    /// Whether the log ends in something else than a seal.
    unsealed: bool,
    written_at: Instant,
    /// The frame that is put together; reused.
    frame: Vec<u8>,
}

/// Why a frame is not durable.
#[derive(Debug)]
enum Failure {
    /// There is no room, or nothing was tried; the log is as it was.
    Refused(io::Error),
    /// Nobody knows what is on the disk.
    Fatal(String),
}

/// What a writer needs besides the log itself.
pub(super) struct Setup<'a> {
    pub(super) dir: &'a Path,
    pub(super) log: Arc<Log>,
    pub(super) queue: Arc<Queue>,
    pub(super) head: watch::Sender<u64>,
    pub(super) scanner: Scanner,
    pub(super) options: &'a super::options::Options,
}

impl Writer {
    pub(super) fn new(setup: Setup<'_>) -> Self {
        let last = setup.scanner.last.as_ref();
        Self {
            dir: setup.dir.to_owned(),
            log: setup.log,
            queue: setup.queue,
            head: setup.head,
            disk: Arc::clone(&setup.options.disk),
            fatal: Arc::clone(&setup.options.fatal),
            segment_bytes: setup.options.segment_bytes,
            seal_after: setup.options.seal_after,
            unsealed: last.is_none_or(|last| last.kind != Kind::Seal),
            scanner: setup.scanner,
            written_at: Instant::now(),
            frame: Vec::new(),
        }
    }

    /// Runs until the queue is closed and empty. The error says why there is no seal.
    pub(super) fn run(mut self) -> Result<(), String> {
        // A panic here is a bug with unknown consequences for the log: as bad as a failed sync.
        let guard = Guard {
            queue: Arc::clone(&self.queue),
            fatal: Arc::clone(&self.fatal),
        };
        let ended = self.work();
        drop(guard);
        ended
    }

    /// Ends the process, or in a test this log. Nobody learns anything before.
    fn die(&self, reason: String) -> String {
        (self.fatal)(&reason);
        self.queue.abandon();
        reason
    }

    fn work(&mut self) -> Result<(), String> {
        loop {
            let idle_at = self.unsealed.then(|| self.written_at + self.seal_after);
            match self.queue.next(idle_at) {
                Work::Units(requests) => self.commit(requests)?,
                Work::Idle => match self.seal() {
                    Ok(()) => {}
                    Err(Failure::Refused(_)) => self.written_at = Instant::now(),
                    Err(Failure::Fatal(reason)) => return Err(self.die(reason)),
                },
                Work::Closed => {
                    return match self.seal() {
                        Ok(()) => Ok(()),
                        Err(Failure::Refused(error)) => {
                            tracing::warn!("event log is closed without a seal: {error}");
                            Ok(())
                        }
                        Err(Failure::Fatal(reason)) => Err(self.die(reason)),
                    };
                }
            }
        }
    }

    /// Makes what is new of the requests durable and answers all of them. Also those that write
    /// nothing wait: they may have been judged by what stands before them in the group.
    fn commit(&mut self, requests: Vec<Request>) -> Result<(), String> {
        self.frame.clear();
        self.frame.resize(BLOCK, 0);
        let next_position = self.scanner.next.position;
        let mut group = Group::new(&self.log, &requests, &mut self.frame, next_position);
        let verdicts = group.judge_all();
        let (units, events) = (group.units, group.events);
        if units > 0 {
            match self.write_group(units, events) {
                Ok(()) => {}
                Err(Failure::Refused(error)) => {
                    let reason = format!("event log cannot grow now: {error}");
                    tracing::warn!("{reason}");
                    for request in requests {
                        let reason = reason.clone();
                        answer(request, Err(AppendError::Unavailable { reason }));
                    }
                    return Ok(());
                }
                Err(Failure::Fatal(reason)) => return Err(self.die(reason)),
            }
        }
        for (request, verdict) in requests.into_iter().zip(verdicts) {
            answer(request, verdict);
        }
        Ok(())
    }

    /// Writes and syncs the group whose records stand in `frame` after its first block, and shows
    /// it to readers.
    fn write_group(&mut self, units: u32, events: u32) -> Result<(), Failure> {
        pad(&mut self.frame);
        let frame_len = u64::from(length(self.frame.len()));
        let has_events = self.scanner.next.position > self.scanner.header.next.position;
        if has_events && self.scanner.offset + frame_len > self.segment_bytes {
            self.roll()?;
        }
        let payload = &self.frame[BLOCK..];
        let header = FrameHeader {
            kind: Kind::Units,
            next: self.scanner.next,
            units,
            events,
            payload_len: length(payload.len()),
            payload_crc: crc32c::crc32c(payload),
        };
        let offset = self.scanner.offset;
        let mut frame = std::mem::take(&mut self.frame);
        let written = self.write_frame(&header, &mut frame).and_then(|()| {
            self.publish(&frame[BLOCK..], units, offset + BLOCK_U64)
                .map_err(|reason| Failure::Fatal(format!("INV-8: own group refused: {reason}")))
        });
        self.frame = frame;
        written
    }

    /// Shows a durable group: first to those who ask, then to those who wait. The bytes were
    /// encoded a moment ago: if they do not go on where the log stands, INV-8 is broken.
    fn publish(&self, payload: &[u8], units: u32, offset: u64) -> Result<(), String> {
        let mut index = self.log.index_mut();
        let (mut rest, mut offset) = (payload, offset);
        for _ in 0..units {
            let body = record::body(rest)?;
            let view = record::parse(body)?;
            let len = RECORD_HEADER + body.len();
            index.push(&view, body, offset, length(len))?;
            rest = &rest[len..];
            offset += u64::from(length(len));
        }
        let head = index.next_position() - 1;
        drop(index);
        self.head.send_replace(head);
        Ok(())
    }

    /// Makes a new segment and says in the old one that the log goes on there. In this order a
    /// segment that is named exists, so a missing one is noticed.
    fn roll(&mut self) -> Result<(), Failure> {
        let roll = FrameHeader::mark(Kind::Roll, self.scanner.next);
        let (_, chain) = roll.encode(self.scanner.header.identity.marker);
        let header = self.scanner.header_due(roll.after(chain));
        let (file, path) = match segment::create(&self.dir, &header, &*self.disk) {
            Ok(made) => made,
            Err(CreateError::Refused(error)) => return Err(Failure::Refused(error)),
            Err(CreateError::Fatal(error)) => {
                return Err(Failure::Fatal(format!("failed to make a segment: {error}")));
            }
        };
        if let Err(failure) = self.write_frame(&roll, &mut [0; BLOCK]) {
            if matches!(failure, Failure::Refused(_)) {
                std::fs::remove_file(&path)
                    .and_then(|()| segment::sync_dir(&self.dir, &*self.disk))
                    .map_err(|error| {
                        let path = path.display();
                        Failure::Fatal(format!("failed to remove {path}: {error}"))
                    })?;
            }
            return Err(failure);
        }
        let mut index = self.log.index_mut();
        index.segments.push(path.as_path().into());
        drop(index);
        self.scanner.segment = Arc::new(Segment { path, file });
        self.scanner.header = header;
        self.scanner.offset = BLOCK_U64;
        Ok(())
    }

    fn seal(&mut self) -> Result<(), Failure> {
        if !self.unsealed {
            return Ok(());
        }
        let seal = FrameHeader::mark(Kind::Seal, self.scanner.next);
        self.write_frame(&seal, &mut [0; BLOCK])
    }

    /// Writes a frame at the log's end and syncs it. `frame` has room for the header at its front.
    fn write_frame(&mut self, header: &FrameHeader, frame: &mut [u8]) -> Result<(), Failure> {
        let (block, chain) = header.encode(self.scanner.header.identity.marker);
        frame[..BLOCK].copy_from_slice(&block);
        let offset = self.scanner.offset;
        let Segment { path, file } = &*self.scanner.segment;
        let fatal = |what: &str, error: io::Error| {
            let path = path.display();
            Failure::Fatal(format!("failed to {what} {path} at byte {offset}: {error}"))
        };
        if let Err(error) = self.disk.write_all_at(file, frame, offset) {
            if !is_full(&error) {
                return Err(fatal("write", error));
            }
            // What was written of the frame must not be taken for a part of the next one.
            self.disk
                .set_len(file, offset)
                .and_then(|()| self.disk.sync(file))
                .map_err(|error| fatal("cut", error))?;
            return Err(Failure::Refused(error));
        }
        self.disk.sync(file).map_err(|error| fatal("sync", error))?;
        self.scanner.offset += u64::from(length(frame.len()));
        self.scanner.next = header.after(chain);
        self.unsealed = header.kind != Kind::Seal;
        self.written_at = Instant::now();
        Ok(())
    }
}

/// The one place that answers. Who no longer waits has given up on knowing the outcome.
fn answer(request: Request, verdict: super::group::Verdict) {
    drop(request.answer.send(verdict));
}

struct Guard {
    queue: Arc<Queue>,
    fatal: FatalHook,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.fatal)("the log's writer panicked");
            self.queue.abandon();
        }
    }
}
