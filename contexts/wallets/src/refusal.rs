//! Why wallets say no, in documented order: the source is not found, it has not enough, the target is not found,
//! frozen or closed, another asset, a limit. What the books refuse besides stands in their own words.

use crate::model::PeriodKind;
use kernel::Slug;

/// There is no such wallet.
pub static WALLET_NOT_FOUND: Slug =
    Slug { code: "wallet-not-found", status: 404, title: "There is no such wallet" };
/// There is no such customer.
pub static CUSTOMER_NOT_FOUND: Slug =
    Slug { code: "customer-not-found", status: 404, title: "There is no such customer" };
/// The login is taken.
pub static LOGIN_EXISTS: Slug = Slug { code: "login-exists", status: 409, title: "The login is taken" };
/// The customer's id is taken.
pub static CUSTOMER_EXISTS: Slug =
    Slug { code: "customer-exists", status: 409, title: "The customer is there already" };
/// Source and target are one wallet.
pub static SAME_WALLET: Slug =
    Slug { code: "same-wallet", status: 422, title: "Source and target are the same wallet" };
/// A wallet holds another asset.
pub static WALLET_ASSET: Slug =
    Slug { code: "wallet-asset", status: 422, title: "The wallet holds another asset" };
/// More than a limit leaves.
pub static LIMIT_EXCEEDED: Slug =
    Slug { code: "limit-exceeded", status: 422, title: "A limit of the wallet would be passed" };
/// The wallet's life does not allow the change.
pub static WALLET_STATE: Slug =
    Slug { code: "wallet-state", status: 409, title: "The wallet's state does not allow this" };
/// The hold is none of a wallet's.
pub static WALLET_HOLD_NOT_FOUND: Slug =
    Slug { code: "wallet-hold-not-found", status: 404, title: "There is no such hold on a wallet" };
/// There is no such scheduled transfer or file of payouts.
pub static JOB_NOT_FOUND: Slug = Slug { code: "job-not-found", status: 404, title: "There is no such order" };
/// The job has ended already.
pub static JOB_ENDED: Slug = Slug { code: "job-ended", status: 409, title: "The order has ended already" };

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No wallet of this number.
    #[error("Wallet id {wallet} not found")]
    WalletNotFound {
        /// As the caller named it.
        wallet: i128,
    },
    /// The source has not enough.
    #[error("There are not enough balance in wallet id {wallet}")]
    InsufficientFunds {
        /// Which.
        wallet: i128,
        /// What it could give, in minor units.
        available: i128,
        /// What was asked.
        requested: i128,
        /// Of what, and its decimals.
        asset: kernel::Asset,
    },
    /// No such customer.
    #[error("there is no customer {customer}")]
    CustomerNotFound {
        /// As the caller named them.
        customer: String,
    },
    /// The login is taken.
    #[error("Client login already exists")]
    LoginExists,
    /// The id is taken.
    #[error("there is a customer {customer} already")]
    CustomerExists {
        /// Which.
        customer: String,
    },
    /// Source and target are one.
    #[error("source and target are wallet {wallet}")]
    SameWallet {
        /// Which.
        wallet: i128,
    },
    /// Another asset.
    #[error("wallet {wallet} holds {holds}")]
    WalletAsset {
        /// Which.
        wallet: i128,
        /// What it holds.
        holds: kernel::AssetCode,
    },
    /// A limit.
    #[error("the limit of wallet {wallet} per {} leaves too little", period.as_str())]
    LimitExceeded {
        /// Whose.
        wallet: i128,
        /// Which limit.
        period: PeriodKind,
        /// What may still leave.
        headroom: i64,
        /// What was asked.
        requested: i128,
        /// Of what, and its decimals.
        asset: kernel::Asset,
    },
    /// The change does not fit the wallet's life.
    #[error("the wallet is {status}")]
    WalletState {
        /// What it is.
        status: &'static str,
    },
    /// No such hold.
    #[error("there is no such hold on a wallet")]
    HoldNotFound,
    /// No such order.
    #[error("there is no such order")]
    JobNotFound,
    /// The order has ended.
    #[error("the order is {status}")]
    JobEnded {
        /// What it is.
        status: &'static str,
    },
}
