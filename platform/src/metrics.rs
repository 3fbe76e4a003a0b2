//! Counters and durations for Prometheus. Rendered by our own handler on the private listener.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::BoxError;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// A histogram keeps every sample until somebody drains it: without this, a process that nobody
/// scrapes grows.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From a fifth of a millisecond (an answer from memory) to the longest wait that a request takes.
const SECONDS: [f64; 16] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];
/// For sizes of batches and queues.
const SIZES: [f64; 10] = [
    1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0,
];

/// The recorder could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up the metrics recorder")]
pub struct InstallError(#[source] BuildError);

/// Installs the recorder of this process; a later call changes nothing. Names that end in
/// `_seconds` and `_size` are histograms with fixed bounds.
pub fn install() -> Result<(), InstallError> {
    if HANDLE.get().is_none() {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|it| it.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES))
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(InstallError)?;
        HANDLE.get_or_init(|| handle);
    }
    Ok(())
}

/// Everything recorded, in the text form of Prometheus; empty before [`install`].
pub fn render() -> String {
    HANDLE
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

/// Keeps the recorder's memory bounded between scrapes; a part of the group.
pub async fn upkeep(token: CancellationToken) -> Result<(), BoxError> {
    let rounds = async {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            if let Some(handle) = HANDLE.get() {
                handle.run_upkeep();
            }
        }
    };
    token.run_until_cancelled(rounds).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered_with_bounds_and_labels() {
        install().unwrap();
        install().unwrap();
        metrics::counter!("daybook_test_total", "kind" => "a").increment(2);
        metrics::histogram!("daybook_test_duration_seconds").record(0.003);
        let text = render();
        assert!(text.contains("daybook_test_total{kind=\"a\"} 2"), "{text}");
        assert!(
            text.contains("daybook_test_duration_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("daybook_test_duration_seconds_bucket{le=\"0.002\"} 0"),
            "{text}"
        );
    }
}
