//! Layouts of text files, read and written: journals of hledger and beancount, CSV. Pure machines: lines in,
//! values out, and back. What is read knows nothing of any book; numbers are decimals and never floats.

pub mod beancount;
pub mod csv;
mod date;
mod decimal;
mod encoding;
pub mod hledger;
mod line;
mod model;
mod number;
mod settle;

pub use date::DateForm;
pub use decimal::Decimal;
pub use encoding::Encoding;
pub use model::{
    AccountClass, Amount, Assertion, Balance, Date, Item, MAX_BLOCK, Posting, Rejected, Status, Tag,
    Transaction,
};
pub use number::read_number;
