//! Whether a unit is a repetition: the same events, in everything that they say.
//!
//! Ids alone do not tell: a client makes ids too, and one that was used for something else would
//! pass for that. What is not equal in all of it is another decision, and its writer decides again.

use daybook_events::ids::Revision;
use uuid::Uuid;

use super::read::Log;
use super::record::{EventAt, UnitView};
use crate::port::ReadError;
use crate::unit::Unit;

/// What a stored event says, all of it but where it stands.
#[derive(PartialEq, Eq)]
pub(super) struct Content<'a> {
    recorded_at: i64,
    id: Uuid,
    event_type: &'a str,
    version: u16,
    data: &'a [u8],
    own: &'a [u8],
    shared: &'a [u8],
}

impl<'a> Content<'a> {
    /// What each event of a unit says.
    pub(super) fn of_unit(unit: &'a Unit) -> impl Iterator<Item = Self> {
        unit.events().map(|event| Self {
            recorded_at: unit.recorded_at().micros(),
            id: event.id.uuid(),
            event_type: event.event_type.as_str(),
            version: event.version,
            data: event.data,
            own: event.own,
            shared: unit.shared_at(event.shared),
        })
    }

    fn of_record(body: &'a [u8], view: &'a UnitView<'_>, event: &'a EventAt<'_>) -> Option<Self> {
        Some(Self {
            recorded_at: view.head.recorded_at,
            id: event.id,
            event_type: event.event_type,
            version: event.version,
            data: body.get(event.data.clone())?,
            own: body.get(event.own.clone())?,
            shared: body.get(view.shared.get(event.shared)?.clone())?,
        })
    }
}

/// How far a unit repeats what is durable.
pub(super) enum Repeated {
    /// Some event is another one.
    Not,
    /// The log ends before the unit does; so far all is equal. The positions of the equal events.
    UpTo(Vec<u64>),
}

impl Log {
    /// How far the events of a unit stand in the durable log from a revision on.
    pub(super) fn repeated(&self, unit: &Unit, from: u64) -> Result<Repeated, ReadError> {
        let mut positions = Vec::with_capacity(unit.len());
        let mut contents = Content::of_unit(unit);
        while positions.len() < unit.len() {
            // A page is bounded, a unit may be longer.
            let due = from + u64::try_from(positions.len()).unwrap_or(u64::MAX);
            let left = unit.len() - positions.len();
            let mut plan = self.plan_ledger(unit.ledger(), Revision::new(due), left);
            plan.load()?;
            let before = positions.len();
            for stored in plan.units() {
                let (at, body, view) = stored?;
                let numbers = (at.first_revision..).zip(at.first_position..);
                for (event, (revision, position)) in view.events.iter().zip(numbers) {
                    if revision < due {
                        continue;
                    }
                    let Some(content) = contents.next() else {
                        return Ok(Repeated::UpTo(positions));
                    };
                    if Content::of_record(body, &view, event) != Some(content) {
                        return Ok(Repeated::Not);
                    }
                    positions.push(position);
                }
            }
            if positions.len() == before {
                break;
            }
        }
        Ok(Repeated::UpTo(positions))
    }
}
