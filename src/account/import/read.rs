//! Files, record by record: CSV, JSON, or the table `users` of another SQLite file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest;
use serde_json::{Map, Value};

use super::Kind;
use crate::store::StoreError;
use crate::store::foreign::Foreign;

/// What one row says: column → value.
pub type Record = Map<String, Value>;

/// First bytes of every SQLite file.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Longest line of a file of JSON lines, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file itself.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// The database in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its first line names no columns, or none we know.
    #[error("the first line does not name the columns")]
    NoHeadings,
    /// It is not what it is said to be.
    #[error("it is not a file of this kind: {0}")]
    OtherKind(String),
}

/// A file that is being read.
pub struct Source {
    inner: Inner,
    line: u64,
    /// How many bytes or rows there are: for a bar.
    pub total: u64,
    /// Names the file's content.
    pub hash: String,
}

enum Inner {
    Csv { reader: Box<csv::Reader<File>>, headings: csv::StringRecord },
    Lines(BufReader<File>),
    List(std::vec::IntoIter<Value>),
    Table(Foreign),
}

impl Source {
    /// Opens a file; what is in it decides how it is read.
    pub async fn open(path: &Path, kind: Kind) -> Result<Self, SourceError> {
        let (hash, start) = look(path)?;
        let length = std::fs::metadata(path)?.len();
        if start.starts_with(SQLITE) {
            if !matches!(kind, Kind::Datahq | Kind::Authnzerver) {
                return Err(SourceError::OtherKind("it is an SQLite file".into()));
            }
            let table = Foreign::open(path, "users").await?;
            let total = table.count().await?;
            return Ok(Self { inner: Inner::Table(table), line: 0, total, hash });
        }
        let is_json = matches!(kind, Kind::Json | Kind::Clearskies);
        let begins = start.iter().copied().find(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte));
        let inner = match (is_json, begins) {
            (true, Some(b'[')) => Inner::List(list(path)?.into_iter()),
            (true, _) => Inner::Lines(BufReader::new(File::open(path)?)),
            (false, _) => table(path)?,
        };
        let total = if let Inner::List(all) = &inner { all.len() as u64 } else { length };
        Ok(Self { inner, line: 0, total, hash })
    }

    /// How far it is read, in the measure of `total`.
    pub fn position(&mut self) -> u64 {
        match &mut self.inner {
            Inner::Csv { reader, .. } => reader.position().byte(),
            Inner::Lines(reader) => reader.stream_position().unwrap_or_default(),
            Inner::List(_) | Inner::Table(_) => self.line,
        }
    }

    /// The next record with its line (of a list or a table: its number); `None` at the end. The inner `Err` is why one record cannot be
    /// read; the next one may be.
    pub async fn next(&mut self) -> Result<Option<(u64, Result<Record, String>)>, SourceError> {
        match &mut self.inner {
            Inner::Csv { reader, headings } => {
                let mut row = csv::StringRecord::new();
                match reader.read_record(&mut row) {
                    Ok(false) => Ok(None),
                    Ok(true) => {
                        let line = row.position().map_or(0, csv::Position::line);
                        let cell = |(name, value): (&str, &str)| (name.to_owned(), Value::from(value));
                        Ok(Some((line, Ok(headings.iter().zip(row.iter()).map(cell).collect()))))
                    }
                    Err(error) => match error.position().map(csv::Position::line) {
                        Some(line) => Ok(Some((line, Err("it is not a line of this table".into())))),
                        None => Err(SourceError::OtherKind(error.to_string())),
                    },
                }
            }
            Inner::Lines(reader) => loop {
                let mut text = Vec::new();
                if reader.take(LONGEST_LINE as u64).read_until(b'\n', &mut text)? == 0 {
                    return Ok(None);
                }
                self.line += 1;
                let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text).trim_ascii();
                if !text.is_empty() {
                    let record = serde_json::from_slice(text).map_err(|_| "it is not a JSON object".to_owned());
                    return Ok(Some((self.line, record)));
                }
            },
            Inner::List(values) => Ok(values.next().map(|value| {
                self.line += 1;
                let record = match value {
                    Value::Object(record) => Ok(record),
                    _ => Err("it is not a JSON object".to_owned()),
                };
                (self.line, record)
            })),
            Inner::Table(table) => {
                let Some(text) = table.next().await? else { return Ok(None) };
                self.line += 1;
                Ok(Some((self.line, serde_json::from_str(&text).map_err(|_| "it cannot be read".to_owned()))))
            }
        }
    }
}

/// The hash of the content, and its beginning.
fn look(path: &Path) -> Result<(String, Vec<u8>), SourceError> {
    let mut file = File::open(path)?;
    let (mut hash, mut chunk, mut start) = (digest::Context::new(&digest::SHA256), vec![0; 1 << 16], Vec::new());
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        if start.is_empty() {
            start = chunk[..read.min(256)].to_vec();
        }
        hash.update(&chunk[..read]);
    }
    let hash = hash.finish().as_ref().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Ok((hash, start))
}

fn table(path: &Path) -> Result<Inner, SourceError> {
    let mut file = File::open(path)?;
    let mut mark = [0; 3];
    let marked = file.read(&mut mark)? == 3 && mark == *b"\xef\xbb\xbf";
    file.seek(SeekFrom::Start(if marked { 3 } else { 0 }))?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(file);
    let headings = reader.headers().map_err(|error| SourceError::OtherKind(error.to_string()))?;
    let headings: csv::StringRecord = headings.iter().map(|name| name.trim().to_lowercase()).collect();
    if !headings.iter().any(|name| ["email", "username", "old_id", "id", "identities"].contains(&name)) {
        return Err(SourceError::NoHeadings);
    }
    Ok(Inner::Csv { reader: Box::new(reader), headings })
}

fn list(path: &Path) -> Result<Vec<Value>, SourceError> {
    let text = std::fs::read(path)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| SourceError::OtherKind(error.to_string()))
}
