//! The effective configuration, printed at start: each setting, its value, where it came from.
//! Secrets are printed as present or absent, never their value.

use std::fmt;

/// One effective setting.
#[derive(Clone)]
pub struct Setting {
    /// As the flag is called, without the dashes.
    pub name: &'static str,
    /// In words.
    pub value: String,
    /// Where the value came from.
    pub source: Source,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// Where a setting came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// Nobody said anything.
    Default,
}

impl Setting {
    /// An open setting.
    pub fn new(name: &'static str, value: impl fmt::Display, source: Source) -> Self {
        Self {
            name,
            value: value.to_string(),
            source,
            secret: false,
        }
    }

    /// A setting whose value is never shown.
    pub fn secret(name: &'static str, value: impl fmt::Display, source: Source) -> Self {
        Self {
            name,
            value: value.to_string(),
            source,
            secret: true,
        }
    }

    /// The value as it may be shown. An address is shown without its password.
    pub fn shown(&self) -> String {
        match (self.secret, self.value.is_empty()) {
            (true, true) => "(absent)".to_owned(),
            (true, false) => "(set, not shown)".to_owned(),
            (false, _) => redact_url(&self.value),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} ({})", self.name, self.shown(), self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Default => "default",
        })
    }
}

impl From<clap::parser::ValueSource> for Source {
    fn from(source: clap::parser::ValueSource) -> Self {
        use clap::parser::ValueSource;
        if source == ValueSource::CommandLine {
            Self::Flag
        } else if source == ValueSource::EnvVariable {
            Self::Environment
        } else {
            Self::Default
        }
    }
}

/// Logs every setting, one line each.
pub fn log_settings(settings: &[Setting]) {
    for setting in settings {
        tracing::info!(
            setting.name = setting.name,
            setting.value = %setting.shown(),
            setting.source = %setting.source,
            "setting {setting:?}",
        );
    }
}

/// Query parameters of database addresses that are no secret.
const OPEN_PARAMETERS: [&str; 5] = [
    "sslmode",
    "application_name",
    "connect_timeout",
    "host",
    "port",
];

/// An address without its secrets, for logs and messages. User names go too: in a NATS address a
/// token stands in their place. Rather too much is cut than too little, so that a password with an
/// unencoded `@`, `/` or `?` in it is not shown in part.
pub fn redact_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        let keyword_form = text.to_ascii_lowercase().contains("pass");
        return if keyword_form {
            "(not shown)".to_owned()
        } else {
            text.to_owned()
        };
    };
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((_, after)) => ("***@", after),
        None => ("", rest),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !OPEN_PARAMETERS.contains(&name) => format!("{name}=***"),
            Some(_) => pair.to_owned(),
            None => "***".to_owned(),
        })
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{hidden}{place}{mark}{}", query.join("&"))
}

/// The user and the password of an address, for clients that do not take them from it by
/// themselves. Of several addresses, the first decides.
pub fn credentials(url: &str) -> Option<(String, String)> {
    let (_, rest) = url.split_once("://")?;
    let place = rest.split(['/', '?', ',']).next()?;
    let (user, password) = place.rsplit_once('@')?.0.split_once(':')?;
    Some((percent_decoded(user), percent_decoded(password)))
}

/// `%41` is `A`; what is no escape stays as it stands.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let cases = [
            (
                "postgres://ann:s3cret@db:5432/books",
                "postgres://***@db:5432/books",
            ),
            (
                "postgres://ann:s3/c@r?et@db/books",
                "postgres://***@db/books",
            ),
            ("nats://s3cret@127.0.0.1:4222", "nats://***@127.0.0.1:4222"),
            ("nats://a:s3cret@one,nats://b:s3cret@two", "nats://***@two"),
            (
                "postgres://db/books?sslmode=require",
                "postgres://db/books?sslmode=require",
            ),
            (
                "postgres://db/b?password=s3cret&host=/run",
                "postgres://db/b?password=***&host=/run",
            ),
            ("postgres://db/b?s3cret", "postgres://db/b?***"),
            ("host=db password='s3cret x' user=ann", "(not shown)"),
            (
                "embedded:/var/lib/daybook/log",
                "embedded:/var/lib/daybook/log",
            ),
            ("127.0.0.1:7400", "127.0.0.1:7400"),
            ("", ""),
        ];
        for (given, shown) in cases {
            assert_eq!(redact_url(given), shown);
            assert!(!redact_url(given).contains("s3c"), "{given}");
        }
    }

    #[test]
    fn the_credentials_of_an_address_are_decoded() {
        let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(credentials("nats://ann:pw@host:4222"), both("ann", "pw"));
        assert_eq!(
            credentials("nats://a%40b:p%3Aw%2@one,nats://x:y@two"),
            both("a@b", "p:w%2")
        );
        for none in ["nats://host:4222", "nats://token@host", "host", ""] {
            assert_eq!(credentials(none), None, "{none}");
        }
    }

    #[test]
    fn a_secret_setting_is_never_shown_and_says_whether_it_is_set() {
        let set = Setting::secret("token", "s3cret", Source::Environment);
        assert_eq!(format!("{set:?}"), "token=(set, not shown) (environment)");
        let unset = Setting::secret("token", "", Source::Default);
        assert_eq!(format!("{unset:?}"), "token=(absent) (default)");
        let address = Setting::new("database-url", "postgres://a:s3cret@db/b", Source::Flag);
        assert_eq!(
            format!("{address:?}"),
            "database-url=postgres://***@db/b (flag)"
        );
    }
}
