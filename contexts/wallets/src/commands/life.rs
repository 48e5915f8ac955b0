//! A wallet's life: described, frozen, thawed, closed. A change of life moves the row and the account in one unit.

use super::customers::WalletView;
use crate::model::{Balance, Change, Wallet, WalletNo};
use crate::{Error, Refusal, Wallets, postings, store};
use kernel::{Asset, AssetCode, Caller, Tenant};
use ledger::accounts::model::{AccountNo, AccountRef};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::Command as Entry;
use platform_store::unit::{Answered, Command, MoneyUnit, RowsUnit};

/// What people say of a wallet, changed. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// New label (`Some(None)`: none).
    pub label: Option<Option<String>>,
    /// Metadata to set, or to remove where `None`.
    pub metadata: Vec<(String, Option<String>)>,
}

/// A wallet and what the books know of it.
#[derive(Clone, Debug)]
pub struct WalletSeen {
    /// Its row.
    pub wallet: Wallet,
    /// Its account.
    pub account: AccountNo,
    /// Its asset.
    pub asset: (AssetNo, Asset),
    /// What it has.
    pub balance: Balance,
}

impl Wallets {
    /// Changes a wallet's label or metadata.
    pub async fn describe_wallet(
        &self,
        by: &Caller,
        no: WalletNo,
        described: &Described,
        command: &Command,
        view: WalletView,
    ) -> Result<Answered, Error> {
        self.store
            .once_rows(by, command, async || {
                let book = self.ledger.book(&by.tenant).await?;
                let seen = self.wallet(&by.tenant, no).await?;
                let asset = self.asset_of(book, &seen)?;
                let mut changed = seen.clone();
                if let Some(label) = &described.label {
                    changed.label = label.clone();
                }
                for (name, value) in &described.metadata {
                    changed.metadata.retain(|(known, _)| known != name);
                    changed.metadata.extend(value.iter().map(|value| (name.clone(), value.clone())));
                }
                changed.metadata.sort();
                let update = store::wallet_describe(&by.tenant, &changed, &seen);
                Ok::<_, Error>(RowsUnit::answering(view(&changed, asset.1)).change(update))
            })
            .await
    }

    /// Freezes, thaws or closes a wallet. Balances that are not zero the books refuse to close.
    pub async fn move_wallet(
        &self,
        by: &Caller,
        no: WalletNo,
        change: &Change,
        command: &Command,
        view: WalletView,
    ) -> Result<Answered, Error> {
        self.store
            .once_money(by, command, async || {
                let book = self.ledger.book(&by.tenant).await?;
                let seen = self.wallet(&by.tenant, no).await?;
                let (account, asset) = (self.account_of(book, no)?, self.asset_of(book, &seen)?);
                // Later than before even where the clock stands still: it is what the guard looks at.
                let at = self.now().max(seen.state.since().plus_us(1));
                let state = seen.state.clone().apply(change.clone(), at)?;
                let update = store::wallet_move(&by.tenant, no, &state, &seen.state);
                let (life, reason) = postings::lifecycle(change);
                let request =
                    self.ledger.request(None, None, Entry::MoveAccount(account, life, Some(reason.into())));
                let answer = view(&Wallet { state, ..seen }, asset.1);
                Ok::<_, Error>(MoneyUnit::answering(move |_| answer).post(request).change(update))
            })
            .await
    }

    /// A wallet with its balance.
    pub async fn wallet_seen(&self, tenant: &Tenant, no: WalletNo) -> Result<WalletSeen, Error> {
        let wallet = self.wallet(tenant, no).await?;
        self.see(tenant, wallet).await
    }

    /// What the books know of a wallet.
    pub async fn see(&self, tenant: &Tenant, wallet: Wallet) -> Result<WalletSeen, Error> {
        let book = self.ledger.book(tenant).await?;
        let (account, asset) = (self.account_of(book, wallet.no)?, self.asset_of(book, &wallet)?);
        let place = crate::model::Place { no: wallet.no, account, asset: asset.0, settings_at: 0 };
        let balance = self.balance(book, &place).await?;
        Ok(WalletSeen { wallet, account, asset, balance })
    }

    pub(crate) fn account_of(&self, book: BookNo, no: WalletNo) -> Result<AccountNo, Error> {
        let found = self.ledger.reading.find(book, &AccountRef::Path(postings::path(no).into()));
        found.ok_or_else(|| Refusal::WalletNotFound { wallet: no.0.into() }.into())
    }

    pub(crate) fn asset_of(&self, book: BookNo, wallet: &Wallet) -> Result<(AssetNo, Asset), Error> {
        let code = AssetCode::parse(&wallet.asset).ok();
        let found = code.and_then(|code| self.ledger.reading.asset_no(book, code));
        found.ok_or_else(|| Refusal::WalletNotFound { wallet: wallet.no.0.into() }.into())
    }
}
