//! Statements, values and rows: what a transaction may do, the same on both databases.
//!
//! The rules of the dialect are in `migrations/README.md`. No other file outside `sqlite.rs` and `postgresql.rs`
//! knows that there are two databases.

use super::{postgresql, sqlite};
use ::postgres::types::{FromSql, IsNull, ToSql, Type};
use anyhow::{Context as _, Result, bail, ensure};
use hospes_protocol::{Scope, Timestamp, id::Id};
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Serialize, de::DeserializeOwned};
use std::{cell::Cell, error::Error};

/// What the body of a transaction may do: run SQL that both databases understand.
pub struct Tx<'c> {
    driver: Driver<'c>,
    access: Access,
    trouble: Option<Trouble>,
    /// The deployment's change counter, once this transaction has read it.
    pub(super) change_counter: Option<i64>,
}

pub(super) enum Driver<'c> {
    Sqlite(&'c mut sqlite::Connection),
    Postgres(&'c mut postgresql::Connection),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Only statements that begin with SELECT. On PostgreSQL each of them sees its own snapshot, so
    /// what has to be seen together is one statement.
    Read,
    Write,
}

/// Why a transaction cannot commit any more, whatever its body made of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A statement failed.
    Broken,
    /// A statement waited too long for a lock, or ran too long.
    Late,
    /// PostgreSQL gave this transaction up in favour of another and asks to run it again.
    Conflict,
    /// The connection is of no use any more.
    Lost,
    /// The disk is full.
    NoSpace,
}

/// The three column types of the schema, and NULL. Times are integers; booleans are times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'c> Tx<'c> {
    pub(super) const fn new(driver: Driver<'c>, access: Access) -> Self {
        Self { driver, access, trouble: None, change_counter: None }
    }

    /// Whether nothing that this transaction sees can still be undone: so it is for reads.
    pub fn sees_only_what_is_committed(&self) -> bool {
        self.access == Access::Read
    }

    pub(super) const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Runs `sql` and maps every row.
    pub fn all<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut mapped = Vec::new();
        self.each(sql, values, |row| {
            mapped.push(map(row)?);
            Ok(())
        })?;
        Ok(mapped)
    }

    /// Runs `sql`, which gives at most one row, and maps it.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        map: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut mapped = None;
        self.each(sql, values, |row| {
            ensure!(mapped.is_none(), "more than one row for: {sql}");
            mapped = Some(map(row)?);
            Ok(())
        })?;
        Ok(mapped)
    }

    /// Runs `sql` and returns how many rows it changed.
    pub fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        self.admit(sql)?;
        let outcome = match &mut self.driver {
            Driver::Sqlite(connection) => connection.run(sql, values),
            Driver::Postgres(connection) => connection.run(sql, values),
        };
        self.note(sql, outcome)
    }

    fn each(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut visit: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.admit(sql)?;
        let outcome = match &mut self.driver {
            Driver::Sqlite(connection) => connection.each(sql, values, &mut visit),
            Driver::Postgres(connection) => connection.each(sql, values, &mut visit),
        };
        self.note(sql, outcome)
    }

    fn admit(&self, sql: &str) -> Result<()> {
        ensure!(self.trouble.is_none(), "an earlier statement of this transaction failed; not run: {sql}");
        ensure!(self.access == Access::Write || sql.starts_with("SELECT"), "not a read: {sql}");
        Ok(())
    }

    /// Remembers that a statement failed: PostgreSQL would turn the COMMIT into a ROLLBACK without a word.
    fn note<T>(&mut self, sql: &str, outcome: Result<T>) -> Result<T> {
        outcome
            .inspect_err(|error| {
                self.trouble = Some(match &self.driver {
                    Driver::Sqlite(_) => sqlite::trouble(error),
                    Driver::Postgres(connection) => connection.trouble(error),
                });
            })
            .with_context(|| format!("in: {sql}"))
    }
}

/// A row of an answer. Columns are found by name.
pub struct Row<'r> {
    source: Source<'r>,
    prefix: &'static str,
    /// Where to look first: columns are mostly read in the order in which they were selected.
    next: Cell<usize>,
}

#[derive(Clone, Copy)]
pub(super) enum Source<'r> {
    Sqlite { row: &'r rusqlite::Row<'r>, columns: &'r [Box<str>] },
    Postgres(&'r ::postgres::Row),
}

/// A type that a column can be read as.
pub trait Column: Sized {
    fn decode(value: Value<'_>) -> Result<Self>;
}

impl<'r> Row<'r> {
    pub(super) const fn new(source: Source<'r>) -> Self {
        Self { source, prefix: "", next: Cell::new(0) }
    }

    pub fn get<T: Column>(&self, name: &str) -> Result<T> {
        self.value(name).and_then(T::decode).with_context(|| format!("column {}{name}", self.prefix))
    }

    /// A column that holds one JSON document.
    pub fn json<T: DeserializeOwned>(&self, table: &str, name: &str) -> Result<T> {
        let text = match self.value(name)? {
            Value::Text(text) => text,
            other => bail!("{table}.{name}: expected TEXT, found {}", other.kind()),
        };
        serde_json::from_str(text).with_context(|| format!("{table}.{name} is not the JSON that this version writes"))
    }

    /// A column that holds one of a few words.
    pub fn word<T>(&self, table: &str, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        match self.value(name)? {
            Value::Text(text) => {
                parse(text).with_context(|| format!("{table}.{name} holds {text:?}, which this version does not know"))
            }
            other => bail!("{table}.{name}: expected TEXT, found {}", other.kind()),
        }
    }

    /// The record of a LEFT JOIN, whose columns were selected as `prefix` + name. `None` when its `key` column is NULL.
    pub fn joined<T>(&self, prefix: &'static str, key: &str, map: impl Fn(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
        let part = Row { source: self.source, prefix, next: Cell::new(self.next.get()) };
        let first = part.index(key).with_context(|| format!("no column {prefix}{key} in the answer"))?;
        if part.value(key)? == Value::Null {
            return Ok(None);
        }
        part.next.set(first);
        let record = map(&part)?;
        self.next.set(part.next.get());
        Ok(Some(record))
    }

    fn value(&self, name: &str) -> Result<Value<'_>> {
        let index = self.index(name).with_context(|| format!("no column {}{name} in the answer", self.prefix))?;
        self.next.set(index.saturating_add(1));
        match self.source {
            Source::Sqlite { row, .. } => Ok(match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => Value::Int(n),
                ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?),
                ValueRef::Blob(bytes) => Value::Bytes(bytes),
                ValueRef::Real(_) => bail!("a floating point number, which no column of ours holds"),
            }),
            Source::Postgres(row) => Ok(row.try_get(index)?),
        }
    }

    fn index(&self, name: &str) -> Option<usize> {
        let first = self.next.get();
        if self.is_at(first, name) {
            return Some(first);
        }
        let columns = match self.source {
            Source::Sqlite { columns, .. } => columns.len(),
            Source::Postgres(row) => row.len(),
        };
        (0..columns).find(|index| self.is_at(*index, name))
    }

    fn is_at(&self, index: usize, name: &str) -> bool {
        let column = match self.source {
            Source::Sqlite { columns, .. } => columns.get(index).map(|name| &**name),
            Source::Postgres(row) => row.columns().get(index).map(|column| column.name()),
        };
        column.and_then(|column| column.strip_prefix(self.prefix)) == Some(name)
    }
}

impl Value<'_> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "BIGINT",
            Self::Text(_) => "TEXT",
            Self::Bytes(_) => "BYTES",
        }
    }
}

/// A record that is stored as one JSON text.
pub(super) fn to_json<T: Serialize + ?Sized>(record: &T) -> Result<String> {
    serde_json::to_string(record).context("a record that is no JSON")
}

impl Column for i64 {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Int(n) => Ok(n),
            other => bail!("expected BIGINT, found {}", other.kind()),
        }
    }
}
impl Column for u32 {
    fn decode(value: Value<'_>) -> Result<Self> {
        Ok(i64::decode(value)?.try_into()?)
    }
}
impl Column for Timestamp {
    fn decode(value: Value<'_>) -> Result<Self> {
        i64::decode(value).map(Self)
    }
}
impl Column for String {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Text(text) => Ok(text.to_owned()),
            other => bail!("expected TEXT, found {}", other.kind()),
        }
    }
}
impl<K> Column for Id<K> {
    fn decode(value: Value<'_>) -> Result<Self> {
        String::decode(value).map(Self::new)
    }
}
impl Column for Scope {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Text(text) => Ok(Self::parse(text)?),
            other => bail!("expected TEXT, found {}", other.kind()),
        }
    }
}
impl Column for Vec<u8> {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Bytes(bytes) => Ok(bytes.to_vec()),
            other => bail!("expected BYTES, found {}", other.kind()),
        }
    }
}
impl<const N: usize> Column for [u8; N] {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().with_context(|| format!("expected {N} bytes")),
            other => bail!("expected BYTES, found {}", other.kind()),
        }
    }
}
impl<T: Column> Column for Option<T> {
    fn decode(value: Value<'_>) -> Result<Self> {
        match value {
            Value::Null => Ok(None),
            value => T::decode(value).map(Some),
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *ty == Type::INT8 => n.to_sql(ty, out),
            Self::Text(text) if *ty == Type::TEXT => text.to_sql(ty, out),
            Self::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            other => Err(format!("{} cannot be bound where {ty} is expected", other.kind()).into()),
        }
    }
    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }
    ::postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Int),
            Type::TEXT => <&str>::from_sql(ty, raw).map(Self::Text),
            _ => <&[u8]>::from_sql(ty, raw).map(Self::Bytes),
        }
    }
    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }
    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }
}

impl From<i64> for Value<'_> {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<u32> for Value<'_> {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}
impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Int(time.0)
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}
impl<'a, K> From<&'a Id<K>> for Value<'a> {
    fn from(id: &'a Id<K>) -> Self {
        Self::Text(id.as_str())
    }
}
impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
