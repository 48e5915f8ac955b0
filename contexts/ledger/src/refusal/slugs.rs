//! The classes of the ledger's refusals: stable names, each with a page.

use kernel::problem::Slug;

macro_rules! slugs {
    ($($name:ident $code:literal $status:literal $title:literal)*) => {
        $(
            #[doc = $title]
            pub static $name: Slug = Slug { code: $code, status: $status, title: $title };
        )*
        /// Every slug of the ledger, refusals and the engine's own.
        pub static SLUGS: &[&Slug] = &[$(&$name),*];
    };
}

slugs! {
    IDEMPOTENCY_CONFLICT "idempotency-conflict" 409 "The key was used for another command"
    UNKNOWN_ACCOUNT "unknown-account" 422 "A posting names an unknown account"
    ACCOUNT_CLOSED "account-closed" 409 "The account is closed"
    ACCOUNT_FROZEN "account-frozen" 409 "The account is frozen on this side"
    ASSET_NOT_ALLOWED "asset-not-allowed" 422 "The account may not hold this asset"
    SAME_ACCOUNT "same-account" 422 "Debit and credit are the same account"
    UNBALANCED_ENTRY "unbalanced-entry" 422 "Debits and credits differ"
    NOTHING_AVAILABLE "nothing-available" 422 "Nothing is available to post"
    MAX_NEEDS_BOUND "max-needs-bound" 422 "The amount \"max\" has no bound here"
    CONDITION_FAILED "condition-failed" 409 "A condition does not hold"
    AMOUNT_OVERFLOW "amount-overflow" 422 "A balance would pass what can be counted"
    INSUFFICIENT_FUNDS "insufficient-funds" 422 "The account has not enough available"
    CEILING_EXCEEDED "ceiling-exceeded" 422 "The account's ceiling leaves too little room"
    OVERRIDE_FORBIDDEN "override-forbidden" 403 "Passing limits needs a scope of its own"
    EFFECTIVE_IN_FUTURE "effective-in-future" 422 "The effective time lies in the future"
    HOLD_NOT_OPEN "hold-not-open" 409 "The hold is no longer open"
    HOLD_EXPIRED "hold-expired" 409 "The hold has expired"
    CAPTURE_EXCEEDS_HOLD "capture-exceeds-hold" 422 "The capture passes what was held"
    VOID_EXCEEDS_HOLD "void-exceeds-hold" 422 "The void passes what is still held"
    INVALID_EXTENSION "invalid-extension" 422 "The extension is not later than the present expiry"
    EXPIRY_IN_PAST "expiry-in-past" 422 "The hold would expire in the past"
    INVALID_SHARE "invalid-share" 422 "The partial amounts do not fit the postings"
    REVERSAL_EXCEEDS_ENTRY "reversal-exceeds-entry" 422 "More would be reversed than was posted"
    REVERSAL_OF_REVERSAL "reversal-of-reversal" 422 "A reversal is not reversed"
    ACCOUNT_EXISTS "account-exists" 409 "The path or id is taken"
    VERSION_MISMATCH "version-mismatch" 409 "The settings changed meanwhile"
    ACCOUNT_STATE "account-state" 409 "The change does not fit the account's status"
    ACCOUNT_NOT_EMPTY "account-not-empty" 409 "The account still has balances or open holds"
    INVALID_LIMITS "invalid-limits" 422 "A floor lies above its ceiling"
    PATTERN_OVERLAP "pattern-overlap" 409 "Two patterns would match one path"
    QUOTA_EXCEEDED "quota-exceeded" 422 "The pattern's quota is used up"
    ASSET_EXISTS "asset-exists" 409 "The asset is registered"
    BATCH_REFUSED "batch-refused" 422 "A command of the atomic batch was refused"
    CLOCK_SUSPECT "clock-suspect" 503 "The clock jumped; an operator must confirm the time"
    OUTCOME_UNKNOWN "outcome-unknown" 503 "Whether the command was stored is not known"
    LEDGER_UNAVAILABLE "ledger-unavailable" 503 "The ledger takes no commands now"
    LEDGER_BUSY "ledger-busy" 503 "Too many commands are waiting"
    PROJECTION_OFF "projection-off" 501 "Entries cannot be searched on this server"
    NOT_YET_VISIBLE "not-yet-visible" 504 "The wanted record is not visible yet"
}

/// The thing a request is about does not exist; the page is the transport's own.
pub static NOT_FOUND: Slug = Slug { code: "not-found", status: 404, title: "There is no such thing" };
