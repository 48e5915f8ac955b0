//! Customers and their wallets: made, described, read. A wallet and its account are one unit.

use crate::model::{Customer, Wallet, WalletNo, WalletState};
use crate::store::WalletFilter;
use crate::{Error, Refusal, Wallets, postings, store};
use kernel::{Asset, Caller, Id, Tenant};
use ledger::Ledger;
use ledger::books::model::AssetNo;
use ledger::command::Command as Entry;
use platform_store::unit::{Answered, Command, MoneyUnit, RowsUnit};

/// A customer to be made.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// The operator's own id; without one, a number is drawn.
    pub customer: Option<String>,
    /// Unique among the tenant's customers.
    pub login: Option<String>,
    /// What people call them.
    pub name: Option<String>,
}

/// A wallet to be made.
#[derive(Clone, Debug)]
pub struct NewWallet {
    /// Whose.
    pub customer: String,
    /// Of what.
    pub asset: (AssetNo, Asset),
    /// What its owner calls it.
    pub label: Option<String>,
    /// Named values, in name order.
    pub metadata: Vec<(String, String)>,
}

/// Renders a customer.
pub type CustomerView = fn(&Customer) -> Vec<u8>;
/// Renders a new customer and their wallet.
pub type ClientView = fn(&Customer, &Wallet) -> Vec<u8>;
/// Renders a new wallet.
pub type WalletView = fn(&Wallet, Asset) -> Vec<u8>;

impl Wallets {
    /// Makes a customer with a wallet of the documented asset: together or not at all.
    pub async fn make_client(
        &self,
        by: &Caller,
        new: &NewCustomer,
        command: &Command,
        view: ClientView,
    ) -> Result<Answered, Error> {
        let asset = self.default_asset(by).await?;
        self.again(|| {
            self.store.once_money(by, command, async || {
                let customer = self.draw(&by.tenant, new).await?;
                let wallet = NewWallet {
                    customer: customer.customer.clone(),
                    asset,
                    label: None,
                    metadata: Vec::new(),
                };
                let (wallet, unit) = self.opening(by, &wallet, |_| Vec::new()).await?;
                let insert = store::customer_insert(&by.tenant, &customer);
                let made = (customer, wallet);
                Ok(MoneyUnit { answer: Box::new(move |_| view(&made.0, &made.1)), ..unit }.change(insert))
            })
        })
        .await
    }

    /// Makes a customer.
    pub async fn make_customer(
        &self,
        by: &Caller,
        new: &NewCustomer,
        command: &Command,
        view: CustomerView,
    ) -> Result<Answered, Error> {
        self.store
            .once_rows(by, command, async || {
                let customer = self.draw(&by.tenant, new).await?;
                let insert = store::customer_insert(&by.tenant, &customer);
                Ok::<_, Error>(RowsUnit::answering(view(&customer)).change(insert))
            })
            .await
    }

    /// A customer that may be made, its number drawn if it has no id of its own.
    async fn draw(&self, tenant: &Tenant, new: &NewCustomer) -> Result<Customer, Error> {
        let (own, login, id) = (tenant.clone(), new.login.clone(), new.customer.clone());
        let (taken, known) = self
            .store
            .read(move |reader| {
                let taken = match &login {
                    Some(login) => store::customer_by_login(reader, &own, login)?,
                    None => None,
                };
                let known = match &id {
                    Some(id) => store::customer_find(reader, &own, id)?,
                    None => None,
                };
                Ok::<_, Error>((taken, known))
            })
            .await?;
        if let Some(known) = known {
            return Err(Refusal::CustomerExists { customer: known.customer }.into());
        }
        if taken.is_some() {
            return Err(Refusal::LoginExists.into());
        }
        let customer = match &new.customer {
            Some(id) => id.clone(),
            None => self.store.number(tenant, "customer").await?.to_string(),
        };
        let (login, name) = (new.login.clone(), new.name.clone());
        let at = self.now();
        Ok(Customer { customer, login, name, created: at, changed: at, id: self.next_id() })
    }

    /// Changes a customer's login or name.
    pub async fn change_customer(
        &self,
        by: &Caller,
        customer: &str,
        change: &(Option<Option<String>>, Option<Option<String>>),
        command: &Command,
        view: CustomerView,
    ) -> Result<Answered, Error> {
        let (login, name) = change;
        self.store
            .once_rows(by, command, async || {
                let seen = self.customer(&by.tenant, customer).await?;
                if let Some(Some(login)) = login {
                    let (own, login) = (by.tenant.clone(), login.clone());
                    let taken: Result<_, Error> = self
                        .store
                        .read(move |reader| Ok(store::customer_by_login(reader, &own, &login)?))
                        .await;
                    if taken?.is_some_and(|taken| taken.customer != seen.customer) {
                        return Err(Error::from(Refusal::LoginExists));
                    }
                }
                let changed = Customer {
                    login: login.clone().unwrap_or_else(|| seen.login.clone()),
                    name: name.clone().unwrap_or_else(|| seen.name.clone()),
                    // Later than before even where the clock stands still: it is what the guard looks at.
                    changed: self.now().max(seen.changed.plus_us(1)),
                    ..seen.clone()
                };
                let update = store::customer_update(&by.tenant, &changed, seen.changed);
                Ok(RowsUnit::answering(view(&changed)).change(update))
            })
            .await
    }

    /// One customer.
    pub async fn customer(&self, tenant: &Tenant, customer: &str) -> Result<Customer, Error> {
        let (own, id) = (tenant.clone(), customer.to_owned());
        let found: Result<_, Error> =
            self.store.read(move |reader| Ok(store::customer_find(reader, &own, &id)?)).await;
        let customer = customer.to_owned();
        found?.ok_or_else(|| Refusal::CustomerNotFound { customer }.into())
    }

    /// Customers, newest first.
    pub async fn customers(
        &self,
        tenant: &Tenant,
        login: Option<String>,
        before: Option<Id>,
        limit: usize,
    ) -> Result<Vec<Customer>, Error> {
        let own = tenant.clone();
        self.store
            .read(move |reader| Ok(store::customer_list(reader, &own, login.as_deref(), before, limit)?))
            .await
    }

    /// Makes a wallet for a customer that is there.
    pub async fn make_wallet(
        &self,
        by: &Caller,
        new: &NewWallet,
        command: &Command,
        view: WalletView,
    ) -> Result<Answered, Error> {
        self.again(|| {
            self.store.once_money(by, command, async || {
                // Customers are never removed, so one that was read stays.
                self.customer(&by.tenant, &new.customer).await?;
                let asset = new.asset.1;
                let (_, unit) = self.opening(by, new, |wallet| view(wallet, asset)).await?;
                Ok(unit)
            })
        })
        .await
    }

    /// The unit that opens a wallet: its row and its account.
    async fn opening(
        &self,
        by: &Caller,
        new: &NewWallet,
        view: impl FnOnce(&Wallet) -> Vec<u8>,
    ) -> Result<(Wallet, MoneyUnit<Ledger>), Error> {
        let no = WalletNo(self.store.number(&by.tenant, "wallet").await?);
        let created = self.now();
        let wallet = Wallet {
            no,
            customer: new.customer.clone(),
            asset: new.asset.1.code.as_str().to_owned(),
            label: new.label.clone(),
            metadata: new.metadata.clone(),
            state: WalletState::Open { since: created },
            created,
        };
        let open = Entry::OpenAccount(postings::open_wallet(no, new.asset.0));
        let request = self.ledger.request(None, None, open);
        let answer = view(&wallet);
        let unit = MoneyUnit::answering(move |_| answer)
            .post(request)
            .change(store::wallet_insert(&by.tenant, &wallet));
        Ok((wallet, unit))
    }

    /// One wallet.
    pub async fn wallet(&self, tenant: &Tenant, no: WalletNo) -> Result<Wallet, Error> {
        let own = tenant.clone();
        let found: Result<_, Error> =
            self.store.read(move |reader| Ok(store::wallet_find(reader, &own, no)?)).await;
        found?.ok_or_else(|| Refusal::WalletNotFound { wallet: no.0.into() }.into())
    }

    /// Wallets, newest first.
    pub async fn wallets(
        &self,
        tenant: &Tenant,
        filter: WalletFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Wallet>, Error> {
        let own = tenant.clone();
        self.store.read(move |reader| Ok(store::wallet_list(reader, &own, &filter, before, limit)?)).await
    }
}
