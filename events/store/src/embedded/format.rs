//! The bytes of a segment: its header and the frames after it. All numbers are little endian, and
//! headers are 64 bytes at multiples of 64, so that none ever crosses a disk sector: after a power
//! loss a header is there, or all zero, or missing, but never half new and half old.
//!
//! Every frame begins with the log's marker, random bytes that never leave the store: nobody can
//! put a frame into an event's data. A frame's header CRC covers the header CRC of the frame before
//! and its own payload's CRC, so these CRCs chain the whole log.

use daybook_events::ids::GenerationId;
use uuid::Uuid;

/// Headers' size, and what every frame's length is a multiple of.
pub(super) const BLOCK: usize = 64;
/// [`BLOCK`] as a file offset.
pub(super) const BLOCK_U64: u64 = 64;
/// The format that this build reads and writes.
pub(super) const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"DAYBKLOG";
const CRC_AT: usize = BLOCK - 4;

/// What all segments of one log share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) generation: GenerationId,
    pub(super) marker: [u8; 8],
}

/// The first block of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) identity: Identity,
    /// 1 for the log's first segment.
    pub(super) number: u32,
    pub(super) next: Next,
}

/// What a frame must say of itself to stand at a place of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) group: u64,
    pub(super) position: u64,
    /// The header CRC of the frame before; 0 at the very beginning.
    pub(super) chain: u32,
}

impl Next {
    pub(super) const FIRST: Self = Self {
        group: 1,
        position: 1,
        chain: 0,
    };
}

/// Why a segment's header was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    NotASegment,
    Damaged,
    Format(u32),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut out = Blocks(&mut block, 0);
        out.put(&MAGIC);
        out.put(&FORMAT.to_le_bytes());
        out.put(&self.number.to_le_bytes());
        out.put(self.identity.generation.uuid().as_bytes());
        out.put(&self.identity.marker);
        out.put(&self.next.position.to_le_bytes());
        out.put(&self.next.group.to_le_bytes());
        out.put(&self.next.chain.to_le_bytes());
        seal_block(&mut block);
        block
    }

    pub(super) fn decode(block: &[u8; BLOCK]) -> Result<Self, HeaderError> {
        let mut cursor = Cursor::new(block);
        let magic: [u8; 8] = cursor.array().unwrap_or_default();
        if magic != MAGIC {
            return Err(HeaderError::NotASegment);
        }
        if !block_checks(block) {
            return Err(HeaderError::Damaged);
        }
        let format = cursor.u32().unwrap_or_default();
        if format != FORMAT {
            return Err(HeaderError::Format(format));
        }
        let header = (|| {
            Some(Self {
                number: cursor.u32()?,
                identity: Identity {
                    generation: GenerationId::new(Uuid::from_bytes(cursor.array()?)),
                    marker: cursor.array()?,
                },
                next: Next {
                    position: cursor.u64()?,
                    group: cursor.u64()?,
                    chain: cursor.u32()?,
                },
            })
        })();
        header.ok_or(HeaderError::Damaged)
    }
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A group of units.
    Units,
    /// Nothing: says that every group before was synced.
    Seal,
    /// Nothing: says that the log goes on in the next segment, which exists.
    Roll,
}

impl Kind {
    const fn code(self) -> u32 {
        match self {
            Self::Units => 1,
            Self::Seal => 2,
            Self::Roll => 3,
        }
    }

    const fn of(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Units),
            2 => Some(Self::Seal),
            3 => Some(Self::Roll),
            _ => None,
        }
    }
}

/// The first block of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) kind: Kind,
    pub(super) next: Next,
    pub(super) units: u32,
    pub(super) events: u32,
    /// A multiple of [`BLOCK`]; the payload is filled up with zeros.
    pub(super) payload_len: u32,
    pub(super) payload_crc: u32,
}

/// What a block is that was read where a frame should begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// A header that checks, and its CRC.
    Header(FrameHeader, u32),
    /// A block that checks, but of a kind this build does not know.
    UnknownKind,
    /// Anything else.
    Other,
}

impl FrameHeader {
    /// The header of a frame without payload, a pure function of what stands before it.
    pub(super) const fn mark(kind: Kind, next: Next) -> Self {
        Self {
            kind,
            next,
            units: 0,
            events: 0,
            payload_len: 0,
            payload_crc: 0,
        }
    }

    /// The block, and its CRC: the chain value for the frame after.
    pub(super) fn encode(&self, marker: [u8; 8]) -> ([u8; BLOCK], u32) {
        let mut block = [0; BLOCK];
        let mut out = Blocks(&mut block, 0);
        out.put(&marker);
        out.put(&self.kind.code().to_le_bytes());
        out.put(&self.units.to_le_bytes());
        out.put(&self.next.group.to_le_bytes());
        out.put(&self.next.position.to_le_bytes());
        out.put(&self.events.to_le_bytes());
        out.put(&self.payload_len.to_le_bytes());
        out.put(&self.payload_crc.to_le_bytes());
        out.put(&self.next.chain.to_le_bytes());
        let chain = seal_block(&mut block);
        (block, chain)
    }

    pub(super) fn decode(block: &[u8; BLOCK], marker: [u8; 8]) -> Block {
        if !block.starts_with(&marker) || !block_checks(block) {
            return Block::Other;
        }
        let mut cursor = Cursor::new(block);
        let header = (|| {
            cursor.take(marker.len())?;
            let kind = Kind::of(cursor.u32()?)?;
            let units = cursor.u32()?;
            let (group, position) = (cursor.u64()?, cursor.u64()?);
            Some(Self {
                kind,
                units,
                events: cursor.u32()?,
                payload_len: cursor.u32()?,
                payload_crc: cursor.u32()?,
                next: Next {
                    group,
                    position,
                    chain: cursor.u32()?,
                },
            })
        })();
        header.map_or(Block::UnknownKind, |header| {
            Block::Header(header, block_crc(block))
        })
    }

    /// What the frame after this one must say of itself.
    pub(super) fn after(&self, chain: u32) -> Next {
        Next {
            group: self.next.group.saturating_add(1),
            position: self.next.position.saturating_add(u64::from(self.events)),
            chain,
        }
    }
}

/// Fills a payload up with zeros to a multiple of [`BLOCK`].
pub(super) fn pad(payload: &mut Vec<u8>) {
    payload.resize(payload.len().next_multiple_of(BLOCK), 0);
}

fn seal_block(block: &mut [u8; BLOCK]) -> u32 {
    let crc = crc32c::crc32c(&block[..CRC_AT]);
    block[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    crc
}

fn block_crc(block: &[u8; BLOCK]) -> u32 {
    let mut crc = [0; 4];
    crc.copy_from_slice(&block[CRC_AT..]);
    u32::from_le_bytes(crc)
}

fn block_checks(block: &[u8; BLOCK]) -> bool {
    crc32c::crc32c(&block[..CRC_AT]) == block_crc(block)
}

struct Blocks<'a>(&'a mut [u8; BLOCK], usize);

impl Blocks<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.0[self.1..self.1 + bytes.len()].copy_from_slice(bytes);
        self.1 += bytes.len();
    }
}

/// Reads fields one after another; `None` once the bytes are used up.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

/// A stored length as a size in memory; where it does not fit, a size that nothing has.
pub(super) fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// A size in memory as a stored length. Callers keep to the unit's limit, far below 4 GiB.
pub(super) fn length(size: usize) -> u32 {
    let length = u32::try_from(size).unwrap_or(u32::MAX);
    assert!(length < u32::MAX, "a stored length is below 4 GiB");
    length
}
