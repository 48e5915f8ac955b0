//! Both ledgers side by side: every command goes to both, every answer and every balance is compared.

use super::making::Maker;
use super::naive::{Leg, Naive, Say};
use super::side::Side;
use super::spelling;
use crate::rig::{Awaited, BOOK, assert_same, line, told};
use kernel::Clock;
use ledger::accounts::model::{AccountNo, Counters};
use ledger::command::{Manner, Request};
use ledger::effect::{Effect, Outcome};
use ledger::entries::model::{Direction, Posting};
use ledger::journal::group::Answer;
use ledger::journal::job::BatchJob;
use std::collections::{BTreeMap, VecDeque};

/// Whether a refusal can name an account that only the refused command opened. While it cannot, steps that
/// would be answered so are left out.
const NAMES_OUTLIVE_UNDOING: bool = true;

/// What was seen, so that a run that tests nothing is seen too.
pub type Seen = BTreeMap<String, u64>;

/// A batch that came under a key.
struct Keyed {
    key: Box<str>,
    digest: [u8; 32],
    atomic: bool,
    requests: Vec<Request>,
    manner: Manner,
}

/// Both ledgers.
pub struct Driver<S> {
    pub rig: S,
    pub naive: Naive,
    maker: Maker,
    begun: bool,
    waiting: VecDeque<(Awaited, Vec<Say>, String)>,
    positions: BTreeMap<u64, u64>,
    keyed: Vec<Keyed>,
    pub seen: Seen,
    pub commands: u64,
}

impl<S: Side> Driver<S> {
    pub fn new(rig: S, seed: u64) -> Self {
        let naive = Naive::new(rig.clock().now());
        Self {
            rig,
            naive,
            maker: Maker::new(seed),
            begun: false,
            waiting: VecDeque::new(),
            positions: BTreeMap::new(),
            keyed: Vec::new(),
            seen: Seen::new(),
            commands: 0,
        }
    }

    /// One step: a command or a batch, and perhaps the end of a group.
    pub fn step(&mut self) {
        if !self.begun {
            self.begun = true;
            let now = self.rig.clock().now();
            self.naive.begin(now);
        }
        if self.maker.dice.percent(6) {
            self.batch()
        } else {
            self.single()
        }
        if self.maker.dice.percent(15) {
            self.turn();
            self.pass_time();
        }
    }

    fn pass_time(&mut self) {
        let us = match self.maker.dice.below(100) {
            0..=3 => 0,
            4..=6 => self.maker.dice.between(1_000_000, 90_000_000),
            7 => 3_600_000_000,
            _ => self.maker.dice.between(1, 800_000),
        };
        let now = self.rig.clock().now();
        let until_due = self.naive.next_due().map(|due| due.0 - now.0).filter(|us| *us > 0);
        match until_due {
            // To the very microsecond.
            Some(us) if self.maker.dice.percent(10) => self.rig.clock().advance_us(us),
            _ => self.rig.clock().advance_us(us as i64),
        }
    }

    /// Ends the group if requests name accounts by numbers that this side gives only once they are durable.
    fn await_accounts(&mut self, requests: &[Request]) {
        if requests.iter().any(|request| !self.rig.knows(&request.command)) {
            self.turn();
            self.begun = true;
            let now = self.rig.clock().now();
            self.naive.begin(now);
        }
    }

    fn single(&mut self) {
        let (request, manner) = self.maker.request(&self.naive, false);
        self.await_accounts(std::slice::from_ref(&request));
        self.commands += 1;
        let what = format!("{request:?} {manner:?}");
        if self.is_left_out(|naive| vec![naive.single(&request, manner)], std::slice::from_ref(&request)) {
            return;
        }
        let say = self.naive.single(&request, manner);
        let answer = self.rig.single(request, manner);
        self.waiting.push_back((answer, vec![say], what));
    }

    fn batch(&mut self) {
        let batch = self.next_batch();
        self.await_accounts(&batch.requests);
        self.commands += batch.requests.len() as u64;
        let Keyed { key, digest, atomic, requests, manner } = batch;
        let named = (!key.is_empty()).then_some((key.clone(), digest));
        let what = format!("batch atomic={atomic} key={named:?} {manner:?} {requests:#?}");
        let own = named.as_ref().map(|(key, digest)| (&**key, *digest));
        if self.is_left_out(|naive| naive.batch(atomic, own, &requests, manner), &requests) {
            return;
        }
        let says = self.naive.batch(atomic, own, &requests, manner);
        let commands = requests.into_iter().map(Ok).collect();
        let slice = if atomic { usize::MAX } else { 1 + self.maker.dice.below(4) };
        let answer = self.rig.batch(slice, |reply| BatchJob {
            book: BOOK,
            atomic,
            commands,
            key: named,
            manner,
            origin: None,
            reply,
        });
        self.waiting.push_back((answer, says, what));
    }

    fn is_left_out(&self, ask: impl FnOnce(&mut Naive) -> Vec<Say>, requests: &[Request]) -> bool {
        let opens = requests.iter().any(|request| {
            spelling::paths(&request.command).any(|path| !self.naive.paths.contains_key(path))
        });
        if NAMES_OUTLIVE_UNDOING || !opens {
            return false;
        }
        let mut naive = self.naive.clone();
        let says = ask(&mut naive);
        says.iter().any(|say| match say {
            Say::Refused(no) => {
                let mut words = no.split(' ');
                words.any(|word| {
                    let path = word.strip_prefix("cause.").unwrap_or(word).strip_prefix("path=");
                    path.is_some_and(|path| !naive.paths.contains_key(path))
                })
            }
            _ => false,
        })
    }

    /// A new batch, or an earlier one again, perhaps altered.
    fn next_batch(&mut self) -> Keyed {
        if !self.keyed.is_empty() && self.maker.dice.percent(25) {
            let place = self.maker.dice.below(self.keyed.len());
            let old = &self.keyed[place];
            let mut again = Keyed {
                key: old.key.clone(),
                digest: old.digest,
                atomic: old.atomic,
                requests: old.requests.clone(),
                manner: old.manner,
            };
            // An id that the caller did not give is another one each time.
            for request in again.requests.iter_mut().filter(|request| !request.keys.own_id) {
                request.id = self.maker.id();
            }
            match self.maker.dice.below(6) {
                0 => again.digest[0] ^= 1,
                1 => again.atomic = !again.atomic,
                // Without its own key, its commands must find their own.
                2 => again.key = "".into(),
                _ => {}
            }
            return again;
        }
        let atomic = self.maker.dice.percent(60);
        let length = self.maker.dice.between(1, if atomic { 6 } else { 12 });
        let mut requests: Vec<Request> = Vec::new();
        let mut all = Manner { may_override: true, ..Manner::default() };
        for _ in 0..length {
            requests.push(self.maker.request(&self.naive, true).0);
        }
        // Commands of a batch see each other: some speak of things that others of it make.
        if self.maker.dice.percent(40) {
            self.chain(&mut requests);
        }
        if atomic && self.maker.dice.percent(10) {
            all.dry_run = true;
        }
        all.freeze_refusals = self.maker.dice.percent(20);
        let digest = [self.maker.dice.roll() as u8; 32];
        let mut key: Box<str> = "".into();
        if self.maker.dice.percent(40) {
            key = format!("batch-{}", self.commands).into();
        }
        let made = Keyed { key, digest, atomic, requests, manner: all };
        if !made.key.is_empty() && !all.dry_run {
            self.keyed.push(Keyed { requests: made.requests.clone(), key: made.key.clone(), ..made });
        }
        made
    }

    /// Adds an account, entries on it, a hold, and what becomes of them.
    fn chain(&mut self, requests: &mut Vec<Request>) {
        use crate::rig::words::{account, act, entry, hold, reverse};
        let path = format!("batch:{}", self.commands);
        let (first, reserved) = (self.maker.id(), self.maker.id());
        let own =
            |id, command| Request { id, keys: ledger::command::Keys { key: None, own_id: true }, command };
        requests.push(own(self.maker.id(), account(&path, "liability", "A>=0")));
        requests.push(own(first, entry(&format!("debit accounts:1 A 100, credit {path} A 100"), "party=p")));
        let text = format!("debit {path} A max<=80, credit accounts:2 A rest");
        requests.push(own(reserved, hold(&text, None, &[5, 5], "party=q")));
        let texts = ["capture 30", "final 20", "void 10", "increment 15", "void rest", "capture 85"];
        for _ in 0..self.maker.dice.below(4) {
            let text = *self.maker.dice.pick(&texts);
            requests.push(own(self.maker.id(), act(reserved, text)));
        }
        for _ in 0..self.maker.dice.below(4) {
            let text = *self.maker.dice.pick(&["10", "rest", "60", "45"]);
            requests.push(own(self.maker.id(), reverse(first, text)));
        }
    }

    /// The group in flight becomes durable, the next one is handed over.
    fn turn(&mut self) {
        let now = self.rig.clock().now();
        if !self.begun && self.naive.next_due().is_some_and(|due| due <= now) {
            self.naive.begin(now);
        }
        self.rig.turn();
        self.begun = false;
        while let Some((answer, _, _)) = self.waiting.front_mut() {
            let Ok(answer) = answer.try_recv() else { break };
            let (_, says, what) = self.waiting.pop_front().unwrap();
            let answer = answer.unwrap_or_else(|unanswered| panic!("{unanswered:?} to {what}"));
            self.compare(&answer, &says, &what);
        }
        self.compare_states();
    }

    /// Nothing is under way any more.
    pub fn settle(&mut self) {
        while !self.waiting.is_empty() || !self.rig.is_idle() {
            self.turn();
        }
    }

    fn compare(&mut self, answer: &Answer, says: &[Say], what: &str) {
        let lines = || answer.outcomes.iter().map(line).collect::<Vec<_>>().join("\n  ");
        assert_eq!(answer.outcomes.len(), says.len(), "\n  {}\n{says:#?}\n{what}", lines());
        for (outcome, say) in answer.outcomes.iter().zip(says) {
            self.compare_one(answer, outcome, say, what);
        }
    }

    fn compare_one(&mut self, answer: &Answer, outcome: &Outcome, say: &Say, what: &str) {
        let slug = match (say, outcome) {
            (Say::Done(seq, party, party_seq, legs), Outcome::Done { seq: own, position }) => {
                assert_eq!(seq, own, "{what}");
                let record = self.rig.record(*position);
                assert_eq!(
                    (record.seq, record.party.as_deref(), record.party_seq),
                    (*seq, party.as_deref(), *party_seq),
                    "{what}"
                );
                assert_legs(record.effect.postings(), legs, what);
                self.positions.insert(*seq, *position);
                format!("done {}", kind_of(&record.effect))
            }
            (Say::Again(seq), Outcome::Replayed { seq: own, position }) => {
                assert_eq!((seq, self.positions.get(seq)), (own, Some(position)), "{what}");
                "again".to_owned()
            }
            (Say::Refused(no), Outcome::Refused(problem)) => {
                assert_eq!(told(problem), *no, "\n{problem:#?}\n{what}");
                match no.split_once("cause.code=") {
                    Some((_, cause)) => format!("batch: {}", cause.split(' ').next().unwrap()),
                    None => no.split(' ').next().unwrap().to_owned(),
                }
            }
            (Say::Would(legs), Outcome::WouldDo) => {
                if let [record] = &answer.dry[..] {
                    assert_legs(record.effect.postings(), legs, what);
                }
                "would".to_owned()
            }
            _ => panic!("the ledger: {}\nthe naive one: {say:?}\n{what}", line(outcome)),
        };
        *self.seen.entry(slug).or_default() += 1;
    }

    /// Everything that both know, after all that was decided so far.
    fn compare_states(&mut self) {
        let (naive, state) = (&mut self.naive, self.rig.state());
        let under_way = || {
            let lines = self.waiting.iter().map(|(_, says, what)| format!("\n{says:?}\n  to {what}"));
            lines.collect::<String>()
        };
        let book = state.book(BOOK);
        assert_eq!(book.seq, naive.seq, "number of the newest record {}", under_way());
        assert_eq!(book.partyless, naive.parties[&None], "records without a party");
        assert_eq!(book.assets.len(), naive.assets.len());
        let opened: Vec<u64> = book.patterns.iter().map(|(_, opened)| *opened).collect();
        assert_eq!(opened, naive.patterns.iter().map(|(_, opened)| *opened).collect::<Vec<_>>());
        assert_eq!(state.accounts.len(), naive.accounts.len());
        for (no, known) in naive.accounts.iter_mut().enumerate() {
            let (account, name) = (&state.accounts[no], state.directory.name(AccountNo(no as u32)));
            assert_eq!(*name.path, *known.path);
            assert_eq!(*known.id.get_or_insert(name.id), name.id);
            assert_eq!(
                (
                    account.kind,
                    account.closed,
                    account.frozen.debits,
                    account.frozen.credits,
                    account.version
                ),
                (known.kind, known.closed, known.no_debits, known.no_credits, known.version),
                "{}",
                known.path
            );
            let allowed: Option<Vec<u32>> = account.allowed.as_ref().map(|a| a.iter().map(|a| a.0).collect());
            assert_eq!(allowed, known.only, "{}", known.path);
        }
        let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
        for balance in &state.balances {
            let place = (balance.account.0 as usize, balance.asset.0);
            let tally = naive.tally(place.0, place.1);
            assert_eq!(balance.counters, counters(&tally), "{place:?} {}", under_way());
            assert_eq!(balance.last_seq, tally.last_seq, "{place:?}");
            let limits = balance.limits.as_deref().copied().unwrap_or_default();
            let known = &naive.accounts[place.0];
            let expected = (known.floors.get(&place.1).copied(), known.ceilings.get(&place.1).copied());
            assert_eq!((limits.floor, limits.ceiling), expected, "{place:?}");
            *sums.entry(place.1).or_default() += balance.counters.debits - balance.counters.credits;
        }
        assert!(sums.values().all(|sum| *sum == 0), "debits are credits: {sums:?}");
        assert!(naive.tallies.keys().all(|(no, asset)| {
            state.find_balance(AccountNo(*no as u32), ledger::books::model::AssetNo(*asset)).is_some()
        }));
        self.compare_holds();
    }

    fn compare_holds(&self) {
        let (naive, state) = (&self.naive, self.rig.state());
        let open = naive.holds.iter().filter(|(_, hold)| hold.state == "open");
        assert_eq!(open.clone().count(), state.holds.len(), "open holds");
        for (id, expected) in open {
            let hold = &state.holds[id];
            assert_eq!(hold.expires_at, expected.expires_at);
            assert_eq!(hold.party.as_deref(), expected.party.as_deref());
            for (a, b) in hold.postings.iter().zip(&expected.postings) {
                assert_eq!(
                    (a.account.0 as usize, a.asset.0, a.held, a.captured, a.released, a.tolerance),
                    (b.account, b.asset, b.held, b.captured, b.released, b.tolerance),
                    "{id:?}"
                );
            }
        }
        assert_eq!(state.expiry, naive.due);
    }

    /// Ends, starts again from the disk, and reads every record from the first.
    pub fn restart(&mut self, checkpoint: bool) {
        self.settle();
        // A start wants its clock ahead of the newest record.
        self.rig.clock().advance_us(1_000_000);
        let before = self.rig.restart(checkpoint);
        assert_same(&before, self.rig.state());
        super::verifying::verify(&self.rig, &self.naive);
        self.rig.verify();
        self.begun = false;
    }
}

fn counters(tally: &super::naive::Tally) -> Counters {
    Counters {
        debits: tally.debits,
        credits: tally.credits,
        debits_pending: tally.held_debits,
        credits_pending: tally.held_credits,
    }
}

fn assert_legs(postings: &[Posting], legs: &[Leg], what: &str) {
    let found: Vec<_> = postings
        .iter()
        .map(|p| (p.account.0 as usize, p.asset.0, p.direction == Direction::Debit, p.amount, p.after))
        .collect();
    let expected: Vec<_> =
        legs.iter().map(|l| (l.account, l.asset, l.debit, l.amount, counters(&l.after))).collect();
    assert_eq!(found, expected, "{what}");
}

fn kind_of(effect: &Effect) -> &'static str {
    match effect {
        Effect::Posted { .. } => "entry",
        Effect::Reversed { .. } => "reversal",
        Effect::Held { .. } => "hold",
        Effect::HoldMoved { .. } => "hold command",
        Effect::Opened(_) => "account",
        Effect::Changed { .. } => "change",
        Effect::Asset(_) => "asset",
        Effect::Pattern(_) => "pattern",
        other => panic!("{other:?} is nobody's answer"),
    }
}
