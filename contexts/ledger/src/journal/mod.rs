//! The journal engine: the embedded store of the ledger. Append-only files, one sequencer, balances in
//! memory, one sync for everything that arrived while the last one ran.

mod batch;
pub mod beside;
pub mod codec;
pub(crate) mod commands;
pub mod copy;
pub mod core;
pub mod digest;
pub mod disk;
pub(crate) mod earlier;
pub(crate) mod effects;
pub mod engine;
pub mod frame;
pub mod group;
mod house;
pub mod index;
pub mod job;
pub mod keeper;
pub mod keys;
mod lent;
pub mod lookup;
pub mod names;
mod problems;
pub mod record;
pub mod recovery;
pub mod redo;
pub mod replay;
pub mod rest;
pub mod scan;
pub mod segments;
pub mod snapshot;
mod threads;
pub mod unit;
pub mod units;
pub mod verify;
pub mod view;
pub mod writer;
mod writing;

/// A command in canonical form, as bytes: equal for equal commands.
pub fn canonical(command: &crate::command::Command) -> Vec<u8> {
    let (mut core, mut text) = (Vec::new(), Vec::new());
    commands::put_command(&mut codec::Pen { core: &mut core, text: &mut text }, command);
    core.extend_from_slice(&text);
    core
}
