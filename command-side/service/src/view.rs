//! The answers' bodies (section 2 of the API), rendered from events alone. A fresh answer and a
//! replayed one go through the same function, so they are equal (INV-3).

pub(crate) mod books;
pub(crate) mod transactions;

use daybook_events::event::Event;
use serde::Serialize;

use crate::work::{Record, Shown};
use books::AssetView;
use transactions::Since;

/// The body of a command's answer as JSON; `None` if no command that is answered whole made this
/// event, or if what it is about was not handed over. Either would be a bug.
pub(crate) fn body(shown: &Shown) -> Option<Vec<u8>> {
    let Shown { record, about } = shown;
    match &record.event {
        Event::LedgerOpened(event) => Some(json(&books::opened(record, event))),
        Event::LedgerUpdated(event) => Some(json(&books::ledger(record, &event.after))),
        Event::PeriodClosed(event) => Some(json(&books::ledger(record, &event.after))),
        Event::PeriodReopened(event) => Some(json(&books::ledger(record, &event.after))),
        Event::AssetRegistered(event) => Some(json(&AssetView::of(record, event))),
        Event::AccountOpened(event) => Some(json(&books::account_opened(record, event))),
        Event::AccountUpdated(event) => {
            books::account(record, &event.account, &event.after).map(|view| json(&view))
        }
        Event::AccountFrozen(event)
        | Event::AccountUnfrozen(event)
        | Event::AccountClosed(event) => {
            books::account(record, &event.account, &event.after).map(|view| json(&view))
        }
        Event::TransactionPosted(_) | Event::HoldPlaced(_) => {
            transactions::transaction(record, Since::default()).map(|view| json(&view))
        }
        Event::HoldEnded(_) | Event::MetadataSet(_) => {
            transactions::changed(record, about.as_deref()?).map(|view| json(&view))
        }
        Event::CommandRejected(_) => None,
    }
}

/// The path of what a command made; `None` if it made nothing that has one.
pub(crate) fn location(record: &Record) -> Option<String> {
    let path = match &record.event {
        Event::LedgerOpened(_) => String::new(),
        Event::AssetRegistered(event) => format!("/assets/{}", event.asset),
        Event::AccountOpened(event) => format!("/accounts/{}", event.account),
        Event::TransactionPosted(_) | Event::HoldPlaced(_) => {
            format!("/transactions/{}", record.id)
        }
        Event::LedgerUpdated(_)
        | Event::PeriodClosed(_)
        | Event::PeriodReopened(_)
        | Event::AccountUpdated(_)
        | Event::AccountFrozen(_)
        | Event::AccountUnfrozen(_)
        | Event::AccountClosed(_)
        | Event::HoldEnded(_)
        | Event::MetadataSet(_)
        | Event::CommandRejected(_) => return None,
    };
    Some(format!("/v1/ledgers/{}{path}", record.ledger))
}

fn json(view: &impl Serialize) -> Vec<u8> {
    let written = serde_json::to_vec(view);
    assert!(written.is_ok(), "a view is always JSON: {written:?}");
    written.unwrap_or_default()
}
