//! Payouts from a file: taken, previewed, and what became of every line.

use super::parse::Canonical;
use super::problem::Failure;
use super::{READS, WRITES, open_cursor, payout_file};
use crate::commands::payouts::{FileLine, Judged};
use crate::refusal as slug;
use crate::store::{Payout, PayoutBatch, PayoutStatus};
use crate::{Error, Refusal, Wallets};
use axum::extract::State;
use kernel::{Cursor, Id, id::prefix};
use ledger::http::Json;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment, write_problem};
use std::fmt::Write as _;

const CURSOR: u64 = 106;
/// Bytes of a file: ten thousand lines of four hundred.
const BODY_LIMIT: usize = 4 << 20;

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .post("/v1/payout-batches", WRITES, batch_create, Doc {
            name: "payout_batch_create",
            summary: "Pay out of wallets by a file",
            detail: "CSV with a head line `wallet,amount,reference`, one JSON object a line, or one JSON document; up to 10,000 payouts. Each line is carried out by itself, in the wallet's asset: a bad one never stops the rest. `preview=true` judges every line against wallets, balances and limits, as if those before it had been carried out, and changes nothing.",
            query: &[Parameter { name: "preview", about: "Judge, do nothing.", kind: "boolean" }],
            body: Some(Body {
                schema: "PayoutFile",
                example: r#"{"payouts":[{"wallet":1,"amount":"5.00","reference":"a"},{"wallet":2,"amount":"1.00","reference":"b"}]}"#,
                lines: true,
            }),
            csv: true,
            body_limit: Some(BODY_LIMIT),
            ok: (202, "PayoutBatch"),
            ..Doc::NONE
        })
        .list("/v1/payout-batches/{batch}", READS, batch_read, Doc {
            name: "payout_batch_read",
            summary: "Read what became of a file of payouts, line by line",
            path: &[Parameter { name: "batch", about: "Its id: pay_…", kind: "string" }],
            ok: (200, "PayoutBatch"),
            problems: const { &[&slug::JOB_NOT_FOUND] },
            ..Doc::NONE
        })
}

async fn batch_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    query: Query,
    payload: Payload,
) -> Result<Answer, Failure> {
    let preview = query.flag("preview");
    query.into_result()?;
    let lines = payout_file::read(&payload)?;
    if preview {
        return Ok(preview_view(&wallets.preview(&by, lines).await?));
    }
    let mut told = String::new();
    for FileLine { line, wallet, amount, reference } in &lines {
        let _ = writeln!(told, "{line}\t{wallet}\t{amount}\t{reference}");
    }
    let command = Canonical::new("payout-batch", key).with("lines", told).done();
    let answered = wallets.pay_out(&by, &lines, &command, batch_view).await?;
    Ok(Answer::ok(answered.answer).with_status(202).replayed(answered.replayed))
}

fn preview_view(judged: &[Judged]) -> Answer {
    let failed = judged.iter().filter(|(_, refused)| refused.is_some()).count();
    let mut json = Json::new();
    json.open(b'{');
    json.raw("id", "null");
    json.plain("status", "preview");
    json.number("lines", judged.len() as u64);
    json.number("failing", failed as u64);
    json.name("data");
    json.open(b'[');
    for (line, refused) in judged {
        json.next();
        json.open(b'{');
        line_fields(&mut json, line);
        json.plain("status", if refused.is_some() { "failing" } else { "fine" });
        json.raw("entry", "null");
        match refused {
            None => json.raw("problem", "null"),
            Some(problem) => {
                json.name("problem");
                write_problem(&mut json.bytes, problem, None, None);
            }
        }
        json.close(b'}');
    }
    json.close(b']');
    json.raw("next_cursor", "null");
    json.close(b'}');
    Answer::ok(json.done())
}

fn line_fields(json: &mut Json, line: &FileLine) {
    json.raw("line", &line.line.to_string());
    json.text("wallet", &line.wallet);
    json.text("amount", &line.amount);
    json.text("reference", &line.reference);
}

/// A batch without its lines.
fn batch_view(batch: &PayoutBatch, counts: [i64; 3]) -> Vec<u8> {
    let mut json = Json::new();
    json.open(b'{');
    batch_fields(&mut json, batch, counts);
    json.close(b'}');
    json.done()
}

fn batch_fields(json: &mut Json, batch: &PayoutBatch, counts: [i64; 3]) {
    json.id("id", batch.id, prefix::PAYOUTS);
    json.plain("status", if counts[0] == 0 { "done" } else { "waiting" });
    json.raw("lines", &batch.lines.to_string());
    for (count, (_, word)) in counts.iter().zip(PayoutStatus::ALL) {
        json.raw(word, &count.to_string());
    }
    json.time("created_at", batch.created);
}

async fn batch_read(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(segment): Segment,
    query: Query,
) -> Result<Answer, Failure> {
    let (limit, cursor) = (query.limit(), query.cursor());
    let cursor = open_cursor::<1>(&query, cursor, CURSOR);
    query.into_result()?;
    let batch = Id::parse(&segment, prefix::PAYOUTS).map_err(|_| Error::from(Refusal::JobNotFound))?;
    let after = cursor.map_or(0, |[line]| i64::try_from(line).unwrap_or(i64::MAX));
    let (found, counts, mut payouts) = wallets.payouts(&by.tenant, batch, after, limit.get() + 1).await?;
    let more = payouts.len() > limit.get();
    payouts.truncate(limit.get());
    let next = payouts.last().filter(|_| more).map(|last| Cursor::new(CURSOR, &[last.line.line as u64]));
    let mut json = Json::new();
    json.open(b'{');
    batch_fields(&mut json, &found, counts);
    json.name("data");
    json.open(b'[');
    for payout in &payouts {
        json.next();
        payout_view(&mut json, payout);
    }
    json.close(b']');
    json.maybe("next_cursor", next.map(|cursor| cursor.show()).as_deref());
    json.close(b'}');
    Ok(Answer::ok(json.done()))
}

fn payout_view(json: &mut Json, payout: &Payout) {
    json.open(b'{');
    line_fields(json, &payout.line);
    json.plain("status", payout.status.as_str());
    match payout.entry {
        Some(entry) => json.id("entry", entry, prefix::ENTRY),
        None => json.raw("entry", "null"),
    }
    match &payout.problem {
        None => json.raw("problem", "null"),
        Some((code, detail)) => {
            json.name("problem");
            json.open(b'{');
            json.text("code", code);
            json.text("detail", detail);
            json.close(b'}');
        }
    }
    json.close(b'}');
}
