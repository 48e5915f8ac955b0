//! The source system's requests, answers and errors, byte by byte.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod rig;

use rig::{Answer, House};

/// The text of an answer with its transaction's number taken out.
fn told(answer: &Answer) -> String {
    let Some(at) = answer.text.find("\"transactionNumber\":\"") else { return answer.text.clone() };
    let at = at + "\"transactionNumber\":\"".len();
    let uuid = &answer.text[at..at + 36];
    assert!(uuid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{}", answer.text);
    answer.text.replace(uuid, "…")
}

async fn check(house: &House, rows: &[(&str, &str, u16, &str)]) {
    for (path, body, status, expected) in rows {
        let answer = house.send("POST", path, body, None).await;
        assert_eq!((answer.status, told(&answer).as_str()), (*status, *expected), "{path} {body}");
        assert_eq!(answer.headers["content-type"], "application/json", "{path} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_as_documented() {
    let house = House::new();
    check(&house, &[
        ("/clients", r#"{"login":"login","name":"name"}"#, 201, r#"{"login":"login","name":"name","id":1,"walletId":1}"#),
        ("/clients", r#"{"login":"other","name":"Ö \" x"}"#, 201, r#"{"login":"other","name":"Ö \" x","id":2,"walletId":2}"#),
        ("/resupplies", r#"{"walletId":1,"amount":123.123}"#, 201, r#"{"walletId":1,"amount":123.123,"transactionNumber":"…","walletBalance":123.123}"#),
        ("/resupplies", r#"{"wallet_id":"1","amount":"0.00000001"}"#, 201, r#"{"walletId":1,"amount":0.00000001,"transactionNumber":"…","walletBalance":123.12300001}"#),
        ("/resupplies", r#"{"walletId":1,"amount":1e2}"#, 201, r#"{"walletId":1,"amount":100,"transactionNumber":"…","walletBalance":223.12300001}"#),
        ("/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":23.12300001}"#, 201, r#"{"walletFromId":1,"walletToId":2,"amount":23.12300001,"transactionNumber":"…","walletFromBalance":200,"walletToBalance":23.12300001}"#),
        ("/transfers", r#"{"wallet_from_id":1,"wallet_to_id":2,"amount":"5.50"}"#, 201, r#"{"walletFromId":1,"walletToId":2,"amount":5.5,"transactionNumber":"…","walletFromBalance":194.5,"walletToBalance":28.62300001}"#),
        // The README's misprint.
        ("/resupplies", r#"{"walletFromId":2,"walletToId":1,"amount":28.62300001}"#, 201, r#"{"walletFromId":2,"walletToId":1,"amount":28.62300001,"transactionNumber":"…","walletFromBalance":0,"walletToBalance":223.12300001}"#),
    ]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_in_documented_words_and_order() {
    let house = House::new();
    house.clients(&["10", "0"]).await;
    check(&house, &[
        ("/clients", r#"{"login":"login0","name":"x"}"#, 400, r#"{"detail":"Client login already exists"}"#),
        ("/resupplies", r#"{"walletId":3,"amount":1}"#, 400, r#"{"detail":"Wallet id 3 not found"}"#),
        ("/resupplies", r#"{"walletId":-3,"amount":1}"#, 400, r#"{"detail":"Wallet id -3 not found"}"#),
        ("/resupplies", r#"{"walletId":99999999999999999999,"amount":1}"#, 400, r#"{"detail":"Wallet id 99999999999999999999 not found"}"#),
        ("/transfers", r#"{"walletFromId":8,"walletToId":9,"amount":1}"#, 400, r#"{"detail":"Wallet id 8 not found"}"#),
        ("/transfers", r#"{"walletFromId":1,"walletToId":9,"amount":11}"#, 400, r#"{"detail":"There are not enough balance in wallet id 1"}"#),
        ("/transfers", r#"{"walletFromId":1,"walletToId":9,"amount":10}"#, 400, r#"{"detail":"Wallet id 9 not found"}"#),
        ("/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":10.00000001}"#, 400, r#"{"detail":"There are not enough balance in wallet id 1"}"#),
        ("/transfers", "{", 400, r#"{"detail":"There was an error parsing the body"}"#),
        // Nothing of it is left.
        ("/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":10}"#, 201, r#"{"walletFromId":1,"walletToId":2,"amount":10,"transactionNumber":"…","walletFromBalance":0,"walletToBalance":10}"#),
    ]).await;
}

fn missing(field: &str) -> String {
    format!(r#"{{"loc":["body","{field}"],"msg":"field required","type":"value_error.missing"}}"#)
}

fn null(field: &str) -> String {
    format!(
        r#"{{"loc":["body","{field}"],"msg":"none is not an allowed value","type":"type_error.none.not_allowed"}}"#
    )
}

fn short(field: &str) -> String {
    format!(
        r#"{{"loc":["body","{field}"],"msg":"ensure this value has at least 1 characters","type":"value_error.any_str.min_length","ctx":{{"limit_value":1}}}}"#
    )
}

fn long(field: &str) -> String {
    format!(
        r#"{{"loc":["body","{field}"],"msg":"ensure this value has at most 256 characters","type":"value_error.any_str.max_length","ctx":{{"limit_value":256}}}}"#
    )
}

fn not_integer(field: &str) -> String {
    format!(
        r#"{{"loc":["body","{field}"],"msg":"value is not a valid integer","type":"type_error.integer"}}"#
    )
}

const NOT_POSITIVE: &str = r#"{"loc":["body","amount"],"msg":"ensure this value is greater than 0","type":"value_error.number.not_gt","ctx":{"limit_value":0}}"#;
const NOT_DECIMAL: &str =
    r#"{"loc":["body","amount"],"msg":"value is not a valid decimal","type":"type_error.decimal"}"#;
const NOT_FINITE: &str = r#"{"loc":["body","amount"],"msg":"value is not a valid decimal","type":"value_error.decimal.not_finite"}"#;
const TOO_FINE: &str = r#"{"loc":["body","amount"],"msg":"ensure that there are no more than 8 decimal places","type":"value_error.decimal.max_places","ctx":{"decimal_places":8}}"#;
const TOO_LARGE: &str = r#"{"loc":["body","amount"],"msg":"ensure that there are no more than 28 digits before the decimal point","type":"value_error.decimal.whole_digits","ctx":{"whole_digits":28}}"#;
const SAME: &str = r#"{"loc":["body","__root__"],"msg":"wallets must be different","type":"value_error"}"#;
const NO_BODY: &str = r#"{"loc":["body"],"msg":"field required","type":"value_error.missing"}"#;
const NO_DICT: &str = r#"{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}"#;
const TWICE: &str = r#"{"loc":["body","__root__"],"msg":"fields must stand once","type":"value_error"}"#;

async fn faults(house: &House, path: &str, body: &str, expected: &[String]) {
    let answer = house.send("POST", path, body, None).await;
    let expected = format!(r#"{{"detail":[{}]}}"#, expected.join(","));
    assert_eq!((answer.status, answer.text.as_str()), (422, expected.as_str()), "{path} {body}");
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_clients() {
    let house = House::new();
    let (login, name) = ("login", "name");
    let longer = "x".repeat(257);
    let too_long = format!(r#"{{"login":"{longer}","name":"{longer}"}}"#);
    for (body, expected) in [
        ("{}", vec![missing(login), missing(name)]),
        (r#"{"login":"a"}"#, vec![missing(name)]),
        (r#"{"name":"a"}"#, vec![missing(login)]),
        (r#"{"login":null,"name":null}"#, vec![null(login), null(name)]),
        (r#"{"login":"","name":""}"#, vec![short(login), short(name)]),
        (r#"{"login":"","name":"a"}"#, vec![short(login)]),
        (too_long.as_str(), vec![long(login), long(name)]),
        (
            r#"{"login":["a"],"name":"a"}"#,
            vec![r#"{"loc":["body","login"],"msg":"str type expected","type":"type_error.str"}"#.to_owned()],
        ),
        (r#"{"login":"a","name":"b","login":"c"}"#, vec![TWICE.to_owned()]),
        ("", vec![NO_BODY.to_owned()]),
        ("null", vec![NO_BODY.to_owned()]),
        ("5", vec![NO_DICT.to_owned()]),
        ("\"text\"", vec![NO_DICT.to_owned()]),
        ("[]", vec![missing(login), missing(name)]),
    ] {
        faults(&house, "/clients", body, &expected).await;
    }
    // The longest that may be, in characters and not in bytes; a number becomes a text there.
    let longest = "é".repeat(256);
    house.ok("POST", "/clients", &format!(r#"{{"login":"{longest}","name":"{longest}"}}"#)).await;
    let made = house.ok("POST", "/clients", r#"{"login":17,"name":1.50,"more":true}"#).await;
    assert_eq!((made["login"].as_str(), made["name"].as_str()), (Some("17"), Some("1.50")));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_resupplies() {
    let house = House::new();
    house.clients(&["0"]).await;
    let (wallet, amount) = ("walletId", "amount");
    let one = |text: &str| vec![text.to_owned()];
    for (body, expected) in [
        ("{}", vec![missing(wallet), missing(amount)]),
        (r#"{"walletId":1}"#, vec![missing(amount)]),
        (r#"{"amount":1}"#, vec![missing(wallet)]),
        (r#"{"walletId":null,"amount":null}"#, vec![null(wallet), null(amount)]),
        (r#"{"walletId":"","amount":""}"#, vec![not_integer(wallet), NOT_DECIMAL.to_owned()]),
        (r#"{"walletId":1,"amount":0}"#, one(NOT_POSITIVE)),
        (r#"{"walletId":1,"amount":-1}"#, one(NOT_POSITIVE)),
        (r#"{"walletId":1,"amount":-1e-30}"#, one(NOT_POSITIVE)),
        (r#"{"walletId":1,"amount":"NaN"}"#, one(NOT_FINITE)),
        (r#"{"walletId":1,"amount":NaN}"#, one(NOT_FINITE)),
        (r#"{"walletId":1,"amount":-Infinity}"#, one(NOT_FINITE)),
        (r#"{"walletId":1,"amount":"inf"}"#, one(NOT_FINITE)),
        (r#"{"walletId":1,"amount":true}"#, one(NOT_DECIMAL)),
        (r#"{"walletId":1,"amount":"1,5"}"#, one(NOT_DECIMAL)),
        (r#"{"walletId":1,"amount":0.000000001}"#, one(TOO_FINE)),
        (r#"{"walletId":1,"amount":1e28}"#, one(TOO_LARGE)),
        (r#"{"walletId":1.5,"amount":1}"#, vec![not_integer(wallet)]),
        (r#"{"walletId":true,"amount":1}"#, vec![not_integer(wallet)]),
        (r#"{"walletId":[1],"amount":[1]}"#, vec![not_integer(wallet), NOT_DECIMAL.to_owned()]),
    ] {
        faults(&house, "/resupplies", body, &expected).await;
    }
    let most =
        house.ok("POST", "/resupplies", r#"{"walletId":1,"amount":9999999999999999999999999999.99999999}"#);
    assert!(most.await["transactionNumber"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_transfers() {
    let house = House::new();
    let (from, to, amount) = ("walletFromId", "walletToId", "amount");
    let one = |text: &str| vec![text.to_owned()];
    for (body, expected) in [
        ("{}", vec![missing(from), missing(to), missing(amount)]),
        (r#"{"walletFromId":1,"walletToId":2}"#, vec![missing(amount)]),
        (r#"{"walletToId":2,"amount":1}"#, vec![missing(from)]),
        (r#"{"walletFromId":1,"amount":1}"#, vec![missing(to)]),
        (
            r#"{"walletFromId":null,"walletToId":null,"amount":null}"#,
            vec![null(from), null(to), null(amount)],
        ),
        (
            r#"{"walletFromId":"","walletToId":"","amount":""}"#,
            vec![not_integer(from), not_integer(to), NOT_DECIMAL.to_owned()],
        ),
        (r#"{"walletFromId":1,"walletToId":2,"amount":0}"#, one(NOT_POSITIVE)),
        (r#"{"walletFromId":1,"walletToId":2,"amount":-5}"#, one(NOT_POSITIVE)),
        (r#"{"walletFromId":1,"walletToId":1,"amount":5}"#, one(SAME)),
        (r#"{"walletFromId":1,"walletToId":"1","amount":0}"#, vec![NOT_POSITIVE.to_owned(), SAME.to_owned()]),
    ] {
        for path in ["/transfers", "/resupplies"] {
            if path == "/transfers" || body.contains("walletFromId") {
                faults(&house, path, body, &expected).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_the_first_answer_again_and_no_second_movement() {
    let house = House::new();
    house.clients(&["0", "0"]).await;
    let client = r#"{"login":"keyed","name":"x"}"#;
    let top_up = r#"{"walletId":1,"amount":5}"#;
    let transfer = r#"{"walletFromId":1,"walletToId":2,"amount":2}"#;
    for (path, body, same, other) in [
        ("/clients", client, r#"{"name":"x","login":"keyed"}"#, r#"{"login":"keyed2","name":"x"}"#),
        ("/resupplies", top_up, r#"{"amount":"5.00","wallet_id":1}"#, r#"{"walletId":1,"amount":6}"#),
        (
            "/transfers",
            transfer,
            r#"{"walletFromId":1,"walletToId":2,"amount":2e0}"#,
            r#"{"walletFromId":1,"walletToId":2,"amount":3}"#,
        ),
    ] {
        let first = house.send("POST", path, body, Some(path)).await;
        assert_eq!(first.status, 201, "{}", first.text);
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let again = house.send("POST", path, same, Some(path)).await;
        assert_eq!((again.status, &again.text), (201, &first.text), "{path}");
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let conflict = house.send("POST", path, other, Some(path)).await;
        assert_eq!(conflict.status, 409, "{}", conflict.text);
        assert!(conflict.json()["detail"].is_string());
    }
    let house = house.restart();
    let first = house.send("POST", "/transfers", transfer, Some("/transfers")).await;
    assert_eq!((first.status, first.headers["idempotency-replayed"].to_str().unwrap()), (201, "true"));
    let last = house.ok("POST", "/transfers", r#"{"walletFromId":1,"walletToId":2,"amount":3}"#).await;
    assert_eq!(
        (last["walletFromBalance"].to_string(), last["walletToBalance"].to_string()),
        ("0".into(), "5".into())
    );
}
