//! Component schemas of the wallets' routes, for the OpenAPI document.

use platform_http::Schema;
use serde_json::{Value, json};

/// Every named schema.
pub fn schemas() -> Vec<Schema> {
    let mut all = documented();
    all.extend(asked());
    all.extend(asked_to_move());
    all.extend(told());
    all.extend(told_of_movements());
    all
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn maybe(about: &str) -> Value {
    json!({"type": ["string", "null"], "description": about})
}

fn amount() -> Value {
    json!({
        "type": ["string", "number"],
        "description": "A decimal in major units, best as a text; read exactly, never rounded.",
        "examples": ["12.34"]
    })
}

fn metadata() -> Value {
    json!({"type": "object", "maxProperties": 50, "additionalProperties": {"type": "string", "maxLength": 1024}})
}

fn closed(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn list(item: &str) -> Value {
    object(
        &[],
        json!({
            "data": {"type": "array", "items": {"$ref": format!("#/components/schemas/{item}")}},
            "next_cursor": maybe("Where the next page starts; null at the end.")
        }),
    )
}

/// The fields of a movement, and more.
fn movement(required: &[&str], more: Value) -> Value {
    let mut fields = json!({
        "amount": amount(), "currency": text("The wallet's."), "reference": text("Searchable, not unique."),
        "description": text("For people."), "metadata": metadata(),
        "dry_run": {"type": "boolean", "description": "Decide and answer, store nothing."}
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    let required: Vec<&str> = required.iter().copied().chain(["amount", "currency"]).collect();
    closed(&required, fields)
}

fn asked() -> Vec<Schema> {
    let described = json!({
        "label": maybe("What its owner calls it; null takes it away."),
        "metadata": {"type": "object", "additionalProperties": {"type": ["string", "null"]}, "description": "null removes a key."}
    });
    vec![
        (
            "CustomerCreate",
            closed(
                &[],
                json!({
                    "id": text("Your own id of the customer, opaque; no plain number."), "login": text("Unique."), "name": text("For people.")
                }),
            ),
        ),
        (
            "CustomerChange",
            closed(&[], json!({"login": maybe("null takes it away."), "name": maybe("null takes it away.")})),
        ),
        (
            "WalletCreate",
            closed(
                &["customer", "currency"],
                json!({
                    "customer": text("Whose."), "currency": text("Its only asset."), "label": text("What its owner calls it."),
                    "metadata": metadata()
                }),
            ),
        ),
        ("WalletChange", closed(&[], described)),
        ("WalletMove", closed(&["reason"], json!({"reason": text("Kept in the record.")}))),
        (
            "LimitsSet",
            closed(
                &["currency"],
                json!({
                    "currency": text("The wallet's."),
                    "day": {"type": ["string", "number", "null"], "description": "What may leave in a day of UTC."},
                    "month": {"type": ["string", "number", "null"], "description": "What may leave in a calendar month of UTC."}
                }),
            ),
        ),
    ]
}

fn asked_to_move() -> Vec<Schema> {
    vec![
        ("Movement", movement(&[], json!({}))),
        (
            "WalletTransfer",
            movement(
                &["source", "target"],
                json!({
                    "source": whole("The wallet that gives."), "target": whole("The wallet that takes.")
                }),
            ),
        ),
        (
            "WalletHold",
            movement(
                &[],
                json!({
                    "target": whole("Where captures go; without it they leave the house."),
                    "expires_at": text("When it lapses."), "expires_in": whole("Seconds until it lapses.")
                }),
            ),
        ),
        ("TransferSchedule", schedule()),
        ("PayoutFile", payout_file()),
        (
            "WalletHoldAction",
            closed(
                &[],
                json!({
                    "amount": amount(), "final": {"type": "boolean", "description": "For captures: release what then remains."},
                    "dry_run": {"type": "boolean", "description": "Decide and answer, store nothing."}
                }),
            ),
        ),
    ]
}

fn schedule() -> Value {
    closed(
        &["source", "target", "amount", "currency"],
        json!({
            "source": whole("The wallet that gives."), "target": whole("The wallet that takes."), "amount": amount(),
            "currency": text("Theirs."), "reference": text("Searchable, not unique."), "description": text("For people."),
            "metadata": metadata(), "execute_at": text("Not before; as soon as its turn comes without it."),
            "priority": {"type": "integer", "minimum": 0, "maximum": 9, "description": "Higher goes first; 0 without it."}
        }),
    )
}

fn scheduled() -> Value {
    object(
        &[],
        json!({
            "id": text("job_…"), "status": {"type": "string", "enum": ["waiting", "done", "failed", "cancelled"]},
            "source": whole("The wallet that gives."), "target": whole("The wallet that takes."),
            "amount": text("How much."), "currency": text("Of what."), "reference": maybe("The caller's own."),
            "description": maybe("For people."), "metadata": metadata(), "execute_at": maybe("Not before."),
            "priority": whole("Higher goes first."), "attempts": whole("Attempts that failed."),
            "created_at": text("When."), "finished_at": maybe("When it ended."), "entry": maybe("Its entry, once done."),
            "problem": {"type": ["object", "null"], "description": "Why it failed."},
            "reason": maybe("Why it was called off, or put off.")
        }),
    )
}

fn payouts() -> Value {
    object(
        &[],
        json!({
            "id": maybe("pay_…; null for a preview."), "status": {"type": "string", "enum": ["waiting", "done", "preview"]},
            "lines": whole("How many."), "waiting": whole("Not yet tried."), "done": whole("Paid out."),
            "failed": whole("Refused."), "failing": whole("In a preview: those that would be refused."),
            "created_at": text("When."),
            "data": {"type": "array", "items": object(&[], json!({
                "line": whole("Its number in the file."), "wallet": text("As in the file."), "amount": text("As in the file."),
                "reference": text("As in the file."), "status": text("waiting, done or failed; fine or failing in a preview."),
                "entry": maybe("Its entry, once done."), "problem": {"type": ["object", "null"], "description": "Why not."}
            }))},
            "next_cursor": maybe("Where the next page starts; null at the end.")
        }),
    )
}

fn payout_file() -> Value {
    let line = json!({
        "wallet": {"type": ["integer", "string"], "description": "Its number."}, "amount": amount(),
        "reference": text("Searchable, not unique.")
    });
    let lines = json!({"type": "array", "minItems": 1, "maxItems": 10000, "items": closed(&["wallet", "amount"], line)});
    closed(&["payouts"], json!({"payouts": lines}))
}

fn balance() -> Value {
    object(
        &[],
        json!({
            "posted": text("What it has."), "pending": text("Net held, coming less going."),
            "available": text("What it can give.")
        }),
    )
}

fn line() -> Value {
    object(
        &[],
        json!({
            "id": text("ent_…, or hold_… for a hold."), "seq": whole("Its number in the book."),
            "type": text("top-up, withdrawal, payout, transfer, hold, capture, release, reversal or entry."),
            "recorded_at": text("When."), "direction": {"type": "string", "enum": ["in", "out"]},
            "amount": text("How much."), "currency": text("Of what."), "balance": balance(),
            "counterpart": {"type": ["integer", "null"], "description": "The wallet on the other side."},
            "reference": maybe("The caller's own."), "description": maybe("For people.")
        }),
    )
}

fn told() -> Vec<Schema> {
    let running = json!({"type": ["object", "null"], "properties": {
        "limit": text("What may leave."), "used": text("What has left."), "headroom": text("What may still leave."),
        "from": text("The period's first moment."), "to": text("The first moment after it.")
    }});
    vec![
        (
            "Customer",
            object(
                &[],
                json!({
                    "id": text("Theirs."), "login": maybe("Unique."), "name": maybe("For people."),
                    "created_at": text("When."), "updated_at": text("When.")
                }),
            ),
        ),
        ("CustomerList", list("Customer")),
        (
            "Wallet",
            object(
                &[],
                json!({
                    "id": whole("Its number."), "customer": text("Whose."), "currency": text("Its only asset."),
                    "account": text("Its account's path in the books."), "status": {"type": "string", "enum": ["open", "frozen", "closed"]},
                    "reason": maybe("Why it is so."), "since": text("Since when."), "label": maybe("What its owner calls it."),
                    "metadata": metadata(), "created_at": text("When."), "balance": balance()
                }),
            ),
        ),
        ("WalletList", list("Wallet")),
        (
            "Limits",
            object(
                &[],
                json!({
                    "wallet": whole("Whose."), "currency": text("Its asset."), "version": whole("Raised by every change."),
                    "day": running, "month": running
                }),
            ),
        ),
    ]
}

fn told_of_movements() -> Vec<Schema> {
    let side =
        json!({"type": ["object", "null"], "properties": {"wallet": whole("Which."), "balance": balance()}});
    vec![
        ("ScheduledTransfer", scheduled()),
        ("ScheduledTransferList", list("ScheduledTransfer")),
        ("PayoutBatch", payouts()),
        ("WalletLine", line()),
        ("WalletHistory", list("WalletLine")),
        (
            "WalletStatement",
            object(
                &[],
                json!({
                    "wallet": whole("Which."), "customer": text("Whose."), "currency": text("Its asset."),
                    "from": maybe("Its first moment; null for the beginning."), "to": text("The first moment after it."),
                    "opening": balance(), "closing": balance(),
                    "data": {"type": "array", "items": {"$ref": "#/components/schemas/WalletLine"}},
                    "next_cursor": maybe("Where the next page starts; null at the end.")
                }),
            ),
        ),
        (
            "Receipt",
            object(
                &[],
                json!({
                    "id": text("ent_…, or hold_… for a hold."), "seq": {"type": ["integer", "null"], "description": "Its number in the book."},
                    "type": text("top-up, withdrawal, payout, transfer, hold, capture or release."),
                    "status": {"type": "string", "enum": ["recorded", "rehearsed"]}, "recorded_at": text("When."),
                    "amount": text("How much."), "currency": text("Of what."), "source": side, "target": side,
                    "reference": maybe("The caller's own.")
                }),
            ),
        ),
    ]
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

fn decimal() -> Value {
    json!({"type": ["number", "string"], "description": "A positive decimal, read exactly from its text."})
}

fn number(about: &str) -> Value {
    json!({"type": "number", "description": about})
}

fn whole(about: &str) -> Value {
    json!({"type": "integer", "description": about})
}

fn documented() -> Vec<Schema> {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 256});
    let uuid = json!({"type": "string", "format": "uuid", "description": "The entry's id."});
    vec![
        ("Client", object(&["login", "name"], json!({"login": text, "name": text}))),
        (
            "ClientMade",
            object(
                &[],
                json!({"login": text, "name": text, "id": whole("The client's."), "walletId": whole("Their wallet's.")}),
            ),
        ),
        (
            "Resupply",
            object(&["walletId", "amount"], json!({"walletId": whole("Which."), "amount": decimal()})),
        ),
        (
            "ResupplyMade",
            object(
                &[],
                json!({
                    "walletId": whole("Which."), "amount": number("How much."),
                    "transactionNumber": uuid, "walletBalance": number("What it then has.")
                }),
            ),
        ),
        (
            "Transfer",
            object(
                &["walletFromId", "walletToId", "amount"],
                json!({
                    "walletFromId": whole("Out of."), "walletToId": whole("Into."), "amount": decimal()
                }),
            ),
        ),
        (
            "TransferMade",
            object(
                &[],
                json!({
                    "walletFromId": whole("Out of."), "walletToId": whole("Into."),
                    "amount": number("How much."), "transactionNumber": uuid,
                    "walletFromBalance": number("What the one then has."),
                    "walletToBalance": number("What the other then has.")
                }),
            ),
        ),
    ]
}
