//! What the store itself writes beside a unit's own rows: keys with first answers, the audit, the outbox.

use super::committer::{Asked, Committer, RowsVerdict, Undone};
use crate::error::Error;
use crate::statements::Reader;
use crate::unit::{Change, Command, Value};
use kernel::Caller;
use rusqlite::{OptionalExtension as _, params};

impl Committer {
    /// Key, first answer and audit of a rows unit.
    pub(super) fn sign(&mut self, asked: &Asked, answer: &[u8]) -> Result<(), Undone> {
        let Asked { by, command, at } = asked;
        let mut changes = Vec::new();
        if let Some(key) = &command.key {
            let insert = "INSERT INTO store_keys (tenant, key, command, fields, answer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let values: [Value; 6] = [
                by.tenant.as_str().into(),
                key.as_str().into(),
                command.name.into(),
                encode_fields(&command.fields).into(),
                answer.to_vec().into(),
                (*at).into(),
            ];
            changes.push(Change::one(insert, values));
        }
        let insert = "INSERT INTO store_audit (id, tenant, at, command, fields, api_key, address, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = [Value::from(self.next_audit)].into_iter().chain(audit_values(asked));
        self.next_audit += 1;
        changes.push(Change::one(insert, values));
        changes.iter().try_for_each(|change| self.run(change))
    }

    pub(super) fn put_event(&mut self, asked: &Asked, event: &crate::unit::Event) -> Result<(), Undone> {
        let tenant = asked.by.tenant.as_str();
        let query = "SELECT newest FROM store_sequences WHERE tenant = ?1 AND stream = ?2 AND key = ?3";
        let newest: Option<i64> = self
            .connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                statement.query_row(params![tenant, event.stream, event.key], |row| row.get(0)).optional()
            })
            .map_err(|fault| self.fault(fault.into()))?;
        let sequence = newest.unwrap_or(0) + 1;
        let count = match newest {
            None => "INSERT INTO store_sequences (tenant, stream, key, newest) VALUES (?1, ?2, ?3, ?4)",
            Some(_) => {
                "UPDATE store_sequences SET newest = ?4 WHERE tenant = ?1 AND stream = ?2 AND key = ?3"
            }
        };
        let named: [Value; 4] =
            [tenant.into(), event.stream.into(), event.key.as_str().into(), sequence.into()];
        self.run(&Change::one(count, named))?;
        let insert = "INSERT INTO store_outbox (id, tenant, stream, kind, key, sequence, payload, request, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let values: [Value; 9] = [
            self.next_event.into(),
            tenant.into(),
            event.stream.into(),
            event.kind.into(),
            event.key.as_str().into(),
            sequence.into(),
            event.payload.clone().into(),
            (&*asked.by.request).into(),
            asked.at.into(),
        ];
        self.next_event += 1;
        self.run(&Change::one(insert, values))
    }
}

/// Who did what, when, from where: tenant, time, command, fields, API key, address, request.
pub(crate) fn audit_values(asked: &Asked) -> [Value; 7] {
    let Asked { by, command, at } = asked;
    [
        by.tenant.as_str().into(),
        (*at).into(),
        command.name.into(),
        encode_fields(&command.fields).into(),
        by.key.map(|id| id.0.to_be_bytes()).into(),
        by.address.map(|address| address.to_string()).into(),
        (&*by.request).into(),
    ]
}

/// The first answer under a rows unit's key, or the fields in which this command differs.
pub(crate) fn first_answer(
    reader: &Reader<'_>,
    by: &Caller,
    key: &str,
    command: &Command,
) -> Result<Option<RowsVerdict>, Error> {
    let query = "SELECT command, fields, answer FROM store_keys WHERE tenant = ?1 AND key = ?2";
    let values = crate::params![by.tenant.as_str(), key];
    let found: Option<(String, Vec<u8>, Vec<u8>)> =
        reader.row(query, values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let Some((name, fields, answer)) = found else { return Ok(None) };
    let differences = command.differences(&name, &decode_fields(&fields));
    Ok(Some(match differences.is_empty() {
        true => RowsVerdict::Replayed(answer),
        false => RowsVerdict::Conflict(differences),
    }))
}

/// Fields of a command as bytes: name and value, each with its length (4, little endian) before it.
pub fn encode_fields(fields: &[(&'static str, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in fields.iter().flat_map(|(name, value)| [*name, value.as_str()]) {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

/// Fields from bytes; what does not read is left out, and differs from anything that is asked.
pub fn decode_fields(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while let Some(name) = text(&mut bytes) {
        fields.push((name, text(&mut bytes).unwrap_or_default()));
    }
    fields
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, behind) = rest.split_first_chunk()?;
    let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = behind;
    String::from_utf8(text.to_vec()).ok()
}
