//! What the partitions say about themselves, as one part of the process' health.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use daybook_events::ids::Position;
use daybook_platform::health::Part;

/// One partition's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    /// It reads what it missed from the store, and is far from its end.
    CatchingUp {
        at: Position,
        head: Position,
    },
    /// It keeps up, at this position.
    Following(Position),
    /// Its rows are made anew from the event store.
    Rebuilding,
    /// Something it needs is away.
    Waiting(&'static str),
    /// Another process does its work.
    StandBy,
    /// It met an event that it cannot take, and waits for people.
    Stopped,
}

/// All partitions' states. Cheap to clone; clones share.
#[derive(Clone)]
pub(super) struct Board {
    part: Part,
    states: Arc<Mutex<BTreeMap<u16, State>>>,
}

impl Board {
    /// Every partition is starting.
    pub(super) fn new(part: Part, partitions: u16) -> Self {
        let states = (0..partitions)
            .map(|partition| (partition, State::Starting))
            .collect();
        Self {
            part,
            states: Arc::new(Mutex::new(states)),
        }
    }

    /// Notes a partition's state, and says what follows for the whole.
    pub(super) fn set(&self, partition: u16, state: State) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(partition, state);
        // The worst state speaks for all of them.
        match states.iter().max_by_key(|(_, state)| badness(state)) {
            Some((partition, State::Stopped)) => self.part.not_ready(format!(
                "partition {partition} stopped at an event that it cannot apply; see the log"
            )),
            Some((partition, State::Rebuilding)) => {
                self.part
                    .not_ready(format!("partition {partition} is being rebuilt"));
            }
            Some((partition, State::CatchingUp { at, head })) => self.part.not_ready(format!(
                "partition {partition} is catching up: at {at} of {head}"
            )),
            Some((_, State::Waiting(why))) => self.part.not_ready(*why),
            Some((_, State::Starting)) | None => self.part.not_ready("starting"),
            Some((_, State::Following(_) | State::StandBy)) => {
                self.part.ready(positions(&states));
            }
        }
    }
}

fn badness(state: &State) -> u8 {
    match state {
        State::Following(_) | State::StandBy => 0,
        State::Starting => 1,
        State::CatchingUp { .. } => 2,
        State::Waiting(_) => 3,
        State::Rebuilding => 4,
        State::Stopped => 5,
    }
}

fn positions(states: &BTreeMap<u16, State>) -> String {
    let each: Vec<String> = states
        .iter()
        .map(|(partition, state)| match state {
            State::Following(position) => format!("{partition} at {position}"),
            State::StandBy => format!("{partition} on stand-by"),
            State::Starting
            | State::CatchingUp { .. }
            | State::Rebuilding
            | State::Waiting(_)
            | State::Stopped => format!("{partition} not ready"),
        })
        .collect();
    format!("partitions: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use daybook_platform::health::Health;

    use super::*;

    #[test]
    fn one_stopped_partition_makes_the_whole_not_ready() {
        let health = Health::new();
        let board = Board::new(health.part("projector"), 2);
        board.set(0, State::Following(Position::new(7)));
        assert!(!health.snapshot().ready, "the other one is still starting");
        board.set(1, State::Following(Position::new(9)));
        let snapshot = health.snapshot();
        assert!(snapshot.ready);
        assert_eq!(
            snapshot.parts["projector"].detail,
            "partitions: 0 at 7, 1 at 9"
        );
        let (at, head) = (Position::new(3), Position::new(9));
        board.set(1, State::CatchingUp { at, head });
        let snapshot = health.snapshot();
        assert!(!snapshot.ready);
        assert_eq!(
            snapshot.parts["projector"].detail,
            "partition 1 is catching up: at 3 of 9"
        );
        board.set(1, State::Stopped);
        board.set(0, State::Following(Position::new(8)));
        assert!(!health.snapshot().ready);
    }
}
