//! The assets that a ledger has met, interned to small indexes.

use daybook_events::assets::{Scale, iso_scale};
use daybook_events::ids::AssetCode;
use rustc_hash::FxHashMap;

/// An asset of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssetIndex(u32);

/// The table: registered assets, and those of ISO 4217 from their first entry on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Assets {
    by_code: FxHashMap<AssetCode, AssetIndex>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    code: AssetCode,
    /// What was registered. It wins over ISO 4217: a later edition of that list may add a code
    /// that a ledger already uses, and history keeps its meaning.
    registered: Option<Scale>,
}

impl Assets {
    pub(super) fn index_of(&self, asset: &AssetCode) -> Option<AssetIndex> {
        self.by_code.get(asset).copied()
    }

    pub(super) fn code_of(&self, index: AssetIndex) -> Option<&AssetCode> {
        self.row(index).map(|row| &row.code)
    }

    pub(super) fn scale_of(&self, asset: &AssetCode) -> Option<Scale> {
        self.registered_scale(asset).or_else(|| iso_scale(asset))
    }

    pub(super) fn is_registered(&self, asset: &AssetCode) -> bool {
        self.registered_scale(asset).is_some()
    }

    pub(super) fn registered_sorted(&self) -> Vec<(&AssetCode, Scale)> {
        let mut registered: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| Some((&row.code, row.registered?)))
            .collect();
        registered.sort_unstable();
        registered
    }

    /// Gives the asset an index. `None` after four billion assets.
    pub(super) fn intern(&mut self, asset: &AssetCode) -> Option<AssetIndex> {
        let index = AssetIndex(u32::try_from(self.rows.len()).ok()?);
        self.by_code.insert(asset.clone(), index);
        self.rows.push(Row {
            code: asset.clone(),
            registered: None,
        });
        Some(index)
    }

    pub(super) fn register(&mut self, index: AssetIndex, scale: Scale) {
        if let Some(row) = self.row_mut(index) {
            row.registered = Some(scale);
        }
    }

    pub(super) fn forget_last(&mut self) {
        if let Some(row) = self.rows.pop() {
            self.by_code.remove(&row.code);
        }
    }

    pub(super) fn unregister(&mut self, index: AssetIndex) {
        if let Some(row) = self.row_mut(index) {
            row.registered = None;
        }
    }

    fn registered_scale(&self, asset: &AssetCode) -> Option<Scale> {
        self.row(self.index_of(asset)?)?.registered
    }

    fn row(&self, index: AssetIndex) -> Option<&Row> {
        self.rows.get(usize::try_from(index.0).ok()?)
    }

    fn row_mut(&mut self, index: AssetIndex) -> Option<&mut Row> {
        self.rows.get_mut(usize::try_from(index.0).ok()?)
    }
}
