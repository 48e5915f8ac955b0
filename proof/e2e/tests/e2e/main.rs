//! The real binary from outside: scripts, bad input, kills, full disks, replays, feeds and keys, over real sockets.
//! Counts are small here; `PROOF_SCALE`, `E2E_KILLS` and `E2E_SECONDS` make them long. `CONCORD_BIN` names a binary.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod bad_input;
mod bad_sockets;
mod binary;
mod chance;
mod client;
mod demo;
mod doors;
mod feed;
mod full_disk;
mod hot;
mod json;
mod kills;
mod mask;
mod process;
mod redo;
mod replay;
mod scripts;
mod server;
mod wallet_kills;
