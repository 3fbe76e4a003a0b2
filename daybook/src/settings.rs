//! The effective settings of a command: each with where it came from, printed without secrets.

use clap::ArgMatches;
use clap::parser::ValueSource;
use daybook_platform::config::{Setting, Source};

/// Where the value of an option came from. `id` is the option's field name.
fn source(given: Option<&ArgMatches>, id: &str) -> Source {
    let source = given.and_then(|given| given.value_source(id));
    source.unwrap_or(ValueSource::DefaultValue).into()
}

/// Gathers settings for [`daybook_platform::config::log_settings`].
pub struct Settings<'a> {
    given: Option<&'a ArgMatches>,
    all: Vec<Setting>,
}

impl<'a> Settings<'a> {
    /// None yet; `given` is what the command line was parsed to.
    pub fn new(given: Option<&'a ArgMatches>) -> Self {
        Self {
            given,
            all: Vec::new(),
        }
    }

    /// Adds one. Addresses are shown without their passwords.
    pub fn add(&mut self, name: &'static str, value: impl std::fmt::Display) {
        let id = name.replace('-', "_");
        self.all
            .push(Setting::new(name, value, source(self.given, &id)));
    }

    /// All of them.
    pub fn all(&self) -> &[Setting] {
        &self.all
    }
}
