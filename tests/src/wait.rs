//! Waiting for a condition, with a bound: tests drain, they do not sleep.

use std::time::{Duration, Instant};

/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks at `condition` until it is true; panics with `what` when `bound` has passed.
pub fn until(what: &str, bound: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + bound;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "waited {bound:?} in vain until {what}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Asks `look` until it gives something; panics with `what` when `bound` has passed.
pub async fn until_async<T>(
    what: &str,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {bound:?} in vain until {what}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
