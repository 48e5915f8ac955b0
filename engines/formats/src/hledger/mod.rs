//! hledger's journal: a parser that takes line after line and holds one block at a time, and a writer whose
//! text hledger and the parser read back the same. What is not understood, or means more than its postings
//! say (costs, virtual postings, aliases), comes out as a rejected block with its reason.

mod amount;
mod block;
mod comment;
mod directive;
mod escape;
mod parser;
mod print;

pub use parser::Parser;
pub use print::{Unprintable, check_account, print, print_account, print_commodity};
