//! The rules of everything that moves no money: assets, accounts, the ledger, periods, pairs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::PAIRS_MAX;
use super::effect::{Change, Effect, Event};
use super::judge::Ruled;
use super::ledger::{Account, Face, Ledger, Refusal, Yes};
use super::render::{account, account_after, account_opened, patched, side_of, without_empty};
use super::request::{
    Limit, LimitPatch, OpenAccount, Pairs, PairsPatch, Patch, PatchAccount, Turn,
};

const UNFIT: Refusal = Refusal::new(422, "validation");

fn event(kind: &'static str, data: Value) -> Event {
    Event {
        kind,
        id: None,
        data,
    }
}

fn yes(status: u16, body: Value, location: Option<String>) -> Yes {
    Yes {
        status,
        body,
        location,
        id: None,
    }
}

fn bounded(pairs: Pairs) -> Result<Pairs, Refusal> {
    if pairs.len() > PAIRS_MAX {
        return Err(UNFIT);
    }
    Ok(pairs)
}

fn named(before: &Option<String>, patch: &Patch<String>) -> Option<String> {
    match patch {
        Patch::Keep => before.clone(),
        Patch::Remove => None,
        Patch::Set(name) => Some(name.clone()),
    }
}

fn paired(before: &Pairs, patch: &Patch<PairsPatch>) -> Result<Pairs, Refusal> {
    match patch {
        Patch::Keep => Ok(before.clone()),
        Patch::Remove => Ok(Pairs::new()),
        Patch::Set(patch) => bounded(patched(before, patch)),
    }
}

fn bound(before: Option<i128>, patch: &Patch<i128>) -> Option<i128> {
    match patch {
        Patch::Keep => before,
        Patch::Remove => None,
        Patch::Set(bound) => Some(*bound),
    }
}

impl Ledger {
    fn next(&self) -> u64 {
        self.revision + 1
    }

    fn at(&self, rest: &str) -> Option<String> {
        Some(format!("/v1/ledgers/{}/{rest}", self.id))
    }

    pub(super) fn register_asset(&self, asset: &str, scale: u8, name: Option<&str>) -> Ruled {
        let data = without_empty(json!({"asset": asset, "scale": scale, "name": name}));
        let body = json!({"asset": asset, "scale": scale, "name": name, "revision": self.next()});
        let location = self.at(&format!("assets/{asset}"));
        Ok(Effect::one(
            event("AssetRegistered", data),
            yes(201, body, location),
            vec![Change::Asset(asset.to_owned())],
        ))
    }

    pub(super) fn open_account(&self, new: &OpenAccount, now: i64) -> Ruled {
        let id = &new.account;
        let limits = new.limits.clone().unwrap_or_default();
        let allowed = new.assets.iter().flatten();
        for asset in allowed.chain(limits.keys()) {
            if asset != "*" && !self.knows(asset) {
                return Err(Refusal::new(422, "asset_unknown"));
            }
        }
        let opened = Account {
            kind: new.kind,
            normal: new.normal.unwrap_or_else(|| side_of(new.kind)),
            name: new.name.clone(),
            status: "open",
            assets: new.assets.as_ref().map(|all| all.iter().cloned().collect()),
            limits,
            metadata: new.metadata.clone().unwrap_or_default(),
            opened_at: now,
            turnovers: BTreeMap::new(),
        };
        let body = account(id, &opened, self.next());
        let data = account_opened(id, &opened);
        Ok(Effect::one(
            event("AccountOpened", data),
            yes(201, body, self.at(&format!("accounts/{id}"))),
            vec![Change::Account(id.clone(), opened)],
        ))
    }

    pub(super) fn patch_ledger(&self, name: &Patch<String>, metadata: &Patch<PairsPatch>) -> Ruled {
        let face = Face {
            name: named(&self.face.name, name),
            metadata: paired(&self.face.metadata, metadata)?,
            closed_through: self.face.closed_through.clone(),
        };
        Ok(self.faced("LedgerUpdated", json!({}), face))
    }

    pub(super) fn close_period(&self, through: &str, reason: &str) -> Ruled {
        // Days in this form sort as text.
        let closed = self.face.closed_through.as_deref();
        if closed.is_some_and(|closed| through <= closed) {
            return Err(UNFIT);
        }
        let data = json!({"through": through, "reason": reason});
        let face = Face {
            closed_through: Some(through.to_owned()),
            ..self.face.clone()
        };
        Ok(self.faced("PeriodClosed", data, face))
    }

    pub(super) fn reopen_period(&self, through: Option<&str>, reason: &str) -> Ruled {
        let Some(closed) = self.face.closed_through.as_deref() else {
            return Err(UNFIT);
        };
        if through.is_some_and(|through| through >= closed) {
            return Err(UNFIT);
        }
        let data = json!({"through": through, "reason": reason});
        let face = Face {
            closed_through: through.map(str::to_owned),
            ..self.face.clone()
        };
        Ok(self.faced("PeriodReopened", data, face))
    }

    fn faced(&self, kind: &'static str, mut data: Value, face: Face) -> Effect {
        data["after"] = self.after(&face);
        let body = self.shown(&face, self.next());
        let changes = vec![Change::Face(face)];
        Effect::one(event(kind, data), yes(200, body, None), changes)
    }

    /// The account that the path names.
    fn account(&self, id: &str) -> Result<Account, Refusal> {
        let found = self.accounts.get(id).map(|account| (**account).clone());
        found.ok_or(Refusal::new(404, "account_not_found"))
    }

    fn accounted(&self, kind: &'static str, id: &str, mut data: Value, after: Account) -> Effect {
        data["account"] = id.into();
        data["after"] = account_after(&after);
        let body = account(id, &after, self.next());
        let changes = vec![Change::Account(id.to_owned(), after)];
        Effect::one(event(kind, data), yes(200, body, None), changes)
    }

    pub(super) fn patch_account(&self, patch: &PatchAccount) -> Ruled {
        let mut after = self.account(&patch.account)?;
        after.name = named(&after.name, &patch.name);
        after.limits = self.limited(&after.limits, &patch.limits)?;
        after.metadata = paired(&after.metadata, &patch.metadata)?;
        let data = without_empty(json!({"reason": patch.reason}));
        Ok(self.accounted("AccountUpdated", &patch.account, data, after))
    }

    fn limited(
        &self,
        before: &BTreeMap<String, Limit>,
        patch: &Patch<BTreeMap<String, Patch<LimitPatch>>>,
    ) -> Result<BTreeMap<String, Limit>, Refusal> {
        let patch = match patch {
            Patch::Keep => return Ok(before.clone()),
            Patch::Remove => return Ok(BTreeMap::new()),
            Patch::Set(patch) => patch,
        };
        let mut after = before.clone();
        for (asset, patch) in patch {
            if asset != "*" && !self.knows(asset) {
                return Err(Refusal::new(422, "asset_unknown"));
            }
            match patch {
                Patch::Keep => {}
                Patch::Remove => {
                    after.remove(asset);
                }
                Patch::Set(patch) => {
                    let old = after.get(asset).copied().unwrap_or_default();
                    let new = Limit {
                        min_available: bound(old.min_available, &patch.min_available),
                        max_balance: bound(old.max_balance, &patch.max_balance),
                    };
                    after.insert(asset.clone(), new);
                }
            }
        }
        Ok(after)
    }

    pub(super) fn turn(&self, id: &str, to: Turn, reason: &str) -> Ruled {
        let mut after = self.account(id)?;
        if after.status == "closed" {
            return Err(Refusal::new(422, "account_closed"));
        }
        let (kind, status) = match to {
            Turn::Freeze if after.status == "frozen" => {
                return Err(Refusal::new(422, "account_frozen"));
            }
            Turn::Freeze => ("AccountFrozen", "frozen"),
            Turn::Unfreeze if after.status == "open" => return Err(UNFIT),
            Turn::Unfreeze => ("AccountUnfrozen", "open"),
            Turn::Close => {
                let mut all = after.turnovers.values();
                if !all.all(|one| {
                    one.debits == one.credits && one.pending_debits == 0 && one.pending_credits == 0
                }) {
                    return Err(Refusal::new(422, "account_not_empty"));
                }
                ("AccountClosed", "closed")
            }
        };
        after.status = status;
        Ok(self.accounted(kind, id, json!({"reason": reason}), after))
    }

    pub(super) fn account_pairs(&self, id: &str, metadata: &PairsPatch) -> Ruled {
        let found = self.account(id);
        let mut after = found.map_err(|_not_in_a_path| Refusal::new(422, "account_not_found"))?;
        after.metadata = bounded(patched(&after.metadata, metadata))?;
        let data = json!({"account": id, "metadata": after.metadata});
        let body = account(id, &after, self.next());
        Ok(Effect::one(
            event("MetadataSet", data),
            yes(200, body, None),
            vec![Change::Account(id.to_owned(), after)],
        ))
    }

    pub(super) fn transaction_pairs(&self, id: &str, metadata: &PairsPatch) -> Ruled {
        let mut after = self.found(id)?.clone();
        let pairs = bounded(patched(&after.metadata, metadata))?;
        after.metadata_changed = true;
        after.metadata = pairs;
        let data = json!({"transaction": id, "metadata": after.metadata});
        let answer = Yes {
            id: Some(id.to_owned()),
            ..yes(200, after.shown(), None)
        };
        let changes = vec![Change::Transaction(id.to_owned(), after)];
        Ok(Effect::one(event("MetadataSet", data), answer, changes))
    }
}
