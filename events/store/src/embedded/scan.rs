//! Reading a log from its files: checks every byte and says how the log ends. It changes nothing.
//!
//! A frame that does not check is a torn write only if nothing that checks comes after it: the
//! writer writes a group only when the group before it was synced. Everything else is damage.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::OpenError;
use super::format::{
    BLOCK, BLOCK_U64, Block, FrameHeader, Kind, Next, SegmentHeader, length, size,
};
use super::index::Index;
use super::record::{self, RECORD_HEADER};
use super::segment::{self, Access};

/// How a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a whole frame.
    Whole,
    /// With bytes that are no frame, from [`Scanner::offset`] on.
    Torn,
    /// With a segment that was made while the one before did not say yet that it goes on there.
    RollUnfinished,
}

/// A segment that is open.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// A frame in a segment.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) segment: Arc<Segment>,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) kind: Kind,
}

/// A place in a log up to which everything was read and checked.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) dir: PathBuf,
    pub(super) access: Access,
    pub(super) header: SegmentHeader,
    pub(super) segment: Arc<Segment>,
    pub(super) offset: u64,
    pub(super) next: Next,
    /// The last frame of all.
    pub(super) last: Option<Frame>,
    payload: Vec<u8>,
}

/// How often a place is looked at before it is called damaged. A writer does not touch a frame
/// again once the one after it stands, so the second look at a place is already a true one.
const LOOKS: usize = 3;

impl Scanner {
    /// Reads the whole log in a directory into an empty index.
    pub(super) fn open(
        dir: &Path,
        access: Access,
        mut index: Index,
    ) -> Result<(Self, Index, End), OpenError> {
        let listed = segment::list(dir)?;
        if listed.is_empty() {
            let dir = dir.to_owned();
            return Err(OpenError::NoLog { dir });
        }
        let first = segment::path_of(dir, Next::FIRST.position);
        if listed.first() != Some(&first) {
            return Err(OpenError::damaged(&first, 0, "first segment is missing"));
        }
        let (file, header) = segment::open(&first, access)?;
        if header.number != 1 || header.next != Next::FIRST {
            return Err(OpenError::damaged(&first, 0, "not the log's first segment"));
        }
        let segment = Arc::new(Segment { path: first, file });
        let mut scanner = Self {
            dir: dir.to_owned(),
            access,
            header,
            segment: Arc::clone(&segment),
            offset: BLOCK_U64,
            next: header.next,
            last: None,
            payload: Vec::new(),
        };
        index.segments.push(segment.path.as_path().into());
        let end = match access {
            Access::Read => scanner.advance_beside_writer(&mut index)?,
            Access::Write => scanner.advance(&mut index)?,
        };
        scanner.check_listing(&listed, &index, end)?;
        Ok((scanner, index, end))
    }

    /// Reads on from where it stands to the log's end.
    pub(super) fn advance(&mut self, index: &mut Index) -> Result<End, OpenError> {
        loop {
            let rest = self.rest()?;
            if self.rolled() {
                if rest > 0 {
                    return Err(self.damaged("bytes after the segment's end"));
                }
                self.enter_next(index)?;
                continue;
            }
            if rest == 0 {
                return self.at_end(true);
            }
            match self.frame(rest)? {
                Some((header, chain)) => self.take(&header, chain, index)?,
                None => return self.unreadable(rest),
            }
        }
    }

    /// As [`Self::advance`], for a reader beside a writer: what does not check is looked at again,
    /// since the reader may have seen one half of a write before it happened and the other after.
    pub(super) fn advance_beside_writer(&mut self, index: &mut Index) -> Result<End, OpenError> {
        let mut seen = (0, 0, 0);
        loop {
            let end = self.advance(index);
            let (segment, offset, looks) = seen;
            let here = (self.header.number, self.offset);
            let looks = if (segment, offset) == here {
                looks + 1
            } else {
                1
            };
            seen = (here.0, here.1, looks);
            if !matches!(end, Err(OpenError::Damaged { .. })) || looks >= LOOKS {
                return end;
            }
        }
    }

    /// Whether the last frame says that the log goes on in the next segment.
    fn rolled(&self) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|last| {
            last.kind == Kind::Roll && Arc::ptr_eq(&last.segment, &self.segment)
        })
    }

    fn rest(&self) -> Result<u64, OpenError> {
        let metadata = self.segment.file.metadata();
        let len = metadata
            .map_err(OpenError::io("read", &self.segment.path))?
            .len();
        len.checked_sub(self.offset)
            .ok_or_else(|| self.damaged("segment became shorter while it was read"))
    }

    /// The frame at the offset, its payload read; `None` if it does not check or is cut off.
    fn frame(&mut self, rest: u64) -> Result<Option<(FrameHeader, u32)>, OpenError> {
        if rest < BLOCK_U64 {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        self.read(&mut block, self.offset)?;
        let (header, chain) = match FrameHeader::decode(&block, self.header.identity.marker) {
            Block::Other => return Ok(None),
            Block::UnknownKind => return Err(self.damaged("frame of an unknown kind")),
            Block::Header(header, chain) => (header, chain),
        };
        if header.next != self.next {
            let (found, due) = (header.next, self.next);
            return Err(self.damaged(format!(
                "group {} at position {} where group {} at position {} belongs, or one that \
                 follows another history",
                found.group, found.position, due.group, due.position
            )));
        }
        if rest - BLOCK_U64 < u64::from(header.payload_len) {
            return Ok(None);
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(size(header.payload_len), 0);
        let read = self.read(&mut payload, self.offset + BLOCK_U64);
        self.payload = payload;
        read?;
        let checks = crc32c::crc32c(&self.payload) == header.payload_crc;
        Ok(checks.then_some((header, chain)))
    }

    /// Takes a frame that checks into the index and steps over it.
    pub(super) fn take(
        &mut self,
        header: &FrameHeader,
        chain: u32,
        index: &mut Index,
    ) -> Result<(), OpenError> {
        let payload = std::mem::take(&mut self.payload);
        let taken = match header.kind {
            Kind::Units => self.take_units(header, &payload, index),
            Kind::Seal | Kind::Roll if *header == FrameHeader::mark(header.kind, self.next) => {
                Ok(())
            }
            Kind::Seal | Kind::Roll => Err("frame of this kind holds nothing".to_owned()),
        };
        taken.map_err(|reason| self.damaged(reason))?;
        self.payload = payload;
        let len = BLOCK_U64 + u64::from(header.payload_len);
        self.last = Some(Frame {
            segment: Arc::clone(&self.segment),
            offset: self.offset,
            len,
            kind: header.kind,
        });
        self.offset += len;
        self.next = header.after(chain);
        Ok(())
    }

    fn take_units(
        &self,
        header: &FrameHeader,
        payload: &[u8],
        index: &mut Index,
    ) -> Result<(), String> {
        let mut rest = payload;
        let mut offset = self.offset + BLOCK_U64;
        let mut events = 0_usize;
        if header.units == 0 {
            return Err("group without units".to_owned());
        }
        for _ in 0..header.units {
            let body = record::body(rest)?;
            let view = record::parse(body)?;
            let len = RECORD_HEADER + body.len();
            let len_stored = length(len);
            events += view.events.len();
            index.push(&view, body, offset, len_stored)?;
            offset += u64::from(len_stored);
            rest = rest.get(len..).unwrap_or_default();
        }
        if events != size(header.events) {
            return Err("group counts its events wrongly".to_owned());
        }
        if rest.len() >= BLOCK || rest.iter().any(|byte| *byte != 0) {
            return Err("group is longer than its units".to_owned());
        }
        Ok(())
    }

    /// The header of the segment after this one.
    pub(super) fn header_due(&self, next: Next) -> SegmentHeader {
        SegmentHeader {
            identity: self.header.identity,
            number: self.header.number.saturating_add(1),
            next,
        }
    }

    pub(super) fn is_named(&self, path: &Path, header: &SegmentHeader) -> bool {
        segment::path_of(&self.dir, header.next.position) == path
    }

    /// Goes on in the segment that the last frame, a roll, says is there.
    fn enter_next(&mut self, index: &mut Index) -> Result<(), OpenError> {
        let path = segment::path_of(&self.dir, self.next.position);
        if !path.exists() {
            return Err(OpenError::damaged(&path, 0, "segment is missing"));
        }
        let (file, header) = segment::open(&path, self.access)?;
        if header != self.header_due(self.next) {
            return Err(OpenError::damaged(
                &path,
                0,
                format!(
                    "segment does not go on where {} ends",
                    self.segment.path.display()
                ),
            ));
        }
        self.header = header;
        self.segment = Arc::new(Segment { path, file });
        self.offset = BLOCK_U64;
        index.segments.push(self.segment.path.as_path().into());
        Ok(())
    }

    /// Refuses a segment that the log does not lead to.
    fn check_listing(&self, listed: &[PathBuf], index: &Index, end: End) -> Result<(), OpenError> {
        let next = segment::path_of(&self.dir, self.next.position);
        for path in listed {
            let known = index.segments.iter().any(|segment| **segment == **path);
            let made = end == End::RollUnfinished && *path == next;
            if !known && !made {
                return Err(OpenError::damaged(
                    path,
                    0,
                    "segment does not belong to the log",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), OpenError> {
        let read = self.segment.file.read_exact_at(bytes, offset);
        read.map_err(OpenError::io("read", &self.segment.path))
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> OpenError {
        OpenError::damaged(&self.segment.path, self.offset, reason)
    }
}
