//! The assets that a ledger has met, interned to small indexes.

use daybook_events::Invalid;
use daybook_events::assets::{Scale, iso_scale};
use daybook_events::ids::AssetCode;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::snapshot::refused;

/// An asset of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AssetIndex(u32);

/// The table: registered assets, and those of ISO 4217 from their first entry on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Assets {
    by_code: FxHashMap<AssetCode, AssetIndex>,
    rows: Vec<Row>,
}

/// One asset of the table; also as a snapshot stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    code: AssetCode,
    /// What was registered. It wins over ISO 4217: a later edition of that list may add a code
    /// that a ledger already uses, and history keeps its meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered: Option<Scale>,
}

impl AssetIndex {
    /// Its place in the table; beyond any table where it does not fit.
    pub(super) fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Row {
    pub(super) fn is_registered(&self) -> bool {
        self.registered.is_some()
    }
}

impl Assets {
    /// The table in the order of its indexes.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The table again.
    pub(super) fn from_rows(rows: Vec<Row>) -> Result<Self, Invalid> {
        let by_code: FxHashMap<_, _> = (0..)
            .zip(&rows)
            .map(|(index, row)| (row.code.clone(), AssetIndex(index)))
            .collect();
        if by_code.len() != rows.len() {
            return Err(refused("an asset stands twice"));
        }
        Ok(Self { by_code, rows })
    }

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
        self.rows.get(index.place())
    }

    fn row_mut(&mut self, index: AssetIndex) -> Option<&mut Row> {
        self.rows.get_mut(index.place())
    }
}
