//! What wallets may do. Order of refusals: source, insufficient, target, asset, limit; frozen and closed the books
//! refuse themselves, before they look at the amount.

use crate::model::{Change, Limits, Movement, Period, PeriodKind, Place, Running, WalletState};
use crate::refusal::Refusal;
use kernel::{Asset, AssetCode, Timestamp};
use ledger::books::model::AssetNo;

/// What was found of a movement's ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The wallet that gives.
    pub source: Option<Place>,
    /// The wallet that takes.
    pub target: Option<Place>,
    /// What the source can give, where the order of refusals needs it.
    pub available: Option<i128>,
    /// The source's limits in their running periods.
    pub running: Vec<Running>,
}

/// A movement that may be tried: the books and the guards decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// What kind.
    pub movement: Movement,
    /// The wallet that gives.
    pub source: Option<Place>,
    /// The wallet that takes.
    pub target: Option<Place>,
    /// How much, in minor units.
    pub amount: i128,
    /// Of what.
    pub asset: AssetNo,
    /// What is to be counted.
    pub counted: Vec<Counted>,
}

/// What a movement adds to a period, and the guard on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The limit as it was found.
    pub running: Running,
    /// What is added.
    pub amount: i64,
}

/// Whether a movement of so much may be tried.
pub fn movement(
    found: &Found,
    movement: Movement,
    amount: i128,
    (no, asset): (AssetNo, Asset),
    holds: impl Fn(AssetNo) -> AssetCode,
) -> Result<Agreed, Refusal> {
    if let (Some(wallet), None) = (movement.source(), found.source) {
        return Err(Refusal::WalletNotFound { wallet });
    }
    if let (Some(wallet), Some(available)) = (movement.source(), found.available)
        && available < amount
        && found.source.is_some_and(|source| source.asset == no)
    {
        return Err(Refusal::InsufficientFunds { wallet, available, requested: amount, asset });
    }
    if let (Some(wallet), None) = (movement.target(), found.target) {
        return Err(Refusal::WalletNotFound { wallet });
    }
    for (wallet, place) in [(movement.source(), found.source), (movement.target(), found.target)] {
        if let (Some(wallet), Some(place)) = (wallet, place)
            && place.asset != no
        {
            return Err(Refusal::WalletAsset { wallet, holds: holds(place.asset) });
        }
    }
    if let (Some(wallet), true) = (movement.source(), movement.source() == movement.target()) {
        return Err(Refusal::SameWallet { wallet });
    }
    let wallet = movement.source().unwrap_or(0);
    let counted = count(&found.running, wallet, amount, asset)?;
    Ok(Agreed { movement, source: found.source, target: found.target, amount, asset: no, counted })
}

/// What an amount adds to the limits of a wallet, if none is passed.
pub fn count(running: &[Running], wallet: i128, amount: i128, asset: Asset) -> Result<Vec<Counted>, Refusal> {
    let mut counted = Vec::new();
    for limit in running {
        match i64::try_from(amount) {
            Ok(amount) if amount <= limit.headroom() => counted.push(Counted { running: *limit, amount }),
            _ => {
                let (period, headroom) = (limit.period.kind, limit.headroom());
                let requested = amount;
                return Err(Refusal::LimitExceeded { wallet, period, headroom, requested, asset });
            }
        }
    }
    Ok(counted)
}

/// The periods that limits count in at a moment: calendar days and months of UTC.
pub fn running(limits: &Limits, now: Timestamp) -> Vec<(Period, i64)> {
    let periods = PeriodKind::ALL.into_iter();
    periods.filter_map(|kind| limits.cap(kind).map(|cap| (period(kind, now), cap))).collect()
}

/// The period of a kind that a moment lies in.
pub fn period(kind: PeriodKind, now: Timestamp) -> Period {
    const DAY_US: i64 = 86_400_000_000;
    let days = now.0.div_euclid(DAY_US);
    let (first, next) = match kind {
        PeriodKind::Day => (days, days + 1),
        PeriodKind::Month => {
            let (year, month) = month_of(days);
            let (later, following) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (first_day(year, month), first_day(later, following))
        }
    };
    Period { kind, start: Timestamp(first * DAY_US), end: Timestamp(next * DAY_US) }
}

/// Year and month of a day, counted from 1970-01-01 (Gregorian, proleptic). Years begin in March here, so that the
/// leap day is the last of its year; 146,097 days are 400 years.
fn month_of(days: i64) -> (i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month)
}

/// The first day of a month, counted from 1970-01-01.
fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl WalletState {
    /// The state that a change leads to.
    pub fn apply(self, change: Change, now: Timestamp) -> Result<Self, Refusal> {
        let no = |state: &Self| Err(Refusal::WalletState { status: state.as_str() });
        match (self, change) {
            (Self::Open { .. }, Change::Freeze { reason }) => Ok(Self::Frozen { reason, since: now }),
            (Self::Open { .. } | Self::Frozen { .. }, Change::Close { reason }) => {
                Ok(Self::Closed { reason, since: now })
            }
            (Self::Frozen { .. }, Change::Thaw { reason: _ }) => Ok(Self::Open { since: now }),
            (state @ Self::Open { .. }, Change::Thaw { .. })
            | (state @ Self::Frozen { .. }, Change::Freeze { .. })
            | (
                state @ Self::Closed { .. },
                Change::Freeze { .. } | Change::Thaw { .. } | Change::Close { .. },
            ) => no(&state),
        }
    }
}
