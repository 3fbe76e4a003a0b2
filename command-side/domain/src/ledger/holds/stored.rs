//! Open holds as a snapshot stores them.

use daybook_events::Invalid;
use daybook_events::ids::{AccountId, TransactionId};
use daybook_events::money::{AMOUNT_MAX, Minor, Side};
use daybook_events::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Holds, OpenHold, Part, merged};
use crate::ledger::assets::AssetIndex;
use crate::ledger::snapshot::refused;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct StoredHold {
    id: TransactionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// In the order of the hold's entries; what is captured wholly is there with nothing.
    parts: Vec<StoredPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPart {
    account: AccountId,
    direction: Side,
    asset: AssetIndex,
    remaining: Minor,
}

impl Holds {
    /// Every open hold, sorted by id.
    pub(in crate::ledger) fn stored(&self) -> Vec<StoredHold> {
        let stored = |(id, hold): (&TransactionId, &OpenHold)| {
            let parts = hold.in_order().into_iter().map(|part| StoredPart {
                account: part.account.clone(),
                direction: part.direction,
                asset: part.asset,
                remaining: part.remaining,
            });
            StoredHold {
                id: *id,
                expires_at: hold.expires_at,
                parts: parts.collect(),
            }
        };
        self.open.iter().map(stored).collect()
    }

    /// The table again. That it agrees with the balances is checked by whoever knows them.
    pub(in crate::ledger) fn from_stored(stored: Vec<StoredHold>) -> Result<Self, Invalid> {
        let mut holds = Self::default();
        for StoredHold {
            id,
            expires_at,
            parts,
        } in stored
        {
            let count = parts.len();
            let hold = OpenHold {
                expires_at,
                parts: restored(parts)?,
            };
            if hold.parts.len() != count || hold.is_used_up() || holds.open.contains_key(&id) {
                return Err(refused(
                    "a hold or a part of it stands twice, or is not open",
                ));
            }
            holds.insert(id, hold);
        }
        Ok(holds)
    }

    /// What every part of every open hold reserves, in no order.
    pub(in crate::ledger) fn remaining(
        &self,
    ) -> impl Iterator<Item = (&AccountId, AssetIndex, Side, Minor)> {
        let parts = self.open.values().flat_map(|hold| &hold.parts);
        parts.map(|part| (&part.account, part.asset, part.direction, part.remaining))
    }
}

fn restored(parts: Vec<StoredPart>) -> Result<Box<[Part]>, Invalid> {
    let within = |part: &StoredPart| (0..=AMOUNT_MAX).contains(&part.remaining.get());
    if !parts.iter().all(within) {
        return Err(refused(
            "a hold reserves less than nothing or more than 10^30",
        ));
    }
    let parts = parts.into_iter().enumerate().map(|(place, part)| Part {
        account: part.account,
        direction: part.direction,
        asset: part.asset,
        place,
        remaining: part.remaining,
    });
    merged(parts.collect()).map_err(|place| refused(format!("part {place} of a hold stands twice")))
}
