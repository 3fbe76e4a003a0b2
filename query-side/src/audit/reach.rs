//! How far the views of one ledger are.

use daybook_events::ids::{LedgerId, Revision};
use daybook_store::EventStore;

use super::AuditError;
use super::report::{Kind, Report};
use crate::read_model::audit::LedgerRow;

/// The view is as far as the audit waited for, and not further than the store.
pub(super) async fn check_reach(
    store: &dyn EventStore,
    (ledger, last): (&LedgerId, Revision),
    own: Option<&LedgerRow>,
    report: &mut Report,
) -> Result<(), AuditError> {
    let Some(row) = own else {
        // Views that are known to be behind may not have it yet.
        if report.complete {
            let what = "is missing from the views".to_owned();
            report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
        }
        return Ok(());
    };
    let stored = store.last_revision(ledger).await?.map_or(0, Revision::get);
    if row.revision > stored {
        let what = format!(
            "is at revision {}, the history ends at {stored}",
            row.revision
        );
        report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
    } else if report.complete && row.revision < last.get() {
        let what = format!("is at revision {}, the history was at {last}", row.revision);
        report.differ(Kind::Ledger, Some(ledger), ledger.to_string(), what);
    }
    Ok(())
}
