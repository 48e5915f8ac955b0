//! Holds on wallets: placed for another wallet or for outside, captured in parts, voided. A limit counts what is
//! captured, not what is held.

use super::movements::{Order, guarded};
use crate::model::{Kind, Place};
use crate::receipt::{Draft, View};
use crate::rules;
use crate::{Error, Refusal, Wallets, postings};
use kernel::{Asset, Caller, Id, Timestamp};
use ledger::accounts::model::AccountNo;
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::Command as Entry;
use ledger::effect::Effect;
use ledger::entries::model::{Direction, Share};
use ledger::holds::model::{ActOnHold, Hold, HoldAction, PlaceHold};
use ledger::reading::Wanted;
use ledger::refusal::CAPTURE_EXCEEDS_HOLD;
use platform_store::unit::{Answered, Command, MoneyUnit};

/// Times that the rest of a hold is captured anew, after another capture took part of it.
const RESTS: usize = 8;

/// When a hold lapses by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lapse {
    /// At this time.
    pub at: Option<Timestamp>,
    /// After so many seconds.
    pub in_s: Option<u64>,
}

/// What is asked of a hold.
#[derive(Clone, Debug)]
pub struct HoldOrder {
    /// Which.
    pub hold: Id,
    /// Capture it, or release it.
    pub capture: bool,
    /// How much; all that is left without it.
    pub amount: Option<i128>,
    /// Release what remains after a capture.
    pub last: bool,
    /// Its name, canonical fields and key.
    pub command: Command,
}

/// A hold on a wallet, as it stands.
pub struct Seen {
    /// Its newest state.
    pub hold: Hold,
    /// Its asset.
    pub asset: (AssetNo, Asset),
    /// The wallet's account.
    pub source: AccountNo,
    /// Where its captures go.
    pub target: AccountNo,
    /// What is still held.
    pub remaining: i128,
}

impl Wallets {
    /// Reserves money on a wallet. The order's movement says where captures go.
    pub async fn place_hold(
        &self,
        by: &Caller,
        order: &Order,
        lapse: Lapse,
        view: View,
    ) -> Result<Answered, Error> {
        self.again(|| self.store.once_money(by, &order.command, || self.hold_unit(by, order, lapse, view)))
            .await
    }

    async fn hold_unit(
        &self,
        by: &Caller,
        order: &Order,
        lapse: Lapse,
        view: View,
    ) -> Result<MoneyUnit<ledger::Ledger>, Error> {
        let book = self.ledger.book(&by.tenant).await?;
        let mut found = self.find(&by.tenant, book, order.movement, order.asset.0, true).await?;
        found.running.clear();
        let holds = |asset| self.ledger.reading.asset(book, asset).code;
        let agreed = rules::movement(&found, order.movement, order.amount, order.asset, holds)?;
        let (funding, opening) = self.funding(book, order.movement);
        let hold = PlaceHold {
            postings: postings::pair(&agreed, &funding),
            expires_at: lapse.at,
            expires_in_s: lapse.in_s,
            tolerance: Vec::new(),
            details: postings::details(&order.words, None),
        };
        let request = self.ledger.request(None, None, Entry::PlaceHold(hold));
        let draft = Draft {
            id: request.id,
            kind: Kind::Hold,
            source: agreed.source,
            target: agreed.target,
            asset: order.asset.1,
            reference: order.words.reference.clone(),
            dry_run: order.command.dry_run,
        };
        let unit = MoneyUnit::answering(move |done| view(&draft.receipt(done)));
        Ok(opening.into_iter().chain([request]).fold(unit, MoneyUnit::post))
    }

    /// A hold of a tenant, if it reserves on a wallet.
    pub async fn hold(&self, book: BookNo, hold: Id) -> Result<Seen, Error> {
        let story = self.ledger.reading.story(book, Wanted::Id(hold)).await?;
        let story = story.ok_or(Refusal::HoldNotFound)?;
        let Effect::Held { hold: first, .. } = &story.first.effect else {
            return Err(Refusal::HoldNotFound.into());
        };
        let newest = match &story.newest.effect {
            Effect::HoldMoved { hold, .. } => hold,
            _ => first,
        };
        let side = |direction| newest.postings.iter().find(|posting| posting.direction == direction);
        let (Some(debit), Some(credit), 2) =
            (side(Direction::Debit), side(Direction::Credit), newest.postings.len())
        else {
            return Err(Refusal::HoldNotFound.into());
        };
        if postings::wallet_of(&self.ledger.reading.name(debit.account).1).is_none() {
            return Err(Refusal::HoldNotFound.into());
        }
        let asset = (debit.asset, self.ledger.reading.asset(book, debit.asset));
        let (source, target, remaining) = (debit.account, credit.account, debit.remaining());
        Ok(Seen { hold: newest.clone(), asset, source, target, remaining })
    }

    /// Captures or releases a hold, in whole or part.
    pub async fn act_on_hold(&self, by: &Caller, order: &HoldOrder, view: View) -> Result<Answered, Error> {
        for _ in 0..RESTS {
            let ran = self.store.once_money(by, &order.command, || self.act_unit(by, order, view)).await;
            match ran {
                // All that is left was asked for, and another capture left less than was read.
                Err(Error::Stopped(refused))
                    if order.amount.is_none() && refused.problem.slug == &CAPTURE_EXCEEDS_HOLD => {}
                other => return other,
            }
        }
        self.store.once_money(by, &order.command, || self.act_unit(by, order, view)).await
    }

    async fn act_unit(
        &self,
        by: &Caller,
        order: &HoldOrder,
        view: View,
    ) -> Result<MoneyUnit<ledger::Ledger>, Error> {
        let book = self.ledger.book(&by.tenant).await?;
        let seen = self.hold(book, order.hold).await?;
        let source = self.place(by, book, seen.source).await?;
        let target = self.place(by, book, seen.target).await?;
        let share = |amount: Option<i128>| amount.map_or(Share::Rest, Share::Amount);
        let (action, counted) = match order.capture {
            false => (HoldAction::Void { share: share(order.amount) }, Vec::new()),
            true => {
                // What is counted has to be what is captured: the rest is named by its amount.
                let rest = (seen.remaining > 0).then_some(seen.remaining);
                let amount = order.amount.or(rest);
                let counted = match (amount, source) {
                    (Some(amount), Some((place, Some(limits)))) => {
                        let running = self.running(&by.tenant, place, &limits).await?;
                        rules::count(&running, place.no.0.into(), amount, seen.asset.1)?
                    }
                    _ => Vec::new(),
                };
                (HoldAction::Capture { share: share(amount), last: order.last }, counted)
            }
        };
        let act = ActOnHold { hold: order.hold, action, details: None };
        let request = self.ledger.request(None, None, Entry::ActOnHold(act));
        let (source, target) = (source.map(|(place, _)| place), target.map(|(place, _)| place));
        let draft = Draft {
            id: request.id,
            kind: if order.capture { Kind::Capture } else { Kind::Release },
            source,
            target,
            asset: seen.asset.1,
            reference: None,
            dry_run: order.command.dry_run,
        };
        let unit = MoneyUnit::answering(move |done| view(&draft.receipt(done))).post(request);
        Ok(guarded(unit, &by.tenant, source, &counted))
    }

    /// A wallet by its account, with its limits.
    async fn place(
        &self,
        by: &Caller,
        book: BookNo,
        account: AccountNo,
    ) -> Result<Option<(Place, Option<crate::model::Limits>)>, Error> {
        let Some(no) = postings::wallet_of(&self.ledger.reading.name(account).1) else { return Ok(None) };
        let standing = self.standing(&by.tenant, book, no.0.into()).await?;
        Ok(standing.map(|(account, standing)| (standing.place(account), standing.limits.as_deref().copied())))
    }
}
