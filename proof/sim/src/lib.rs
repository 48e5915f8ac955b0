//! The ledger's engine on a simulated disk and clock: everything a run does follows from one number, so that
//! whatever goes wrong can be seen again.

pub mod asked;
pub mod chain;
pub mod chance;
pub mod disk;
pub mod evidence;
pub mod fold;
pub mod genesis;
pub mod life;
pub mod mutant;
pub mod rows;
pub mod run;
pub mod seeds;
pub mod state_check;
pub mod workload;
pub mod world;
