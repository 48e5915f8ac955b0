//! `concord admin keys`: makes, lists and revokes keys on the files themselves, beside a live server or without one.
//! `concord admin clock`: tells a server that its clock is right.

use crate::cli::KeysCommand;
use crate::client::Client;
use crate::config::{Config, Environment};
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::wiring::{self, World};
use identity::{ApiKey, Keys, NewKey, Standing};
use kernel::id::prefix::API_KEY;
use kernel::{Cursor, Id, Limit, Tenant, Timestamp};
use serde_json::json;

/// Tells a server that its clock is right.
pub async fn confirm_clock(
    server: &str,
    reason: &str,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let client = Client::try_new(server, environment)?;
    let body = json!({ "reason": reason }).to_string();
    let json = client.post("/v1/clock-confirmations", &body).await?;
    let at = json["confirmed_at"].as_str().unwrap_or_default();
    output.answer(Printed { text: format!("confirmed; the server's time is {at}\n"), json })
}

/// Runs a command on keys.
pub async fn keys(command: KeysCommand, config: &Config, output: Output) -> Result<(), Failure> {
    let world = World::real();
    match command {
        KeysCommand::Create { name, scopes, tenant, expires_at } => {
            let expires_at = expires_at.map(|text| Timestamp::parse(&text)).transpose();
            let expires_at = expires_at.map_err(|why| Failure::flag("--expires-at")(&why))?;
            let wanted = NewKey { tenant: tenant_of(&tenant)?, name, scopes, expires_at };
            let keys = wiring::open_keys(&DataDir::make(&config.data.dir)?, &world)?;
            create(&keys, wanted, output).await
        }
        KeysCommand::List { tenant, limit, cursor } => {
            let limit = Limit::try_new(limit).map_err(|why| Failure::flag("--limit")(&why))?;
            let cursor = cursor.map(|text| Cursor::parse(&text)).transpose();
            let cursor = cursor.map_err(|why| Failure::flag("--cursor")(&why))?;
            let tenant = tenant_of(&tenant)?;
            let keys = wiring::open_keys(&DataDir::find(&config.data.dir)?, &world)?;
            list(&keys, &tenant, cursor, limit, world.clock.now(), output).await
        }
        KeysCommand::Revoke { key, tenant } => {
            let id = Id::parse(&key, API_KEY).map_err(|why| Failure::flag("KEY")(&why))?;
            let tenant = tenant_of(&tenant)?;
            let keys = wiring::open_keys(&DataDir::find(&config.data.dir)?, &world)?;
            let revoked = keys.revoke(&tenant, id).await?;
            let text = format!("revoked {} ({:?})\n", revoked.id.show(API_KEY), revoked.name);
            output.answer(Printed { text, json: view(&revoked) })
        }
    }
}

async fn create(keys: &Keys, wanted: NewKey, output: Output) -> Result<(), Failure> {
    let made = keys.create(wanted).await?;
    if !output.json {
        output.aside(&format!(
            "made {} ({:?}) of tenant {} with {}; its text is shown this once:",
            made.key.id.show(API_KEY),
            made.key.name,
            made.key.tenant.as_str(),
            made.key.scopes.names().collect::<Vec<_>>().join(", "),
        ));
    }
    let mut json = view(&made.key);
    json["secret"] = json!(made.text.reveal());
    output.answer(Printed { text: format!("{}\n", made.text.reveal()), json })
}

async fn list(
    keys: &Keys,
    tenant: &Tenant,
    cursor: Option<Cursor>,
    limit: Limit,
    now: Timestamp,
    output: Output,
) -> Result<(), Failure> {
    let page = keys.list(tenant, cursor, limit).await?;
    let next = page.next.map(|cursor| cursor.show());
    let mut text = String::new();
    for key in &page.data {
        let scopes = key.scopes.names().collect::<Vec<_>>().join(",");
        text.push_str(&format!(
            "{}  …{}  {:.19}Z  {:<8} {}  {}\n",
            key.id.show(API_KEY),
            key.last_four,
            key.created_at.to_string(),
            state(key, now),
            scopes,
            key.name
        ));
    }
    if page.data.is_empty() {
        output.aside(&format!("tenant {} has no keys", tenant.as_str()));
    }
    if let (Some(next), false) = (&next, output.json) {
        output.aside(&format!("there are more: --cursor {next}"));
    }
    let data: Vec<_> = page.data.iter().map(view).collect();
    output.answer(Printed { text, json: json!({"data": data, "next_cursor": next}) })
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match key.standing {
        Standing::Revoked { .. } => "revoked",
        Standing::Active if key.expires_at.is_some_and(|end| end <= now) => "expired",
        Standing::Active => "active",
    }
}

fn view(key: &ApiKey) -> serde_json::Value {
    let revoked_at = match key.standing {
        Standing::Active => None,
        Standing::Revoked { at } => Some(at.to_string()),
    };
    json!({
        "id": key.id.show(API_KEY),
        "tenant": key.tenant.as_str(),
        "name": key.name,
        "scopes": key.scopes.names().collect::<Vec<_>>(),
        "last_four": key.last_four,
        "created_at": key.created_at.to_string(),
        "expires_at": key.expires_at.map(|end| end.to_string()),
        "revoked_at": revoked_at,
    })
}

fn tenant_of(name: &str) -> Result<Tenant, Failure> {
    Tenant::parse(name).map_err(|why| Failure::flag("--tenant")(&why))
}
