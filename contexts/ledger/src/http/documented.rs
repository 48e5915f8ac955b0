//! `POST /v1/postings` as the source platform documents it: one debit, one credit, and a `ref` under which a
//! repeat answers `already_posted`.

use super::parse::{MAX_WORD, Resolver, body};
use super::render::Json;
use super::{Failure, WRITES, book_of};
use crate::Ledger;
use crate::accounts::model::AccountRef;
use crate::command::{Command, Manner};
use crate::entries::model::{AmountCommand, Details, Direction, PostEntry, PostingCommand};
use crate::refusal as slug;
use axum::extract::State;
use kernel::{AssetCode, id::prefix};
use platform_http::json::Object;
use platform_http::{Answer, Body, By, Doc, Key, Payload, Routes};

/// The currency of a posting that names none.
const DEFAULT_CURRENCY: &str = "USD";

pub(super) fn routes(routes: Routes<Ledger>) -> Routes<Ledger> {
    routes.post("/v1/postings", WRITES, posting_post, Doc {
        name: "posting_post",
        summary: "Post one debit and one credit",
        detail: "Accounts are whole numbers (n names the path accounts:n), paths or ids. A repeat of the same `ref` answers `already_posted`; another body under it is a conflict.",
        body: Some(Body {
            schema: "Posting",
            example: r#"{"debit_account":1,"credit_account":2,"amount":5.00,"currency":"USD","ref":"signup-u_demo"}"#,
            lines: false,
        }),
        ok: (201, "PostingResult"),
        problems: const { &[
            &slug::IDEMPOTENCY_CONFLICT,
            &slug::UNKNOWN_ACCOUNT,
            &slug::SAME_ACCOUNT,
            &slug::INSUFFICIENT_FUNDS,
            &slug::ACCOUNT_CLOSED,
            &slug::ACCOUNT_FROZEN,
        ] },
        ..Doc::NONE
    })
}

/// The fields of a posting, as an entry.
pub(super) fn posting(resolver: &Resolver<'_>, object: &Object<'_>) -> Option<PostEntry> {
    let reader = object.reader();
    let debit = object.required("debit_account").and_then(|value| resolver.account(reader, value));
    let credit = object.required("credit_account").and_then(|value| resolver.account(reader, value));
    let amount = object.required("amount");
    let currency = match object.optional("currency") {
        Some(value) => resolver.asset_of(reader, value),
        None => {
            let code = AssetCode::parse(DEFAULT_CURRENCY).expect("it is a code");
            resolver.ledger.reading.asset_no(resolver.book, code)
        }
    };
    let unique_ref = object.optional_text("ref", MAX_WORD).map(|text| text.into_owned().into_boxed_str());
    let (no, asset) = currency?;
    let minor = resolver.amount(reader, amount?, asset)?;
    let side = |account: AccountRef, direction| PostingCommand {
        account,
        direction,
        asset: no,
        amount: AmountCommand::Exact(minor),
    };
    let postings = [side(debit?, Direction::Debit), side(credit?, Direction::Credit)];
    let details =
        unique_ref.map(|unique| Box::new(Details { unique_ref: Some(unique), ..Details::default() }));
    Some(PostEntry { postings: postings.into_iter().collect(), details })
}

async fn posting_post(
    State(ledger): State<Ledger>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let book = book_of(&ledger, &by).await?;
    let resolver = Resolver { ledger: &ledger, book };
    let entry = body(&payload, |object| posting(&resolver, object))?;
    let request = ledger.request(key, None, Command::PostEntry(entry));
    let done = ledger.run(&by, book, request, Manner::default()).await?;
    let mut json = Json::new();
    json.open(b'{');
    json.plain("status", if done.replayed { "already_posted" } else { "posted" });
    json.id("id", done.record.id, prefix::ENTRY);
    json.number("seq", done.record.seq);
    for posting in done.record.effect.postings() {
        let name = if posting.direction == Direction::Debit { "debit_account" } else { "credit_account" };
        let (_, path) = ledger.reading.name(posting.account);
        // The source platform's accounts are numbers, and stay so.
        match path.strip_prefix("accounts:").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(number) => json
                .raw(name, number.trim_start_matches('0').get(..).filter(|n| !n.is_empty()).unwrap_or("0")),
            None => json.text(name, &path),
        }
    }
    if let Some(posting) = done.record.effect.postings().first() {
        let asset = ledger.reading.asset(book, posting.asset);
        json.amount("amount", posting.amount, asset);
        json.plain("currency", asset.code.as_str());
    }
    let details = done.record.command.as_ref().and_then(|command| command.details());
    json.maybe("ref", details.and_then(|details| details.unique_ref.as_deref()));
    json.close(b'}');
    Ok(Answer::created(json.done()).replayed(done.replayed))
}
