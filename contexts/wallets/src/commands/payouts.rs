//! Payouts from a file: every line is an order of its own, carried out by a job of its own, so that a bad one never
//! stops the rest. A preview judges every line against wallets, balances and limits, and changes nothing.

use super::movements::Order;
use crate::jobs::{self, PAYOUT};
use crate::model::Movement;
use crate::postings::Words;
use crate::rules;
use crate::store::{self, Payout, PayoutBatch, PayoutStatus};
use crate::{Error, Refusal, Wallets};
use kernel::money::parse_minor;
use kernel::{Caller, Id, Problem, Tenant, id::prefix};
use platform_http::slugs;
use platform_store::jobs::{Job, Status, job_end};
use platform_store::unit::{Answered, Command, NewJob, RowsUnit};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most lines of a file: a day's payouts of a middling house, and one transaction of a tenth of a second.
pub const MAX_LINES: usize = 10_000;

/// A line of a file, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// Its number in the file, from 1.
    pub line: i64,
    /// The wallet.
    pub wallet: String,
    /// How much of its asset.
    pub amount: String,
    /// For both sides' books.
    pub reference: String,
}

/// What a preview says of a line.
pub type Judged = (FileLine, Option<Problem>);
/// Renders a batch that was just taken.
pub type BatchView = fn(&PayoutBatch, [i64; 3]) -> Vec<u8>;

impl Wallets {
    /// Judges every line in turn, as if those before it had been carried out.
    pub async fn preview(&self, by: &Caller, lines: Vec<FileLine>) -> Result<Vec<Judged>, Error> {
        let (mut spent, mut judged) = (HashMap::new(), Vec::with_capacity(lines.len()));
        for line in lines {
            let refused = match self.judge(by, &line, &mut spent).await {
                Ok(()) => None,
                Err(error) => {
                    let problem = error.into_refused().problem;
                    if problem.slug.status >= 500 {
                        return Err(problem.into());
                    }
                    Some(problem)
                }
            };
            judged.push((line, refused));
        }
        Ok(judged)
    }

    async fn judge(
        &self,
        by: &Caller,
        line: &FileLine,
        spent: &mut HashMap<i128, i128>,
    ) -> Result<(), Error> {
        let order = self.payout_order(&by.tenant, line).await?;
        let book = self.ledger.book(&by.tenant).await?;
        let found = self.find(&by.tenant, book, order.movement, order.asset.0, true).await?;
        let (wallet, Some(source)) = (order.movement.source().unwrap_or(0), found.source) else {
            return Err(Refusal::JobNotFound.into());
        };
        let row = self.wallet(&by.tenant, source.no).await?;
        if row.state.as_str() != "open" {
            return Err(Refusal::WalletState { status: row.state.as_str() }.into());
        }
        let before = spent.get(&wallet).copied().unwrap_or(0);
        let available = self.balance(book, &source).await?.available - before;
        if available < order.amount {
            let (requested, asset) = (order.amount, order.asset.1);
            return Err(Refusal::InsufficientFunds { wallet, available, requested, asset }.into());
        }
        rules::count(&found.running, wallet, before + order.amount, order.asset.1)?;
        spent.insert(wallet, before + order.amount);
        Ok(())
    }

    /// The order of a line: its wallet's asset says what its amount is.
    async fn payout_order(&self, tenant: &Tenant, line: &FileLine) -> Result<Order, Error> {
        let invalid = |field: &str, detail: String| -> Error {
            slugs::invalid(&format!("/{field}"), "invalid-value", detail).into()
        };
        let digits = line.wallet.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let wallet: i128 = digits
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| invalid("wallet", "must be a wallet's number".to_owned()))?;
        let book = self.ledger.book(tenant).await?;
        let Some((_, standing)) = self.standing(tenant, book, wallet).await? else {
            return Err(Refusal::WalletNotFound { wallet }.into());
        };
        let asset = (standing.asset, self.ledger.reading.asset(book, standing.asset));
        let amount = parse_minor(line.amount.trim(), asset.1.scale)
            .map_err(|fault| invalid("amount", fault.to_string()))?;
        if amount <= 0 {
            return Err(invalid("amount", "must be greater than zero".to_owned()));
        }
        let reference = (!line.reference.is_empty()).then(|| line.reference.clone());
        let words = Words { reference, ..Words::default() };
        let command = Command { name: "payout", fields: Vec::new(), key: None, dry_run: false };
        Ok(Order { movement: Movement::Payout { from: wallet }, amount, asset, words, command })
    }

    /// Takes a file: its lines and a job for each are one unit.
    pub async fn pay_out(
        &self,
        by: &Caller,
        lines: &[FileLine],
        command: &Command,
        view: BatchView,
    ) -> Result<Answered, Error> {
        let answered = self
            .store
            .once_rows(by, command, async || {
                // The runner's own clock: what is due now is due to it too.
                let at = self.store.clock().now();
                let batch = PayoutBatch { id: self.next_id(), lines: lines.len() as i64, created: at };
                let unit = RowsUnit::answering(view(&batch, [batch.lines, 0, 0]));
                let unit = unit.change(store::payout_batch_insert(&by.tenant, &batch));
                Ok::<_, Error>(lines.iter().fold(unit, |unit, line| {
                    let payload = json!({"batch": batch.id.show(prefix::PAYOUTS), "line": line.line});
                    let job = NewJob {
                        id: self.next_id(),
                        kind: PAYOUT,
                        priority: 0,
                        due: at,
                        payload: payload.to_string().into_bytes(),
                    };
                    unit.change(store::payout_insert(&by.tenant, batch.id, line)).job(job)
                }))
            })
            .await?;
        self.wake();
        Ok(answered)
    }

    /// A batch, how many of its lines wait, are done and failed, and a page of them in the file's order.
    pub async fn payouts(
        &self,
        tenant: &Tenant,
        batch: Id,
        after: i64,
        limit: usize,
    ) -> Result<(PayoutBatch, [i64; 3], Vec<Payout>), Error> {
        let own = tenant.clone();
        self.store
            .read(move |reader| {
                let Some(found) = store::payout_batch_find(reader, &own, batch)? else {
                    return Err(Error::from(Refusal::JobNotFound));
                };
                let counts = store::payout_counts(reader, &own, batch)?;
                Ok((found, counts, store::payout_list(reader, &own, batch, after, limit)?))
            })
            .await
    }

    /// Carries one line out, or writes down why not.
    pub(crate) async fn run_payout(&self, job: &Job) -> Result<(), Error> {
        let payload: Value = serde_json::from_slice(&job.payload).unwrap_or_default();
        let batch = payload["batch"].as_str().and_then(|text| Id::parse(text, prefix::PAYOUTS).ok());
        let Some((batch, line)) = batch.zip(payload["line"].as_i64()) else {
            return self.give_up(job, Refusal::JobNotFound.into(), |_| Vec::new()).await;
        };
        let own = job.tenant.clone();
        let found: Result<Vec<Payout>, Error> =
            self.store.read(move |reader| Ok(store::payout_list(reader, &own, batch, line - 1, 1)?)).await;
        let found = found?.into_iter().find(|payout| payout.line.line == line);
        let Some(payout) = found.filter(|payout| payout.status == PayoutStatus::Waiting) else {
            return self.give_up(job, Refusal::JobNotFound.into(), |_| Vec::new()).await;
        };
        let by = jobs::by(job);
        let ran = match self.payout_order(&job.tenant, &payout.line).await {
            Ok(order) => self.pay_line(job, &by, &order, (batch, line)).await,
            Err(error) => Err(error),
        };
        match ran {
            Ok(_) => Ok(()),
            Err(error) => {
                let failed = |problem: &Problem| {
                    let (code, detail) = (problem.slug.code, problem.detail.as_str());
                    vec![store::payout_fail(&job.tenant, batch, line, code, detail)]
                };
                self.give_up(job, error, failed).await
            }
        }
    }

    async fn pay_line(
        &self,
        job: &Job,
        by: &Caller,
        order: &Order,
        (batch, line): (Id, i64),
    ) -> Result<Answered, Error> {
        self.again(|| {
            self.store.once_money(by, &order.command, async || {
                self.still_waiting(job).await?;
                let end = |entry: Id| {
                    let result = json!({"entry": entry.show(prefix::ENTRY)}).to_string();
                    vec![
                        job_end(job, Status::Done, &result, self.now()),
                        store::payout_done(&job.tenant, batch, line, entry),
                    ]
                };
                self.movement(by, order, |_| Vec::new(), end, true).await
            })
        })
        .await
    }
}
