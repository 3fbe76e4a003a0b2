//! The connection to NATS: made in the background, kept for ever, never a reason to exit.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::connection::State;
use async_nats::jetstream::{self, context::ContextBuilder};
use daybook_platform::clock::Clock;
use daybook_platform::config::credentials;

use crate::pipeline::MESSAGES_IN_FLIGHT_MAX;

/// How long one request or acknowledgement may take before the session is begun anew.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to reach a server that is away.
const RECONNECT_DELAY_MS_MAX: u64 = 1_000;

/// Begins to connect; an error means that the address is not one, never that nobody answers.
pub(crate) async fn connect(url: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let clock = Clock::system();
    // The client library does not take the credentials from the address by itself.
    let options = match credentials(url) {
        Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
        None => ConnectOptions::new(),
    };
    options
        .name("daybook-relay")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .request_timeout(Some(ANSWER_TIMEOUT))
        .connection_timeout(ANSWER_TIMEOUT)
        .reconnect_delay_callback(move |attempts| reconnect_delay(attempts, &clock))
        .event_callback(|event| async move {
            tracing::debug!(nats.event = %event, "nats connection: {event}");
        })
        .connect(url)
        .await
}

/// Doubles from 50 ms up to the maximum; the upper half is spread by the clock's last digits, so
/// that many clients of one server do not come back in step.
fn reconnect_delay(attempts: usize, clock: &Clock) -> Duration {
    let doublings = u32::try_from(attempts.min(5)).unwrap_or(5);
    let full_ms = (50_u64 << doublings).min(RECONNECT_DELAY_MS_MAX);
    let spread = clock.now_micros().unsigned_abs() % (full_ms / 2 + 1);
    Duration::from_millis(full_ms / 2 + spread)
}

/// JetStream on this connection, with room for one window of acknowledgements.
pub(crate) fn jetstream(client: async_nats::Client) -> jetstream::Context {
    ContextBuilder::new()
        .timeout(ANSWER_TIMEOUT)
        .ack_timeout(ANSWER_TIMEOUT)
        .max_ack_inflight(MESSAGES_IN_FLIGHT_MAX * 2)
        .build(client)
}

/// Whether there is a connection now.
pub(crate) fn is_connected(client: &async_nats::Client) -> bool {
    client.connection_state() == State::Connected
}
