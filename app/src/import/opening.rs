//! What a book needs before a file's entries can be posted: its assets and accounts, made where they are missing.

use super::draft::Known;
use super::survey::Survey;
use super::told;
use crate::output::Failure;
use kernel::{Asset, AssetCode, Caller, Tenant};
use ledger::accounts::model::{AccountKind, AccountRef, OpenAccount, Text};
use ledger::books::model::{BookNo, RegisterAsset, preloaded};
use ledger::command::{Command, Manner, Request};
use ledger::effect::Outcome;
use ledger::{BatchRequest, Ledger};
use std::collections::HashMap;

/// Commands of a batch: enough to be quick, few enough to be forgotten soon.
pub const BATCH: usize = 4_096;

/// The assets of a book, or those that it will open with.
pub fn assets(ledger: &Ledger, tenant: &Tenant) -> HashMap<AssetCode, u8> {
    let assets = ledger.reading.book(tenant).map_or_else(preloaded, |book| ledger.reading.assets(book));
    assets.into_iter().map(|asset| (asset.code, asset.scale)).collect()
}

/// Registers assets and opens accounts that are missing.
pub async fn open(
    ledger: &Ledger,
    tenant: &Tenant,
    known: &mut Known,
    survey: &Survey,
    default: AccountKind,
) -> Result<(), Failure> {
    let book = ledger.book(tenant).await.map_err(told)?;
    let mut missing: Vec<(AssetCode, u8)> =
        survey.scales.iter().map(|(code, scale)| (*code, *scale)).collect();
    missing.retain(|(code, _)| !known.assets.contains_key(code));
    missing.sort();
    let assets = missing.iter().map(|&(code, scale)| {
        Command::RegisterAsset(RegisterAsset { asset: Asset { code, scale }, name: None })
    });
    run(ledger, tenant, book, assets.collect()).await?;
    known.assets.extend(missing);
    let mut paths: Vec<&String> = survey.accounts.iter().collect();
    paths.retain(|path| ledger.reading.find(book, &AccountRef::Path(path.as_str().into())).is_none());
    paths.sort();
    for paths in paths.chunks(BATCH) {
        let accounts = paths.iter().map(|path| {
            Command::OpenAccount(OpenAccount {
                path: path.as_str().into(),
                kind: kind_of(path, survey, default),
                assets: None,
                limits: Vec::new(),
                text: Text::default(),
                by_pattern: false,
            })
        });
        run(ledger, tenant, book, accounts.collect()).await?;
    }
    Ok(())
}

async fn run(ledger: &Ledger, tenant: &Tenant, book: BookNo, commands: Vec<Command>) -> Result<(), Failure> {
    if commands.is_empty() {
        return Ok(());
    }
    let requests: Vec<Request> =
        commands.into_iter().map(|command| ledger.request(None, None, command)).collect();
    let batch = BatchRequest {
        atomic: true,
        commands: requests.into_iter().map(Ok).collect(),
        key: None,
        manner: Manner::default(),
    };
    let answer = ledger.run_batch(&Caller::house(tenant.clone()), book, batch).await.map_err(told)?;
    let refused = answer.outcomes.into_iter().find_map(|outcome| match outcome {
        Outcome::Refused(problem) => Some(problem),
        Outcome::Done { .. } | Outcome::Replayed { .. } | Outcome::WouldDo => None,
    });
    match refused {
        Some(problem) => {
            Err(Failure::Refused(format!("accounts or assets cannot be made: {}", problem.detail)))
        }
        None => Ok(()),
    }
}

/// An account's type: what the file says of it or of one above it, else what its first name says, else the
/// default.
fn kind_of(path: &str, survey: &Survey, default: AccountKind) -> AccountKind {
    let mut above = path;
    loop {
        if let Some(kind) = survey.kinds.get(above) {
            return *kind;
        }
        match above.rsplit_once(':') {
            Some((parent, _)) => above = parent,
            None => break,
        }
    }
    match above.to_ascii_lowercase().as_str() {
        "asset" | "assets" => AccountKind::Asset,
        "liability" | "liabilities" | "debt" | "debts" => AccountKind::Liability,
        "equity" => AccountKind::Equity,
        "income" | "incomes" | "revenue" | "revenues" => AccountKind::Income,
        "expense" | "expenses" => AccountKind::Expense,
        _ => default,
    }
}
