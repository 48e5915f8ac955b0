//! What of a record is projected: a row for each label of an entry. An entry without a label leaves no row, and a
//! description is no label: nobody filters by it.

use super::store::{LabelRow, column};
use crate::effect::Effect;
use crate::holds::model::HoldAction;
use crate::journal::keys::{Keyed, Label};
use crate::journal::record::Record;

/// Whether a record is one of the entries that lists have: posted entries, reversals, captures and holds.
pub fn is_listed(record: &Record) -> bool {
    match &record.effect {
        Effect::Posted { .. } | Effect::Reversed { .. } | Effect::Held { .. } => true,
        Effect::HoldMoved { action, .. } => matches!(action, HoldAction::Capture { .. }),
        Effect::Book { .. }
        | Effect::Asset(_)
        | Effect::Pattern(_)
        | Effect::Opened(_)
        | Effect::Changed { .. }
        | Effect::Refused(_)
        | Effect::Batch(_)
        | Effect::Unit => false,
    }
}

/// Every label of an entry.
pub fn labels(record: &Record) -> impl Iterator<Item = Label<'_>> {
    let details = record.command.as_ref().and_then(|command| command.details());
    let reference = details.and_then(|details| details.reference.as_deref()).map(Label::Reference);
    let metadata = details.map_or(&[][..], |details| &details.text.metadata);
    let metadata = metadata.iter().map(|(name, value)| Label::Metadata(name, value));
    let party = record.party.as_deref().map(Label::Party);
    reference.into_iter().chain(party).chain(metadata)
}

/// Appends the rows of a record.
pub fn put_rows(rows: &mut Vec<LabelRow>, keyed: &Keyed, record: &Record) {
    if is_listed(record) {
        let position = column(record.position);
        let row = |label| LabelRow { label: keyed.label(record.book, label) as i64, position };
        rows.extend(labels(record).map(row));
    }
}
