//! Customers' money: wallets of one asset each, on accounts of the books.
//! Promises: a movement is one entry and no row; a balance is read from the books and never stored; what a limit
//! allows is never passed, by no minor unit. Leaves out: prices between assets, fees, rails to the outside.
//!
//! Every command is read, decide, commit, answer. What is read is of three kinds: settings and names in memory, rows
//! of limits where an account has some, and the books where the order of refusals needs a balance.

mod commands;
pub mod history;
pub mod http;
mod jobs;
pub mod model;
pub mod postings;
pub mod receipt;
pub mod refusal;
pub mod rules;
mod standing;
mod store;
mod verify;

pub use commands::customers::{NewCustomer, NewWallet};
pub use commands::movements::Order;
pub use refusal::Refusal;
pub use verify::verify;

use kernel::{Asset, Caller, Clock, Id, IdSource, Problem, Tenant, Timestamp};
use ledger::Ledger;
use ledger::accounts::model::{AccountNo, AccountRef};
use ledger::books::model::{AssetNo, BookNo, RegisterAsset};
use ledger::command::{Command, Manner};
use ledger::reading::When;
use ledger::refusal::{ACCOUNT_EXISTS, ASSET_EXISTS};
use model::{Balance, Place, WalletNo};
use platform_store::books::Awaited as _;
use platform_store::unit::{Answered, RefusedBy};
use platform_store::{Migration, Stopped, UnitStore};
use standing::{Standing, Standings};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// The name of the file in a data directory.
pub const FILE: &str = "wallets.sqlite";
/// The context, in keys and in the journal.
pub const CONTEXT: &str = "wallets";
/// Times a command is carried out anew after another one opened the account that it wanted to open.
const OPENINGS: usize = 8;

static MIGRATIONS: [Migration; 1] =
    [Migration { file: "0001_wallets.sql", sql: include_str!("../migrations/0001_wallets.sql") }];

/// What wallets are opened with.
pub struct Setting {
    /// The books.
    pub ledger: Ledger,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// What stands behind the wallets of the documented API, which knows no currency.
    pub asset: Asset,
    /// What to do when the file may not be what it was: end the process.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The wallets of an installation.
#[derive(Clone)]
pub struct Wallets {
    store: UnitStore<Ledger>,
    ledger: Ledger,
    ids: Arc<dyn IdSource>,
    asset: Asset,
    standings: Arc<Standings>,
    wake: Arc<Notify>,
}

/// A refusal or a fault.
#[derive(Debug)]
pub enum Error {
    /// Refused by wallets.
    Refused(Refusal),
    /// Refused by the books or by what a key led to, or not carried out.
    Stopped(RefusedBy),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped.into_problem())
    }
}

impl From<platform_store::Error> for Error {
    fn from(fault: platform_store::Error) -> Self {
        Stopped::from(fault).into()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Stopped(RefusedBy { problem, replayed: false })
    }
}

impl Wallets {
    /// Opens or makes the file, and redoes what the journal has and the file has not. Blocking: called at start.
    pub fn open(path: &Path, setting: Setting) -> Result<Self, platform_store::Error> {
        let Setting { ledger, clock, ids, asset, on_fatal } = setting;
        let books = Arc::new(ledger.clone());
        let store_setting = platform_store::Setting { books, clock, on_fatal };
        let store = UnitStore::open(path, CONTEXT, &MIGRATIONS, store_setting)?;
        Ok(Self { store, ledger, ids, asset, standings: Arc::default(), wake: Arc::default() })
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Units that wait to be written.
    pub fn waiting(&self) -> usize {
        self.store.waiting()
    }

    /// Finishes what waits and ends the thread.
    pub fn close(&self) {
        self.store.close();
    }

    /// The time that a unit made now is recorded at, or later.
    fn now(&self) -> Timestamp {
        self.store.clock().now().max(self.ledger.reading.durable_time())
    }

    /// The documented API's asset, made known to the book on first use.
    pub async fn default_asset(&self, by: &Caller) -> Result<(AssetNo, Asset), Error> {
        let book = self.ledger.book(&by.tenant).await?;
        for _ in 0..OPENINGS {
            if let Some((no, asset)) = self.ledger.reading.asset_no(book, self.asset.code) {
                // Another scale would move every amount by powers of ten.
                if asset.scale != self.asset.scale {
                    let detail = "The asset behind the documented wallets is registered with other decimals \
                                  than the configuration says.";
                    return Err(Problem::new(&ASSET_EXISTS, detail).into());
                }
                return Ok((no, asset));
            }
            let register = RegisterAsset { asset: self.asset, name: None };
            let request = self.ledger.request(None, None, Command::RegisterAsset(register));
            let house = Caller::house(by.tenant.clone());
            match self.ledger.run(&house, book, request, Manner::default()).await {
                Err(refused) if refused.problem.slug != &ASSET_EXISTS => return Err(refused.problem.into()),
                Ok(_) | Err(_) => {}
            }
        }
        Err(Problem::new(&platform_http::slugs::UNAVAILABLE, "The asset could not be registered.").into())
    }

    /// A wallet as a movement sees it. In memory, unless its account's settings changed since it was seen.
    async fn standing(
        &self,
        tenant: &Tenant,
        book: BookNo,
        wallet: i128,
    ) -> Result<Option<(AccountNo, Standing)>, Error> {
        let Some(no) = i64::try_from(wallet).ok().map(WalletNo) else { return Ok(None) };
        let path = AccountRef::Path(postings::path(no).into());
        let Some(account) = self.ledger.reading.find(book, &path) else { return Ok(None) };
        let settings_at = self.ledger.reading.settings_at(account);
        if let Some(standing) = self.standings.get(account, settings_at) {
            return Ok(Some((account, standing)));
        }
        // The rows that belong to these settings, or later ones: those the unit would find out.
        self.ledger.await_rows(CONTEXT, settings_at).await;
        let own = tenant.clone();
        let (row, limits) = self
            .store
            .read(move |reader| {
                let row = store::wallet_find(reader, &own, no)?;
                Ok::<_, Error>((row, store::limits_find(reader, &own, no)?))
            })
            .await?;
        let code = row.and_then(|row| kernel::AssetCode::parse(&row.asset).ok());
        let Some((asset, _)) = code.and_then(|code| self.ledger.reading.asset_no(book, code)) else {
            return Ok(None);
        };
        let limits = limits.filter(|limits| limits.day.is_some() || limits.month.is_some()).map(Arc::new);
        let standing =
            Standing { settings_at, of: (tenant.clone(), no), asset, limits, counts_from: Arc::default() };
        self.standings.put(account, standing.clone());
        Ok(Some((account, standing)))
    }

    /// A wallet's balance, now.
    async fn balance(&self, book: BookNo, place: &Place) -> Result<Balance, Error> {
        let bound = self.ledger.reading.bound(book, When::Now).await?;
        let balances = self.ledger.reading.balances(place.account, bound)?;
        let own = balances.iter().find(|balance| balance.asset == place.asset);
        Ok(own.map(|balance| balance.counters.into()).unwrap_or_default())
    }

    /// Carries a command out anew if another one opened the account meanwhile that it wanted to open.
    async fn again<F>(&self, run: impl Fn() -> F) -> Result<Answered, Error>
    where
        F: Future<Output = Result<Answered, Error>>,
    {
        for _ in 0..OPENINGS {
            match run().await {
                Err(Error::Stopped(refused)) if refused.problem.slug == &ACCOUNT_EXISTS => {}
                other => return other,
            }
        }
        run().await
    }

    fn next_id(&self) -> Id {
        self.ids.next()
    }
}

impl Standing {
    /// As rules see it.
    fn place(&self, account: AccountNo) -> Place {
        Place { no: self.of.1, account, asset: self.asset, settings_at: self.settings_at }
    }
}
