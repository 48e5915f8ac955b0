//! beancount's journal: a parser that takes line after line and holds one block at a time. Transactions and
//! balance assertions come out; what carries nothing that a book keeps (prices, notes, documents, events, queries,
//! opened and closed accounts) is passed over. What is not understood, or means more than its postings say (costs,
//! prices of postings, pads, plugins, other files), comes out as a rejected block with its reason.

mod cursor;
mod directive;
mod expression;
mod parser;
mod transaction;

pub use parser::Parser;
