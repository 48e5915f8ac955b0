//! The only file that knows accounts. A wallet is what is owed to its customer: a liability with a floor of zero.
//!
//! | event | debit | credit |
//! |---|---|---|
//! | top-up | `funding:wallets` | wallet |
//! | withdrawal, payout | wallet | `funding:wallets` |
//! | transfer | source | target |
//! | hold | wallet, held | target or `funding:wallets`, held |
//! | capture | what the hold says, posted | what the hold says, posted |

use crate::model::{Change, Kind, WalletNo};
use crate::rules::Agreed;
use ledger::accounts::model::{
    AccountKind, AccountRef, ChangeAccount, Frozen, Lifecycle, Limits, OpenAccount, Text,
};
use ledger::books::model::AssetNo;
use ledger::entries::model::{AmountCommand, Details, Direction, PostEntry, PostingCommand, Postings};

/// Where money comes from and goes to: what the house has outside for its customers.
pub const FUNDING: &str = "funding:wallets";
/// How paths of wallets begin.
pub const WALLETS: &str = "wallets:";
/// The name in an account's metadata that changes with its wallet's limits.
const LIMITS_VERSION: &str = "wallets.limits";
/// The name in an entry's metadata that tells a payout from a withdrawal.
pub const KIND: &str = "wallets.kind";

/// The path of a wallet's account.
pub fn path(wallet: WalletNo) -> String {
    format!("{WALLETS}{}", wallet.0)
}

/// The wallet of an account's path.
pub fn wallet_of(path: &str) -> Option<WalletNo> {
    let digits = path.strip_prefix(WALLETS)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain).map(WalletNo)
}

/// The account of a new wallet.
pub fn open_wallet(wallet: WalletNo, asset: AssetNo) -> OpenAccount {
    OpenAccount {
        path: path(wallet).into(),
        kind: AccountKind::Liability,
        assets: Some(vec![asset]),
        limits: vec![(asset, Limits { floor: Some(0), ceiling: None })],
        text: Text::default(),
        by_pattern: false,
    }
}

/// The funding account: any asset, no floor.
pub fn open_funding() -> OpenAccount {
    OpenAccount {
        path: FUNDING.into(),
        kind: AccountKind::Asset,
        assets: None,
        limits: Vec::new(),
        text: Text::default(),
        by_pattern: false,
    }
}

/// What a movement says besides its amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Searchable.
    pub reference: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Named values, in name order.
    pub metadata: Vec<(String, String)>,
}

/// The two postings of a movement or a hold.
pub fn pair(agreed: &Agreed, funding: &AccountRef) -> Postings {
    let side = |account: AccountRef, direction| PostingCommand {
        account,
        direction,
        asset: agreed.asset,
        amount: AmountCommand::Exact(agreed.amount),
    };
    let known = |place: Option<crate::model::Place>| {
        place.map_or_else(|| funding.clone(), |place| AccountRef::Known(place.account))
    };
    let postings =
        [side(known(agreed.source), Direction::Debit), side(known(agreed.target), Direction::Credit)];
    postings.into_iter().collect()
}

/// The entry of a movement.
pub fn entry(agreed: &Agreed, words: &Words, funding: &AccountRef) -> PostEntry {
    let kind = agreed.movement.kind();
    PostEntry { postings: pair(agreed, funding), details: details(words, Some(kind)) }
}

/// What an entry carries; nothing at all in the common case.
pub fn details(words: &Words, kind: Option<Kind>) -> Option<Box<Details>> {
    let mut metadata: Vec<(Box<str>, Box<str>)> =
        words.metadata.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
    if kind == Some(Kind::Payout) {
        metadata.retain(|(name, _)| &**name != KIND);
        metadata.push((KIND.into(), Kind::Payout.as_str().into()));
        metadata.sort();
    }
    let details = Details {
        reference: words.reference.as_deref().map(Into::into),
        text: Text { description: words.description.as_deref().map(Into::into), metadata },
        ..Details::default()
    };
    (details != Details::default()).then(|| Box::new(details))
}

/// The change of an account's settings that goes with its wallet's limits.
pub fn limits_changed(version: i64) -> ChangeAccount {
    let version = version.to_string().into_boxed_str();
    ChangeAccount { metadata: vec![(LIMITS_VERSION.into(), Some(version))], ..ChangeAccount::default() }
}

/// The change of an account's life that goes with its wallet's.
pub fn lifecycle(change: &Change) -> (Lifecycle, &str) {
    match change {
        Change::Freeze { reason } => (Lifecycle::Freeze(Frozen { debits: true, credits: true }), reason),
        Change::Thaw { reason } => (Lifecycle::Thaw, reason),
        Change::Close { reason } => (Lifecycle::Close, reason),
    }
}
