//! Telling a torn write from damage, where bytes stand that are no frame.

use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::format::{BLOCK, BLOCK_U64, Block, FrameHeader, Kind};
use super::scan::{End, Scanner};
use super::segment;

/// How many bytes are searched at a time for a frame after one that does not check.
const SEARCH_BYTES: usize = 1 << 20;

impl Scanner {
    /// Says what bytes are that are no frame.
    pub(super) fn unreadable(&self, rest: u64) -> Result<End, OpenError> {
        if let Some(later) = self.later_frame(rest)? {
            return Err(self.damaged(format!(
                "frame does not check, but one that does follows at byte {later}"
            )));
        }
        let mut nothing = rest < BLOCK_U64;
        if rest == BLOCK_U64 {
            let mut block = [0; BLOCK];
            self.read(&mut block, self.offset)?;
            nothing = block == [0; BLOCK];
            if !nothing && self.is_damaged_mark(&block) {
                return Err(self.damaged("seal does not check"));
            }
        }
        Ok(match self.at_end(nothing)? {
            End::Whole | End::Torn => End::Torn,
            End::RollUnfinished => End::RollUnfinished,
        })
    }

    /// Whether a last block was a seal or a roll, which say nothing that is not known, and no longer
    /// is. A torn write leaves such a block whole or zero (see `format`); unrelated bytes agree with
    /// it in a few places by chance. What is nearly right was damaged.
    fn is_damaged_mark(&self, block: &[u8; BLOCK]) -> bool {
        let marker = self.header.identity.marker;
        if FrameHeader::decode(block, marker) != Block::Other {
            // The header of a group whose units did not reach the disk.
            return false;
        }
        [Kind::Seal, Kind::Roll].into_iter().any(|kind| {
            let (due, _) = FrameHeader::mark(kind, self.next).encode(marker);
            let wrong = due.iter().zip(block).filter(|(due, found)| due != found);
            wrong.count() < BLOCK / 2
        })
    }

    /// The offset of a header that checks after the bad frame at the offset.
    fn later_frame(&self, rest: u64) -> Result<Option<u64>, OpenError> {
        let marker = self.header.identity.marker;
        let end = self.offset + rest;
        let mut at = self.offset + 1;
        let mut chunk = Vec::new();
        while at + BLOCK_U64 <= end {
            let len = usize::try_from(end - at)
                .unwrap_or(usize::MAX)
                .min(SEARCH_BYTES);
            chunk.resize(len, 0);
            self.read(&mut chunk, at)?;
            for (found, block) in chunk.windows(BLOCK).enumerate() {
                let Ok(block) = <&[u8; BLOCK]>::try_from(block) else {
                    continue;
                };
                if block.starts_with(&marker) && FrameHeader::decode(block, marker) != Block::Other
                {
                    return Ok(u64::try_from(found).ok().map(|found| at + found));
                }
            }
            // The last 63 bytes may be the beginning of a header.
            at += u64::try_from(len - (BLOCK - 1)).unwrap_or(u64::MAX);
        }
        Ok(None)
    }

    /// The end of the last segment, or of one that only misses its roll frame (`may_roll`).
    pub(super) fn at_end(&self, may_roll: bool) -> Result<End, OpenError> {
        let later: Vec<PathBuf> = segment::list(&self.dir)?
            .into_iter()
            .filter(|path| *path > self.segment.path)
            .collect();
        let [only] = later.as_slice() else {
            return match later.first() {
                None => Ok(End::Whole),
                Some(later) => Err(self.not_followed_by(later)),
            };
        };
        let roll = FrameHeader::mark(Kind::Roll, self.next);
        let (_, chain) = roll.encode(self.header.identity.marker);
        let (file, header) = segment::open(only, self.access)?;
        let len = file.metadata().map_err(OpenError::io("read", only))?.len();
        let due = self.header_due(roll.after(chain));
        if may_roll && len == BLOCK_U64 && header == due && self.is_named(only, &header) {
            Ok(End::RollUnfinished)
        } else {
            Err(self.not_followed_by(only))
        }
    }

    fn not_followed_by(&self, later: &Path) -> OpenError {
        self.damaged(format!(
            "segment does not end, but {} follows",
            later.display()
        ))
    }
}
