//! The rules of keys as tables: what may be made, what a key's text is, which door a server has.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use identity::{Door, NewKey, Refusal, rules};
use kernel::{Tenant, Timestamp};

const KNOWN: &[&str] = &["ledger:read", "ledger:write", "*"];

fn outcome(name: &str, scopes: &str, expires_at: Option<i64>) -> String {
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let expires_at = expires_at.map(Timestamp);
    let wanted = NewKey { tenant: Tenant::default(), name: name.to_owned(), scopes, expires_at };
    match rules::create(wanted, KNOWN, Timestamp(100)) {
        Ok(agreed) => agreed.scopes.names().collect::<Vec<_>>().join(" "),
        Err(Refusal::InvalidName) => "name".to_owned(),
        Err(Refusal::NoScopes { .. }) => "no scopes".to_owned(),
        Err(Refusal::UnknownScope { scope, .. }) => format!("unknown {scope}"),
        Err(Refusal::ExpiryPast) => "past".to_owned(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn creating_a_key() {
    let long = "x".repeat(65);
    let rows: [(&str, &str, Option<i64>, &str); 11] = [
        ("till 4", "ledger:read", None, "ledger:read"),
        ("till 4", "ledger:read ledger:write ledger:read", None, "ledger:read ledger:write"),
        ("Kasse für Müller", "*", Some(101), "*"),
        ("", "*", None, "name"),
        ("  ", "*", None, "name"),
        ("two\nlines", "*", None, "name"),
        (&long, "*", None, "name"),
        ("till", "", None, "no scopes"),
        ("till", "ledger:read ledger:writ", None, "unknown ledger:writ"),
        ("till", "*", Some(100), "past"),
        ("", "nothing", Some(1), "name"),
    ];
    for (name, scopes, expires_at, expected) in rows {
        assert_eq!(outcome(name, scopes, expires_at), expected, "{name:?} {scopes:?}");
    }
}

#[test]
fn a_key_text_is_recognised_and_a_mistyped_one_is_not() {
    let text = rules::key_text(1, u128::MAX);
    assert_eq!(text.len(), rules::TEXT_LENGTH);
    assert!(rules::well_formed(&text), "{text}");
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        assert!(!rules::well_formed(std::str::from_utf8(&bytes).unwrap()), "place {place}");
    }
    for other in ["", "ck_", &text[1..], &text.to_uppercase(), &format!("{text} "), &"ü".repeat(38)] {
        assert!(!rules::well_formed(other), "{other}");
    }
}

#[test]
fn the_stored_hash_does_not_change() {
    // A change here would lock every installation out.
    let hash: String = rules::hash(&rules::key_text(1, 2)).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "993b1833cfeb9e3e649436320e6e2cd217782902a1a4fe3631b040b8f90bbd04");
}

#[test]
fn the_door() {
    assert_eq!(rules::door(true, false), Ok(Door::OpenUntilKeyed));
    assert_eq!(rules::door(true, true), Ok(Door::OpenUntilKeyed));
    assert_eq!(rules::door(false, true), Ok(Door::Keyed));
    assert_eq!(rules::door(false, false), Err(Refusal::NoKeys));
}

#[test]
fn there_is_room_up_to_the_limit() {
    assert_eq!(rules::room(rules::MAX_LIVE_KEYS - 1), Ok(()));
    assert!(rules::room(rules::MAX_LIVE_KEYS).is_err());
}
