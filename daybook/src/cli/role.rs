//! `daybook command | relay | project | query | store`: one part alone.

use crate::failure::Failure;

/// The options of a part that runs alone.
#[derive(Debug, clap::Args)]
pub(super) struct RoleArgs {
    /// The event store: esdb://HOST:PORT
    #[arg(
        long,
        env = "EVENT_STORE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    event_store_url: Option<String>,
}

/// Says why a part cannot run alone yet.
pub(super) fn refuse(role: &str) -> Failure {
    Failure::new(format!(
        "`daybook {role}` runs one part apart from the others and needs an event store that several \
         processes share (EVENT_STORE_URL=esdb://…), which this version does not have yet: \
         `daybook up` runs all parts in one process"
    ))
}
