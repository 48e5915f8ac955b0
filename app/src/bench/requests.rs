//! Requests built before anything is timed: heads and bodies as they go over the wire.

use kernel::{Id, IdSource, RandomIds, id::prefix};
use std::fmt::Write as _;
use std::ops::Range;

/// Commands of one batch: what the route's limit and the round number before it leave.
pub const BATCH: usize = 8_192;

/// Where the numbers of accounts start: a book opens with a few of its own below.
pub const FIRST_ACCOUNT: u64 = 1_001;

/// Requests, one after the other.
#[derive(Default)]
pub struct Requests {
    bytes: Vec<u8>,
    list: Vec<Piece>,
}

struct Piece {
    range: Range<usize>,
    weight: u32,
}

/// One of them.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// All of its bytes.
    pub bytes: &'a [u8],
    /// How many entries it carries.
    pub weight: u32,
}

impl Requests {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The one at a place.
    pub fn get(&self, place: usize) -> Request<'_> {
        let piece = &self.list[place];
        Request { bytes: &self.bytes[piece.range.clone()], weight: piece.weight }
    }

    /// Appends a request with a JSON body.
    pub fn post(&mut self, path: &str, body: &str, weight: u32) {
        self.send("POST", path, body, weight);
    }

    /// Appends a request that sets something.
    pub fn put(&mut self, path: &str, body: &str) {
        self.send("PUT", path, body, 1);
    }

    fn send(&mut self, method: &str, path: &str, body: &str, weight: u32) {
        let start = self.bytes.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(body.as_bytes());
        self.list.push(Piece { range: start..self.bytes.len(), weight });
    }

    /// Appends a request without a body.
    pub fn get_of(&mut self, path: &str) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.list.push(Piece { range: start..self.bytes.len(), weight: 1 });
    }
}

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As an entry with two postings.
    Entry,
    /// As a posting with two accounts.
    Posting,
    /// As an entry with a reference.
    Referenced,
    /// As an entry with a reference and one piece of metadata.
    Labelled,
}

/// How many references there are; entries share them.
pub const REFERENCES: u64 = 1_000_000;
/// How many shops the metadata names.
pub const SHOPS: u64 = 100;

/// Where ids come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// UUIDv7.
    Ordered,
    /// UUIDv4.
    Random,
}

/// What entries look like.
#[derive(Clone, Copy, Debug)]
pub struct Entries {
    /// How each is written.
    pub form: Form,
    /// Where its id comes from.
    pub ids: Ids,
    /// How many accounts take part, from the first number on.
    pub accounts: u64,
}

/// Chance that repeats: SplitMix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Starts the sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn uuid4(&mut self) -> Id {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        let bare = bits & !(0xf << 76) & !(0x3 << 62);
        Id(bare | 0x4 << 76 | 0x2 << 62)
    }
}

/// Writes entries, always new ones.
pub struct Writer {
    entries: Entries,
    chance: Chance,
    /// The next pair of accounts, where they come in turn.
    turn: Option<u64>,
}

impl Writer {
    /// Of such entries; the seed keeps two writers of one server apart.
    pub fn new(entries: Entries, seed: u64) -> Self {
        Self { entries, chance: Chance::new(seed), turn: None }
    }

    /// Of entries that touch each account once, two at a time.
    pub fn in_turn(entries: Entries) -> Self {
        Self { entries, chance: Chance::new(0), turn: Some(0) }
    }

    /// Batches with so many entries in all.
    pub fn batches(&mut self, path: &str, entries: usize, each: usize) -> Requests {
        let mut requests = Requests::default();
        let one = match self.entries.form {
            Form::Entry => 224,
            Form::Posting => 136,
            Form::Referenced | Form::Labelled => 284,
        };
        requests.bytes.reserve_exact((entries + each) * one);
        let mut body = String::with_capacity(each * one + 64);
        let mut left = entries;
        while left > 0 {
            let count = left.min(each);
            body.clear();
            body.push_str(r#"{"mode":"independent","commands":["#);
            for place in 0..count {
                if place > 0 {
                    body.push(',');
                }
                self.command(&mut body);
            }
            body.push_str("]}");
            requests.post(path, &body, count as u32);
            left -= count;
        }
        requests
    }

    /// One entry per request.
    pub fn singles(&mut self, entries: usize) -> Requests {
        let mut requests = Requests::default();
        let mut body = String::new();
        for _ in 0..entries {
            body.clear();
            self.entry(&mut body, "");
            requests.post("/v1/entries", &body, 1);
        }
        requests
    }

    fn command(&mut self, out: &mut String) {
        match self.entries.form {
            Form::Entry | Form::Referenced | Form::Labelled => self.entry(out, r#""type":"entry","#),
            Form::Posting => self.posting(out),
        }
    }

    fn entry(&mut self, out: &mut String, kind: &str) {
        let (debit, credit) = self.pair();
        let (whole, cents) = (self.chance.below(1000), self.chance.below(99) + 1);
        out.push('{');
        out.push_str(kind);
        out.push_str(r#""id":""#);
        self.id().write(out, prefix::ENTRY);
        let _ = write!(
            out,
            "\",\"postings\":[\
             {{\"account\":\"accounts:{debit}\",\"direction\":\"debit\",\"amount\":\"{whole}.{cents:02}\",\
             \"currency\":\"EUR\"}},\
             {{\"account\":\"accounts:{credit}\",\"direction\":\"credit\",\"amount\":\"{whole}.{cents:02}\",\
             \"currency\":\"EUR\"}}]"
        );
        if let Form::Referenced | Form::Labelled = self.entries.form {
            let _ = write!(out, r#","reference":"order-{}""#, self.chance.below(REFERENCES));
        }
        if self.entries.form == Form::Labelled {
            let _ = write!(out, r#","metadata":{{"shop":"{}"}}"#, self.chance.below(SHOPS));
        }
        out.push('}');
    }

    fn posting(&mut self, out: &mut String) {
        let (debit, credit) = self.pair();
        let (whole, cents) = (self.chance.below(1000), self.chance.below(99) + 1);
        out.push_str(r#"{"type":"posting","id":""#);
        self.id().write(out, prefix::ENTRY);
        let _ = write!(
            out,
            "\",\"debit_account\":{debit},\"credit_account\":{credit},\"amount\":\"{whole}.{cents:02}\",\
             \"currency\":\"EUR\"}}"
        );
    }

    fn pair(&mut self) -> (u64, u64) {
        let count = self.entries.accounts;
        if let Some(turn) = &mut self.turn {
            *turn += 2;
            return (FIRST_ACCOUNT + *turn - 2, FIRST_ACCOUNT + *turn - 1);
        }
        let debit = self.chance.below(count);
        let credit = (debit + 1 + self.chance.below(count - 1)) % count;
        (FIRST_ACCOUNT + debit, FIRST_ACCOUNT + credit)
    }

    fn id(&mut self) -> Id {
        match self.entries.ids {
            Ids::Ordered => RandomIds.next(),
            Ids::Random => self.chance.uuid4(),
        }
    }
}

/// Opens the accounts of a range, counted from 0, one per request.
pub fn open_accounts(numbers: Range<u64>) -> Requests {
    let mut requests = Requests::default();
    for number in numbers.start + FIRST_ACCOUNT..numbers.end + FIRST_ACCOUNT {
        let body = format!(r#"{{"path":"accounts:{number}","type":"liability"}}"#);
        requests.post("/v1/accounts", &body, 1);
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_and_as_long_as_they_say() {
        let forms =
            [(Form::Entry, Ids::Ordered), (Form::Posting, Ids::Random), (Form::Labelled, Ids::Ordered)];
        for (form, ids) in forms {
            let mut writer = Writer::new(Entries { form, ids, accounts: 2 }, 1);
            let requests = writer.batches("/v1/batches", 25, 10);
            assert_eq!((0..requests.len()).map(|place| requests.get(place).weight).sum::<u32>(), 25);
            let text = std::str::from_utf8(requests.get(0).bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["commands"].as_array().unwrap().len(), 10);
        }
    }

    #[test]
    fn random_ids_are_uuids_of_version_four() {
        let id = format!("{:?}", Chance::new(7).uuid4());
        assert_eq!((&id[14..15], "89ab".contains(&id[19..20])), ("4", true), "{id}");
    }
}
