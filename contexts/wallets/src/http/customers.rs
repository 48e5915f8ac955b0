//! Customers: make, read, list, change.

use super::parse::{Canonical, MAX_CUSTOMER, MAX_NAME, name, name_change};
use super::problem::Failure;
use super::views::{self, list_end, list_start};
use super::{READS, WRITES, open_cursor};
use crate::refusal as slug;
use crate::{NewCustomer, Wallets};
use axum::extract::State;
use kernel::{Cursor, Id};
use ledger::http::body;
use platform_http::{Answer, Body, By, Doc, Key, Parameter, Payload, Query, Routes, Segment};

const CURSOR: u64 = 101;
const CUSTOMER: Parameter = Parameter { name: "customer", about: "The customer's id.", kind: "string" };

pub(super) fn routes(routes: Routes<Wallets>) -> Routes<Wallets> {
    routes
        .post("/v1/customers", WRITES, customer_create, Doc {
            name: "customer_create",
            summary: "Make a customer",
            detail: "The id is the operator's own and opaque; without one a number is drawn. Own ids are no plain numbers.",
            body: Some(Body { schema: "CustomerCreate", example: r#"{"id":"c-77","login":"ivan","name":"Ivan Ivanov"}"#, lines: false }),
            ok: (201, "Customer"),
            problems: const { &[&slug::CUSTOMER_EXISTS, &slug::LOGIN_EXISTS] },
            ..Doc::NONE
        })
        .list("/v1/customers", READS, customer_list, Doc {
            name: "customer_list",
            summary: "List customers, newest first",
            query: &[Parameter { name: "login", about: "Only the one with this login.", kind: "string" }],
            ok: (200, "CustomerList"),
            ..Doc::NONE
        })
        .get("/v1/customers/{customer}", READS, customer_read, Doc {
            name: "customer_read",
            summary: "Read a customer",
            path: &[CUSTOMER],
            ok: (200, "Customer"),
            problems: const { &[&slug::CUSTOMER_NOT_FOUND] },
            ..Doc::NONE
        })
        .patch("/v1/customers/{customer}", WRITES, customer_change, Doc {
            name: "customer_change",
            summary: "Change a customer's login or name",
            path: &[CUSTOMER],
            body: Some(Body { schema: "CustomerChange", example: r#"{"name":"Ivan I."}"#, lines: false }),
            ok: (200, "Customer"),
            problems: const { &[&slug::CUSTOMER_NOT_FOUND, &slug::LOGIN_EXISTS] },
            ..Doc::NONE
        })
}

fn own_id(text: &str) -> Result<String, &'static str> {
    let spaced = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if text.is_empty() || spaced || text.chars().any(char::is_control) {
        return Err("must be printable characters, with no space at either end");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must not be a plain number: those are drawn for customers without an id of their own");
    }
    Ok(text.to_owned())
}

async fn customer_create(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    payload: Payload,
) -> Result<Answer, Failure> {
    let new = body(&payload, |object| {
        let customer = object.optional_parsed("id", MAX_CUSTOMER, own_id);
        Some(NewCustomer { customer, login: name(object, "login"), name: name(object, "name") })
    })?;
    let command = Canonical::new("customer-create", key)
        .maybe("id", new.customer.as_deref())
        .maybe("login", new.login.as_deref())
        .maybe("name", new.name.as_deref())
        .done();
    let answered = wallets.make_customer(&by, &new, &command, views::customer).await?;
    Ok(Answer::created(answered.answer).replayed(answered.replayed))
}

async fn customer_list(State(wallets): State<Wallets>, By(by): By, query: Query) -> Result<Answer, Failure> {
    let (limit, cursor) = (query.limit(), query.cursor());
    let login = query.text("login", MAX_NAME).map(str::to_owned);
    let cursor = open_cursor::<2>(&query, cursor, CURSOR);
    query.into_result()?;
    let before = cursor.map(|[high, low]| Id(u128::from(high) << 64 | u128::from(low)));
    let mut rows = wallets.customers(&by.tenant, login, before, limit.get() + 1).await?;
    let more = rows.len() > limit.get();
    rows.truncate(limit.get());
    let place = |id: Id| [(id.0 >> 64) as u64, id.0 as u64];
    let next = rows.last().filter(|_| more).map(|last| Cursor::new(CURSOR, &place(last.id)));
    let mut json = list_start();
    for row in &rows {
        json.next();
        views::customer_in(&mut json, row);
    }
    Ok(list_end(json, next))
}

async fn customer_read(
    State(wallets): State<Wallets>,
    By(by): By,
    Segment(id): Segment,
) -> Result<Answer, Failure> {
    Ok(Answer::ok(views::customer(&wallets.customer(&by.tenant, &id).await?)))
}

async fn customer_change(
    State(wallets): State<Wallets>,
    By(by): By,
    Key(key): Key,
    Segment(id): Segment,
    payload: Payload,
) -> Result<Answer, Failure> {
    let change = body(&payload, |object| Some((name_change(object, "login"), name_change(object, "name"))))?;
    // A name that is taken away is told from one that stays by its being there at all.
    let told = |change: &Option<Option<String>>| change.clone().map(|value| format!("{value:?}"));
    let command = Canonical::new("customer-change", key)
        .with("customer", &id)
        .maybe("login", told(&change.0))
        .maybe("name", told(&change.1))
        .done();
    let answered = wallets.change_customer(&by, &id, &change, &command, views::customer).await?;
    Ok(Answer::ok(answered.answer).replayed(answered.replayed))
}
