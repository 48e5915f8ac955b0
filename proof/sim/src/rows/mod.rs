//! Books and rows together: the journal's engine on its simulated disk, two contexts with a file each, and units
//! that change both. The process dies at any step, writes and syncs fail, frames are torn, disks fill up in
//! mid-transaction; after every start the rows equal the books, and whatever was answered is there once.

mod asked;
mod audit;
mod books;
mod file;
mod steps;
mod world;

pub use world::{Mutant, Plan, Report, run};
