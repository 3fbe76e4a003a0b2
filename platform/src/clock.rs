//! The one place that reads the wall clock and mints ids, so that tests can set both.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use uuid::{NoContext, Timestamp, Uuid};

/// The longest that a wait for a time sleeps at once: the machine's clock may be set meanwhile, or
/// the machine may have slept itself.
const NAP_MAX: Duration = Duration::from_secs(30);

/// Gives the time and fresh ids. Cheap to clone; clones share their source.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
}

/// Sets the time of a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<watch::Sender<i64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self {
            source: Source::System,
        }
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start_micros: i64) -> (Self, ManualClock) {
        let micros = Arc::new(watch::Sender::new(start_micros));
        let clock = Self {
            source: Source::Manual(Arc::clone(&micros)),
        };
        (clock, ManualClock { micros })
    }

    /// Microseconds since 1970-01-01 UTC; negative before.
    pub fn now_micros(&self) -> i64 {
        match &self.source {
            Source::System => system_micros(),
            Source::Manual(micros) => *micros.borrow(),
        }
    }

    /// Returns once it is this time; at once if it was already. A manual clock has to be moved.
    pub async fn sleep_until(&self, micros: i64) {
        match &self.source {
            Source::System => loop {
                let left = micros.saturating_sub(system_micros());
                let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                    return;
                };
                tokio::time::sleep(Duration::from_micros(left).min(NAP_MAX)).await;
            },
            Source::Manual(now) => {
                let waited = now.subscribe().wait_for(|now| *now >= micros).await.is_ok();
                debug_assert!(waited, "the sender lives as long as this clock");
            }
        }
    }

    /// Whole seconds since 1970-01-01 UTC.
    pub fn now_s(&self) -> i64 {
        self.now_micros().div_euclid(1_000_000)
    }

    /// A fresh id that sorts by its time. A manual clock gives its own time to it; within one
    /// millisecond of the machine's clock ids are ascending as well.
    pub fn uuid_v7(&self) -> Uuid {
        match &self.source {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the place that mints ids"
            )]
            Source::System => Uuid::now_v7(),
            Source::Manual(micros) => {
                let micros = (*micros.borrow()).max(0);
                let seconds = u64::try_from(micros / 1_000_000).unwrap_or(0);
                let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
                Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos))
            }
        }
    }

    /// A fresh random id.
    pub fn uuid_v4(&self) -> Uuid {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place that mints ids"
        )]
        Uuid::new_v4()
    }
}

impl ManualClock {
    /// Moves the clock to this time, backwards too, and wakes whoever sleeps until then.
    pub fn set_micros(&self, micros: i64) {
        self.micros.send_replace(micros);
    }

    /// Moves the clock by so much, and wakes whoever sleeps until then.
    pub fn advance_micros(&self, micros: i64) {
        self.micros
            .send_modify(|now| *now = now.saturating_add(micros));
    }
}

fn system_micros() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the clock"
    )]
    let now = SystemTime::now();
    // Beyond i64 microseconds (the year 294,247) the clock is saturated, not wrapped.
    match now.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_micros()).map_or(i64::MIN, i64::wrapping_neg)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let (clock, hand) = Clock::manual(5);
        let same = clock.clone();
        assert_eq!((clock.now_micros(), clock.now_micros()), (5, 5));
        hand.advance_micros(7);
        assert_eq!((clock.now_micros(), same.now_micros()), (12, 12));
        hand.set_micros(-1);
        assert_eq!((clock.now_micros(), clock.now_s()), (-1, -1));
    }

    #[tokio::test]
    async fn who_sleeps_by_a_manual_clock_is_woken_when_it_is_time_and_not_before() {
        let (clock, hand) = Clock::manual(5);
        clock.sleep_until(5).await;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(10).await }
        });
        hand.advance_micros(4);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!sleeper.is_finished());
        hand.advance_micros(1);
        let woken = tokio::time::timeout(Duration::from_secs(5), sleeper).await;
        woken.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_sleep_by_the_system_clock_ends_at_its_time() {
        let clock = Clock::system();
        let until = clock.now_micros() + 30_000;
        clock.sleep_until(until).await;
        assert!(clock.now_micros() >= until);
        clock.sleep_until(i64::MIN).await;
    }

    #[test]
    fn the_id_of_a_manual_clock_carries_its_time_and_differs_each_time() {
        let (clock, _hand) = Clock::manual(1_700_000_000_123_456);
        let (one, two) = (clock.uuid_v7(), clock.uuid_v7());
        assert_ne!(one, two);
        let (seconds, nanos) = one.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_700_000_000, 123_000_000));
        assert_eq!(
            (one.get_version_num(), clock.uuid_v4().get_version_num()),
            (7, 4)
        );
    }

    #[test]
    fn the_system_clock_moves_forward() {
        let clock = Clock::system();
        let before = clock.now_micros();
        assert!(before > 1_700_000_000_000_000 && clock.now_micros() >= before);
        assert!(clock.uuid_v7() < clock.uuid_v7());
    }
}
