//! Everything that can happen to a ledger after its first postings.

use daybook_domain::{
    CaptureHold, Captured, ChangeAccountStatus, ClosePeriod, Command, Patch, PlaceHold,
    RegisterAsset, ReopenPeriod, SetMetadata, StatusChange, UpdateAccount, UpdateLedger, VoidHold,
    expire,
};
use daybook_events::assets::Scale;
use daybook_events::event::{CommandRejected, Event, MetadataOf};
use daybook_events::ids::{
    AccountId, AssetCode, Description, EventId, LedgerId, Name, TransactionId,
};
use daybook_events::metadata::{Metadata, MetadataPatch};
use daybook_events::money::Amount;
use daybook_events::time::{Day, Timestamp};

use super::book::{Book, transfer};

/// What [`Book::live`] made.
pub(crate) struct Lived {
    /// Open, 100 of 300 captured.
    pub(crate) open: EventId,
    /// 50 of 80 captured, the rest released.
    pub(crate) captured: EventId,
    /// The capture that ended it.
    pub(crate) capture: EventId,
    /// Captured as a whole.
    pub(crate) whole: EventId,
    pub(crate) voided: EventId,
    pub(crate) expired: EventId,
    /// Posted, its pairs changed twice.
    pub(crate) tagged: EventId,
}

impl Book {
    /// Every kind of event, on the accounts of `Fixture::with_acme`.
    pub(crate) async fn live(&mut self, ledger: &str) -> Lived {
        let rent = |amount| ("users:1", "users:12", amount);
        let open = self.hold(ledger, rent(300), None).await;
        let captured = self.hold(ledger, rent(80), Some(3600)).await;
        self.capture(ledger, open, (Some(100), false)).await;
        let capture = self.capture(ledger, captured, (Some(50), true)).await;
        let voided = self.hold(ledger, rent(7), None).await;
        let tagged = self.post(ledger, "assets:bank", "users:12", 9).await;
        self.tag(ledger, tagged, &[("channel", "web")]).await;
        self.void(ledger, voided, "changed my mind").await;
        self.rename(ledger, "users:1", "first").await;
        let whole = self.hold(ledger, rent(11), None).await;
        self.capture(ledger, whole, (None, true)).await;
        let expired = self.hold(ledger, rent(13), Some(60)).await;
        self.wait_s(61);
        self.expire(ledger, expired).await;
        self.reverse(ledger, capture).await;
        self.tag(ledger, tagged, &[("channel", "shop"), ("seen", "1")])
            .await;
        self.tag(ledger, open, &[("room", "12")]).await;
        self.tag_account(ledger, "users:1", &[("vip", "1")]).await;
        self.rename(ledger, "users:1", "second").await;
        self.change_status(ledger, "users:12", StatusChange::Freeze)
            .await;
        self.change_status(ledger, "users:12", StatusChange::Unfreeze)
            .await;
        self.change_status(ledger, "users:12", StatusChange::Freeze)
            .await;
        self.change_status(ledger, "users:1:wallet", StatusChange::Close)
            .await;
        self.rename_ledger(ledger, "the books").await;
        self.close_through(ledger, "2000-01-31").await;
        self.reopen_through(ledger, "2000-01-15").await;
        self.register(ledger, "XBT").await;
        self.refuse(ledger, "insufficient_funds").await;
        Lived {
            open,
            captured,
            capture,
            whole,
            voided,
            expired,
            tagged,
        }
    }

    /// Reserves dollars, for ever or for some seconds.
    pub(crate) async fn hold(
        &mut self,
        ledger: &str,
        (debit, credit, amount): (&str, &str, i128),
        expires_s: Option<i64>,
    ) -> EventId {
        let expires_at = expires_s.map(|seconds| {
            let micros = self.now().micros() + seconds * 1_000_000;
            Timestamp::try_from_micros(micros).unwrap()
        });
        let transaction = transfer(debit, credit, amount);
        let hold = PlaceHold {
            transaction,
            expires_at,
        };
        self.run(ledger, &Command::PlaceHold(hold), None).await
    }

    /// Posts a part of a hold, or the rest of it.
    pub(crate) async fn capture(
        &mut self,
        ledger: &str,
        hold: EventId,
        (amount, last): (Option<i128>, bool),
    ) -> EventId {
        let what = match amount {
            Some(amount) => Captured::Amount(Amount::new(amount).unwrap()),
            None => Captured::Rest,
        };
        let command = Command::Capture(CaptureHold {
            hold: TransactionId::from(hold),
            what,
            last,
            effective_at: None,
            reference: None,
            metadata: Metadata::default(),
        });
        self.run(ledger, &command, None).await
    }

    pub(crate) async fn void(&mut self, ledger: &str, hold: EventId, reason: &str) {
        let command = Command::Void(VoidHold {
            hold: TransactionId::from(hold),
            reason: Some(Description::parse(reason).unwrap()),
        });
        self.run(ledger, &command, None).await;
    }

    /// What the ledger's writer does when a hold's time is over.
    pub(crate) async fn expire(&mut self, ledger: &str, hold: EventId) {
        self.expire_with(ledger, hold, None).await;
    }

    /// The same, with pairs that no expiry names.
    pub(crate) async fn expire_with(
        &mut self,
        ledger: &str,
        hold: EventId,
        metadata: Option<Metadata>,
    ) {
        let id = LedgerId::parse(ledger).unwrap();
        let mut ended = expire(&self.ledgers[&id], TransactionId::from(hold)).unwrap();
        ended.metadata = metadata;
        let event = (EventId::new(self.clock.uuid_v7()), Event::HoldEnded(ended));
        self.record(&id, vec![event], None).await;
    }

    /// Changes the name and the pairs of an account.
    pub(crate) async fn rename(&mut self, ledger: &str, account: &str, name: &str) {
        let command = Command::UpdateAccount(UpdateAccount {
            account: AccountId::parse(account).unwrap(),
            name: Patch::Set(Name::parse(name).unwrap()),
            limits: Patch::Keep,
            metadata: Patch::Set(patch(&[("named", name)])),
            reason: None,
        });
        self.run(ledger, &command, None).await;
    }

    pub(crate) async fn change_status(&mut self, ledger: &str, account: &str, to: StatusChange) {
        let command = Command::ChangeAccountStatus(ChangeAccountStatus {
            account: AccountId::parse(account).unwrap(),
            change: to,
            reason: Description::parse("as asked").unwrap(),
        });
        self.run(ledger, &command, None).await;
    }

    /// Adds pairs to those of a transaction.
    pub(crate) async fn tag(&mut self, ledger: &str, transaction: EventId, tags: &[(&str, &str)]) {
        let of = MetadataOf::Transaction(TransactionId::from(transaction));
        self.set_metadata(ledger, of, tags).await;
    }

    /// Adds pairs to those of an account.
    pub(crate) async fn tag_account(&mut self, ledger: &str, account: &str, tags: &[(&str, &str)]) {
        let of = MetadataOf::Account(AccountId::parse(account).unwrap());
        self.set_metadata(ledger, of, tags).await;
    }

    async fn set_metadata(&mut self, ledger: &str, of: MetadataOf, tags: &[(&str, &str)]) {
        let metadata = Patch::Set(patch(tags));
        let command = Command::SetMetadata(SetMetadata { of, metadata });
        self.run(ledger, &command, None).await;
    }

    /// Changes the name and the pairs of a ledger.
    pub(crate) async fn rename_ledger(&mut self, ledger: &str, name: &str) {
        let command = Command::UpdateLedger(UpdateLedger {
            name: Patch::Set(Name::parse(name).unwrap()),
            metadata: Patch::Set(patch(&[("named", name)])),
        });
        self.run(ledger, &command, None).await;
    }

    pub(crate) async fn close_through(&mut self, ledger: &str, day: &str) {
        let command = Command::ClosePeriod(ClosePeriod {
            through: Day::parse(day).unwrap(),
            reason: Description::parse("the year is over").unwrap(),
        });
        self.run(ledger, &command, None).await;
    }

    pub(crate) async fn reopen_through(&mut self, ledger: &str, day: &str) {
        let command = Command::ReopenPeriod(ReopenPeriod {
            through: Some(Day::parse(day).unwrap()),
            reason: Description::parse("a late bill").unwrap(),
        });
        self.run(ledger, &command, None).await;
    }

    pub(crate) async fn register(&mut self, ledger: &str, asset: &str) {
        let command = Command::RegisterAsset(RegisterAsset {
            asset: AssetCode::parse(asset).unwrap(),
            scale: Scale::try_new(8).unwrap(),
            name: Some(Name::parse(asset).unwrap()),
        });
        self.run(ledger, &command, None).await;
    }

    /// A refusal that a client wanted to be kept.
    pub(crate) async fn refuse(&mut self, ledger: &str, code: &str) {
        let event = Event::CommandRejected(CommandRejected {
            status: 422,
            code: code.to_owned(),
            detail: "too little".to_owned(),
            index: Some(0),
        });
        let id = EventId::new(self.clock.uuid_v7());
        let ledger = LedgerId::parse(ledger).unwrap();
        self.record(&ledger, vec![(id, event)], Some("refused"))
            .await;
    }
}

/// The pairs that a merge patch sets.
fn patch(pairs: &[(&str, &str)]) -> MetadataPatch {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())));
    MetadataPatch::try_new(pairs.collect()).unwrap()
}
