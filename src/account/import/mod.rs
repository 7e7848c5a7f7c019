//! Users from elsewhere: files and the tables of older servers, read row by row, made in batches, never twice.

mod ancestors;
mod decide;
mod read;
mod row;
mod run;

use read::Record;
pub use row::Row;
pub use run::{Import, Options, Report, Told};

/// Where the rows come from, and so what their columns mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table with a line of headings.
    Csv,
    /// Objects: one a line, or all of them in one list.
    Json,
    /// The table `users` of `datahq/auth`: an SQLite file, or its dump as CSV.
    Datahq,
    /// The table `users` of authnzerver: an SQLite file, or its dump as CSV.
    Authnzerver,
    /// The users of clearskies, as JSON.
    Clearskies,
}

impl Kind {
    /// `csv`, `json`, `datahq`, `authnzerver`, `clearskies`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Datahq => "datahq",
            Self::Authnzerver => "authnzerver",
            Self::Clearskies => "clearskies",
        }
    }

    /// What one record says; `Err` is why it cannot become a user.
    pub fn row(self, record: &Record) -> Result<Row, String> {
        match self {
            Self::Csv | Self::Json => Row::plain(record),
            Self::Datahq => ancestors::datahq(record),
            Self::Authnzerver => ancestors::authnzerver(record),
            Self::Clearskies => ancestors::clearskies(record),
        }
    }
}
