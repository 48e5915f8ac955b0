//! Whether the rows that repeat what the books say say the same: wallets and their accounts, counts of limits and
//! what left. For a house at rest; a finding is a sentence that names the place.

use crate::commands::limits::walk;
use crate::model::{PeriodKind, Place, Wallet};
use crate::{Error, Wallets, postings, rules, store};
use kernel::{AssetCode, Tenant, Timestamp};
use ledger::Ledger;
use ledger::accounts::model::{AccountKind, AccountRef, Limits};
use ledger::books::model::BookNo;
use ledger::reading::{AccountFilter, When};
use std::collections::BTreeSet;

/// Rows that are read at once.
const AT_ONCE: usize = 1_000;

/// Everything that is wrong.
pub async fn verify(wallets: &Wallets) -> Result<Vec<String>, Error> {
    let ledger = wallets.ledger();
    let mut findings = Vec::new();
    let mut tenants = BTreeSet::from([Tenant::default()]);
    let mut after = (String::new(), 0);
    loop {
        let (tenant, no) = after.clone();
        let rows: Result<_, Error> =
            wallets.store.read(move |reader| Ok(store::wallet_all(reader, (&tenant, no), AT_ONCE)?)).await;
        let rows = rows?;
        let Some((tenant, wallet)) = rows.last() else { break };
        after = (tenant.as_str().to_owned(), wallet.no.0);
        for (tenant, wallet) in rows {
            let counts = {
                let (own, no) = (tenant.clone(), wallet.no);
                wallets.store.read(move |reader| Ok::<_, Error>(store::usage_list(reader, &own, no)?)).await?
            };
            tenants.insert(tenant.clone());
            for finding in wallet_findings(ledger, &tenant, &wallet, &counts).await? {
                findings.push(format!("tenant {}, wallet {}: {finding}", tenant.as_str(), wallet.no.0));
            }
        }
    }
    for tenant in tenants {
        if let Some(book) = ledger.reading.book(&tenant) {
            findings.extend(strange_accounts(wallets, &tenant, book).await?);
        }
    }
    Ok(findings)
}

async fn wallet_findings(
    ledger: &Ledger,
    tenant: &Tenant,
    wallet: &Wallet,
    counts: &[(PeriodKind, Timestamp, i64)],
) -> Result<Vec<String>, Error> {
    let Some(book) = ledger.reading.book(tenant) else { return Ok(vec!["there is no book".to_owned()]) };
    let path = AccountRef::Path(postings::path(wallet.no).into());
    let Some(account) = ledger.reading.find(book, &path) else {
        return Ok(vec!["it has no account".to_owned()]);
    };
    let code = AssetCode::parse(&wallet.asset).ok();
    let Some((asset, _)) = code.and_then(|code| ledger.reading.asset_no(book, code)) else {
        return Ok(vec![format!("its asset {} is not registered", wallet.asset)]);
    };
    let mut findings = Vec::new();
    let seen = ledger.reading.account(account)?;
    if seen.kind != AccountKind::Liability {
        findings.push(format!("its account is of type {}", seen.kind.as_str()));
    }
    if seen.settings.assets.as_deref() != Some(&[asset]) {
        findings.push(format!("its account does not hold {} alone", wallet.asset));
    }
    let floor = Limits { floor: Some(0), ceiling: None };
    if !seen.settings.limits.contains(&(asset, floor)) {
        findings.push("its account has another floor than zero".to_owned());
    }
    if seen.status() != wallet.state.as_str() {
        findings.push(format!("it is {} and its account {}", wallet.state.as_str(), seen.status()));
    }
    let place = Place { no: wallet.no, account, asset, settings_at: 0 };
    findings.extend(count_findings(ledger, book, place, counts).await?);
    Ok(findings)
}

/// Compares every count with what left in its period.
async fn count_findings(
    ledger: &Ledger,
    book: BookNo,
    place: Place,
    counts: &[(PeriodKind, Timestamp, i64)],
) -> Result<Vec<String>, Error> {
    let Some(oldest) = counts.iter().map(|(_, start, _)| *start).min() else { return Ok(Vec::new()) };
    let bound = ledger.reading.bound(book, When::Now).await?;
    let left = walk(&ledger.reading, place, bound, (oldest, 0))?;
    let mut findings = Vec::new();
    for (kind, start, used) in counts {
        let period = rules::period(*kind, *start);
        let inside = left.iter().filter(|(at, _)| period.start <= *at && *at < period.end);
        let sum: i128 = inside.map(|(_, amount)| amount).sum();
        if period.start != *start {
            findings.push(format!("a count of a {} begins at {start}", kind.as_str()));
        } else if sum != i128::from(*used) {
            let what = kind.as_str();
            findings.push(format!(
                "the count of the {what} from {start} says {used} and the books {sum}: entries posted past \
                 the wallets are not counted"
            ));
        }
    }
    Ok(findings)
}

/// Accounts with the path of a wallet that no wallet has.
async fn strange_accounts(wallets: &Wallets, tenant: &Tenant, book: BookNo) -> Result<Vec<String>, Error> {
    let (ledger, mut findings, mut cursor) = (wallets.ledger(), Vec::new(), None);
    let filter = AccountFilter { prefix: Some(postings::WALLETS.to_owned()), ..AccountFilter::default() };
    loop {
        let (accounts, next) = ledger.reading.accounts(book, &filter, AT_ONCE, cursor)?;
        for account in accounts {
            let known = match postings::wallet_of(&account.name.path) {
                Some(no) => {
                    let own = tenant.clone();
                    let found: Result<_, Error> =
                        wallets.store.read(move |reader| Ok(store::wallet_find(reader, &own, no)?)).await;
                    found?.is_some()
                }
                None => false,
            };
            if !known {
                let path = &account.name.path;
                findings.push(format!("tenant {}: the account {path} is no wallet's", tenant.as_str()));
            }
        }
        cursor = next;
        if cursor.is_none() {
            return Ok(findings);
        }
    }
}
