//! Transfers for later: asked for, read, listed, called off.

use super::parse::{Canonical, book, money, reason, wallet, words};
use super::problem::Failure;
use super::views::{list_end, list_start};
use super::{READS, WRITES, open_cursor};
use crate::commands::scheduled::Schedule;
use crate::refusal as slug;
use crate::{Error, Refusal, Wallets};
use axum::extract::State;
use kernel::money::print_minor;
use kernel::{Cursor, Id, Timestamp, id::prefix};
use ledger::http::{Json, Resolver, body};
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment};
use platform_store::jobs::{Job, Status};
use serde_json::Value;

const CURSOR: u64 = 105;
/// Highest priority: a handful of classes is what people can tell apart.
const MAX_PRIORITY: u64 = 9;
const ID: Parameter = Parameter { name: "id", about: "Its id: job_…", kind: "string" };

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .post("/v1/scheduled-transfers", WRITES, schedule, Doc {
            name: "scheduled_transfer_create",
            summary: "Let a transfer be carried out later",
            detail: "Not before `execute_at`, or as soon as its turn comes; of those that are due, the highest priority first. A refusal ends it as failed; what could not be decided is tried again.",
            body: Some(Body {
                schema: "TransferSchedule",
                example: r#"{"source":1,"target":2,"amount":"5.00","currency":"UNIT","execute_at":"2099-01-01T00:00:00Z","priority":5}"#,
                lines: false,
            }),
            ok: (202, "ScheduledTransfer"),
            ..Doc::NONE
        })
        .list("/v1/scheduled-transfers", READS, scheduled_list, Doc {
            name: "scheduled_transfer_list",
            summary: "List scheduled transfers, newest first",
            query: &[Parameter { name: "status", about: "waiting, done, failed or cancelled.", kind: "string" }],
            ok: (200, "ScheduledTransferList"),
            ..Doc::NONE
        })
        .get("/v1/scheduled-transfers/{id}", READS, scheduled_read, Doc {
            name: "scheduled_transfer_read",
            summary: "Read a scheduled transfer",
            path: &[ID],
            ok: (200, "ScheduledTransfer"),
            problems: const { &[&slug::JOB_NOT_FOUND] },
            ..Doc::NONE
        })
        .post("/v1/scheduled-transfers/{id}/cancellations", WRITES, cancel, Doc {
            name: "scheduled_transfer_cancel",
            summary: "Call a scheduled transfer off",
            path: &[ID],
            body: Some(Body { schema: "WalletMove", example: r#"{"reason":"paid otherwise"}"#, lines: false }),
            ok: (201, "ScheduledTransfer"),
            problems: const { &[&slug::JOB_NOT_FOUND, &slug::JOB_ENDED] },
            ..Doc::NONE
        })
}

async fn schedule(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book(&wallets, &by).await?;
    let resolver = Resolver { ledger: wallets.ledger(), book };
    let schedule = body(&payload, |object| {
        let (source, target) = (wallet(object, "source"), wallet(object, "target"));
        if source.is_some() && source == target {
            object.fault("target", "invalid-value", "must be another wallet than the source");
        }
        let money = money(&resolver, object);
        let words = words(object);
        let execute_at = object.optional_parsed("execute_at", 64, Timestamp::parse);
        let priority = object.optional_integer("priority").unwrap_or(0);
        if priority > MAX_PRIORITY {
            object.fault("priority", "invalid-value", format_args!("must be from 0 to {MAX_PRIORITY}"));
        }
        let (amount, (_, asset)) = money?;
        let amount = print_minor(amount, asset.scale);
        let (currency, priority) = (asset.code, priority.min(MAX_PRIORITY) as i64);
        Some(Schedule { source: source?, target: target?, amount, currency, words, execute_at, priority })
    })?;
    let command = Canonical::new("transfer-schedule", key)
        .with("source", schedule.source)
        .with("target", schedule.target)
        .with("amount", &schedule.amount)
        .with("currency", schedule.currency)
        .words(&schedule.words)
        .maybe("execute_at", schedule.execute_at)
        .with("priority", schedule.priority)
        .done();
    let answered = wallets.schedule(&by, &schedule, &command, view).await?;
    Ok(Answer::ok(answered.answer).with_status(202).replayed(answered.replayed))
}

fn view(job: &Job) -> Vec<u8> {
    let mut json = Json::new();
    view_in(&mut json, job);
    json.done()
}

fn view_in(json: &mut Json, job: &Job) {
    let payload: Value = serde_json::from_slice(&job.payload).unwrap_or_default();
    let result: Value =
        job.result.as_deref().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
    let text = |name: &str| payload[name].as_str();
    json.open(b'{');
    json.id("id", job.id, prefix::JOB);
    json.plain("status", job.status.as_str());
    for name in ["source", "target"] {
        json.raw(name, text(name).unwrap_or("null"));
    }
    json.maybe("amount", text("amount"));
    json.maybe("currency", text("currency"));
    json.maybe("reference", text("reference"));
    json.maybe("description", text("description"));
    json.raw("metadata", &payload["metadata"].to_string());
    json.maybe("execute_at", text("execute_at"));
    json.raw("priority", &job.priority.to_string());
    json.raw("attempts", &job.attempts.to_string());
    json.time("created_at", job.created);
    json.maybe("finished_at", job.finished.map(|at| at.to_string()).as_deref());
    json.maybe("entry", result["entry"].as_str());
    let (mut problem, mut reason) = ("null", None);
    match (job.status, job.last_error.as_deref()) {
        (Status::Failed, Some(told)) if told.starts_with('{') => problem = told,
        (_, told) => reason = told,
    }
    json.raw("problem", problem);
    json.maybe("reason", reason);
    json.close(b'}');
}

fn job_id(segment: &str) -> Result<Id, Error> {
    Id::parse(segment, prefix::JOB).map_err(|_| Refusal::JobNotFound.into())
}

async fn scheduled_list(State(wallets): State<Wallets>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let (limit, cursor) = (query.limit(), query.cursor());
    let statuses = Status::ALL.map(|(status, name)| (name, status));
    let status = query.choice("status", &statuses);
    let cursor = open_cursor::<2>(&query, cursor, CURSOR);
    query.into_result()?;
    let before = cursor.map(|[high, low]| Id(u128::from(high) << 64 | u128::from(low)));
    let mut jobs = wallets.scheduled_list(&by.tenant, status, before, limit.get() + 1).await?;
    let more = jobs.len() > limit.get();
    jobs.truncate(limit.get());
    let place = |id: Id| [(id.0 >> 64) as u64, id.0 as u64];
    let next = jobs.last().filter(|_| more).map(|last| Cursor::new(CURSOR, &place(last.id)));
    let mut json = list_start();
    for job in &jobs {
        json.next();
        view_in(&mut json, job);
    }
    Ok(list_end(json, next))
}

async fn scheduled_read(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
) -> Result<Answer, Failure> {
    Ok(Answer::ok(view(&wallets.scheduled(&by.tenant, job_id(&segment)?).await?)))
}

async fn cancel(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(segment): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let id = job_id(&segment)?;
    let reason = body(&payload, |object| Some(reason(object)))?;
    let command = Canonical::new("transfer-cancel", key)
        .with("id", id.show(prefix::JOB))
        .with("reason", &reason)
        .done();
    let answered = wallets.cancel(&by, id, &reason, &command, view).await?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}
