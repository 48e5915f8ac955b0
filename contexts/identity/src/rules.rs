//! What a key may be and who may come in. Pure.
//! Key text: `ck_`, 64 hex digits of chance, 8 hex digits of CRC-32C over what stands before: a mistyped or cut key
//! is told from an unknown one without looking anything up, and secret scanners can recognise ours.

use crate::model::{Door, NewKey};
use crate::refusal::Refusal;
use kernel::{Cursor, Id, Scopes, Tenant, Timestamp};
use std::fmt::Write as _;

/// How a key's text starts.
pub const PREFIX: &str = "ck_";
/// Characters of a key's text.
pub const TEXT_LENGTH: usize = PREFIX.len() + 64 + 8;
/// Characters of a key's name: what still fits a line of a list.
pub const MAX_NAME: usize = 64;
/// Keys that may be alive at once: all are resident in every server, at about 200 bytes each.
pub const MAX_LIVE_KEYS: u64 = 100_000;

/// Tells this list's cursors from others.
const CURSOR_KIND: u64 = 0x6b65_7973;
/// Separates these hashes from every other use of the same function.
const HASH_CONTEXT: &str = "concord identity 2026-11 API key text";

/// What [`create`] agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Whose data it opens.
    pub tenant: Tenant,
    /// Its name.
    pub name: String,
    /// Its scopes, each once.
    pub scopes: Scopes,
    /// Its end.
    pub expires_at: Option<Timestamp>,
}

/// Whether a key may be made. Order of refusals: name, scopes, expiry.
pub fn create(wanted: NewKey, known: &'static [&'static str], now: Timestamp) -> Result<Agreed, Refusal> {
    let printable = !wanted.name.trim().is_empty() && !wanted.name.chars().any(char::is_control);
    if !printable || wanted.name.chars().count() > MAX_NAME {
        return Err(Refusal::InvalidName);
    }
    if wanted.scopes.is_empty() {
        return Err(Refusal::NoScopes { known });
    }
    let mut scopes: Vec<&str> = Vec::new();
    for scope in &wanted.scopes {
        if !known.contains(&scope.as_str()) {
            return Err(Refusal::UnknownScope { scope: scope.clone(), known });
        }
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::ExpiryPast);
    }
    let scopes = Scopes::new(scopes);
    Ok(Agreed { tenant: wanted.tenant, name: wanted.name, scopes, expires_at: wanted.expires_at })
}

/// Whether there is room for one more living key.
pub fn room(live: u64) -> Result<(), Refusal> {
    if live < MAX_LIVE_KEYS { Ok(()) } else { Err(Refusal::TooManyKeys { limit: MAX_LIVE_KEYS }) }
}

/// The text of a key from 256 bits of chance.
pub fn key_text(high: u128, low: u128) -> String {
    let mut text = format!("{PREFIX}{high:032x}{low:032x}");
    let sum = crc32c::crc32c(text.as_bytes());
    write!(text, "{sum:08x}").expect("a String takes everything");
    text
}

/// Whether a text has the form of a key, its checksum included.
pub fn well_formed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if bytes.len() != TEXT_LENGTH || !bytes.starts_with(PREFIX.as_bytes()) || !digits(&bytes[PREFIX.len()..])
    {
        return false;
    }
    let (body, sum) = text.split_at(TEXT_LENGTH - 8);
    u32::from_str_radix(sum, 16) == Ok(crc32c::crc32c(body.as_bytes()))
}

/// The hash that is stored. The text has 256 bits of chance, so one pass of BLAKE3 is as good as any slow hash.
pub fn hash(text: &str) -> [u8; 32] {
    blake3::derive_key(HASH_CONTEXT, text.as_bytes())
}

/// The door of a server, by where it listens and whether a key was ever made.
/// Keys count even when revoked: revoking the last one must not open the door.
pub fn door(loopback: bool, any_key: bool) -> Result<Door, Refusal> {
    match (loopback, any_key) {
        (true, _) => Ok(Door::OpenUntilKeyed),
        (false, true) => Ok(Door::Keyed),
        (false, false) => Err(Refusal::NoKeys),
    }
}

/// The place after this key in a list.
pub fn cursor(id: Id) -> Cursor {
    Cursor::new(CURSOR_KIND, &[(id.0 >> 64) as u64, id.0 as u64])
}

/// The id a cursor stands at.
pub fn open_cursor(cursor: &Cursor) -> Result<Id, Refusal> {
    let [high, low] = cursor.open(CURSOR_KIND).map_err(|_| Refusal::InvalidCursor)?;
    Ok(Id(u128::from(high) << 64 | u128::from(low)))
}
