//! The bytes of the journal: records and frames read back, every changed byte is noticed, a cut write is told from
//! damage, and free text and redo can go while the chain still holds.

use kernel::{Id, Tenant, Timestamp};
use ledger::accounts::model::{AccountKind, AccountNo, AccountRef, BalanceNo, Counters, OpenAccount, Text};
use ledger::books::model::{AssetNo, BookNo};
use ledger::command::{Command, Keys, Origin};
use ledger::effect::{Decision, Effect, Opened};
use ledger::entries::model::{
    AmountCommand, Details, Direction, Override, PostEntry, Posting, PostingCommand, Postings,
};
use ledger::journal::frame::{Contents, HEAD, SECTOR, build, extent, take_head};
use ledger::journal::record::{Draft, OriginAt, Record, lengths, put_record, take_record};
use ledger::journal::redo::{destroy, put_redo};
use ledger::journal::scan::Frame;
use ledger::journal::unit::UnitHead;
use ledger::refusal::NO_BALANCE;
use ledger::skew::{Links, NOWHERE, Place};
use proptest::prelude::*;
use std::sync::Arc;

const AT: u64 = 512 + HEAD as u64;

fn posting_commands(amount: i128) -> Postings {
    let posting = |account: u32, direction| PostingCommand {
        account: AccountRef::Known(AccountNo(account)),
        direction,
        asset: AssetNo(3),
        amount: AmountCommand::Exact(amount),
    };
    [posting(7, Direction::Debit), posting(300, Direction::Credit)].into_iter().collect()
}

fn posting(account: u32, direction: Direction, amount: i128, after: Counters) -> Posting {
    let (account, asset, balance) = (AccountNo(account), AssetNo(3), NO_BALANCE);
    Posting { balance, account, asset, direction, amount, after }
}

fn entry(amount: i128, details: Option<Details>) -> (Command, Effect) {
    let after = Counters { debits: amount, ..Counters::default() };
    let other = Counters { credits: amount * 2, credits_pending: 5, ..Counters::default() };
    let command = PostEntry { postings: posting_commands(amount), details: details.map(Box::new) };
    let postings =
        [posting(7, Direction::Debit, amount, after), posting(300, Direction::Credit, amount, other)];
    (Command::PostEntry(command), Effect::Posted { postings: postings.into_iter().collect() })
}

fn write(
    out: &mut Vec<u8>,
    position: u64,
    command: Option<&Command>,
    effect: Effect,
    draft: Draft<'_>,
) -> usize {
    let links = effect.postings().iter().map(|_| Links { number: 9, previous: Place(1000), jump: NOWHERE });
    let links = links.collect();
    let decision = Decision {
        book: BookNo(2),
        seq: 77,
        party: draft.party.map(Box::from),
        party_seq: 4,
        id: Id(99),
        effect,
    };
    put_record(out, &mut Vec::new(), position, &Draft { command, ..draft }, &decision, &links)
}

fn plain<'a>(keys: &'a Keys, origin: &'a OriginAt) -> Draft<'a> {
    Draft { at: Timestamp(5), keys, origin, command: None, party: None, unit: None, previous: 0, salt: 42 }
}

fn details() -> Details {
    Details {
        reference: Some("order-7".into()),
        unique_ref: Some("r".into()),
        party: Some("ada".into()),
        effective_at: Some(Timestamp(3)),
        conditions: Vec::new(),
        override_: Some(Override { floor: true, ceiling: false, reason: "why".into() }),
        text: Text { description: Some("secret words".into()), metadata: vec![("k".into(), "v".into())] },
    }
}

fn record() -> (Vec<u8>, Record) {
    let keys = Keys { key: Some("key-1".into()), own_id: true };
    let origin = OriginAt::Here(Origin {
        key: Some(Id(1)),
        address: Some("::1".parse().unwrap()),
        correlation: Some(Arc::from("req_1")),
        causation: Some(Arc::from("evt_1")),
        traceparent: Some(Arc::from("00-1-2-01")),
    });
    let (command, effect) = entry(1234, Some(details()));
    let mut bytes = Vec::new();
    let head = UnitHead {
        context: "wallets".into(),
        command: "x".into(),
        fields: vec![("a".into(), "b".into())],
        answer: Some(b"{}"[..].into()),
    };
    let draft = Draft { party: Some("ada"), unit: Some(&head), previous: 300, ..plain(&keys, &origin) };
    write(&mut bytes, AT, Some(&command), effect.clone(), draft);
    let read = take_record(&bytes, AT).unwrap();
    assert_eq!((read.command.as_ref(), &read.effect), (Some(&command), &effect));
    assert_eq!((&read.keys, &read.origin), (&keys, &origin));
    (bytes, read)
}

#[test]
fn a_record_says_everything_again() {
    let (bytes, read) = record();
    assert_eq!(read.length as usize, bytes.len());
    assert_eq!((read.seq, read.party_seq, read.previous, read.at), (77, 4, 300, Timestamp(5)));
    assert_eq!(
        (read.party.as_deref(), read.unit.as_ref().and_then(|unit| unit.answer.as_deref())),
        (Some("ada"), Some(&b"{}"[..]))
    );
    assert_eq!(read.links[1], Links { number: 9, previous: Place(1000), jump: NOWHERE });
    assert!(read.text_hash.is_some());
}

#[test]
fn every_changed_byte_of_a_record_is_noticed() {
    let (bytes, _) = record();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert!(take_record(&changed, AT).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn units_and_accounts_read_back_without_a_posting() {
    let keys = Keys { key: Some("unit".into()), own_id: false };
    let mut bytes = Vec::new();
    let head = UnitHead { answer: Some(b"{\"customer\":\"ada\"}"[..].into()), ..UnitHead::default() };
    let draft = Draft { unit: Some(&head), ..plain(&keys, &OriginAt::Nobody) };
    write(&mut bytes, AT, None, Effect::Unit, draft);
    let read = take_record(&bytes, AT).unwrap();
    assert_eq!((read.effect, read.unit.as_deref()), (Effect::Unit, Some(&head)));

    let open = OpenAccount {
        path: "a:b".into(),
        kind: AccountKind::Income,
        assets: Some(vec![AssetNo(1)]),
        limits: Vec::new(),
        text: Text::default(),
        by_pattern: true,
    };
    let settings = ledger::accounts::model::Settings {
        assets: open.assets.clone(),
        limits: Vec::new(),
        frozen: Default::default(),
        closed: false,
        version: 1,
        opened_at: Timestamp(5),
        text: Text::default(),
    };
    let effect = Effect::Opened(Opened {
        id: Id(99),
        path: "a:b".into(),
        kind: open.kind,
        settings,
        pattern: Some(3),
    });
    let mut bytes = Vec::new();
    let none = Keys::default();
    write(&mut bytes, AT, Some(&Command::OpenAccount(open)), effect.clone(), plain(&none, &OriginAt::Nobody));
    assert_eq!(take_record(&bytes, AT).unwrap().effect, effect);

    let effect = Effect::Book { tenant: Tenant::default(), assets: ledger::books::model::preloaded() };
    let mut bytes = Vec::new();
    write(&mut bytes, AT, None, effect.clone(), plain(&none, &OriginAt::Nobody));
    assert_eq!(take_record(&bytes, AT).unwrap().effect, effect);
}

fn contents(records: usize, redo: Vec<u8>) -> Contents {
    let mut contents = Contents { redo, ..Contents::default() };
    let keys = Keys::default();
    for number in 0..records {
        let position = AT + contents.records.len() as u64;
        let text = (number % 3 == 0).then(details);
        let (command, effect) = entry(number as i128 + 1, text);
        write(&mut contents.records, position, Some(&command), effect, plain(&keys, &OriginAt::Nobody));
        contents.count += 1;
    }
    contents
}

fn frame(contents: &Contents) -> Vec<u8> {
    let (length, zeros) = extent(contents);
    let mut bytes = Vec::new();
    let hash = build(&mut bytes, contents, &zeros, 512, Timestamp(8), &[7; 32]);
    assert_eq!(bytes.len() as u64, length);
    let head = take_head(&bytes).unwrap();
    assert_eq!((head.hash, head.previous, head.extent()), (hash, [7; 32], length));
    assert!(head.holds(&bytes));
    bytes
}

#[test]
fn a_cut_write_is_told_from_damage() {
    let bytes = frame(&contents(20, b"rows".to_vec()));
    let head = take_head(&bytes).unwrap();
    for sector in 1..bytes.len() / SECTOR {
        let mut cut = bytes.clone();
        cut[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
        assert!(!head.holds(&cut) && head.is_torn(&cut), "sector {sector} was not written");
    }
    assert!(head.is_torn(&bytes[..bytes.len() - 1]), "the file ends early");
    let mut damaged = bytes.clone();
    damaged[HEAD + 5] ^= 1;
    assert!(!head.holds(&damaged) && !head.is_torn(&damaged));
}

#[test]
fn sectors_that_are_rightly_zero_are_not_taken_for_cut() {
    let mut redo = vec![0; 3000];
    redo.extend_from_slice(b"end");
    let bytes = frame(&contents(2, redo));
    let head = take_head(&bytes).unwrap();
    assert!(bytes.chunks(SECTOR).any(|sector| sector.iter().all(|byte| *byte == 0)));
    assert!(!head.is_torn(&bytes));
    let mut damaged = bytes.clone();
    damaged[HEAD + 5] ^= 1;
    assert!(!head.holds(&damaged) && !head.is_torn(&damaged), "damage beside a rightly zero sector");
    // The list of zero sectors ends the frame: another write may go astray over it.
    let last = bytes.len() - SECTOR;
    damaged[last..].fill(7);
    assert!(!head.is_torn(&damaged), "a list that was written over");
    damaged[last..].fill(0);
    assert!(head.is_torn(&damaged), "a list that was never written");
}

#[test]
fn redo_can_be_destroyed_and_not_changed() {
    let (mut redo, images) = (Vec::new(), b"the image of a row".repeat(40));
    put_redo(&mut redo, 512, "wallets", &images);
    put_redo(&mut redo, 900, "rewards", &images);
    let contents = contents(3, redo.clone());
    let mut bytes = frame(&contents);
    let head = take_head(&bytes).unwrap();
    let start = HEAD + contents.records.len();
    bytes[start] ^= 1;
    assert!(!head.holds(&bytes), "changed redo");
    bytes[start..start + redo.len()].fill(0);
    assert!(!head.holds(&bytes) && head.is_torn(&bytes), "redo that was never written");
    let section = &mut bytes[start..start + redo.len()];
    section.copy_from_slice(&redo);
    destroy(section).unwrap();
    assert!(head.holds(&bytes) && !head.is_torn(&bytes), "destroyed redo");
    assert!(!bytes.windows(5).any(|part| part == b"image"), "it is gone");
    let mut told = Vec::new();
    let seen = Frame { head: &head, bytes: &bytes }.each_redo(|redo| {
        told.push((redo.position, redo.context.to_owned(), redo.images.is_some()));
        Ok(())
    });
    seen.unwrap();
    assert_eq!(told, [(512, "wallets".to_owned(), false), (900, "rewards".to_owned(), false)]);
}

#[test]
fn the_chain_holds_without_the_free_text() {
    let contents = contents(7, Vec::new());
    let mut bytes = frame(&contents);
    let head = take_head(&bytes).unwrap();
    let mut place = 0;
    let mut erased = 0;
    while place < contents.records.len() {
        let (length, core) = lengths(&contents.records[place..]).unwrap();
        bytes[HEAD + place + core..HEAD + place + length].fill(b'.');
        erased += length - core;
        place += length;
    }
    assert!(erased > 0 && head.holds(&bytes));
    bytes[HEAD + 40] ^= 1;
    assert!(!head.holds(&bytes), "the core is covered");
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = take_record(&bytes, AT);
        let _ = take_head(&bytes);
    }

    #[test]
    fn amounts_of_any_size_read_back(amount in 1..10_i128.pow(36)) {
        let (command, effect) = entry(amount, None);
        let keys = Keys::default();
        let mut bytes = Vec::new();
        write(&mut bytes, AT, Some(&command), effect.clone(), plain(&keys, &OriginAt::Nobody));
        let read = take_record(&bytes, AT).unwrap();
        prop_assert_eq!(read.effect, effect);
        prop_assert_eq!(read.command, Some(command));
    }
}

#[test]
fn a_balance_number_is_not_stored() {
    let (_, read) = record();
    assert!(read.effect.postings().iter().all(|posting| posting.balance == BalanceNo(u32::MAX)));
}
