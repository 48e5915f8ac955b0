//! Whether the rows that repeat what the books say say the same: wallets and their accounts, counts of limits and
//! what left. For rows and books of one instant; a finding is a sentence that names the place.

use crate::commands::limits::walk;
use crate::model::{PeriodKind, Place, Wallet};
use crate::{Error, Wallets, postings, rules, store};
use kernel::{AssetCode, Tenant, Timestamp};
use ledger::accounts::model::{AccountKind, AccountRef, Limits};
use ledger::books::model::BookNo;
use ledger::reading::{AccountFilter, Reading};
use platform_store::Reader;
use std::collections::BTreeSet;

/// Rows that are read at once.
const AT_ONCE: usize = 1_000;

impl Wallets {
    /// Everything that is wrong; for a house at rest.
    pub async fn verify(&self) -> Result<Vec<String>, Error> {
        let reading = self.ledger.reading.clone();
        self.store.read(move |reader| verify(reader, &reading)).await
    }
}

/// Everything that is wrong with the rows of this file, by these books.
pub fn verify(reader: &Reader<'_>, reading: &Reading) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let mut tenants = BTreeSet::from([Tenant::default()]);
    let mut after = (String::new(), 0);
    loop {
        let rows = store::wallet_all(reader, (&after.0, after.1), AT_ONCE)?;
        let Some((tenant, wallet)) = rows.last() else { break };
        after = (tenant.as_str().to_owned(), wallet.no.0);
        for (tenant, wallet) in rows {
            let counts = store::usage_list(reader, &tenant, wallet.no)?;
            for finding in wallet_findings(reading, &tenant, &wallet, &counts)? {
                findings.push(format!("tenant {}, wallet {}: {finding}", tenant.as_str(), wallet.no.0));
            }
            tenants.insert(tenant);
        }
    }
    for tenant in tenants {
        if let Some(book) = reading.book(&tenant) {
            findings.extend(strange_accounts(reader, reading, &tenant, book)?);
        }
    }
    Ok(findings)
}

fn wallet_findings(
    reading: &Reading,
    tenant: &Tenant,
    wallet: &Wallet,
    counts: &[(PeriodKind, Timestamp, i64)],
) -> Result<Vec<String>, Error> {
    let Some(book) = reading.book(tenant) else { return Ok(vec!["there is no book".to_owned()]) };
    let path = AccountRef::Path(postings::path(wallet.no).into());
    let Some(account) = reading.find(book, &path) else {
        return Ok(vec!["it has no account".to_owned()]);
    };
    let code = AssetCode::parse(&wallet.asset).ok();
    let Some((asset, _)) = code.and_then(|code| reading.asset_no(book, code)) else {
        return Ok(vec![format!("its asset {} is not registered", wallet.asset)]);
    };
    let mut findings = Vec::new();
    let seen = reading.account(account)?;
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
    findings.extend(count_findings(reading, book, place, counts)?);
    Ok(findings)
}

/// Compares every count with what left in its period.
fn count_findings(
    reading: &Reading,
    book: BookNo,
    place: Place,
    counts: &[(PeriodKind, Timestamp, i64)],
) -> Result<Vec<String>, Error> {
    let Some(oldest) = counts.iter().map(|(_, start, _)| *start).min() else { return Ok(Vec::new()) };
    let bound = reading.newest_bound(book);
    let left = walk(reading, place, bound, (oldest, 0))?;
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
fn strange_accounts(
    reader: &Reader<'_>,
    reading: &Reading,
    tenant: &Tenant,
    book: BookNo,
) -> Result<Vec<String>, Error> {
    let (mut findings, mut cursor) = (Vec::new(), None);
    let filter = AccountFilter { prefix: Some(postings::WALLETS.to_owned()), ..AccountFilter::default() };
    loop {
        let (accounts, next) = reading.accounts(book, &filter, AT_ONCE, cursor)?;
        for account in accounts {
            let known = match postings::wallet_of(&account.name.path) {
                Some(no) => store::wallet_find(reader, tenant, no)?.is_some(),
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
