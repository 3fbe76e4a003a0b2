//! Bulk requests.

use daybook_tests::model::request::Command;

use super::Script;
use crate::sent::{Bulk, Item, Sent, request};

impl Script {
    pub(super) fn bulk(&mut self) -> Sent {
        let atomic = self.random.once_in(2);
        let header = self.key();
        let record_rejection = !atomic && self.random.once_in(8);
        // What succeeds as a whole must be short: every item may fail.
        let items = if atomic { 5 } else { 25 };
        let items = 1 + self.random.index(items);
        let mut all = Vec::with_capacity(items);
        for index in 0..items {
            let mut item = self.item(&header, index);
            item.request.asked.record_rejection = record_rejection;
            all.push(item);
        }
        if self.random.once_in(6) {
            // The same twice in one body.
            let item = all[0].clone();
            if item.own_key || item.request.key.is_none() {
                all.push(item);
            }
        }
        Sent::Bulk(Bulk {
            atomic,
            key: Some(header),
            minimal: self.random.once_in(5),
            lines: self.random.once_in(5),
            items: all,
        })
    }

    fn item(&mut self, header: &str, index: usize) -> Item {
        let command = self.item_command();
        let own_key = self.random.once_in(2);
        let key = if own_key {
            Some(self.key())
        } else if command.id().is_some() {
            None
        } else {
            Some(format!("{header}#{index}"))
        };
        Item {
            request: request(key, command),
            own_key,
        }
    }

    fn item_command(&mut self) -> Command {
        match self.random.below(40) {
            0..=15 => self.transaction(),
            16..=22 => self.hold(),
            23..=30 => self.capture(),
            31 => self.void(),
            32..=33 => self.reverse(),
            34 => self.open_account(),
            35..=37 => self.account_pairs(),
            _ => self.transaction_pairs(),
        }
    }

    /// The same on the other route: one key is one key wherever it stands.
    pub(super) fn elsewhere(&mut self, sent: &Sent) -> Sent {
        let request = match sent {
            Sent::Single(request) => (**request).clone(),
            Sent::Bulk(bulk) => {
                let item = self.random.pick(&bulk.items);
                item.request.clone()
            }
        };
        if request.dry_run || !has_both_routes(&request.asked.command) {
            return sent.clone();
        }
        if matches!(sent, Sent::Bulk(_)) {
            return Sent::Single(Box::new(request));
        }
        let item = Item {
            own_key: request.key.is_some(),
            request,
        };
        Sent::Bulk(Bulk {
            // Only single items may have their refusals kept.
            atomic: !item.request.asked.record_rejection && self.random.once_in(2),
            key: None,
            minimal: false,
            lines: false,
            items: vec![item],
        })
    }
}

fn has_both_routes(command: &Command) -> bool {
    matches!(
        command,
        Command::Transaction(_)
            | Command::Capture(_)
            | Command::Void { .. }
            | Command::Reverse(_)
            | Command::OpenAccount(_)
            | Command::TransactionPairs { .. }
    )
}
