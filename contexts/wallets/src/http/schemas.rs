//! Component schemas of the wallets' routes, for the OpenAPI document.

use platform_http::Schema;
use serde_json::{Value, json};

/// Every named schema.
pub fn schemas() -> Vec<Schema> {
    documented()
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
