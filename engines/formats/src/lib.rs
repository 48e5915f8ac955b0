//! Layouts of text files, read and written: hledger's journal, CSV. Pure machines: lines in, values out, and
//! back. What is read knows nothing of any book; numbers are decimals and never floats.

pub mod csv;
mod decimal;
pub mod hledger;

pub use decimal::Decimal;
