//! The API under /v1: customers, wallets, movements, holds, life, history and statements.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod rig;

use rig::House;
use serde_json::{Value, json};

/// Status and problem's code of a request that is refused.
async fn refused(house: &House, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = house.send(method, path, body, None).await;
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn posted(house: &House, wallet: i64) -> String {
    let seen = house.ok("GET", &format!("/v1/wallets/{wallet}"), "").await;
    seen["balance"]["posted"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_made_found_and_changed() {
    let house = House::new();
    let made = house.ok("POST", "/v1/customers", r#"{"id":"c-1","login":"ada","name":"Ada"}"#).await;
    assert_eq!((&made["id"], &made["login"], &made["name"]), (&json!("c-1"), &json!("ada"), &json!("Ada")));
    assert_eq!(house.ok("POST", "/v1/customers", "{}").await["id"], "1");
    for (body, expected) in [
        (r#"{"id":"c-1"}"#, (409, "customer-exists")),
        (r#"{"login":"ada"}"#, (409, "login-exists")),
        (r#"{"id":"17"}"#, (422, "invalid-request")),
        (r#"{"id":" x"}"#, (422, "invalid-request")),
        (r#"{"login":" "}"#, (422, "invalid-request")),
    ] {
        let (status, code) = refused(&house, "POST", "/v1/customers", body).await;
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
    let changed = house.ok("PATCH", "/v1/customers/c-1", r#"{"login":null,"name":"Ada L."}"#).await;
    assert_eq!((&changed["login"], &changed["name"]), (&Value::Null, &json!("Ada L.")));
    let other = house.ok("PATCH", "/v1/customers/1", r#"{"login":"ada"}"#).await;
    assert_eq!(other["login"], "ada");
    assert_eq!(refused(&house, "PATCH", "/v1/customers/c-1", r#"{"login":"ada"}"#).await.1, "login-exists");
    assert_eq!(refused(&house, "GET", "/v1/customers/c-9", "").await, (404, "customer-not-found".into()));
    let found = house.ok("GET", "/v1/customers?login=ada", "").await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    // A drawn number that a client's `id` could be is the customer's id.
    let client = house.ok("POST", "/clients", r#"{"login":"bob","name":"Bob"}"#).await;
    assert_eq!(house.ok("GET", "/v1/customers/2", "").await["login"], "bob");
    assert_eq!(client["id"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_have_one_asset_each_and_balances_from_the_books() {
    let house = House::new();
    house.clients(&["10"]).await;
    let euro = house
        .ok(
            "POST",
            "/v1/wallets",
            r#"{"customer":"1","currency":"EUR","label":"travel","metadata":{"a":"1"}}"#,
        )
        .await;
    assert_eq!(
        (&euro["id"], &euro["account"], &euro["status"]),
        (&json!(2), &json!("wallets:2"), &json!("open"))
    );
    house
        .ok("POST", "/v1/wallets/2/top-ups", r#"{"amount":"12.50","currency":"EUR","reference":"card-7"}"#)
        .await;
    let listed = house.ok("GET", "/v1/wallets?customer=1", "").await;
    let rows: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].clone(), row["balance"]["posted"].clone()))
        .collect();
    assert_eq!(rows, [(json!(2), json!("12.50")), (json!(1), json!("10.00000000"))]);
    assert_eq!(
        house.ok("GET", "/v1/wallets?currency=EUR&status=open", "").await["data"].as_array().unwrap().len(),
        1
    );
    let changed = house.ok("PATCH", "/v1/wallets/2", r#"{"label":null,"metadata":{"a":null,"b":"2"}}"#).await;
    assert_eq!((&changed["label"], &changed["metadata"]), (&Value::Null, &json!({"b": "2"})));
    for (path, body, expected) in [
        ("/v1/wallets", r#"{"customer":"9","currency":"EUR"}"#, (404, "customer-not-found")),
        ("/v1/wallets", r#"{"customer":"1","currency":"NONE"}"#, (422, "invalid-request")),
        ("/v1/wallets/9/top-ups", r#"{"amount":"1","currency":"EUR"}"#, (404, "wallet-not-found")),
        ("/v1/wallets/2/top-ups", r#"{"amount":"1","currency":"UNIT"}"#, (422, "wallet-asset")),
        ("/v1/wallets/2/top-ups", r#"{"amount":"0.001","currency":"EUR"}"#, (422, "invalid-request")),
        ("/v1/wallets/2/withdrawals", r#"{"amount":"12.51","currency":"EUR"}"#, (422, "insufficient-funds")),
        (
            "/v1/wallet-transfers",
            r#"{"source":2,"target":1,"amount":"1","currency":"EUR"}"#,
            (422, "wallet-asset"),
        ),
        (
            "/v1/wallet-transfers",
            r#"{"source":1,"target":1,"amount":"1","currency":"UNIT"}"#,
            (422, "same-wallet"),
        ),
        (
            "/v1/wallet-transfers",
            r#"{"source":1,"target":7,"amount":"11","currency":"UNIT"}"#,
            (422, "insufficient-funds"),
        ),
        (
            "/v1/wallet-transfers",
            r#"{"source":1,"target":7,"amount":"1","currency":"UNIT"}"#,
            (404, "wallet-not-found"),
        ),
        (
            "/v1/wallet-transfers",
            r#"{"source":8,"target":7,"amount":"1","currency":"UNIT"}"#,
            (404, "wallet-not-found"),
        ),
    ] {
        let (status, code) = refused(&house, "POST", path, body).await;
        assert_eq!((status, code.as_str()), expected, "{path} {body}");
    }
    // A documented request sees a wallet of another asset, and says so in its way.
    let answer = house.send("POST", "/resupplies", r#"{"walletId":2,"amount":1}"#, None).await;
    assert_eq!((answer.status, answer.text.as_str()), (400, r#"{"detail":"Wallet 2 holds EUR."}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_answer_with_balances_and_a_rehearsal_moves_nothing() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    let body =
        r#"{"source":1,"target":2,"amount":"4","currency":"UNIT","reference":"r","metadata":{"k":"v"}}"#;
    let rehearsal = body.replace("\"reference\"", "\"dry_run\":true,\"reference\"");
    let answer = house.send("POST", "/v1/wallet-transfers", &rehearsal, Some("k")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("rehearsed")));
    assert_eq!(answer.json()["source"]["balance"]["posted"], "6.00000000");
    assert_eq!(posted(&house, 1).await, "10.00000000");
    let first = house.send("POST", "/v1/wallet-transfers", body, Some("k")).await;
    let again = house.send("POST", "/v1/wallet-transfers", body, Some("k")).await;
    assert_eq!((first.status, &first.text), (201, &again.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let told = first.json();
    assert_eq!(
        (&told["type"], &told["target"]["wallet"], &told["target"]["balance"]["available"]),
        (&json!("transfer"), &json!(2), &json!("4.00000000"))
    );
    let entry = house.ok("GET", &format!("/v1/entries/{}", told["id"].as_str().unwrap()), "").await;
    assert_eq!((&entry["reference"], &entry["metadata"]), (&json!("r"), &json!({"k": "v"})));
    house.ok("POST", "/v1/wallets/1/withdrawals", r#"{"amount":"6","currency":"UNIT"}"#).await;
    assert_eq!(posted(&house, 1).await, "0.00000000");
    let trial = house.ok("GET", "/v1/accounts/funding:wallets/balances", "").await;
    assert_eq!(trial["data"][0]["posted"], "4.00000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_reserve_and_captures_move() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    let hold =
        house.ok("POST", "/v1/wallets/1/holds", r#"{"amount":"6","currency":"UNIT","target":2}"#).await;
    assert_eq!(
        (&hold["type"], &hold["source"]["balance"]["available"]),
        (&json!("hold"), &json!("4.00000000"))
    );
    let path = format!("/v1/wallet-holds/{}", hold["id"].as_str().unwrap());
    let (status, code) =
        refused(&house, "POST", "/v1/wallets/1/withdrawals", r#"{"amount":"5","currency":"UNIT"}"#).await;
    assert_eq!((status, code.as_str()), (422, "insufficient-funds"));
    let capture = house.ok("POST", &format!("{path}/captures"), r#"{"amount":"2"}"#).await;
    assert_eq!(
        (&capture["type"], &capture["amount"], &capture["target"]["balance"]["posted"]),
        (&json!("capture"), &json!("2.00000000"), &json!("2.00000000"))
    );
    let void = house.ok("POST", &format!("{path}/voids"), r#"{"amount":"1"}"#).await;
    assert_eq!(
        (&void["type"], &void["source"]["balance"]["available"]),
        (&json!("release"), &json!("5.00000000"))
    );
    let rest = house.ok("POST", &format!("{path}/captures"), "").await;
    assert_eq!(
        (&rest["amount"], &rest["source"]["balance"]["posted"]),
        (&json!("3.00000000"), &json!("5.00000000"))
    );
    assert_eq!(
        refused(&house, "POST", &format!("{path}/captures"), "{}").await,
        (409, "hold-not-open".into())
    );
    // Without a target, what is captured leaves the house.
    let hold =
        house.ok("POST", "/v1/wallets/1/holds", r#"{"amount":"5","currency":"UNIT","expires_in":60}"#).await;
    let path = format!("/v1/wallet-holds/{}", hold["id"].as_str().unwrap());
    let captured = house.ok("POST", &format!("{path}/captures"), r#"{"amount":"4","final":true}"#).await;
    assert_eq!(
        (&captured["target"], &captured["source"]["balance"]["available"]),
        (&Value::Null, &json!("1.00000000"))
    );
    for odd in ["/v1/wallet-holds/hold_0000000000000000000000000/captures", "/v1/wallet-holds/x/voids"] {
        assert_eq!(refused(&house, "POST", odd, "{}").await, (404, "wallet-hold-not-found".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_moves_row_and_account_together() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    let frozen = house.ok("POST", "/v1/wallets/1/freezes", r#"{"reason":"lost"}"#).await;
    assert_eq!((&frozen["status"], &frozen["reason"]), (&json!("frozen"), &json!("lost")));
    let account = house.ok("GET", "/v1/accounts/wallets:1", "").await;
    assert_eq!((&account["status"], &account["frozen"]), (&json!("frozen"), &json!("both")));
    assert_eq!(
        refused(&house, "POST", "/v1/wallets/1/freezes", r#"{"reason":"x"}"#).await,
        (409, "wallet-state".into())
    );
    let answer =
        house.send("POST", "/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":1}"#, None).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (400, r#"{"detail":"The account is frozen for debits."}"#)
    );
    assert_eq!(house.ok("POST", "/v1/wallets/1/thaws", r#"{"reason":"found"}"#).await["status"], "open");
    assert_eq!(
        refused(&house, "POST", "/v1/wallets/1/closures", r#"{"reason":"x"}"#).await.1,
        "account-not-empty"
    );
    assert_eq!(house.ok("GET", "/v1/wallets/1", "").await["status"], "open");
    assert_eq!(house.ok("POST", "/v1/wallets/2/closures", r#"{"reason":"left"}"#).await["status"], "closed");
    for (path, code) in [("freezes", "wallet-state"), ("thaws", "wallet-state"), ("closures", "wallet-state")]
    {
        assert_eq!(
            refused(&house, "POST", &format!("/v1/wallets/2/{path}"), r#"{"reason":"x"}"#).await.1,
            code
        );
    }
    assert_eq!(refused(&house, "POST", "/v1/wallets/1/freezes", "{}").await.0, 422);
    let house = house.restart();
    assert_eq!(house.ok("GET", "/v1/wallets/2", "").await["status"], "closed");
    assert_eq!(
        refused(&house, "POST", "/v1/wallets/2/top-ups", r#"{"amount":"1","currency":"UNIT"}"#).await.1,
        "account-closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_filtered_paged_and_equals_the_balance() {
    let house = House::new();
    house.clients(&["100", "0"]).await;
    for amount in 1..=20 {
        house.clock.advance_us(1_000_000);
        let (from, to) = if amount % 4 == 0 { (2, 1) } else { (1, 2) };
        let body = format!(r#"{{"walletFromId":{from},"walletToId":{to},"amount":{amount}.5}}"#);
        let answer = house.send("POST", "/transfers", &body, None).await;
        assert!(answer.status == 201 || answer.status == 400, "{}", answer.text);
    }
    house.ok("POST", "/v1/wallets/1/withdrawals", r#"{"amount":"1","currency":"UNIT"}"#).await;
    house.ok("POST", "/v1/wallets/1/holds", r#"{"amount":"2","currency":"UNIT"}"#).await;
    let whole = house.ok("GET", "/v1/wallets/1/history?limit=500", "").await;
    let rows = whole["data"].as_array().unwrap();
    // C5: what came less what went, holds aside, is the balance, and every line says the balance after it.
    let minor = |text: &Value| text.as_str().unwrap().replace('.', "").parse::<i128>().unwrap();
    let mut balance = 0;
    for row in rows.iter().rev() {
        let signed = if row["direction"] == "in" { minor(&row["amount"]) } else { -minor(&row["amount"]) };
        balance += if row["type"] == "hold" { 0 } else { signed };
        assert_eq!(minor(&row["balance"]["posted"]), balance, "{row}");
    }
    let seen = house.ok("GET", "/v1/wallets/1", "").await;
    assert_eq!(minor(&seen["balance"]["posted"]), balance);
    // Pages of one are the whole, filtered or not.
    for filter in ["", "&kind=transfer", "&direction=in", "&min=5&max=9", "&kind=top-up", "&kind=hold"] {
        let expected = house.ok("GET", &format!("/v1/wallets/1/history?limit=500{filter}"), "").await;
        let expected = expected["data"].as_array().unwrap().clone();
        assert!(!expected.is_empty(), "{filter}");
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = house.ok("GET", &format!("/v1/wallets/1/history?limit=1{filter}{cursor}"), "").await;
            found.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, expected, "{filter}");
    }
    let from = rows[5]["recorded_at"].as_str().unwrap();
    let to = rows[2]["recorded_at"].as_str().unwrap();
    let some = house.ok("GET", &format!("/v1/wallets/1/history?from={from}&to={to}"), "").await;
    assert_eq!(some["data"].as_array().unwrap(), &rows[3..=5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_come_as_json_csv_and_a_page() {
    let house = House::new();
    house.clients(&["10"]).await;
    house.clock.advance_us(5_000_000);
    let odd = r#"{"amount":"2.5","currency":"UNIT","reference":"=1+1","description":"<script>alert('x')</script>"}"#;
    let line = house.ok("POST", "/v1/wallets/1/withdrawals", odd).await;
    house.clock.advance_us(5_000_000);
    let at = line["recorded_at"].as_str().unwrap();
    let json = house.ok("GET", &format!("/v1/wallets/1/statement?from={at}"), "").await;
    assert_eq!(
        (&json["opening"]["posted"], &json["closing"]["posted"]),
        (&json!("10.00000000"), &json!("7.50000000"))
    );
    assert_eq!(json["data"].as_array().unwrap().len(), 1);
    let whole = house.ok("GET", "/v1/wallets/1/statement?limit=1", "").await;
    let next = whole["next_cursor"].as_str().unwrap();
    let rest = house.ok("GET", &format!("/v1/wallets/1/statement?limit=1&cursor={next}"), "").await;
    assert_eq!(
        (&rest["data"][0]["type"], &rest["next_cursor"], &rest["to"]),
        (&json!("withdrawal"), &Value::Null, &whole["to"])
    );
    let csv = house.send("GET", "/v1/wallets/1/statement?format=csv", "", None).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].ends_with(",top-up,in,10.00000000,UNIT,10.00000000,,,"), "{}", lines[1]);
    assert!(lines[2].contains(",withdrawal,out,2.50000000,UNIT,7.50000000,,'=1+1,"), "{}", lines[2]);
    let page = house.send("GET", "/v1/wallets/1/statement?format=html", "", None).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(page.text.contains("&lt;script&gt;alert(&#39;x&#39;)") && !page.text.contains("<script"));
    assert!(!page.text.contains("http://") && !page.text.contains("src="));
    assert!(page.text.contains("Closing balance<td class=\"n\">7.50000000"), "{}", page.text);
}
