//! Commands: what a client wants to happen. Their types say as much of the shape as a type can;
//! the rest of the shape is checked by the constructors here, before anything is decided.

mod account;
mod book;
mod split;
mod transaction;

pub use account::{
    AllowedAssets, ChangeAccountStatus, LimitPatch, LimitsPatch, OpenAccount, StatusChange,
    UpdateAccount,
};
pub use book::{ClosePeriod, OpenLedger, RegisterAsset, ReopenPeriod, SetMetadata, UpdateLedger};
pub use split::{NewPosting, PostingSide, Ratio, Share, expand_postings};
pub use transaction::{
    CaptureHold, Captured, Comparison, Condition, Entries, NewEntry, PlaceHold, PostTransaction,
    ReverseTransaction, VoidHold,
};

/// What a client wants to happen to one ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make the ledger.
    OpenLedger(OpenLedger),
    /// Change the ledger's name or pairs.
    UpdateLedger(UpdateLedger),
    /// Make an asset beyond ISO 4217 known.
    RegisterAsset(RegisterAsset),
    /// Make an account.
    OpenAccount(OpenAccount),
    /// Change an account's name, limits or pairs.
    UpdateAccount(UpdateAccount),
    /// Freeze, unfreeze or close an account.
    ChangeAccountStatus(ChangeAccountStatus),
    /// Move money.
    PostTransaction(PostTransaction),
    /// Reserve money.
    PlaceHold(PlaceHold),
    /// Post what a hold reserved, all of it or a part.
    Capture(CaptureHold),
    /// Give a hold up.
    Void(VoidHold),
    /// Mirror an earlier transaction.
    Reverse(ReverseTransaction),
    /// Change the pairs of an account or a transaction.
    SetMetadata(SetMetadata),
    /// Close the days up to one.
    ClosePeriod(ClosePeriod),
    /// Open closed days again.
    ReopenPeriod(ReopenPeriod),
}

/// What a merge patch (RFC 7396) says of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The member is absent: it stays as it is.
    #[default]
    Keep,
    /// The member is `null`: it goes.
    Remove,
    /// It becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// What stands after the patch, given what stood before.
    pub(crate) fn apply(&self, before: Option<T>) -> Option<T>
    where
        T: Clone,
    {
        match self {
            Self::Keep => before,
            Self::Remove => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}
