//! What the books say of a wallet: what kind of movement a record is, and how much left in a time.

use crate::model::{Kind, WalletNo};
use crate::postings;
use ledger::accounts::model::AccountNo;
use ledger::effect::Effect;
use ledger::entries::model::{Direction, Posting};
use ledger::holds::model::HoldAction;
use ledger::journal::record::Record;
use ledger::reading::Reading;

/// What a record is to a wallet.
pub fn kind_of(reading: &Reading, record: &Record) -> Kind {
    match &record.effect {
        Effect::Posted { postings } => match postings.as_slice() {
            [one, other] => posted(reading, record, (one.account, one.direction), other.account),
            _ => Kind::Entry,
        },
        Effect::Reversed { .. } => Kind::Reversal,
        Effect::Held { .. } => Kind::Hold,
        Effect::HoldMoved { action, .. } => match action {
            HoldAction::Capture { .. } => Kind::Capture,
            HoldAction::Void { .. } | HoldAction::Expire => Kind::Release,
            HoldAction::Increment { .. } | HoldAction::Extend { .. } => Kind::Hold,
        },
        _ => Kind::Entry,
    }
}

/// What an entry of two postings is: its accounts tell, and what it says of itself tells a payout.
fn posted(reading: &Reading, record: &Record, one: (AccountNo, Direction), other: AccountNo) -> Kind {
    let (debited, credited) = match one.1 {
        Direction::Debit => (one.0, other),
        Direction::Credit => (other, one.0),
    };
    let (debited, credited) = (reading.name(debited).1, reading.name(credited).1);
    let wallet = |path: &str| postings::wallet_of(path).is_some();
    match (wallet(&debited), wallet(&credited)) {
        (true, true) => Kind::Transfer,
        (true, false) if *credited == *postings::FUNDING && is_payout(record) => Kind::Payout,
        (true, false) if *credited == *postings::FUNDING => Kind::Withdrawal,
        (false, true) if *debited == *postings::FUNDING => Kind::TopUp,
        _ => Kind::Entry,
    }
}

fn is_payout(record: &Record) -> bool {
    let details = record.command.as_ref().and_then(|command| command.details());
    let metadata = details.map(|details| details.text.metadata.as_slice()).unwrap_or_default();
    metadata.iter().any(|(name, value)| **name == *postings::KIND && **value == *Kind::Payout.as_str())
}

/// The wallet on the other side of a movement, if there is one.
pub fn counterpart(reading: &Reading, record: &Record, own: AccountNo) -> Option<WalletNo> {
    let others = record.effect.postings().iter().filter(|posting| posting.account != own);
    others.map(|posting| postings::wallet_of(&reading.name(posting.account).1)).next()?
}

/// Whether limits count a posting of a wallet: what leaves by transfer, withdrawal, payout or capture.
pub fn counts(reading: &Reading, record: &Record, posting: &Posting) -> bool {
    posting.direction == Direction::Debit
        && match kind_of(reading, record) {
            Kind::Transfer | Kind::Withdrawal | Kind::Payout | Kind::Capture => true,
            Kind::TopUp | Kind::Hold | Kind::Release | Kind::Reversal | Kind::Entry => false,
        }
}
