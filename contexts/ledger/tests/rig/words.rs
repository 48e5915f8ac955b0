//! Short words for commands, so that a test says what it means in one line.

use kernel::{Datum, Id, Timestamp};
use ledger::accounts::model::{AccountKind, AccountRef, Limits, OpenAccount, Text};
use ledger::books::model::{AssetNo, Pattern};
use ledger::command::Command;
use ledger::entries::model::{
    AmountCommand, BalanceWord, Comparison, Condition, Details, Direction, Override, PostEntry,
    PostingCommand, Postings, ReverseEntry, Share, Test,
};
use ledger::holds::model::{ActOnHold, HoldAction, PlaceHold};
use std::fmt::Write;

/// The first asset of the preloaded list; its scale is 2.
pub const A: AssetNo = AssetNo(0);
/// The second; its scale is 2.
pub const B: AssetNo = AssetNo(1);

/// Appends a datum as `name=value`, nested ones as `name.inner=value`; texts for people are left out.
pub fn put_datum(text: &mut String, name: &str, datum: &Datum) {
    let value = match datum {
        Datum::Null => "null".to_owned(),
        Datum::Flag(flag) => flag.to_string(),
        Datum::Integer(number) => number.to_string(),
        Datum::Text(text) => text.clone(),
        Datum::List(items) => {
            let words = items.iter().map(|item| match item {
                Datum::Text(text) => text.clone(),
                other => format!("{other:?}"),
            });
            words.collect::<Vec<_>>().join(",")
        }
        Datum::Object(members) => {
            let inner = |wanted: &str| {
                members
                    .iter()
                    .any(|(name, datum)| *name == "code" && *datum == Datum::Text(wanted.to_owned()))
            };
            for (inner_name, datum) in members {
                let hidden = matches!(*inner_name, "title" | "detail")
                    || (*inner_name == "account" && !inner("unknown-account"));
                if !hidden {
                    put_datum(text, &format!("{name}.{inner_name}"), datum);
                }
            }
            return;
        }
    };
    let _ = write!(text, " {name}={value}");
}

/// `debit cash A 100`, `credit wallet B max`, `… max<=50`, `… rest`. Postings are separated by commas.
pub fn postings(text: &str) -> Postings {
    text.split(',').map(|posting| posting_of(posting.trim())).collect()
}

fn posting_of(text: &str) -> PostingCommand {
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{text:?} is too short"));
    let direction = match word() {
        "debit" => Direction::Debit,
        "credit" => Direction::Credit,
        other => panic!("{other:?} is no side"),
    };
    let account = AccountRef::Path(word().into());
    PostingCommand { account, direction, asset: asset(word()), amount: amount(word()) }
}

/// `A` or `B`.
pub fn asset(text: &str) -> AssetNo {
    match text {
        "A" => A,
        "B" => B,
        other => panic!("{other:?} is no asset of a test"),
    }
}

/// A number, which may be a power of ten (`10^35`).
pub fn number(text: &str) -> i128 {
    match text.split_once('^') {
        Some((base, power)) => number(base).pow(power.parse().unwrap()),
        None => text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

fn amount(text: &str) -> AmountCommand {
    match text {
        "rest" => AmountCommand::Remaining,
        "max" => AmountCommand::Max { up_to: None },
        text => match text.strip_prefix("max<=") {
            Some(bound) => AmountCommand::Max { up_to: Some(number(bound)) },
            None => AmountCommand::Exact(number(text)),
        },
    }
}

/// Details from words: `ref=x`, `party=p`, `at=<µs>`, `pass=floor+ceiling`, `if=<path>:version=1`,
/// `if=<path>:A:seq=4`, `if=<path>:A:posted>=10`. Nothing for an empty text.
pub fn details(text: &str) -> Option<Box<Details>> {
    let mut details = Details::default();
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("{word:?}"));
        match name {
            "reference" => details.reference = Some(value.into()),
            "ref" => details.unique_ref = Some(value.into()),
            "party" => details.party = Some(value.into()),
            "at" => details.effective_at = Some(Timestamp(value.parse().unwrap())),
            "text" => details.text.description = Some(value.into()),
            "pass" => {
                details.override_ = Some(Override {
                    floor: value.contains("floor"),
                    ceiling: value.contains("ceiling"),
                    reason: "the table says so".into(),
                });
            }
            "if" => details.conditions.push(condition(value)),
            other => panic!("{other:?}"),
        }
    }
    (details != Details::default()).then(|| Box::new(details))
}

fn condition(text: &str) -> Condition {
    let (account, test) = text.split_once('/').unwrap_or_else(|| panic!("{text:?}"));
    let test = match test.split_once('/') {
        None => Test::Version(test.strip_prefix("version=").unwrap().parse().unwrap()),
        Some((code, test)) => match test.strip_prefix("seq=") {
            Some(seq) => Test::LastSeq(asset(code), seq.parse().unwrap()),
            None => balance_test(asset(code), test),
        },
    };
    Condition { account: AccountRef::Path(account.into()), test }
}

fn balance_test(asset: AssetNo, text: &str) -> Test {
    let place = text.find(['<', '>', '=']).unwrap();
    let (word, rest) = text.split_at(place);
    let word = match word {
        "posted" => BalanceWord::Posted,
        "pending" => BalanceWord::Pending,
        "available" => BalanceWord::Available,
        other => panic!("{other:?}"),
    };
    let bound = rest.trim_start_matches(['<', '>', '=']);
    let comparison = match &rest[..rest.len() - bound.len()] {
        ">" => Comparison::Gt,
        ">=" => Comparison::Gte,
        "=" => Comparison::Eq,
        "<=" => Comparison::Lte,
        "<" => Comparison::Lt,
        other => panic!("{other:?}"),
    };
    Test::Balance(asset, word, comparison, number(bound))
}

/// Command: an entry.
pub fn entry(text: &str, more: &str) -> Command {
    Command::PostEntry(PostEntry { postings: postings(text), details: details(more) })
}

/// Command: a hold; `tolerance` per posting.
pub fn hold(text: &str, expires_at: Option<Timestamp>, tolerance: &[i128], more: &str) -> Command {
    Command::PlaceHold(PlaceHold {
        postings: postings(text),
        expires_at,
        expires_in_s: None,
        tolerance: tolerance.to_vec(),
        details: details(more),
    })
}

/// A share: `rest`, `40`, or `0:30 2:30`.
pub fn share(text: &str) -> Share {
    if text == "rest" {
        return Share::Rest;
    }
    if !text.contains(':') {
        return Share::Amount(number(text));
    }
    let named = text.split_whitespace().map(|word| {
        let (posting, amount) = word.split_once(':').unwrap();
        (posting.parse().unwrap(), number(amount))
    });
    Share::Postings(named.collect())
}

/// An action on a hold: `capture 40`, `final 40`, `void rest`, `increment 5`, `extend <µs>`.
pub fn action(text: &str) -> HoldAction {
    let (verb, rest) = text.split_once(' ').unwrap_or_else(|| panic!("{text:?}"));
    match verb {
        "capture" => HoldAction::Capture { share: share(rest), last: false },
        "final" => HoldAction::Capture { share: share(rest), last: true },
        "void" => HoldAction::Void { share: share(rest) },
        "increment" => HoldAction::Increment { share: share(rest) },
        "extend" => HoldAction::Extend { expires_at: Timestamp(rest.parse().unwrap()) },
        other => panic!("{other:?} is no action"),
    }
}

/// Command: act on a hold.
pub fn act(hold: Id, text: &str) -> Command {
    Command::ActOnHold(ActOnHold { hold, action: action(text), details: None })
}

/// Command: undo an entry.
pub fn reverse(entry: Id, text: &str) -> Command {
    Command::ReverseEntry(ReverseEntry { entry, share: share(text), details: None })
}

/// The type of an account, by its word.
pub fn kind(text: &str) -> AccountKind {
    let found = AccountKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.unwrap_or_else(|| panic!("{text:?} is no type"))
}

/// Limits and assets from words: `A>=0`, `A<=100`, `only=A+B`.
pub fn settings(text: &str) -> (Option<Vec<AssetNo>>, Vec<(AssetNo, Limits)>) {
    let (mut assets, mut limits) = (None, Vec::<(AssetNo, Limits)>::new());
    for word in text.split_whitespace() {
        if let Some(names) = word.strip_prefix("only=") {
            assets = Some(names.split('+').map(asset).collect());
            continue;
        }
        let of = asset(&word[..1]);
        let place = limits.iter().position(|(known, _)| *known == of).unwrap_or_else(|| {
            limits.push((of, Limits::default()));
            limits.len() - 1
        });
        let limit = &mut limits[place].1;
        match &word[1..3] {
            ">=" => limit.floor = Some(number(&word[3..])),
            "<=" => limit.ceiling = Some(number(&word[3..])),
            other => panic!("{other:?}"),
        }
    }
    limits.sort_by_key(|(asset, _)| *asset);
    (assets, limits)
}

/// Command: open an account.
pub fn account(path: &str, kind_word: &str, more: &str) -> Command {
    let (assets, limits) = settings(more);
    Command::OpenAccount(OpenAccount {
        path: path.into(),
        kind: kind(kind_word),
        assets,
        limits,
        text: Text::default(),
        by_pattern: false,
    })
}

/// Command: set a pattern.
pub fn pattern(text: &str, kind_word: &str, more: &str, quota: u64) -> Command {
    let (assets, limits) = settings(more);
    Command::SetPattern(Pattern { pattern: text.into(), kind: kind(kind_word), assets, limits, quota })
}
