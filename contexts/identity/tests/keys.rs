//! The life of keys on a real file: made, accepted, listed, expired, revoked, also by another process.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use identity::{Created, Door, Error, Keys, NewKey, Refusal, Setting, Standing};
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Id, Limit, Tenant, Timestamp};
use platform_store::Migration;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

const SECOND_US: i64 = 1_000_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

static TABLE_GONE: [Migration; 2] = [
    Migration { file: "0001_keys.sql", sql: include_str!("../migrations/0001_keys.sql") },
    Migration { file: "0002_gone.sql", sql: "DROP TABLE identity_keys;" },
];

struct House {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl House {
    fn new() -> Self {
        let start = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::new(start)) }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(identity::FILE)
    }

    /// Another opener of the same file: what a second process is.
    fn open(&self, seed: u64) -> Keys {
        let scopes: &'static [&'static str] = &["ledger:read", "ledger:write", "*"];
        let ids = Arc::new(SeededIds::new(seed));
        Keys::open(&self.path(), Setting { scopes, clock: self.clock.clone(), ids }).unwrap()
    }
}

fn wanted(tenant: &str, name: &str) -> NewKey {
    NewKey {
        tenant: Tenant::parse(tenant).unwrap(),
        name: name.to_owned(),
        scopes: vec!["ledger:read".to_owned()],
        expires_at: None,
    }
}

async fn create(keys: &Keys, tenant: &str, name: &str) -> Created {
    keys.create(wanted(tenant, name)).await.unwrap()
}

fn contains(path: &Path, needle: &str) -> bool {
    let folder = path.parent().unwrap();
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

#[tokio::test]
async fn a_key_opens_its_tenant_with_its_scopes_and_is_not_stored() {
    let house = House::new();
    let keys = house.open(1);
    let made = create(&keys, "acme", "till").await;
    house.clock.advance_us(SECOND_US);
    let identity = keys.verify(made.text.reveal()).unwrap();
    assert_eq!(identity.tenant, Tenant::parse("acme").unwrap());
    assert_eq!(identity.key, Some(made.key.id));
    assert!(identity.scopes.allow("ledger:read") && !identity.scopes.allow("ledger:write"));
    assert!(made.text.reveal().ends_with(&made.key.last_four));
    assert!(contains(&house.path(), "till"));
    assert!(!contains(&house.path(), &made.text.reveal()[..20]));
    assert!(!format!("{made:?}").contains(&made.text.reveal()[..20]));
}

#[tokio::test]
async fn what_another_process_does_is_known_within_a_second() {
    let house = House::new();
    let (server, command) = (house.open(1), house.open(2));
    let made = create(&command, "acme", "till").await;
    assert_eq!(server.verify(made.text.reveal()), Err(Refusal::UnknownKey));
    house.clock.advance_us(SECOND_US);
    assert!(server.verify(made.text.reveal()).is_ok());
    command.revoke(&made.key.tenant, made.key.id).await.unwrap();
    // Inside the bound the old answer may still be given; past it never.
    assert!(server.verify(made.text.reveal()).is_ok());
    house.clock.advance_us(SECOND_US);
    assert_eq!(server.verify(made.text.reveal()), Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn a_key_expires_at_its_moment() {
    let house = House::new();
    let keys = house.open(1);
    let end = Timestamp::parse("2026-01-31T12:00:10Z").unwrap();
    let made = keys.create(NewKey { expires_at: Some(end), ..wanted("acme", "short") }).await.unwrap();
    house.clock.advance_us(10 * SECOND_US - 1);
    assert!(keys.verify(made.text.reveal()).is_ok());
    house.clock.advance_us(1);
    assert_eq!(keys.verify(made.text.reveal()), Err(Refusal::ExpiredKey));
}

#[tokio::test]
async fn revoking_repeats_and_stays_inside_the_tenant() {
    let house = House::new();
    let keys = house.open(1);
    let made = create(&keys, "acme", "till").await;
    let tenant = made.key.tenant.clone();
    let other = keys.revoke(&Tenant::parse("other").unwrap(), made.key.id).await;
    assert!(matches!(other, Err(Error::Refused(Refusal::NoSuchKey { .. }))));
    let first = keys.revoke(&tenant, made.key.id).await.unwrap();
    house.clock.advance_us(SECOND_US);
    assert_eq!(keys.revoke(&tenant, made.key.id).await.unwrap(), first);
    assert!(matches!(first.standing, Standing::Revoked { .. }));
    let unknown = keys.revoke(&tenant, Id(7)).await;
    assert!(matches!(unknown, Err(Error::Refused(Refusal::NoSuchKey { .. }))));
}

#[tokio::test]
async fn lists_are_paged_newest_first_and_by_tenant() {
    let house = House::new();
    let keys = house.open(1);
    for number in 0..5 {
        create(&keys, "acme", &format!("key {number}")).await;
        create(&keys, "other", "not mine").await;
    }
    let (tenant, limit) = (Tenant::parse("acme").unwrap(), Limit::try_new(2).unwrap());
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = keys.list(&tenant, after, limit).await.unwrap();
        assert!(page.data.len() <= 2);
        names.extend(page.data.into_iter().map(|key| key.name));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["key 4", "key 3", "key 2", "key 1", "key 0"]);
    let foreign = kernel::Cursor::new(1, &[2, 3]);
    let refused = keys.list(&tenant, Some(foreign), limit).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::InvalidCursor))));
}

#[tokio::test]
async fn an_open_door_closes_with_the_first_key_and_for_good() {
    let house = House::new();
    let keys = house.open(1);
    let door = keys.door(true).unwrap();
    let open = keys.identify(door, None, HERE).unwrap();
    assert_eq!((open.tenant.as_str(), open.key), ("default", None));
    assert!(open.scopes.allow("admin"));
    let wrong = identity::rules::key_text(3, 4);
    assert_eq!(keys.identify(door, Some(&wrong), HERE), Err(Refusal::UnknownKey));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(keys.identify(door, None, elsewhere), Err(Refusal::MissingKey));
    assert_eq!(keys.door(false), Err(Refusal::NoKeys));

    let made = create(&keys, "acme", "till").await;
    house.clock.advance_us(SECOND_US);
    assert_eq!(keys.identify(door, None, HERE), Err(Refusal::MissingKey));
    assert!(keys.identify(door, Some(made.text.reveal()), HERE).is_ok());
    assert_eq!(keys.door(false), Ok(Door::Keyed));

    keys.revoke(&made.key.tenant, made.key.id).await.unwrap();
    house.clock.advance_us(SECOND_US);
    assert_eq!(keys.identify(door, None, HERE), Err(Refusal::MissingKey));
    assert_eq!(keys.identify(door, Some(made.text.reveal()), HERE), Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn keys_that_cannot_be_looked_at_open_nothing() {
    let house = House::new();
    let keys = house.open(1);
    let made = create(&keys, "acme", "till").await;
    house.clock.advance_us(SECOND_US);
    assert!(keys.verify(made.text.reveal()).is_ok());
    // A later program's migration takes the rows away while the server lives: its next look fails.
    drop(platform_store::Store::open(&house.path(), &TABLE_GONE).unwrap());
    assert!(keys.verify(made.text.reveal()).is_ok());
    house.clock.advance_us(SECOND_US);
    for _ in 0..2 {
        assert_eq!(keys.verify(made.text.reveal()), Err(Refusal::KeysUnreadable));
        assert_eq!(keys.identify(Door::OpenUntilKeyed, None, HERE), Err(Refusal::KeysUnreadable));
    }
}
