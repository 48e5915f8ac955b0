//! Transfers for later: asked for in one unit, carried out in another that ends the job with its entry.

use super::movements::Order;
use crate::jobs::{self, TRANSFER};
use crate::model::Movement;
use crate::postings::Words;
use crate::{Error, Refusal, Wallets};
use kernel::money::parse_minor;
use kernel::{AssetCode, Caller, Id, Tenant, Timestamp, id::prefix};
use platform_store::jobs::{Job, Status, job_end, job_find, job_list};
use platform_store::unit::{Answered, Command, NewJob, RowsUnit};
use serde_json::{Value, json};

/// A transfer for later.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Out of.
    pub source: i128,
    /// Into.
    pub target: i128,
    /// How much, as text of its asset.
    pub amount: String,
    /// Of what.
    pub currency: AssetCode,
    /// What it says besides.
    pub words: Words,
    /// Not before; now where it is missing.
    pub execute_at: Option<Timestamp>,
    /// Higher goes first.
    pub priority: i64,
}

/// Renders a job.
pub type JobView = fn(&Job) -> Vec<u8>;

impl Wallets {
    /// Takes a transfer that is to be carried out later.
    pub async fn schedule(
        &self,
        by: &Caller,
        schedule: &Schedule,
        command: &Command,
        view: JobView,
    ) -> Result<Answered, Error> {
        let answered = self
            .store
            .once_rows(by, command, async || {
                // The runner's own clock: what is due now is due to it too.
                let now = self.store.clock().now();
                let due = schedule.execute_at.unwrap_or(now);
                let job = NewJob {
                    id: self.next_id(),
                    kind: TRANSFER,
                    priority: schedule.priority,
                    due,
                    payload: payload(schedule).to_string().into_bytes(),
                };
                let answer = view(&as_it_stands(&job, by, now));
                Ok::<_, Error>(RowsUnit::answering(answer).job(job))
            })
            .await?;
        self.wake();
        Ok(answered)
    }

    /// A job of a tenant.
    pub(crate) async fn job(&self, tenant: &Tenant, kind: &str, id: Id) -> Result<Job, Error> {
        let own = tenant.clone();
        let found: Result<_, Error> = self.store.read(move |reader| Ok(job_find(reader, &own, id)?)).await;
        found?.filter(|job| job.kind == kind).ok_or_else(|| Refusal::JobNotFound.into())
    }

    /// A scheduled transfer.
    pub async fn scheduled(&self, tenant: &Tenant, id: Id) -> Result<Job, Error> {
        self.job(tenant, TRANSFER, id).await
    }

    /// Scheduled transfers, newest first.
    pub async fn scheduled_list(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        before: Option<Id>,
        limit: usize,
    ) -> Result<Vec<Job>, Error> {
        let own = tenant.clone();
        self.store.read(move |reader| Ok(job_list(reader, &own, TRANSFER, status, before, limit)?)).await
    }

    /// Calls a scheduled transfer off that was not carried out yet.
    pub async fn cancel(
        &self,
        by: &Caller,
        id: Id,
        reason: &str,
        command: &Command,
        view: JobView,
    ) -> Result<Answered, Error> {
        self.store
            .once_rows(by, command, async || {
                let job = self.scheduled(&by.tenant, id).await?;
                if job.status != Status::Waiting {
                    return Err(Error::from(Refusal::JobEnded { status: job.status.as_str() }));
                }
                let at = self.now();
                let end = job_end(&job, Status::Cancelled, reason, at);
                let cancelled = Job {
                    status: Status::Cancelled,
                    due: None,
                    last_error: Some(reason.to_owned()),
                    finished: Some(at),
                    ..job
                };
                Ok(RowsUnit::answering(view(&cancelled)).change(end))
            })
            .await
    }

    /// Carries a scheduled transfer out, or ends it with its refusal.
    pub(crate) async fn run_transfer(&self, job: &Job) -> Result<(), Error> {
        let by = jobs::by(job);
        let ran = match self.scheduled_order(job).await {
            Ok(order) => self.move_for(job, &by, &order).await,
            Err(error) => Err(error),
        };
        match ran {
            Ok(_) => Ok(()),
            Err(error) => self.give_up(job, error, |_| Vec::new()).await,
        }
    }

    async fn move_for(&self, job: &Job, by: &Caller, order: &Order) -> Result<Answered, Error> {
        self.again(|| {
            self.store.once_money(by, &order.command, async || {
                self.still_waiting(job).await?;
                let end = |entry: Id| {
                    let result = json!({"entry": entry.show(prefix::ENTRY)}).to_string();
                    vec![job_end(job, Status::Done, &result, self.now())]
                };
                self.movement(by, order, |_| Vec::new(), end, true).await
            })
        })
        .await
    }

    async fn scheduled_order(&self, job: &Job) -> Result<Order, Error> {
        let payload: Value = serde_json::from_slice(&job.payload).unwrap_or_default();
        let book = self.ledger.book(&job.tenant).await?;
        let code = payload["currency"].as_str().and_then(|code| AssetCode::parse(code).ok());
        let asset = code.and_then(|code| self.ledger.reading.asset_no(book, code));
        let wallet = |name: &str| payload[name].as_str().and_then(|text| text.parse().ok());
        let ends = wallet("source").zip(wallet("target"));
        let amount = |scale| payload["amount"].as_str().and_then(|text| parse_minor(text, scale).ok());
        // It was read once, when it was asked for: what does not read now is no transfer any more.
        let unreadable = || Error::from(Refusal::JobNotFound);
        let (asset, (from, to)) = asset.zip(ends).ok_or_else(unreadable)?;
        let amount = amount(asset.1.scale).ok_or_else(unreadable)?;
        let movement = Movement::Transfer { from, to };
        let command = Command { name: "transfer-scheduled", fields: Vec::new(), key: None, dry_run: false };
        Ok(Order { movement, amount, asset, words: words_of(&payload), command })
    }
}

fn payload(schedule: &Schedule) -> Value {
    let Words { reference, description, metadata } = &schedule.words;
    let metadata: serde_json::Map<String, Value> =
        metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "source": schedule.source.to_string(),
        "target": schedule.target.to_string(),
        "amount": schedule.amount,
        "currency": schedule.currency.as_str(),
        "execute_at": schedule.execute_at.map(|at| at.to_string()),
        "reference": reference,
        "description": description,
        "metadata": metadata,
    })
}

fn words_of(payload: &Value) -> Words {
    let text = |name: &str| payload[name].as_str().map(str::to_owned);
    let metadata = payload["metadata"].as_object().into_iter().flatten();
    Words {
        reference: text("reference"),
        description: text("description"),
        metadata: metadata
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    }
}

/// A job that was just asked for.
fn as_it_stands(job: &NewJob, by: &Caller, at: Timestamp) -> Job {
    Job {
        id: job.id,
        tenant: by.tenant.clone(),
        kind: job.kind.to_owned(),
        priority: job.priority,
        due: Some(job.due),
        status: Status::Waiting,
        attempts: 0,
        payload: job.payload.clone(),
        result: None,
        last_error: None,
        created: at,
        finished: None,
        request: by.request.clone(),
        lease: 0,
    }
}
