//! Rows in the text form of Postgres' COPY: fields between tabs, one row a line.

use std::fmt::{Display, Write as _};

use sqlx::PgConnection;

/// Builds rows.
#[derive(Debug, Default)]
pub(super) struct CopyText {
    text: String,
    row_began: bool,
}

impl CopyText {
    /// Begins a field.
    fn separate(&mut self) {
        if self.row_began {
            self.text.push('\t');
        }
        self.row_began = true;
    }

    /// A field that holds no tab, line end or backslash: numbers, ids, times, codes of ours.
    pub(super) fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        // Writing into memory cannot fail.
        let written = write!(self.text, "{value}");
        debug_assert!(written.is_ok(), "writing into memory cannot fail");
        self
    }

    /// A field of such, or NULL.
    pub(super) fn plain_or_null(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.plain("\\N"),
        }
    }

    /// A field of any text.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        let mut rest = value;
        while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
            let (clean, special) = rest.split_at(at);
            self.text.push_str(clean);
            self.text.push_str(match special.as_bytes().first() {
                Some(b'\t') => "\\t",
                Some(b'\n') => "\\n",
                Some(b'\r') => "\\r",
                _ => "\\\\",
            });
            rest = special.get(1..).unwrap_or_default();
        }
        self.text.push_str(rest);
        self
    }

    /// A field of any text, or NULL.
    pub(super) fn text_or_null(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.plain("\\N"),
        }
    }

    /// Ends the row.
    pub(super) fn end(&mut self) {
        self.text.push('\n');
        self.row_began = false;
    }

    /// Sends the rows, and returns how many were taken. Nothing is sent for no rows.
    pub(super) async fn send(
        self,
        connection: &mut PgConnection,
        statement: &'static str,
    ) -> Result<u64, sqlx::Error> {
        if self.text.is_empty() {
            return Ok(0);
        }
        let mut copy = connection.copy_in_raw(statement).await?;
        copy.send(self.text.as_bytes()).await?;
        copy.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_escaped() {
        let mut rows = CopyText::default();
        rows.plain(1)
            .text("a\tb\\c\nd\re")
            .text_or_null(None)
            .plain_or_null(Some(2))
            .end();
        rows.text("").plain_or_null(None::<u8>).end();
        assert_eq!(rows.text, "1\ta\\tb\\\\c\\nd\\re\t\\N\t2\n\t\\N\n");
    }
}
