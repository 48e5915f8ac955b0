//! When two commands are the same, as the semantics page has it: the request as given, whatever way its
//! accounts are spelled; and which of its fields differ when they are not.

use super::naive::Naive;
use kernel::id::prefix;
use ledger::accounts::model::AccountRef;
use ledger::command::{Command, Request};
use ledger::entries::model::{Details, PostingCommand};

/// The names a request came under, in the order they are looked up.
pub fn names(request: &Request) -> Vec<(&'static str, String)> {
    let mut names = Vec::new();
    if request.keys.own_id {
        names.push(("id", format!("{:?}", request.id)));
    }
    names.extend(request.keys.key.as_ref().map(|key| ("Idempotency-Key", key.to_string())));
    let unique = details(&request.command).and_then(|details| details.unique_ref.as_ref());
    names.extend(unique.map(|unique| ("ref", unique.to_string())));
    names
}

/// Whether a refusal can be found again.
pub fn is_named(request: &Request) -> bool {
    !names(request).is_empty()
}

/// The party a command names.
pub fn party(command: &Command) -> Option<String> {
    details(command)?.party.as_deref().map(str::to_owned)
}

/// The details of a command.
pub fn details(command: &Command) -> Option<&Details> {
    match command {
        Command::PostEntry(entry) => entry.details.as_deref(),
        Command::ReverseEntry(reversal) => reversal.details.as_deref(),
        Command::PlaceHold(hold) => hold.details.as_deref(),
        Command::ActOnHold(act) => act.details.as_deref(),
        _ => None,
    }
}

/// Paths that a command's postings name.
pub fn paths(command: &Command) -> impl Iterator<Item = &str> {
    let postings: &[PostingCommand] = match command {
        Command::PostEntry(entry) => &entry.postings,
        Command::PlaceHold(hold) => &hold.postings,
        _ => &[],
    };
    postings.iter().filter_map(|posting| match &posting.account {
        AccountRef::Path(path) => Some(&**path),
        AccountRef::Known(_) | AccountRef::Id(_) => None,
    })
}

/// An account as a caller wrote it.
pub fn name_of(account: &AccountRef) -> String {
    match account {
        AccountRef::Known(no) => no.0.to_string(),
        AccountRef::Path(path) => path.to_string(),
        AccountRef::Id(id) => id.show(prefix::ACCOUNT),
    }
}

/// Names of the fields in which two commands differ.
pub fn differing(naive: &Naive, one: &Command, other: &Command) -> Vec<&'static str> {
    let (kind_a, mut a) = fields(naive, one);
    let (kind_b, mut b) = fields(naive, other);
    let mut differing = Vec::new();
    if kind_a != kind_b {
        differing.push("type");
        (a, b) = (Vec::new(), Vec::new());
    }
    a.extend(detail_fields(naive, one));
    b.extend(detail_fields(naive, other));
    differing.extend(a.iter().zip(&b).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0));
    differing
}

type Field = (&'static str, String);

fn fields(naive: &Naive, command: &Command) -> (&'static str, Vec<Field>) {
    match command {
        Command::PostEntry(entry) => ("entry", vec![("postings", posted(naive, &entry.postings))]),
        Command::ReverseEntry(r) => {
            ("reversal", vec![("entry", format!("{:?}", r.entry)), ("postings", format!("{:?}", r.share))])
        }
        Command::PlaceHold(hold) => {
            let rest = [
                ("expires_at", format!("{:?}", hold.expires_at)),
                ("expires_in", format!("{:?}", hold.expires_in_s)),
                ("tolerance", format!("{:?}", hold.tolerance)),
            ];
            let mut fields = vec![("postings", posted(naive, &hold.postings))];
            fields.extend(rest);
            ("hold", fields)
        }
        Command::ActOnHold(act) => {
            ("act", vec![("hold", format!("{:?}", act.hold)), ("action", format!("{:?}", act.action))])
        }
        Command::OpenAccount(open) => {
            let fields = vec![
                ("path", open.path.to_string()),
                ("type", format!("{:?}", open.kind)),
                ("assets", format!("{:?}", open.assets)),
                ("constraints", format!("{:?}", open.limits)),
                ("description", format!("{:?}", open.text.description)),
                ("metadata", format!("{:?}", open.text.metadata)),
            ];
            ("account", fields)
        }
        Command::ChangeAccount(no, change) => {
            ("change", vec![("account", no.0.to_string()), ("settings", format!("{change:?}"))])
        }
        Command::MoveAccount(no, change, why) => {
            let fields = vec![
                ("account", no.0.to_string()),
                ("change", format!("{change:?}")),
                ("reason", format!("{why:?}")),
            ];
            ("life", fields)
        }
        Command::RegisterAsset(register) => {
            let fields = vec![
                ("code", register.asset.code.to_string()),
                ("scale", register.asset.scale.to_string()),
                ("name", format!("{:?}", register.name)),
            ];
            ("asset", fields)
        }
        Command::SetPattern(pattern) => ("pattern", vec![("pattern", format!("{pattern:?}"))]),
    }
}

fn detail_fields(naive: &Naive, command: &Command) -> Vec<Field> {
    let none = Details::default();
    let details = details(command).unwrap_or(&none);
    let conditions = details.conditions.iter().map(|c| (known(naive, &c.account), c.test));
    vec![
        ("reference", format!("{:?}", details.reference)),
        ("ref", format!("{:?}", details.unique_ref)),
        ("party", format!("{:?}", details.party)),
        ("effective_at", format!("{:?}", details.effective_at)),
        ("conditions", format!("{:?}", conditions.collect::<Vec<_>>())),
        ("override", format!("{:?}", details.override_)),
        ("description", format!("{:?}", details.text.description)),
        ("metadata", format!("{:?}", details.text.metadata)),
    ]
}

fn posted(naive: &Naive, postings: &[PostingCommand]) -> String {
    let words = postings.iter().map(|p| (known(naive, &p.account), p.direction, p.asset, p.amount));
    format!("{:?}", words.collect::<Vec<_>>())
}

/// One spelling for an account that exists; as given otherwise.
fn known(naive: &Naive, account: &AccountRef) -> String {
    match naive.find(account) {
        Some(no) => format!("#{no}"),
        None => name_of(account),
    }
}
