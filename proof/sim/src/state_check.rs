//! What a recovered engine holds in memory, against the auditor's own books.

use crate::fold::{AccountSum, Fold, Sums, ensure, sums_of};
use ledger::accounts::model::{AccountNo, BalanceNo};
use ledger::holds::model::HoldState;
use ledger::journal::view::View;
use ledger::skew::NOWHERE;
use ledger::state::{State, party_key};

/// Compares the resident state with the books.
pub fn check_state(fold: &Fold, state: &State) -> Result<(), String> {
    ensure(state.books.len() == fold.books.len(), || format!("{} books", state.books.len()))?;
    for (no, (book, own)) in state.books.iter().zip(&fold.books).enumerate() {
        let same = (book.seq, book.partyless, book.newest) == (own.seq, own.partyless, own.newest);
        ensure(same, || format!("book {no} stands at {} and {}, not {own:?}", book.seq, book.newest))?;
    }
    ensure(fold.books.is_empty() || state.last_time >= fold.time, || {
        format!("its time is {}", state.last_time)
    })?;
    check_accounts(fold, state)?;
    for balance in &state.balances {
        let owner = (balance.account, balance.asset);
        let own = fold.sums.get(&owner).copied().unwrap_or_default();
        ensure(sums_of(&balance.counters) == own, || {
            format!("the balance of {owner:?} is {:?}, not {own:?}", balance.counters)
        })?;
        let newest = fold.newest.get(&owner).copied().unwrap_or(NOWHERE);
        ensure(balance.stack.newest() == newest, || format!("{owner:?} was last posted at {newest:?}"))?;
    }
    for (owner, own) in &fold.sums {
        let known = state.find_balance(owner.0, owner.1).is_some();
        ensure(known || *own == Sums::default(), || format!("there is no balance of {owner:?}"))?;
    }
    let open = fold.holds.iter().filter(|(_, hold)| hold.state == HoldState::Open);
    ensure(open.clone().count() == state.holds.len(), || format!("{} holds are open", state.holds.len()))?;
    for (id, hold) in open.clone() {
        ensure(state.holds.get(id) == Some(hold), || {
            format!("hold {id:?} is {:?}, not {hold:?}", state.holds.get(id))
        })?;
    }
    let expiring = open.filter(|(_, hold)| hold.expires_at.is_some()).count();
    ensure(state.expiry.len() == expiring, || format!("{} holds will expire", state.expiry.len()))?;
    for ((book, party), count) in &fold.parties {
        let known = state.parties.get(&party_key(*book, party));
        ensure(known == Some(count), || format!("party {party} has {known:?} records, not {count}"))?;
    }
    Ok(())
}

fn check_accounts(fold: &Fold, state: &State) -> Result<(), String> {
    ensure(state.accounts.len() == fold.accounts.len(), || format!("{} accounts", state.accounts.len()))?;
    for (no, (account, own)) in state.accounts.iter().zip(&fold.accounts).enumerate() {
        let found = AccountSum {
            book: account.book,
            id: state.directory.name(AccountNo(no as u32)).id,
            frozen: account.frozen,
            closed: account.closed,
            version: account.version,
            newest: account.newest,
        };
        ensure(found == *own, || format!("account {no} is {found:?}, not {own:?}"))?;
        let open = fold.holds.values().filter(|hold| hold.state == HoldState::Open);
        let touching =
            open.flat_map(|hold| &hold.postings).filter(|posting| posting.account.0 as usize == no);
        ensure(account.open_holds as usize == touching.count(), || {
            format!("account {no} has {} open holds", account.open_holds)
        })?;
    }
    Ok(())
}

/// Compares what readers see with the books: nothing that could still be lost, everything that cannot.
pub fn check_view(fold: &Fold, view: &View, end: u64) -> Result<(), String> {
    let shown = view.durable().end;
    ensure(shown == end, || format!("readers see up to {shown}, durable is {end}"))?;
    let books = view.books.read();
    ensure(books.len() == fold.books.len(), || format!("readers see {} books", books.len()))?;
    for (book, own) in books.iter().zip(&fold.books) {
        ensure((book.seq, book.newest) == (own.seq, own.newest), || {
            format!("readers see record {} at {}, not {own:?}", book.seq, book.newest)
        })?;
    }
    let accounts = view.accounts.read();
    ensure(accounts.accounts.len() == fold.accounts.len(), || {
        format!("readers see {} accounts, not {}", accounts.accounts.len(), fold.accounts.len())
    })?;
    for (no, balance) in accounts.balances.iter().enumerate() {
        let newest = fold.newest.get(&(balance.account, balance.asset)).copied().unwrap_or(NOWHERE);
        let seen = view.newest_of(BalanceNo(no as u32));
        ensure(seen == newest, || format!("readers see balance {no} at {seen:?}, not {newest:?}"))?;
    }
    for (no, own) in fold.accounts.iter().enumerate() {
        let seen = view.settings_at(AccountNo(no as u32));
        ensure(seen == own.newest, || format!("readers see settings of {no} at {seen}, not {}", own.newest))?;
    }
    Ok(())
}
