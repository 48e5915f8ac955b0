//! Limits: what may leave a wallet in a day and in a calendar month. Set, they count the whole running period: what
//! left it before is taken from the books, and the books say in the unit that nothing moved meanwhile.

use crate::history;
use crate::model::{Limits, Period, PeriodKind, Place, Running, WalletNo};
use crate::{Error, Refusal, Wallets, postings, rules, store};
use kernel::{Asset, Caller, Problem, Tenant, Timestamp};
use ledger::books::model::BookNo;
use ledger::command::Command as Entry;
use ledger::journal::unit::Fact;
use ledger::reading::{Bound, Order, Reading, When};
use parking_lot::Mutex;
use platform_store::unit::{Answered, Change, Command, MoneyUnit};
use std::sync::Arc;

/// Records of a wallet that are read at once.
const AT_ONCE: usize = 500;

/// Renders limits as they stand.
pub type LimitsView = fn(WalletNo, &Limits, &[Running], Asset) -> Vec<u8>;

/// What left a wallet since a moment, as far as it was summed up: goes on where it stopped.
#[derive(Clone, Debug, Default)]
struct Summed {
    upto: u64,
    left: Vec<(Timestamp, i128)>,
}

impl Wallets {
    /// Sets a wallet's limits; none for no limit.
    pub async fn set_limits(
        &self,
        by: &Caller,
        no: WalletNo,
        caps: (Option<i64>, Option<i64>),
        command: &Command,
        view: LimitsView,
    ) -> Result<Answered, Error> {
        let summed = Arc::new(Mutex::new(Summed::default()));
        self.store.once_money(by, command, || self.limits_unit(by, no, caps, &summed, view)).await
    }

    async fn limits_unit(
        &self,
        by: &Caller,
        no: WalletNo,
        (day, month): (Option<i64>, Option<i64>),
        summed: &Arc<Mutex<Summed>>,
        view: LimitsView,
    ) -> Result<MoneyUnit<ledger::Ledger>, Error> {
        let book = self.ledger.book(&by.tenant).await?;
        let Some((account, standing)) = self.standing(&by.tenant, book, no.0.into()).await? else {
            return Err(Refusal::WalletNotFound { wallet: no.0.into() }.into());
        };
        let place = standing.place(account);
        let now = self.now();
        let [today, month_now] = PeriodKind::ALL.map(|kind| rules::period(kind, now));
        let own = by.tenant.clone();
        let (seen, counted) = self
            .store
            .read(move |reader| {
                let seen = store::limits_find(reader, &own, no)?;
                let counted = [
                    store::usage_find(reader, &own, no, today)?,
                    store::usage_find(reader, &own, no, month_now)?,
                ];
                Ok::<_, Error>((seen, counted))
            })
            .await?;
        let (last_seq, left) = self.left_since(book, place, month_now.start, summed).await?;
        let version = seen.map_or(0, |seen| seen.version) + 1;
        let limits = Limits { day, month, version };
        let asset = self.ledger.reading.asset(book, place.asset);
        let mut changes =
            vec![store::limits_set(&by.tenant, no, &limits, seen.map(|seen| seen.version), now)];
        let mut running = Vec::new();
        for (period, known) in [today, month_now].into_iter().zip(counted) {
            let used = used_in(period, &left)?;
            changes.extend(count_anew(&by.tenant, no, period, limits.cap(period.kind).map(|_| used), known));
            running.extend(limits.cap(period.kind).map(|cap| Running { period, cap, used: Some(used) }));
        }
        let change = Entry::ChangeAccount(account, postings::limits_changed(version));
        let request = self.ledger.request(None, None, change);
        let answer = view(no, &limits, &running, asset);
        let unit = MoneyUnit::answering(move |_| answer)
            .post(request)
            .trusting(Fact::SettingsAt(account, place.settings_at))
            .trusting(Fact::LastSeq(account, place.asset, last_seq))
            .within(today.start, today.end);
        Ok(changes.into_iter().fold(unit, MoneyUnit::change))
    }

    /// A wallet's limits, and what is used of them.
    pub async fn limits(
        &self,
        tenant: &Tenant,
        no: WalletNo,
    ) -> Result<(Limits, Vec<Running>, Asset), Error> {
        let book = self.ledger.book(tenant).await?;
        let wallet = self.wallet(tenant, no).await?;
        let asset = self.asset_of(book, &wallet)?;
        let own = tenant.clone();
        let limits: Result<_, Error> =
            self.store.read(move |reader| Ok(store::limits_find(reader, &own, no)?)).await;
        let limits = limits?.unwrap_or_default();
        let account = self.account_of(book, no)?;
        let place = Place { no, account, asset: asset.0, settings_at: 0 };
        Ok((limits, self.running(tenant, place, &limits).await?, asset.1))
    }

    /// What left a wallet since a moment, and the number of the newest record that this knows of. Off the threads
    /// that answer others: a busy wallet has many records.
    async fn left_since(
        &self,
        book: BookNo,
        place: Place,
        since: Timestamp,
        summed: &Arc<Mutex<Summed>>,
    ) -> Result<(u64, Vec<(Timestamp, i128)>), Error> {
        let bound = self.ledger.reading.bound(book, When::Now).await?;
        let balances = self.ledger.reading.balances(place.account, bound)?;
        let last_seq = balances
            .iter()
            .find(|balance| balance.asset == place.asset)
            .map_or(0, |balance| balance.last_seq);
        let (reading, summed) = (self.ledger.reading.clone(), summed.clone());
        let walked = tokio::task::spawn_blocking(move || {
            let mut summed = summed.lock();
            let newer = walk(&reading, place, bound, (since, summed.upto))?;
            summed.upto = bound.position;
            summed.left.extend(newer);
            Ok::<_, Problem>(summed.left.clone())
        });
        let fault = |fault| ledger::reading::unreadable(&std::io::Error::other(fault));
        Ok((last_seq, walked.await.map_err(fault)??))
    }
}

/// What left a wallet at a time or later, and behind a position: moment and amount of each movement.
pub(crate) fn walk(
    reading: &Reading,
    place: Place,
    bound: Bound,
    (since, behind): (Timestamp, u64),
) -> Result<Vec<(Timestamp, i128)>, Problem> {
    let (mut left, mut cursor) = (Vec::new(), None);
    loop {
        let (order, asset) = (Order::Descending, Some(place.asset));
        let page = reading.history(place.account, asset, bound, order, AT_ONCE, cursor)?;
        for row in &page.rows {
            if row.record.at < since || row.record.position <= behind {
                return Ok(left);
            }
            let posting = &row.record.effect.postings()[row.posting];
            // An entry may have several postings of one account; each is a row of its own.
            if posting.account == place.account && history::counts(reading, &row.record, posting) {
                left.push((row.record.at, posting.amount));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(left);
        }
    }
}

/// What left in a period.
pub(crate) fn used_in(period: Period, left: &[(Timestamp, i128)]) -> Result<i64, Error> {
    let inside = left.iter().filter(|(at, _)| period.start <= *at && *at < period.end);
    let sum: i128 = inside.map(|(_, amount)| amount).sum();
    i64::try_from(sum).map_err(|_| {
        let detail = "More left this wallet than a limit can count, in its smallest units.";
        platform_http::slugs::invalid("/day", "too-large", detail).into()
    })
}

/// Sets the count of a running period right, or ends it where no limit looks at it.
fn count_anew(
    tenant: &Tenant,
    no: WalletNo,
    period: Period,
    used: Option<i64>,
    known: Option<i64>,
) -> Option<Change> {
    match (used, known) {
        (Some(used), None) => Some(store::usage_insert(tenant, no, period, used)),
        (Some(used), Some(known)) => Some(store::usage_set(tenant, no, period, used, known)),
        (None, Some(_)) => Some(store::usage_delete(tenant, no, period)),
        (None, None) => None,
    }
}
