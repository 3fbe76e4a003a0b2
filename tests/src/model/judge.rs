//! The order in which commands are judged: key → id → `If-Match` → the command's own rules.

use super::effect::{Effect, Verdict};
use super::ledger::{Ledger, Refusal};
use super::request::{Command, Request};

/// What a rule decides: an effect, or no.
pub(super) type Ruled = Result<Effect, Refusal>;

/// The moment of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The time.
    pub now: i64,
    /// The id that what is made gets, unless the client made one.
    pub minted: &'a str,
    /// Whether `If-Match` still counts: the earlier commands of its batch do not break it.
    pub if_match: bool,
}

impl Ledger {
    /// Judges a request on this state.
    pub fn judge(&self, request: &Request, moment: Moment<'_>) -> Verdict {
        let again = match self.known(request) {
            Ok(again) => again,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        if let Some(again) = again {
            return again;
        }
        let ruled = self
            .matches(request, moment)
            .and_then(|()| self.rule(request, moment));
        match ruled {
            Ok(effect) => Verdict::Happens(Box::new(effect)),
            Err(refusal)
                if request.asked.record_rejection
                    && !["already_exists", "revision_conflict"].contains(&refusal.code) =>
            {
                let id = request.asked.command.id();
                Verdict::Happens(Box::new(Effect::refusal(&refusal, id)))
            }
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// What the key and the id say.
    fn known(&self, request: &Request) -> Result<Option<Verdict>, Refusal> {
        let key = request.key.as_ref().filter(|_| !request.dry_run);
        if let Some(done) = key.and_then(|key| self.by_key.get(key)) {
            if done.asked == request.asked {
                return Ok(Some(Verdict::Again(done.clone())));
            }
            return Err(Refusal::new(422, "idempotency_conflict"));
        }
        let id = request.asked.command.id();
        if let Some(done) = id.and_then(|id| self.by_id.get(id)) {
            if done.asked == request.asked {
                return Ok(Some(Verdict::Again(done.clone())));
            }
            return Err(Refusal::new(409, "already_exists"));
        }
        // Accounts and assets are named by the client: their names are ids.
        let command = &request.asked.command;
        let taken = if let Command::OpenAccount(new) = command {
            self.accounts.contains_key(&new.account)
        } else if let Command::RegisterAsset { asset, .. } = command {
            self.knows(asset)
        } else {
            false
        };
        if taken {
            return Err(Refusal::new(409, "already_exists"));
        }
        Ok(None)
    }

    fn matches(&self, request: &Request, moment: Moment<'_>) -> Result<(), Refusal> {
        let expected = request.if_match.filter(|_| moment.if_match);
        match expected {
            Some(revision) if revision != self.revision => {
                Err(Refusal::new(412, "revision_conflict"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn rule(&self, request: &Request, moment: Moment<'_>) -> Ruled {
        match &request.asked.command {
            Command::RegisterAsset { asset, scale, name } => {
                self.register_asset(asset, *scale, name.as_deref())
            }
            Command::OpenAccount(new) => self.open_account(new, moment.now),
            Command::PatchLedger { name, metadata } => self.patch_ledger(name, metadata),
            Command::PatchAccount(patch) => self.patch_account(patch),
            Command::Turn {
                account,
                to,
                reason,
            } => self.turn(account, *to, reason),
            Command::Transaction(new) => self.transaction(new, moment),
            Command::Capture(capture) => self.capture(capture, moment),
            Command::Void { hold, reason } => self.void(hold, reason.as_deref(), moment.now),
            Command::Reverse(reverse) => self.reverse(reverse, moment),
            Command::TransactionPairs {
                transaction,
                metadata,
            } => self.transaction_pairs(transaction, metadata),
            Command::AccountPairs { account, metadata } => self.account_pairs(account, metadata),
            Command::ClosePeriod { through, reason } => self.close_period(through, reason),
            Command::ReopenPeriod { through, reason } => {
                self.reopen_period(through.as_deref(), reason)
            }
        }
    }
}
