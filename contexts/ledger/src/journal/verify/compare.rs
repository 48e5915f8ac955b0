//! Comparing what the whole journal makes with what a start makes of the newest snapshot and the tail.

use super::{Report, Verifier};
use crate::journal::beside::look;
use crate::journal::disk::Disk;
use crate::journal::scan::Place;
use crate::journal::segments::FIRST_POSITION;
use crate::state::{Account, Balance, State};
use kernel::Asset;
use std::io;
use std::sync::Arc;

/// Compares states and asks the index for a sample of names.
pub fn with_start(
    disk: &Arc<dyn Disk>,
    verifier: &Verifier<'_>,
    end: Place,
    report: &mut Report,
) -> io::Result<()> {
    let wrong = &mut report.findings;
    let seen = match look(disk, Some(end.position)) {
        Ok(Some(seen)) => seen,
        Ok(None) => return Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::InvalidData => {
            wrong.at(end.position, format_args!("a start would fail: {fault}"));
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    if seen.place != end {
        wrong.at(seen.place.position, format_args!("a start ends here, the journal at {}", end.position));
        return Ok(());
    }
    let (own, start) = (&verifier.replayed, &seen.replayed);
    for (what, same) in [
        ("books", books(&own.state, &start.state)),
        ("accounts", accounts(&own.state, &start.state)),
        ("balances", balances(&own.state, &start.state)),
        ("open holds", own.state.holds == start.state.holds && own.state.expiry == start.state.expiry),
        ("numbers of parties", own.state.parties == start.state.parties),
        ("marks", own.marks == start.marks),
        ("time of the newest record", own.state.last_time == start.state.last_time),
    ] {
        if !same {
            let at = seen.snapshot_at;
            wrong.at(at, format_args!("the snapshot at {at} and what follows give other {what}"));
        }
    }
    report.snapshot_at = (seen.snapshot_at > FIRST_POSITION).then_some(seen.snapshot_at);
    for (name, position) in verifier.names.sample() {
        report.names_asked += 1;
        let found = match seen.index.get(name) {
            Ok(found) => found,
            Err(fault) => {
                wrong.at(position, format_args!("the index cannot be read: {fault}"));
                break;
            }
        };
        if found != Some(position) {
            wrong.at(position, format_args!("the index leads from a name of this record to {found:?}"));
        }
    }
    Ok(())
}

fn books(one: &State, other: &State) -> bool {
    let same = |(one, other): (&crate::state::Book, &crate::state::Book)| {
        let assets: &[Asset] = &one.assets;
        (one.seq, one.partyless, one.newest) == (other.seq, other.partyless, other.newest)
            && one.tenant == other.tenant
            && assets == other.assets
            && one.patterns == other.patterns
    };
    one.books.len() == other.books.len() && one.books.iter().zip(&other.books).all(same)
}

fn accounts(one: &State, other: &State) -> bool {
    let words = |account: &Account| {
        let Account { book, kind, frozen, closed, version, open_holds, newest, .. } = *account;
        (book, kind, frozen, closed, version, open_holds, newest)
    };
    let same = |no: usize| {
        let no_ = crate::accounts::model::AccountNo(no as u32);
        let (name, named) = (one.directory.name(no_), other.directory.name(no_));
        let (account, known) = (&one.accounts[no], &other.accounts[no]);
        words(account) == words(known)
            && account.allowed == known.allowed
            && (name.id, name.book, &name.path) == (named.id, named.book, &named.path)
    };
    one.accounts.len() == other.accounts.len()
        && one.directory.len() == other.directory.len()
        && (0..one.accounts.len()).all(same)
}

fn balances(one: &State, other: &State) -> bool {
    let same = |(one, other): (&Balance, &Balance)| {
        (one.account, one.asset, one.counters, one.last_seq)
            == (other.account, other.asset, other.counters, other.last_seq)
            && one.limits == other.limits
            && one.stack == other.stack
    };
    one.balances.len() == other.balances.len() && one.balances.iter().zip(&other.balances).all(same)
}
