//! Deciding on pairs: those of accounts and transactions, and how a merge patch changes any.

use daybook_events::event::{Event, MetadataOf, MetadataSet};
use daybook_events::metadata::{Metadata, MetadataPatch};

use super::judge_first;
use crate::command::{Patch, SetMetadata};
use crate::context::{Context, Decision, Target, TargetKind};
use crate::ledger::Ledger;
use crate::rejection::Rejection;

pub(super) fn set(
    ledger: &Ledger,
    command: &SetMetadata,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = match &command.of {
        MetadataOf::Account(id) => match ledger.look_up(id) {
            Some((_, account)) => &account.terms().metadata,
            None => {
                return Err(Rejection::AccountNotFound {
                    index: None,
                    account: id.clone(),
                });
            }
        },
        MetadataOf::Transaction(id) => match &context.named.target {
            Some(target) => of_target(target),
            None => return Err(Rejection::TransactionNotFound(*id)),
        },
    };
    let metadata = after(before, &command.metadata)?;

    // After this point the command succeeds.
    Ok(Decision::Event(Event::MetadataSet(MetadataSet {
        of: command.of.clone(),
        metadata,
    })))
}

/// The pairs that a transaction has now.
fn of_target(target: &Target) -> &Metadata {
    target.metadata.as_ref().unwrap_or(match &target.kind {
        TargetKind::Posted { posted, .. } => &posted.metadata,
        TargetKind::Hold { placed, .. } => &placed.metadata,
    })
}

/// The pairs after a patch.
pub(super) fn after(
    before: &Metadata,
    patch: &Patch<MetadataPatch>,
) -> Result<Metadata, Rejection> {
    match patch {
        Patch::Keep => Ok(before.clone()),
        Patch::Remove => Ok(Metadata::default()),
        Patch::Set(patch) => patch
            .apply(before)
            .map_err(|invalid| Rejection::Unfit(invalid.to_string())),
    }
}
