//! Balance assertions: running sums of the entries that are taken, and what the file says they are.

use formats::Decimal;
use formats::{Assertion, Posting};
use std::collections::HashMap;

/// Sums of every account, in the file's own commodities.
#[derive(Default)]
pub struct Sums {
    of: HashMap<String, Vec<(String, Decimal)>>,
}

impl Sums {
    /// Adds an entry's postings, judging what each says of the balance after it. An entry of which something is
    /// wrong adds nothing.
    pub fn take(&mut self, postings: &[Posting]) -> Result<(), String> {
        for (place, posting) in postings.iter().enumerate() {
            let added = self.add(posting, false).map(|()| place + 1);
            let judged = match (&added, &posting.assertion) {
                (Ok(_), Some(assertion)) => self.judge(&posting.account, assertion),
                (Ok(_), None) => Ok(()),
                (Err(why), _) => Err(why.clone()),
            };
            if let Err(why) = judged {
                for posting in &postings[..added.unwrap_or(place)] {
                    self.add(posting, true)?;
                }
                return Err(why);
            }
        }
        Ok(())
    }

    fn add(&mut self, posting: &Posting, away: bool) -> Result<(), String> {
        let amount = &posting.amount;
        let number = if away { amount.number.negated() } else { amount.number };
        // The name is copied once, when it is new.
        if !self.of.contains_key(&posting.account) {
            self.of.insert(posting.account.clone(), Vec::new());
        }
        let sums = self.of.get_mut(&posting.account).expect("it was just put in");
        match sums.iter_mut().find(|(commodity, _)| *commodity == amount.commodity) {
            None => sums.push((amount.commodity.clone(), number)),
            Some((_, sum)) => {
                *sum = sum.checked_add(number).ok_or("the account's balance grows too large")?;
            }
        }
        Ok(())
    }

    fn judge(&self, account: &str, assertion: &Assertion) -> Result<(), String> {
        let wanted = &assertion.amount;
        let mut found = Decimal::ZERO;
        let mut stranger = None;
        for (commodity, sum) in self.sums(account, assertion.inclusive) {
            if *commodity == wanted.commodity {
                found = found.checked_add(*sum).ok_or("the account's balance grows too large")?;
            } else if assertion.sole && sum.units != 0 {
                stranger = Some(commodity);
            }
        }
        let wrong = |what: String| Err(format!("the balance assertion on {account:?} fails: {what}"));
        match stranger {
            Some(other) => wrong(format!("it holds {other:?} too")),
            None if found.equals(wanted.number) => Ok(()),
            None => wrong(format!("the balance is {found} and not {} {}", wanted.number, wanted.commodity)),
        }
    }

    fn sums<'a>(
        &'a self,
        account: &'a str,
        inclusive: bool,
    ) -> Box<dyn Iterator<Item = &'a (String, Decimal)> + 'a> {
        if !inclusive {
            return Box::new(self.of.get(account).into_iter().flatten());
        }
        let below = move |name: &str| {
            name.strip_prefix(account).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        Box::new(self.of.iter().filter(move |(name, _)| below(name)).flat_map(|(_, sums)| sums))
    }
}
