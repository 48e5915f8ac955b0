//! Postings of an entry made whole: the amount that was left out is put in, and every sum is zero.

use crate::Decimal;
use crate::model::{Amount, Assertion, Posting, Tag};
use std::borrow::Cow;

/// Why a block is not taken.
pub(crate) type Reason = Cow<'static, str>;

/// A posting whose amount may still be missing.
pub(crate) struct Draft {
    pub account: String,
    pub amount: Option<Amount>,
    pub assertion: Option<Assertion>,
    pub comment: String,
    pub tags: Vec<Tag>,
}

/// Puts in the amount that was left out, one posting for each commodity, and checks that all sums are zero.
pub(crate) fn settle(drafts: Vec<Draft>) -> Result<Vec<Posting>, Reason> {
    let mut sums: Vec<(&str, Decimal)> = Vec::new();
    let mut missing = None;
    for (place, draft) in drafts.iter().enumerate() {
        let Some(amount) = &draft.amount else {
            if missing.replace(place).is_some() {
                return Err("two postings have no amount".into());
            }
            continue;
        };
        let slot = match sums.iter().position(|(commodity, _)| *commodity == amount.commodity) {
            Some(slot) => slot,
            None => {
                sums.push((&amount.commodity, Decimal::ZERO));
                sums.len() - 1
            }
        };
        let sum = sums[slot].1.checked_add(amount.number);
        sums[slot].1 = sum.ok_or("the amounts are too large to be added")?;
    }
    sums.retain(|(_, sum)| sum.units != 0);
    if drafts.is_empty() {
        return Err("the entry has no posting".into());
    }
    if missing.is_none() && !sums.is_empty() {
        let left: Vec<String> = sums.iter().map(|(commodity, sum)| format!("{sum} {commodity}")).collect();
        return Err(format!("the entry does not balance: {} is left", left.join(", ").trim_end()).into());
    }
    let sums: Vec<Amount> = sums
        .into_iter()
        .map(|(commodity, sum)| Amount { number: sum.negated(), commodity: commodity.to_owned() })
        .collect();
    let mut postings = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Draft { account, amount, assertion, comment, tags } = draft;
        match amount {
            Some(amount) => postings.push(Posting { account, amount, assertion, comment, tags }),
            None => {
                let mut told = Some((comment, tags));
                for amount in &sums {
                    let (comment, tags) = told.take().unwrap_or_default();
                    let (account, amount) = (account.clone(), amount.clone());
                    postings.push(Posting { account, amount, assertion: None, comment, tags });
                }
            }
        }
    }
    if postings.is_empty() {
        return Err("the entry moves nothing".into());
    }
    Ok(postings)
}
