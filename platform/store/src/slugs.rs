//! Problems that the store itself gives; their pages stand with those of all others.

use kernel::Slug;

/// The same key, another command.
pub static IDEMPOTENCY_CONFLICT: Slug =
    Slug { code: "idempotency-conflict", status: 409, title: "The key was used for another command" };

/// Guards kept failing: others kept changing the same rows.
pub static CONTENTION: Slug =
    Slug { code: "contention", status: 503, title: "Others kept changing the same rows" };

/// The store of a context cannot write.
pub static STORE_UNAVAILABLE: Slug =
    Slug { code: "store-unavailable", status: 503, title: "The store cannot write" };

/// Too many commands wait.
pub static STORE_BUSY: Slug =
    Slug { code: "store-busy", status: 503, title: "Too many commands are waiting" };

/// What became of a command is not known.
pub static OUTCOME_UNKNOWN: Slug =
    Slug { code: "outcome-unknown", status: 503, title: "Whether the command was stored is not known" };
