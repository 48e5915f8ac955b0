//! Money that moves: top-ups, withdrawals, payouts and transfers. One entry each; a row changes only where a limit
//! counts.

use crate::model::{Limits, Movement, Place, Running};
use crate::postings::{self, Words};
use crate::receipt::{Draft, View};
use crate::rules::{self, Counted, Found};
use crate::{Error, Wallets, store};
use kernel::{Asset, Caller, Id, Tenant};
use ledger::Ledger;
use ledger::accounts::model::AccountRef;
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command as Entry, Request};
use ledger::journal::unit::Fact;
use platform_store::unit::{Answered, Change, Command, MoneyUnit};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// A movement that is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its ends.
    pub movement: Movement,
    /// How much, in minor units.
    pub amount: i128,
    /// Of what.
    pub asset: (AssetNo, Asset),
    /// What it says besides.
    pub words: Words,
    /// Its name, canonical fields and key.
    pub command: Command,
}

impl Wallets {
    /// Moves money; `view` makes the answer.
    pub async fn move_money(&self, by: &Caller, order: &Order, view: View) -> Result<Answered, Error> {
        self.again(|| {
            let again = AtomicBool::new(false);
            async move {
                let make = || {
                    let fresh = again.swap(true, Ordering::Relaxed);
                    self.movement(by, order, view, |_| Vec::new(), fresh)
                };
                self.store.once_money(by, &order.command, make).await
            }
        })
        .await
    }

    /// The unit of a movement, and the changes that go with the entry of this id. What a limit has left is judged by
    /// the unit's guard; unless it is to be read `fresh`, a first try goes without it, and a refusal reads it.
    pub(crate) async fn movement(
        &self,
        by: &Caller,
        order: &Order,
        view: View,
        changes: impl FnOnce(Id) -> Vec<Change>,
        fresh: bool,
    ) -> Result<MoneyUnit<Ledger>, Error> {
        let book = self.ledger.book(&by.tenant).await?;
        let found = self.find(&by.tenant, book, order.movement, order.asset.0, fresh).await?; // read
        let holds = |asset| self.ledger.reading.asset(book, asset).code;
        let decide = |found: &Found| {
            rules::movement(found, order.movement, order.amount, order.asset, holds) // decide
        };
        let agreed = match decide(&found) {
            Err(_) if !fresh => {
                decide(&self.find(&by.tenant, book, order.movement, order.asset.0, true).await?)?
            }
            decided => decided?,
        };
        let (funding, opening) = self.funding(book, order.movement);
        let entry = postings::entry(&agreed, &order.words, &funding);
        let request = self.ledger.request(None, None, Entry::PostEntry(entry));
        let changes = changes(request.id);
        let draft = Draft {
            id: request.id,
            kind: order.movement.kind(),
            source: agreed.source,
            target: agreed.target,
            asset: order.asset.1,
            reference: order.words.reference.clone(),
            dry_run: order.command.dry_run,
        };
        let unit = MoneyUnit::answering(move |done| view(&draft.receipt(done))); // answer
        let unit = opening.into_iter().chain([request]).fold(unit, MoneyUnit::post); // commit
        let unit = changes.into_iter().fold(unit, MoneyUnit::change);
        Ok(guarded(unit, &by.tenant, agreed.source, &agreed.counted))
    }

    /// What there is of a movement's ends. Rows and balances are read only where something depends on them.
    pub(crate) async fn find(
        &self,
        tenant: &Tenant,
        book: BookNo,
        movement: Movement,
        asset: AssetNo,
        fresh: bool,
    ) -> Result<Found, Error> {
        let source = match movement.source() {
            Some(wallet) => self.standing(tenant, book, wallet).await?,
            None => None,
        };
        let target = match movement.target() {
            Some(wallet) => self.standing(tenant, book, wallet).await?,
            None => None,
        };
        let limits = source.as_ref().and_then(|(_, standing)| standing.limits.clone());
        let counts_from =
            source.as_ref().map(|(_, standing)| standing.counts_from.clone()).unwrap_or_default();
        let source = source.map(|(account, standing)| standing.place(account));
        let target = target.map(|(account, standing)| standing.place(account));
        let (running, presumed) = match (&limits, source) {
            (Some(limits), Some(source)) => {
                self.running_or_presumed(tenant, source, limits, &counts_from, fresh).await?
            }
            _ => (Vec::new(), false),
        };
        // The books refuse what is not covered themselves; only what comes after that needs to know before.
        let missing = movement.target().is_some() && target.is_none();
        let counted = !running.is_empty() && !presumed;
        let ordered = missing || counted || target.is_some_and(|target| target.asset != asset);
        let available = match source.filter(|_| ordered) {
            Some(source) => Some(self.balance(book, &source).await?.available),
            None => None,
        };
        Ok(Found { source, target, available, running })
    }

    /// Limits in their running periods. Where every count has its row already, it is presumed that nothing is used:
    /// the guard knows better, and a command that it stops reads. Whether that was presumed.
    async fn running_or_presumed(
        &self,
        tenant: &Tenant,
        source: Place,
        limits: &Limits,
        counts_from: &AtomicI64,
        fresh: bool,
    ) -> Result<(Vec<Running>, bool), Error> {
        let periods = rules::running(limits, self.now());
        let first = periods.first().map_or(0, |(period, _)| period.start.0);
        if !fresh && first != 0 && counts_from.load(Ordering::Relaxed) == first {
            let unused = |(period, cap)| Running { period, cap, used: Some(0) };
            return Ok((periods.into_iter().map(unused).collect(), true));
        }
        let running = self.running(tenant, source, limits).await?;
        if running.iter().all(|running| running.used.is_some()) {
            counts_from.store(first, Ordering::Relaxed);
        }
        Ok((running, false))
    }

    /// Limits in their running periods, with what is used of them.
    pub(crate) async fn running(
        &self,
        tenant: &Tenant,
        source: Place,
        limits: &Limits,
    ) -> Result<Vec<Running>, Error> {
        let periods = rules::running(limits, self.now());
        let own = tenant.clone();
        self.store
            .read(move |reader| {
                let mut running = Vec::new();
                for (period, cap) in periods {
                    let used = store::usage_find(reader, &own, source.no, period)?;
                    running.push(Running { period, cap, used });
                }
                Ok(running)
            })
            .await
    }

    /// The funding account, and the command that opens it where there is none.
    pub(crate) fn funding(&self, book: BookNo, movement: Movement) -> (AccountRef, Option<Request>) {
        let path = AccountRef::Path(postings::FUNDING.into());
        match self.ledger.reading.find(book, &path) {
            Some(account) => (AccountRef::Known(account), None),
            None if matches!(movement, Movement::Transfer { .. }) => (path, None),
            None => {
                let open = Entry::OpenAccount(postings::open_funding());
                (path, Some(self.ledger.request(None, None, open)))
            }
        }
    }
}

/// What the source's limits ask of a unit: the settings that they were read under, the time that they count in, and
/// the counts themselves.
pub(crate) fn guarded(
    unit: MoneyUnit<Ledger>,
    tenant: &Tenant,
    source: Option<Place>,
    counted: &[Counted],
) -> MoneyUnit<Ledger> {
    let Some(source) = source else { return unit };
    let mut unit = unit.trusting(Fact::SettingsAt(source.account, source.settings_at));
    // The first is the shortest, and lies within the other.
    if let Some(first) = counted.first() {
        unit = unit.within(first.running.period.start, first.running.period.end);
    }
    counted.iter().fold(unit, |unit, counted| unit.change(store::usage_add(tenant, source.no, counted)))
}
