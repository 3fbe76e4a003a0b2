//! The state of one life of a partition, and the judgement whether the feed can be relied upon to
//! bring what is missing.

use std::time::Duration;

use daybook_events::ids::Position;
use daybook_events::time::Timestamp;
use tokio::time::Instant;

use super::beat::Beat;
use super::checkpoint::Checkpoint;
use super::pending::Pending;

/// A message that the heartbeat speaks of may be this late; then the store is read.
const MESSAGE_LATE_MAX: Duration = Duration::from_millis(500);
/// A relay that beats every second, and after this long has not reached where the store was, is
/// stuck or far behind: then the store is read.
const RELAY_LATE_MAX: Duration = Duration::from_millis(2_500);

/// Where a partition is.
#[derive(Debug)]
pub(super) struct Follow {
    /// What is in Postgres.
    pub(super) checkpoint: Checkpoint,
    /// What is in hand.
    pub(super) pending: Pending,
    /// Not yet at the store's head, or for long not any more.
    pub(super) is_behind: bool,
    /// When the last event applied was recorded, for the lag.
    pub(super) last_recorded_at: Option<Timestamp>,
    /// Since when the heartbeat speaks of an event that has not come.
    late_since: Option<Instant>,
    /// A head of the store that the relay has not reached, and since when it is known.
    ahead: Option<(Position, Instant)>,
}

/// What to do about events that are in the store and not in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The feed brings them, or there are none of this partition.
    Wait,
    /// The feed is not there: read the store.
    Read,
    /// The feed should have brought them: read the store, and make the consumer anew.
    ReadAndRenew,
}

impl Follow {
    /// At a checkpoint with nothing in hand.
    pub(super) fn new(checkpoint: Checkpoint) -> Self {
        let pending = Pending::new(checkpoint.position);
        Self {
            checkpoint,
            pending,
            is_behind: true,
            last_recorded_at: None,
            late_since: None,
            ahead: None,
        }
    }

    /// Takes in what the heartbeat says about the partition.
    pub(super) fn hear(&mut self, beat: &Beat) {
        let (generation, partitions) = (self.checkpoint.generation, self.checkpoint.partitions);
        if !beat.is_alive(generation, partitions) {
            return;
        }
        if beat.last(self.checkpoint.partition) > self.pending.received() {
            self.late_since.get_or_insert_with(Instant::now);
        } else {
            self.late_since = None;
            self.pending.skip_to(beat.head());
        }
    }

    /// A message came: nothing is late.
    pub(super) fn moved(&mut self) {
        self.late_since = None;
    }

    /// Judges, when the store is at `head`, beyond what is in hand.
    pub(super) fn missing(
        &mut self,
        head: Position,
        beat: Option<&Beat>,
        is_attached: bool,
    ) -> Missing {
        let (generation, partitions) = (self.checkpoint.generation, self.checkpoint.partitions);
        let Some(beat) = beat.filter(|beat| beat.is_alive(generation, partitions)) else {
            return Missing::Read;
        };
        if !is_attached || self.is_relay_late(head, beat) {
            return Missing::Read;
        }
        self.hear(beat);
        match self.late_since {
            Some(since) if since.elapsed() >= MESSAGE_LATE_MAX => Missing::ReadAndRenew,
            Some(_) | None => Missing::Wait,
        }
    }

    fn is_relay_late(&mut self, head: Position, beat: &Beat) -> bool {
        let (target, since) = match self.ahead {
            Some((target, since)) if target > beat.head() => (target, since),
            Some(_) | None => (head, Instant::now()),
        };
        self.ahead = Some((target, since));
        since.elapsed() >= RELAY_LATE_MAX
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::ids::GenerationId;
    use tokio::time::advance;

    use super::super::beat::tests::beat;
    use super::*;

    fn follow() -> Follow {
        let generation = GenerationId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap();
        Follow::new(Checkpoint::fresh(0, 2, generation))
    }

    fn missing(follow: &mut Follow, head: u64, beat: &Beat) -> Missing {
        follow.missing(Position::new(head), Some(beat), true)
    }

    #[tokio::test(start_paused = true)]
    async fn without_heartbeat_or_consumer_the_store_is_read() {
        let mut follow = follow();
        let head = Position::new(5);
        assert_eq!(follow.missing(head, None, true), Missing::Read);
        assert_eq!(
            follow.missing(head, Some(&beat(5, [0, 5])), false),
            Missing::Read
        );
        assert_eq!(
            follow.missing(head, Some(&beat(5, [0, 5])), true),
            Missing::Wait
        );
        let old = beat(5, [0, 5]);
        advance(Duration::from_secs(3)).await;
        assert_eq!(follow.missing(head, Some(&old), true), Missing::Read);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_late_is_fetched_from_the_store() {
        let mut follow = follow();
        assert_eq!(missing(&mut follow, 5, &beat(5, [5, 0])), Missing::Wait);
        advance(Duration::from_millis(600)).await;
        assert_eq!(
            missing(&mut follow, 5, &beat(5, [5, 0])),
            Missing::ReadAndRenew
        );
        follow.moved();
        assert_eq!(missing(&mut follow, 5, &beat(5, [5, 0])), Missing::Wait);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_heartbeat_says_is_not_ours_is_passed_over() {
        let mut follow = follow();
        follow.hear(&beat(9, [0, 9]));
        assert_eq!(follow.pending.received(), Position::new(9));
        follow.hear(&beat(12, [11, 12]));
        assert_eq!(follow.pending.received(), Position::new(9), "11 is ours");
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_beats_and_stands_still_is_not_waited_for() {
        let mut follow = follow();
        advance(Duration::from_secs(60)).await;
        // After a long silence the first event is not late at once.
        assert_eq!(missing(&mut follow, 1, &beat(0, [0, 0])), Missing::Wait);
        advance(Duration::from_secs(2)).await;
        assert_eq!(missing(&mut follow, 50, &beat(0, [0, 0])), Missing::Wait);
        assert_eq!(
            missing(&mut follow, 50, &beat(1, [0, 0])),
            Missing::Wait,
            "it moved"
        );
        advance(Duration::from_secs(3)).await;
        assert_eq!(missing(&mut follow, 90, &beat(1, [0, 0])), Missing::Read);
    }
}
