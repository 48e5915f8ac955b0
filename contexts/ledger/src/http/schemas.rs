//! Component schemas of the ledger's routes, for the OpenAPI document.

use platform_http::Schema;
use serde_json::{Value, json};

/// Every named schema.
pub fn schemas() -> Vec<Schema> {
    let mut all = settings_requests();
    all.extend(movement_requests());
    all.extend(settings_answers());
    all.extend(movement_answers());
    all
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn number(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": about})
}

fn amount() -> Value {
    json!({
        "type": ["string", "number"],
        "description": "A decimal in major units, best as a text; read exactly, never rounded.",
        "examples": ["12.34"]
    })
}

fn account() -> Value {
    json!({"type": ["string", "integer"], "description": "An account's id, its path, or n for the path accounts:n."})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn answer(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn list(item: &str) -> Value {
    answer(json!({
        "data": {"type": "array", "items": {"$ref": format!("#/components/schemas/{item}")}},
        "next_cursor": {"type": ["string", "null"], "description": "Where the next page starts; null at the end."}
    }))
}

fn one_of(names: &[&str]) -> Value {
    let schema = |name: &&str| json!({"$ref": format!("#/components/schemas/{name}")});
    json!({"oneOf": names.iter().map(schema).collect::<Vec<_>>()})
}

fn side() -> Value {
    answer(json!({"posted": text("Posted."), "pending": text("Held.")}))
}

fn stand() -> Value {
    answer(json!({"posted": text("Net."), "pending": text("Net held."), "available": text("Available.")}))
}

fn constraints() -> Value {
    json!({"type": "array", "items": object(&["currency"], json!({
        "currency": text("Its code."),
        "floor": {"type": ["string", "number", "null"], "description": "Least available: 0 allows no overdraft, -500 is a credit line."},
        "ceiling": {"type": ["string", "number", "null"], "description": "Most posted and incoming."}
    }))})
}

fn metadata() -> Value {
    json!({"type": "object", "maxProperties": 50, "additionalProperties": {"type": "string", "maxLength": 1024}})
}

fn kind() -> Value {
    json!({"type": "string", "enum": ["asset", "liability", "equity", "income", "expense"]})
}

fn entry_fields() -> Value {
    json!({
        "id": text("Your own UUID, or ent_…: repeating the request is then safe."),
        "postings": {"type": "array", "minItems": 2, "maxItems": 1000, "items": object(&["account", "direction", "amount", "currency"], json!({
            "account": account(),
            "direction": {"type": "string", "enum": ["debit", "credit"]},
            "amount": {"type": ["string", "number"], "description": "A positive decimal; \"max\" takes what is available, \"remaining\" the rest of the other side."},
            "currency": text("Its code."),
            "up_to": amount()
        }))},
        "reference": text("Searchable, not unique."),
        "party": text("Whose entry it is: the key of its event."),
        "description": text("For people."),
        "effective_at": text("When it counts in the world; not in the future."),
        "metadata": metadata(),
        "conditions": {"type": "array", "items": object(&["account"], json!({
            "account": account(),
            "currency": text("For last_seq and balances."),
            "version": number("The account's settings have this version."),
            "last_seq": number("The balance was last touched by this record."),
            "balance": {"type": "string", "enum": ["available", "posted", "pending"]},
            "gt": amount(), "gte": amount(), "eq": amount(), "lte": amount(), "lt": amount()
        }))},
        "override": object(&["constraints", "reason"], json!({
            "constraints": {"type": "array", "items": {"type": "string", "enum": ["floor", "ceiling"]}},
            "reason": text("Kept in the entry.")
        })),
        "dry_run": {"type": "boolean", "description": "Decide and answer, store nothing."},
        "freeze_refusals": {"type": "boolean", "description": "Keep a refusal under the key, and give it again."}
    })
}

fn share_fields() -> Value {
    json!({
        "id": text("Your own UUID."),
        "amount": amount(),
        "postings": {"type": "array", "items": object(&["posting", "amount"], json!({
            "posting": number("Which posting, from 0."), "amount": amount()
        }))},
        "reference": text("Searchable."), "party": text("Whose it is."), "description": text("For people."),
        "effective_at": text("When it counts."), "metadata": metadata(),
        "conditions": {"type": "array"}, "override": {"type": "object"},
        "dry_run": {"type": "boolean"}, "freeze_refusals": {"type": "boolean"}
    })
}

fn with(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

fn settings_requests() -> Vec<Schema> {
    vec![
        (
            "AssetRegister",
            object(
                &["code", "scale"],
                json!({
                    "code": text("1 to 16 of A-Z 0-9 . _ -, a letter first."),
                    "scale": {"type": "integer", "minimum": 0, "maximum": 18, "description": "Decimals; never changes."},
                    "name": text("What people call it.")
                }),
            ),
        ),
        (
            "AccountOpen",
            object(
                &["path", "type"],
                json!({
                    "id": text("Your own UUID."), "path": text("Segments joined by ':'."), "type": kind(),
                    "assets": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Currencies it may hold; null for all."},
                    "constraints": constraints(), "metadata": metadata(), "description": text("For people.")
                }),
            ),
        ),
        (
            "AccountChange",
            object(
                &[],
                json!({
                    "assets": {"type": ["array", "null"], "items": {"type": "string"}},
                    "constraints": constraints(),
                    "metadata": {"type": "object", "additionalProperties": {"type": ["string", "null"]}, "description": "null removes a key."},
                    "description": {"type": ["string", "null"]},
                    "if_version": number("Only if the settings still have this version.")
                }),
            ),
        ),
        ("ClockConfirm", object(&[], json!({"reason": text("Kept in the log.")}))),
        (
            "AccountMove",
            object(
                &[],
                json!({
                    "side": {"type": "string", "enum": ["both", "debits", "credits"], "description": "For freezes."},
                    "reason": text("Kept in the record.")
                }),
            ),
        ),
        (
            "PatternSet",
            object(
                &["pattern", "type"],
                json!({
                    "pattern": text("A path in which * stands for one segment."), "type": kind(),
                    "assets": {"type": ["array", "null"], "items": {"type": "string"}},
                    "constraints": constraints(), "quota": number("How many accounts it may open.")
                }),
            ),
        ),
    ]
}

fn movement_requests() -> Vec<Schema> {
    let command = json!({"type": "object", "required": ["type"], "description": "The fields of the route of this type; captures and the like name `hold`, reversals name `entry`, and an account says its type as `account_type`.", "properties": {
        "type": {"type": "string", "enum": ["entry", "posting", "hold", "capture", "void", "increment", "extension", "reversal", "account"]},
        "key": text("An idempotency key of this command alone.")
    }});
    vec![
        ("EntryPost", object(&["postings"], entry_fields())),
        (
            "HoldPlace",
            object(
                &["postings"],
                with(
                    entry_fields(),
                    json!({
                        "expires_at": text("When it lapses."), "expires_in": number("Seconds until it lapses."),
                        "tolerance": amount()
                    }),
                ),
            ),
        ),
        (
            "HoldAction",
            object(
                &[],
                with(
                    share_fields(),
                    json!({
                        "final": {"type": "boolean", "description": "For captures: release what then remains."},
                        "expires_at": text("For extensions.")
                    }),
                ),
            ),
        ),
        ("Share", object(&[], share_fields())),
        (
            "Posting",
            object(
                &["debit_account", "credit_account", "amount"],
                json!({
                    "debit_account": account(), "credit_account": account(), "amount": amount(),
                    "currency": {"type": "string", "default": "USD"}, "ref": text("Unique in the book: a repeat is answered, not posted again.")
                }),
            ),
        ),
        (
            "Batch",
            object(
                &["mode", "commands"],
                json!({
                    "mode": {"type": "string", "enum": ["atomic", "independent"]},
                    "commands": {"type": "array", "minItems": 1, "maxItems": 10000, "items": command},
                    "return": {"type": "string", "enum": ["summary", "full"]},
                    "dry_run": {"type": "boolean", "description": "For atomic batches."}
                }),
            ),
        ),
    ]
}

fn balances() -> Value {
    json!({"type": "array", "items": answer(json!({
        "account": text("Its id."), "path": text("Its path."), "currency": text("Its code."),
        "posted": text("Net on the normal side."), "pending": text("Net held."),
        "available": text("Posted less outgoing held."), "last_seq": number("The record that touched it.")
    }))})
}

fn settings_answers() -> Vec<Schema> {
    let asset = json!({"code": text("Its code."), "scale": number("Decimals."), "name": {"type": ["string", "null"]}, "seq": number("Its record.")});
    let side = side();
    let account = json!({
        "id": text("acc_…"), "path": text("Its path."), "type": kind(), "normal_side": text("debit or credit."),
        "status": {"type": "string", "enum": ["open", "frozen", "closed"]}, "frozen": {"type": ["string", "null"]},
        "assets": {"type": ["array", "null"], "items": {"type": "string"}}, "constraints": constraints(),
        "description": {"type": ["string", "null"]}, "metadata": metadata(), "version": number("Of its settings."),
        "opened_at": text("When."), "updated_at": text("When."), "seq": number("The record of its settings.")
    });
    vec![
        ("Asset", answer(asset)),
        ("AssetList", list("Asset")),
        (
            "Pattern",
            answer(
                json!({"pattern": text("The pattern."), "type": kind(), "assets": {"type": ["array", "null"], "items": {"type": "string"}}, "constraints": constraints(), "quota": number("How many.")}),
            ),
        ),
        ("PatternList", list("Pattern")),
        ("Account", answer(account)),
        ("AccountList", list("Account")),
        (
            "Balances",
            answer(
                json!({"account": text("acc_…"), "path": text("Its path."), "at_seq": number("Up to this record."),
                "data": {"type": "array", "items": answer(json!({
                    "currency": text("Its code."), "posted": text("Net."), "pending": text("Net held."), "available": text("Available."),
                    "debits": side, "credits": side, "last_seq": number("The record that touched it.")
                }))}}),
            ),
        ),
        (
            "HistoryRow",
            answer(
                json!({"entry": text("ent_… or hold_…"), "seq": number("Its record."), "type": text("What it is."),
            "recorded_at": text("When."), "effective_at": text("When it counts."), "direction": text("debit or credit."), "amount": text("How much."),
            "currency": text("Its code."), "balance": {"type": "object"}, "reference": {"type": ["string", "null"]}, "description": {"type": ["string", "null"]}}),
            ),
        ),
        ("History", list("HistoryRow")),
    ]
}

fn movement_answers() -> Vec<Schema> {
    let entry = json!({
        "id": text("ent_…"), "seq": {"type": ["integer", "null"]}, "type": text("entry, reversal, capture, void, increment, extension, expiry."),
        "status": text("posted, pending, released; rehearsed for a dry run."), "recorded_at": text("When it was written."), "effective_at": text("When it counts."),
        "postings": {"type": "array"}, "balances": balances(), "reference": {"type": ["string", "null"]}, "ref": text("If it has one."),
        "party": {"type": ["string", "null"]}, "description": {"type": ["string", "null"]}, "metadata": metadata(),
        "reverses": text("For reversals: what."), "hold": text("For captures and the like: which.")
    });
    let hold = with(
        entry.clone(),
        json!({
            "status": {"type": "string", "enum": ["open", "captured", "voided", "expired", "rehearsed"]},
            "expires_at": {"type": ["string", "null"]}
        }),
    );
    vec![
        ("Entry", answer(entry)),
        ("EntryList", list("Entry")),
        ("EntryFound", one_of(&["Entry", "EntryList"])),
        ("Hold", answer(hold)),
        (
            "PostingResult",
            answer(
                json!({"status": {"type": "string", "enum": ["posted", "already_posted"]}, "id": text("ent_…"), "seq": number("Its record."),
            "debit_account": {"type": ["integer", "string"]}, "credit_account": {"type": ["integer", "string"]}, "amount": text("How much."), "currency": text("Its code."), "ref": {"type": ["string", "null"]}}),
            ),
        ),
        (
            "BatchResult",
            answer(json!({"mode": text("As asked."), "results": {"type": "array", "items": answer(json!({
                "id": text("What was made."), "seq": number("Its record."), "status": {"type": "string", "enum": ["posted", "replayed", "refused", "rehearsed"]},
                "problem": {"type": "object"}, "result": {"type": "object"}
            }))}})),
        ),
        (
            "TrialBalance",
            answer(json!({"at_seq": number("Up to this record."),
            "totals": {"type": "array", "items": answer(json!({"currency": text("Its code."), "debits": text("Sum."), "credits": text("Sum.")}))},
            "data": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}})),
        ),
        (
            "RollUp",
            answer(
                json!({"data": {"type": "array", "items": answer(json!({"path": text("The path."), "currency": text("Its code."),
            "accounts": number("How many."), "debits": side(), "credits": side(), "net": text("Posted debits less posted credits.")}))},
            "next_cursor": {"type": ["string", "null"]}}),
            ),
        ),
        (
            "Statement",
            answer(
                json!({"account": text("acc_…"), "path": text("Its path."), "currency": text("Its code."),
            "from": {"type": ["string", "null"]}, "to": text("Up to, not including."),
            "opening": stand(), "debits": text("Posted in that time."), "credits": text("Posted in that time."), "closing": stand(),
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/HistoryRow"}},
            "next_cursor": {"type": ["string", "null"]}}),
            ),
        ),
        (
            "Journal",
            answer(
                json!({"data": {"type": "array", "items": {"type": "object"}}, "next_after": number("Ask after this one next.")}),
            ),
        ),
        ("ClockConfirmation", answer(json!({"confirmed_at": text("The time that is now believed.")}))),
    ]
}
