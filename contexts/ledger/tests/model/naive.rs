//! The naive ledger: what the semantics page says, in the plainest way, over sorted maps. It shares the
//! words of commands with the ledger and nothing else: no rule, no state, no index.

use super::spelling::{self, name_of};
use kernel::money::print_minor;
use kernel::{Id, Timestamp};
use ledger::accounts::model::{AccountKind, AccountRef, ChangeAccount, Lifecycle, OpenAccount};
use ledger::books::model::{Pattern, preloaded};
use ledger::command::{Command, Manner, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A refusal as its slug and data, in a line.
pub type No = String;

/// Holds that one group expires.
const DUE_PER_GROUP: usize = 512;

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    pub path: String,
    pub kind: AccountKind,
    /// None where a pattern opened it: the ledger chose.
    pub id: Option<Id>,
    pub only: Option<Vec<u32>>,
    pub floors: BTreeMap<u32, i128>,
    pub ceilings: BTreeMap<u32, i128>,
    pub no_debits: bool,
    pub no_credits: bool,
    pub closed: bool,
    pub version: u32,
    pub description: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// Four counters and the newest record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub debits: i128,
    pub credits: i128,
    pub held_debits: i128,
    pub held_credits: i128,
    pub last_seq: u64,
}

/// One posting that was made, with its balance after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub account: usize,
    pub asset: u32,
    pub debit: bool,
    pub amount: i128,
    pub after: Tally,
}

/// A posting of an entry, and what of it was undone.
#[derive(Clone, Copy, Debug)]
pub struct Undoable {
    pub account: usize,
    pub asset: u32,
    pub debit: bool,
    pub amount: i128,
    pub undone: i128,
}

/// An entry, capture or reversal.
#[derive(Clone, Debug)]
pub struct Entry {
    pub reversal: bool,
    pub party: Option<String>,
    pub postings: Vec<Undoable>,
}

/// A posting of a hold.
#[derive(Clone, Copy, Debug)]
pub struct Reserved {
    pub account: usize,
    pub asset: u32,
    pub debit: bool,
    pub held: i128,
    pub captured: i128,
    pub released: i128,
    pub tolerance: i128,
}

impl Reserved {
    pub fn left(&self) -> i128 {
        (self.held - self.captured - self.released).max(0)
    }
}

/// A hold.
#[derive(Clone, Debug)]
pub struct Hold {
    pub state: &'static str,
    pub expires_at: Option<Timestamp>,
    pub party: Option<String>,
    pub postings: Vec<Reserved>,
}

/// A record that a command led to.
#[derive(Debug)]
pub struct Told {
    pub id: Id,
    pub seq: u64,
    pub command: Option<Command>,
    pub refused: Option<No>,
}

/// What the ledger ought to answer.
#[derive(Clone, Debug)]
pub enum Say {
    /// A record: its number, its party, its number there, its postings.
    Done(u64, Option<String>, u64, Vec<Leg>),
    /// The record of this number again.
    Again(u64),
    /// No.
    Refused(No),
    /// Yes, if it were asked in earnest; with these postings.
    Would(Vec<Leg>),
}

/// How a command was not done.
pub enum Short {
    /// Refused now: may be kept.
    Now(No),
    /// Refused by what is known of its names.
    Before(No),
}

/// What a batch under a key led to.
#[derive(Clone)]
pub struct Kept {
    pub atomic: bool,
    pub digest: [u8; 32],
    pub says: Vec<Say>,
}

/// The whole of it.
#[derive(Clone)]
pub struct Naive {
    pub now: Timestamp,
    pub seq: u64,
    pub assets: Vec<(String, u8)>,
    pub accounts: Vec<Account>,
    pub paths: BTreeMap<String, usize>,
    pub patterns: Vec<(Pattern, u64)>,
    pub tallies: BTreeMap<(usize, u32), Tally>,
    pub entries: BTreeMap<Id, Rc<Entry>>,
    pub holds: BTreeMap<Id, Rc<Hold>>,
    pub due: BTreeSet<(Timestamp, Id)>,
    pub parties: BTreeMap<Option<String>, u64>,
    /// Balances that an override took past a limit.
    pub overridden: BTreeSet<(usize, u32)>,
    names: BTreeMap<(&'static str, String), Rc<Told>>,
    batches: BTreeMap<String, Rc<Kept>>,
}

impl Naive {
    /// A book as it is opened: a record for itself and one for each of its first two accounts.
    pub fn new(now: Timestamp) -> Self {
        let assets = preloaded().iter().map(|asset| (asset.code.to_string(), asset.scale)).collect();
        let mut naive = Self {
            now,
            seq: 1,
            assets,
            accounts: Vec::new(),
            paths: BTreeMap::new(),
            patterns: Vec::new(),
            tallies: BTreeMap::new(),
            entries: BTreeMap::new(),
            holds: BTreeMap::new(),
            due: BTreeSet::new(),
            parties: BTreeMap::from([(None, 1)]),
            overridden: BTreeSet::new(),
            names: BTreeMap::new(),
            batches: BTreeMap::new(),
        };
        for (path, kind) in [("accounts:1", AccountKind::Expense), ("accounts:2", AccountKind::Liability)] {
            let open = OpenAccount {
                path: path.into(),
                kind,
                assets: None,
                limits: Vec::new(),
                text: Default::default(),
                by_pattern: false,
            };
            naive.add_account(None, &open);
            naive.number(None);
        }
        naive
    }

    /// A group begins: its time is set, and what is due expires.
    pub fn begin(&mut self, clock: Timestamp) {
        self.now = clock.max(Timestamp(self.now.0 + 1));
        for _ in 0..DUE_PER_GROUP {
            match self.due.first().copied() {
                Some((at, hold)) if at <= self.now => self.expire(hold),
                _ => break,
            }
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// One command.
    pub fn single(&mut self, request: &Request, manner: Manner) -> Say {
        if !manner.dry_run {
            return self.command(request, manner);
        }
        if let Err(no) = self.earlier(request) {
            return Say::Refused(no);
        }
        self.expire_named(&request.command);
        let mut other = self.clone();
        match other.decide(request, manner) {
            Ok(Say::Done(_, _, _, legs)) => Say::Would(legs),
            Ok(other) => other,
            Err(no) => Say::Refused(no),
        }
    }

    fn command(&mut self, request: &Request, manner: Manner) -> Say {
        match self.earlier(request) {
            Ok(Some(seq)) => return Say::Again(seq),
            Err(no) => return Say::Refused(no),
            Ok(None) => {}
        }
        self.expire_named(&request.command);
        match self.decide(request, manner) {
            Ok(say) => say,
            Err(no) => {
                if manner.freeze_refusals && spelling::is_named(request) {
                    let party = spelling::party(&request.command);
                    let (seq, _) = self.number(party.as_deref());
                    self.tell(request, seq, Some(no.clone()), true);
                }
                Say::Refused(no)
            }
        }
    }

    /// A batch of commands.
    pub fn batch(
        &mut self,
        atomic: bool,
        key: Option<(&str, [u8; 32])>,
        requests: &[Request],
        manner: Manner,
    ) -> Vec<Say> {
        if let Some((key, digest)) = key
            && let Some(kept) = self.batches.get(key)
        {
            let mut fields = Vec::new();
            if kept.atomic != atomic {
                fields.push("mode");
            }
            if kept.digest != digest {
                fields.push("commands");
            }
            return if fields.is_empty() {
                kept.says.clone()
            } else {
                vec![Say::Refused(conflict("Idempotency-Key", &fields))]
            };
        }
        let says = if atomic {
            match self.atomic(requests, manner) {
                Ok(says) => says,
                Err(Short::Now(no)) => vec![Say::Refused(no)],
                Err(Short::Before(no)) => return vec![Say::Refused(no)],
            }
        } else {
            requests.iter().map(|request| self.single(request, manner)).collect()
        };
        if let Some((key, digest)) = key
            && !manner.dry_run
        {
            self.number(None);
            self.batches.insert(key.to_owned(), Rc::new(Kept { atomic, digest, says: says.clone() }));
        }
        says
    }

    fn atomic(&mut self, requests: &[Request], manner: Manner) -> Result<Vec<Say>, Short> {
        let mut inside = BTreeSet::new();
        let mut again = Vec::new();
        let mut namespace = None;
        for request in requests {
            for name in spelling::names(request) {
                namespace.get_or_insert(name.0);
                if !inside.insert(name.clone()) {
                    return Err(Short::Now(format!("idempotency-conflict namespace={}", name.0)));
                }
            }
            match self.earlier(request) {
                Ok(Some(seq)) => again.push(Say::Again(seq)),
                Ok(None) => {}
                Err(no) if self.was_kept(request, &no) => return Err(Short::Before(no)),
                Err(no) => return Err(Short::Now(no)),
            }
        }
        if !again.is_empty() {
            if again.len() == requests.len() {
                return Ok(again);
            }
            return Err(Short::Now(format!("idempotency-conflict namespace={}", namespace.unwrap_or("id"))));
        }
        for request in requests {
            self.expire_named(&request.command);
        }
        let before = self.clone();
        let mut says = Vec::new();
        for (place, request) in requests.iter().enumerate() {
            match self.decide(request, manner) {
                Ok(say) => says.push(say),
                Err(no) => {
                    *self = before;
                    return Err(Short::Now(inner(place, &no)));
                }
            }
        }
        if manner.dry_run {
            *self = before;
            return Ok(requests.iter().map(|_| Say::Would(Vec::new())).collect());
        }
        Ok(says)
    }

    /// Decides a command whose names are new. A refusal changes nothing.
    fn decide(&mut self, request: &Request, manner: Manner) -> Result<Say, No> {
        let opened = (self.accounts.len(), self.seq, self.parties.get(&None).copied());
        let patterns: Vec<u64> = self.patterns.iter().map(|(_, count)| *count).collect();
        let id = request.id;
        let said = match &request.command {
            Command::PostEntry(entry) => self.post(id, entry, manner),
            Command::PlaceHold(hold) => self.place(id, hold, manner),
            Command::ActOnHold(act) => self.act(id, act.hold, &act.action, act.details.as_deref(), manner),
            Command::ReverseEntry(reversal) => self.reverse(id, reversal, manner),
            Command::OpenAccount(open) => self.open(id, open),
            Command::ChangeAccount(no, change) => self.change(no.0 as usize, change),
            Command::MoveAccount(no, change, _) => self.move_life(no.0 as usize, change),
            Command::RegisterAsset(register) => {
                let code = register.asset.code.to_string();
                match self.assets.iter().find(|(known, _)| *known == code) {
                    Some((_, scale)) => Err(format!("asset-exists scale={scale}")),
                    None => {
                        self.assets.push((code, register.asset.scale));
                        Ok(self.done(None, Vec::new()))
                    }
                }
            }
            Command::SetPattern(pattern) => self.set_pattern(pattern),
        };
        match &said {
            Ok(Say::Done(seq, ..)) => self.tell(request, *seq, None, false),
            Ok(_) => {}
            Err(_) => {
                for account in self.accounts.drain(opened.0..) {
                    self.paths.remove(&account.path);
                }
                self.seq = opened.1;
                if let Some(count) = opened.2 {
                    self.parties.insert(None, count);
                }
                for ((_, count), before) in self.patterns.iter_mut().zip(patterns) {
                    *count = before;
                }
            }
        }
        said
    }

    /// The next number of the book and of the party.
    pub fn number(&mut self, party: Option<&str>) -> (u64, u64) {
        self.seq += 1;
        let count = self.parties.entry(party.map(str::to_owned)).or_default();
        *count += 1;
        (self.seq, *count)
    }

    /// A record without postings, or with these that are already applied.
    pub fn done(&mut self, party: Option<&str>, legs: Vec<Leg>) -> Say {
        let (seq, party_seq) = self.number(party);
        Say::Done(seq, party.map(str::to_owned), party_seq, legs)
    }

    // --- names ---

    fn tell(&mut self, request: &Request, seq: u64, refused: Option<No>, by_id: bool) {
        let settings = matches!(
            request.command,
            Command::OpenAccount(_)
                | Command::ChangeAccount(..)
                | Command::MoveAccount(..)
                | Command::RegisterAsset(_)
                | Command::SetPattern(_)
        );
        let command = Some(request.command.clone());
        let told = Rc::new(Told { id: request.id, seq, command, refused });
        if by_id || !settings || request.keys.own_id {
            self.names.insert(("id", format!("{:?}", request.id)), told.clone());
        }
        for name in spelling::names(request) {
            self.names.insert(name, told.clone());
        }
    }

    fn was_kept(&self, request: &Request, no: &No) -> bool {
        let mut known = spelling::names(request).into_iter().filter_map(|name| self.names.get(&name));
        known.any(|told| told.refused.as_ref() == Some(no))
    }

    /// The record of the first command under any of the request's names.
    fn earlier(&self, request: &Request) -> Result<Option<u64>, No> {
        let mut found: Option<&Rc<Told>> = None;
        for name in spelling::names(request) {
            let Some(told) = self.names.get(&name) else { continue };
            if found.is_some_and(|other| other.seq != told.seq) {
                return Err(conflict(name.0, &[name.0]));
            }
            let mut fields = match &told.command {
                Some(command) => spelling::differing(self, command, &request.command),
                None => vec!["type"],
            };
            if told.command.is_some() && request.keys.own_id && request.id != told.id {
                fields.push("id");
            }
            if !fields.is_empty() {
                return Err(conflict(name.0, &fields));
            }
            found = Some(told);
        }
        match found {
            None => Ok(None),
            Some(told) => match &told.refused {
                Some(no) => Err(no.clone()),
                None => Ok(Some(told.seq)),
            },
        }
    }

    // --- holds that are due ---

    fn expire_named(&mut self, command: &Command) {
        let hold = match command {
            Command::ActOnHold(act) => act.hold,
            Command::ReverseEntry(reversal) => reversal.entry,
            _ => return,
        };
        let due = self
            .holds
            .get(&hold)
            .is_some_and(|found| found.state == "open" && found.expires_at.is_some_and(|at| at <= self.now));
        if due {
            self.expire(hold);
        }
    }

    fn expire(&mut self, id: Id) {
        let mut hold = Hold::clone(&self.holds[&id]);
        self.seq += 1;
        *self.parties.entry(hold.party.clone()).or_default() += 1;
        for posting in &mut hold.postings {
            let left = posting.left();
            posting.released += left;
            if left > 0 {
                let tally = self.tallies.get_mut(&(posting.account, posting.asset)).unwrap();
                *if posting.debit { &mut tally.held_debits } else { &mut tally.held_credits } -= left;
                tally.last_seq = self.seq;
            }
        }
        hold.state = "expired";
        self.keep_hold(id, hold);
    }

    pub fn keep_hold(&mut self, id: Id, hold: Hold) {
        if let Some(old) = self.holds.get(&id)
            && let Some(at) = old.expires_at
        {
            self.due.remove(&(at, id));
        }
        if hold.state == "open"
            && let Some(at) = hold.expires_at
        {
            self.due.insert((at, id));
        }
        self.holds.insert(id, Rc::new(hold));
    }

    // --- accounts, assets, patterns ---

    pub fn find(&self, account: &AccountRef) -> Option<usize> {
        match account {
            AccountRef::Known(no) => Some(no.0 as usize),
            AccountRef::Path(path) => self.paths.get(&**path).copied(),
            AccountRef::Id(id) => self.accounts.iter().position(|account| account.id == Some(*id)),
        }
    }

    pub fn find_or_say(&self, account: &AccountRef) -> Result<usize, No> {
        self.find(account).ok_or_else(|| format!("unknown-account account={}", name_of(account)))
    }

    /// The account of a posting, opened where a pattern says so.
    pub fn find_or_open(&mut self, account: &AccountRef) -> Result<usize, No> {
        if let Some(found) = self.find(account) {
            return Ok(found);
        }
        let AccountRef::Path(path) = account else { return self.find_or_say(account) };
        let matching = |pattern: &Pattern| {
            let (wanted, given): (Vec<_>, Vec<_>) =
                (pattern.pattern.split(':').collect(), path.split(':').collect());
            wanted.len() == given.len() && wanted.iter().zip(&given).all(|(a, b)| *a == "*" || a == b)
        };
        let Some(place) = self.patterns.iter().position(|(pattern, _)| matching(pattern)) else {
            return self.find_or_say(account);
        };
        let (pattern, opened) = self.patterns[place].clone();
        if opened >= pattern.quota {
            return Err(format!("quota-exceeded pattern={} quota={}", pattern.pattern, pattern.quota));
        }
        self.patterns[place].1 += 1;
        let open = OpenAccount {
            path: path.clone(),
            kind: pattern.kind,
            assets: pattern.assets,
            limits: pattern.limits,
            text: Default::default(),
            by_pattern: true,
        };
        let no = self.add_account(None, &open);
        self.number(None);
        Ok(no)
    }

    fn add_account(&mut self, id: Option<Id>, open: &OpenAccount) -> usize {
        let no = self.accounts.len();
        self.accounts.push(Account {
            path: open.path.to_string(),
            kind: open.kind,
            id,
            only: open.assets.as_ref().map(|assets| assets.iter().map(|asset| asset.0).collect()),
            floors: open.limits.iter().filter_map(|(asset, l)| Some((asset.0, l.floor?))).collect(),
            ceilings: open.limits.iter().filter_map(|(asset, l)| Some((asset.0, l.ceiling?))).collect(),
            no_debits: false,
            no_credits: false,
            closed: false,
            version: 1,
            description: open.text.description.as_deref().map(str::to_owned),
            metadata: open.text.metadata.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
        });
        self.paths.insert(open.path.to_string(), no);
        no
    }

    fn open(&mut self, id: Id, open: &OpenAccount) -> Result<Say, No> {
        if self.paths.contains_key(&*open.path) {
            return Err(format!("account-exists path={}", open.path));
        }
        if let Some(known) = self.accounts.iter().find(|account| account.id == Some(id)) {
            return Err(format!("account-exists path={}", known.path));
        }
        let crossed = |limits: &ledger::accounts::model::Limits| {
            limits.floor.zip(limits.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling)
        };
        if open.limits.iter().any(|(_, limits)| crossed(limits)) {
            return Err("invalid-limits".to_owned());
        }
        self.add_account(Some(id), open);
        Ok(self.done(None, Vec::new()))
    }

    fn change(&mut self, no: usize, change: &ChangeAccount) -> Result<Say, No> {
        let mut account = self.accounts[no].clone();
        if change.if_version.is_some_and(|version| version != account.version) {
            return Err(format!("version-mismatch version={}", account.version));
        }
        if account.closed {
            return Err("account-state account_status=closed".to_owned());
        }
        if let Some(only) = &change.assets {
            account.only = only.as_ref().map(|assets| assets.iter().map(|asset| asset.0).collect());
        }
        for (asset, limits) in &change.limits {
            account.floors.remove(&asset.0);
            account.ceilings.remove(&asset.0);
            account.floors.extend(limits.floor.map(|floor| (asset.0, floor)));
            account.ceilings.extend(limits.ceiling.map(|ceiling| (asset.0, ceiling)));
            if limits.floor.zip(limits.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling) {
                return Err("invalid-limits".to_owned());
            }
        }
        if let Some(description) = &change.description {
            account.description = description.as_deref().map(str::to_owned);
        }
        for (name, value) in &change.metadata {
            match value {
                Some(value) => account.metadata.insert(name.to_string(), value.to_string()),
                None => account.metadata.remove(&**name),
            };
        }
        account.version += 1;
        self.accounts[no] = account;
        Ok(self.done(None, Vec::new()))
    }

    fn move_life(&mut self, no: usize, change: &Lifecycle) -> Result<Say, No> {
        let account = &self.accounts[no];
        if account.closed {
            return Err("account-state account_status=closed".to_owned());
        }
        let (mut no_debits, mut no_credits, mut closed) = (account.no_debits, account.no_credits, false);
        match change {
            Lifecycle::Freeze(sides) => (no_debits, no_credits) = (sides.debits, sides.credits),
            Lifecycle::Thaw if no_debits || no_credits => (no_debits, no_credits) = (false, false),
            Lifecycle::Thaw => return Err("account-state account_status=open".to_owned()),
            Lifecycle::Close => {
                let touching = self.holds.values().filter(|hold| hold.state == "open");
                let holds: usize =
                    touching.map(|hold| hold.postings.iter().filter(|p| p.account == no).count()).sum();
                let mut own = self.tallies.iter().filter(|((account, _), _)| *account == no);
                let empty =
                    own.all(|(_, t)| t.debits == t.credits && t.held_debits == 0 && t.held_credits == 0);
                if holds > 0 || !empty {
                    return Err(format!("account-not-empty open_holds={holds}"));
                }
                closed = true;
            }
        }
        let account = &mut self.accounts[no];
        (account.no_debits, account.no_credits, account.closed) = (no_debits, no_credits, closed);
        account.version += 1;
        Ok(self.done(None, Vec::new()))
    }

    fn set_pattern(&mut self, pattern: &Pattern) -> Result<Say, No> {
        let crossed = pattern.limits.iter().any(|(_, limits)| {
            limits.floor.zip(limits.ceiling).is_some_and(|(floor, ceiling)| floor > ceiling)
        });
        if crossed {
            return Err("invalid-limits".to_owned());
        }
        // Two patterns overlap where some path is both's.
        let both = |a: &str, b: &str| {
            a.split(':').count() == b.split(':').count()
                && a.split(':').zip(b.split(':')).all(|(x, y)| x == "*" || y == "*" || x == y)
        };
        if let Some((other, _)) =
            self.patterns.iter().find(|(other, _)| both(&other.pattern, &pattern.pattern))
        {
            return Err(format!("pattern-overlap pattern={}", other.pattern));
        }
        self.patterns.push((pattern.clone(), 0));
        Ok(self.done(None, Vec::new()))
    }

    // --- words ---

    /// ` asset=EUR available=1.00 requested=2.00`.
    pub fn amounts(&self, asset: u32, amounts: &[(&str, i128)]) -> String {
        let (code, scale) = &self.assets[asset as usize];
        let mut text = format!(" asset={code}");
        for (name, minor) in amounts {
            text.push_str(&format!(" {name}={}", print_minor(*minor, *scale)));
        }
        text
    }
}

fn conflict(namespace: &str, fields: &[&str]) -> No {
    format!("idempotency-conflict namespace={namespace} differing_fields={}", fields.join(","))
}

/// A refusal inside a batch: every member of it is one of the cause.
fn inner(place: usize, no: &str) -> No {
    let mut words = no.split(' ');
    let mut text = format!("batch-refused index={place} cause.code={}", words.next().unwrap_or_default());
    for word in words {
        text.push_str(" cause.");
        text.push_str(word);
    }
    text
}
