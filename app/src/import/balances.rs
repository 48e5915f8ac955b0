//! Balances that a file says hold at the start of a day, whatever the order of its entries. What entries add is
//! summed between the days that are asked for, so that memory grows with the questions and not with the entries.

use super::draft::Draft;
use super::sieve::{Failed, Visit};
use crate::output::Failure;
use formats::{Balance, Date, Decimal, Rejected, Transaction};
use std::collections::HashMap;

/// What is asked of one account in one commodity.
struct Asked {
    commodity: String,
    /// The days, in order, each once; with each what is added between the day before it and itself.
    days: Vec<(Date, Decimal)>,
}

/// What a file says of balances.
#[derive(Default)]
pub struct Balances {
    said: Vec<Balance>,
    of: HashMap<String, Vec<Asked>>,
    /// Why sums could not be made, by account.
    too_large: HashMap<String, &'static str>,
}

impl Balances {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Asks for a balance.
    pub fn ask(&mut self, balance: Balance) {
        let Balance { date, account, amount, .. } = &balance;
        if !self.of.contains_key(account) {
            self.of.insert(account.clone(), Vec::new());
        }
        let asked = self.of.get_mut(account).expect("it was just put in");
        let place = asked.iter().position(|asked| asked.commodity == amount.commodity);
        let place = place.unwrap_or_else(|| {
            asked.push(Asked { commodity: amount.commodity.clone(), days: Vec::new() });
            asked.len() - 1
        });
        let days = &mut asked[place].days;
        if let Err(at) = days.binary_search_by_key(date, |(day, _)| *day) {
            days.insert(at, (*date, Decimal::ZERO));
        }
        self.said.push(balance);
    }

    fn add(&mut self, date: Date, account: &str, commodity: &str, number: Decimal) {
        // An account's balance has those below it in it.
        let mut above = account;
        loop {
            let asked = self.of.get_mut(above).into_iter().flatten();
            for Asked { days, .. } in asked.filter(|asked| asked.commodity == commodity) {
                let next = days.partition_point(|(day, _)| *day <= date);
                let Some((_, sum)) = days.get_mut(next) else { continue };
                match sum.checked_add(number) {
                    Some(added) => *sum = added,
                    None => {
                        self.too_large.insert(above.to_owned(), "the account's balance grows too large");
                    }
                }
            }
            match above.rsplit_once(':') {
                Some((parent, _)) => above = parent,
                None => return,
            }
        }
    }

    /// Which are not what the file says, and why.
    pub fn failed(&self) -> Failed {
        let judged = self.said.iter().filter_map(|said| self.judge(said).err().map(|why| (said.line, why)));
        judged.collect()
    }

    fn judge(&self, said: &Balance) -> Result<(), String> {
        let Balance { date, account, amount, tolerance, .. } = said;
        let wrong = |what: String| Err(format!("the balance assertion on {account:?} fails: {what}"));
        let too_large = "the account's balance grows too large";
        if let Some(why) = self.too_large.get(account) {
            return wrong((*why).to_owned());
        }
        let asked = self.of.get(account).into_iter().flatten();
        let days = asked.filter(|asked| asked.commodity == amount.commodity).flat_map(|asked| &asked.days);
        let mut found = Decimal::ZERO;
        for (_, sum) in days.take_while(|(day, _)| day <= date) {
            found = found.checked_add(*sum).ok_or(too_large)?;
        }
        let off = found.checked_add(amount.number.negated()).ok_or(too_large)?.abs();
        let room = tolerance.checked_add(off.negated()).ok_or(too_large)?;
        match room.units < 0 {
            true => wrong(format!(
                "at the start of {date} the balance is {found} and not {} {}",
                amount.number, amount.commodity
            )),
            false => Ok(()),
        }
    }
}

impl Visit for Balances {
    fn entry(&mut self, _: u64, _: String, _: Draft) -> Result<(), Failure> {
        Ok(())
    }

    fn rejected(&mut self, _: Rejected) -> Result<(), Failure> {
        Ok(())
    }

    fn counted(&mut self, _: u64, transaction: &Transaction) {
        for posting in &transaction.postings {
            self.add(transaction.date, &posting.account, &posting.amount.commodity, posting.amount.number);
        }
    }
}
