//! Who may ask: API keys with scopes, each of one tenant.
//! Promises: the text of a key is shown once and never stored; a key revoked by any process on this file opens
//! nothing one second later. Leaves out: people, sessions, OIDC, rate limits.

mod cache;
pub mod http;
pub mod model;
pub mod refusal;
pub mod rules;
mod store;

pub use http::Doorkeeper;
pub use model::{ApiKey, Created, Door, Identity, NewKey, Standing};
pub use refusal::Refusal;

use cache::Cache;
use kernel::{Clock, Cursor, Id, IdSource, Limit, Page, Scopes, Secret, Tenant};
use platform_store::{Migration, Store};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file in a data directory.
pub const FILE: &str = "identity.sqlite";

static MIGRATIONS: [Migration; 1] =
    [Migration { file: "0001_keys.sql", sql: include_str!("../migrations/0001_keys.sql") }];

/// What time, chance and scopes there are: the parameters of [`Keys::open`].
#[derive(Clone)]
pub struct Setting {
    /// Every scope a key may be given, `*` included.
    pub scopes: &'static [&'static str],
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub ids: Arc<dyn IdSource>,
}

/// The keys of an installation.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    cache: Arc<Cache>,
    setting: Setting,
}

/// A refusal or a fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Failed.
    #[error("the file of API keys failed")]
    Fault(#[from] platform_store::Error),
}

impl Keys {
    /// Opens or makes the file of keys. Blocking: called at start.
    pub fn open(path: &Path, setting: Setting) -> Result<Self, Error> {
        let store = Store::open(path, &MIGRATIONS)?;
        let cache = Arc::new(Cache::open(&store, setting.clock.clone())?);
        Ok(Self { store, cache, setting })
    }

    /// Makes a key. Its text is in the answer and nowhere else.
    pub async fn create(&self, wanted: NewKey) -> Result<Created, Error> {
        let now = self.setting.clock.now();
        let agreed = rules::create(wanted, self.setting.scopes, now)?;
        let text = rules::key_text(self.setting.ids.random(), self.setting.ids.random());
        let hash = rules::hash(&text);
        let key = ApiKey {
            id: self.setting.ids.next(),
            tenant: agreed.tenant,
            name: agreed.name,
            scopes: agreed.scopes,
            last_four: text[text.len() - 4..].to_owned(),
            created_at: now,
            expires_at: agreed.expires_at,
            standing: Standing::Active,
        };
        let row = key.clone();
        self.store
            .write(move |tx| {
                rules::room(store::key_count_live(tx)?)?;
                store::key_insert(tx, &row, &hash).map_err(Error::from)
            })
            .await?;
        tracing::info!(key.id = show(key.id), tenant = key.tenant.as_str(), "made an API key");
        Ok(Created { key, text: Secret::new(text) })
    }

    /// A page of a tenant's keys, newest first, revoked ones included.
    pub async fn list(
        &self,
        tenant: &Tenant,
        after: Option<Cursor>,
        limit: Limit,
    ) -> Result<Page<ApiKey>, Error> {
        let before = after.map(|cursor| rules::open_cursor(&cursor)).transpose()?;
        let tenant = tenant.clone();
        let mut data = self
            .store
            .read(move |reader| {
                store::key_list(reader, &tenant, before, limit.get() + 1).map_err(Error::from)
            })
            .await?;
        let more = data.len() > limit.get();
        data.truncate(limit.get());
        let next = data.last().filter(|_| more).map(|last| rules::cursor(last.id));
        Ok(Page { data, next })
    }

    /// Revokes a key. A key that is revoked already keeps its time; one that is not there is a refusal.
    pub async fn revoke(&self, tenant: &Tenant, id: Id) -> Result<ApiKey, Error> {
        let (now, tenant) = (self.setting.clock.now(), tenant.clone());
        let key = self
            .store
            .write(move |tx| {
                let found = store::key_find(tx, &tenant, id)?;
                let mut key = found.ok_or(Refusal::NoSuchKey { id: show(id) })?;
                if key.standing == Standing::Active {
                    key.standing = Standing::Revoked { at: now };
                    store::key_revoke(tx, &tenant, id, now)?;
                }
                Ok::<_, Error>(key)
            })
            .await?;
        tracing::info!(key.id = show(id), tenant = key.tenant.as_str(), "revoked an API key");
        Ok(key)
    }

    /// Who this key's text belongs to. Answers from memory, at most one second behind the file.
    pub fn verify(&self, bearer: &str) -> Result<Identity, Refusal> {
        if !rules::well_formed(bearer) {
            return Err(Refusal::MalformedKey);
        }
        self.cache.current()?.find(&rules::hash(bearer), self.setting.clock.now())
    }

    /// Who asks, on a server whose door is this, by the key that was sent, if one was, and the peer's address.
    /// A wrong key is refused at an open door too: whoever sends one counts on its being looked at.
    pub fn identify(&self, door: Door, bearer: Option<&str>, peer: IpAddr) -> Result<Identity, Refusal> {
        match bearer {
            Some(text) => self.verify(text),
            None if self.is_open(door)? && peer.to_canonical().is_loopback() => {
                Ok(Identity { tenant: Tenant::default(), key: None, scopes: Scopes::all() })
            }
            None => Err(Refusal::MissingKey),
        }
    }

    /// The door of a server that listens here: open, keyed, or none at all.
    pub fn door(&self, loopback: bool) -> Result<Door, Refusal> {
        rules::door(loopback, self.cache.current()?.any)
    }

    /// Whether requests without a key are answered at this door now.
    pub fn is_open(&self, door: Door) -> Result<bool, Refusal> {
        Ok(door == Door::OpenUntilKeyed && !self.cache.current()?.any)
    }

    /// Whether keys can be checked now.
    pub fn ready(&self) -> Result<(), Refusal> {
        self.cache.current().map(drop)
    }

    /// Copies the file, as it is at one moment, to a path where nothing is yet.
    pub async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        Ok(self.store.backup(to).await?)
    }
}

fn show(id: Id) -> String {
    id.show(kernel::id::prefix::API_KEY)
}
