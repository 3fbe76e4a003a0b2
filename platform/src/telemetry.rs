//! Logs: one line per happening to standard error, JSON or for people. Tokens, bodies and amounts
//! never go in; what identifies a request is its span's `request_id` and `traceparent`.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one.
    #[error("`{filter}` is not a log filter (example: info,daybook_command=debug)")]
    Filter {
        /// What was given.
        filter: String,
        /// Why not.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody was first.
    #[error("the log was set up already")]
    Again(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Logs what clients do wrong as errors of ours. It is heard when the filter names it.
const CLIENTS_MISTAKES: &str = "actix_http::h1::dispatcher";

/// Sends the log of this process to standard error.
pub fn init(format: LogFormat, filter: &str) -> Result<(), InitError> {
    let filter = parse(filter)?;
    let colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(format, filter, colours, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(InitError::Again)
}

fn parse(filter: &str) -> Result<EnvFilter, InitError> {
    let whole = if filter.contains(CLIENTS_MISTAKES) {
        filter.to_owned()
    } else {
        format!("{filter},{CLIENTS_MISTAKES}=off")
    };
    EnvFilter::try_new(whole).map_err(|source| InitError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours);
    let base = base.with_writer(writer);
    match format {
        LogFormat::Json => {
            let json = base.json().flatten_event(true).with_current_span(true);
            Box::new(json.with_span_list(false).finish())
        }
        LogFormat::Pretty => Box::new(base.finish()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Collects what is logged.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        pub(crate) fn subscriber(&self, filter: &str) -> Box<dyn Subscriber + Send + Sync> {
            let lines = self.clone();
            let filter = parse(filter).unwrap();
            subscriber(LogFormat::Json, filter, false, move || lines.clone())
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_carries_the_request_of_its_span() {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.subscriber("info"), || {
            let span = tracing::info_span!("request", request_id = "r-1");
            span.in_scope(|| tracing::info!(stream.revision = 7, "line\nbreak"));
            tracing::debug!("not this");
        });
        let text = lines.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "line\nbreak");
        assert_eq!(line["stream.revision"], 7);
        assert_eq!(line["span"]["request_id"], "r-1");
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn what_clients_do_wrong_is_logged_only_when_asked_for() {
        let logged = |filter: &str| {
            let lines = Lines::default();
            tracing::subscriber::with_default(lines.subscriber(filter), || {
                tracing::error!(target: "actix_http::h1::dispatcher", "a bad request line");
            });
            lines.text().lines().count()
        };
        for quiet in [
            "info",
            "warn,async_nats=off",
            "trace",
            "actix_http=debug",
            "",
        ] {
            assert_eq!(logged(quiet), 0, "{quiet}");
        }
        assert_eq!(logged("warn,actix_http::h1::dispatcher=error"), 1);
    }

    #[test]
    fn a_filter_that_is_none_is_refused_by_name() {
        let refused = init(LogFormat::Json, "daybook=loud").unwrap_err();
        assert!(refused.to_string().contains("`daybook=loud`"), "{refused}");
    }
}
