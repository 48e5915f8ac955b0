//! Values of columns, on their way in and out, whatever engine keeps the rows: whole numbers, texts, bytes, nothing.
//! Times are microseconds since 1970, ids 16 bytes, everything else that a context has is made of these.

use crate::error::Error;
use kernel::Timestamp;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($make:expr)),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(($make)(value))
            }
        })*
    };
}

value_from! {
    i64 => Integer(|value| value),
    u32 => Integer(i64::from),
    bool => Integer(i64::from),
    &str => Text(str::to_owned),
    String => Text(|value| value),
    &String => Text(String::clone),
    Timestamp => Integer(|value: Timestamp| value.0),
    Vec<u8> => Bytes(|value| value),
    &[u8] => Bytes(<[u8]>::to_vec),
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement, as values of columns.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        [$($crate::Value::from($value)),*]
    };
}

/// A value of a column as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A column that holds what it never should.
#[derive(Debug, thiserror::Error)]
#[error("column {column}: {why}")]
pub struct RowError {
    /// Counted from 0.
    pub column: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The error of a column that holds what it never should.
pub fn unreadable(column: usize, why: impl std::fmt::Display) -> RowError {
    RowError { column, why: why.to_string() }
}

impl From<RowError> for Error {
    fn from(source: RowError) -> Self {
        Self::Row { source }
    }
}

/// What a column can be read as.
pub trait Column: Sized {
    /// Reads it; `None` if it is of another kind.
    fn of(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! column_of {
    ($($type:ty: $pattern:pat => $value:expr),* $(,)?) => {
        $(impl Column for $type {
            fn of(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $pattern => $value,
                    _ => None,
                }
            }
        })*
    };
}

column_of! {
    i64: Cell::Integer(number) => Some(number),
    u32: Cell::Integer(number) => u32::try_from(number).ok(),
    bool: Cell::Integer(number @ (0 | 1)) => Some(number == 1),
    String: Cell::Text(text) => Some(text.to_owned()),
    Vec<u8>: Cell::Bytes(bytes) => Some(bytes.to_vec()),
}

impl<const N: usize> Column for [u8; N] {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::of(cell).map(Some),
        }
    }
}

impl Column for Value {
    fn of(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => Self::Null,
            Cell::Integer(number) => Self::Integer(number),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

/// A row as it is read.
pub struct Row<'a>(&'a dyn Cells);

/// A row of an engine.
pub(crate) trait Cells {
    /// What stands in a column, counted from 0.
    fn cell(&self, column: usize) -> Result<Cell<'_>, RowError>;
}

impl<'a> Row<'a> {
    pub(crate) fn new(cells: &'a dyn Cells) -> Self {
        Self(cells)
    }

    /// A column, counted from 0.
    pub fn get<T: Column>(&self, column: usize) -> Result<T, RowError> {
        let cell = self.0.cell(column)?;
        let wrong = || unreadable(column, format_args!("no {}", std::any::type_name::<T>()));
        T::of(cell).ok_or_else(wrong)
    }
}
