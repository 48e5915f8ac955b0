//! Wallets and books on a real directory, asked as clients ask: requests in, JSON out. Time stands until it is moved.
#![allow(dead_code, reason = "each test uses what it needs")]

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use kernel::id::RandomIds;
use kernel::time::ManualClock;
use kernel::{Asset, AssetCode, Caller, Tenant, Timestamp};
use ledger::Ledger;
use ledger::journal::disk::RealDisk;
use ledger::journal::engine::Settings;
use platform_http::{Info, Limits, Open, Site};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use wallets::{Setting, Wallets};

/// A day in the middle of a month, at noon.
pub const NOON: &str = "2026-03-15T12:00:00Z";

pub struct House {
    pub wallets: Wallets,
    pub ledger: Ledger,
    pub clock: Arc<ManualClock>,
    pub site: Site,
    folder: Option<tempfile::TempDir>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::parse(NOON).unwrap()));
        Self::open(folder, clock)
    }

    fn open(folder: tempfile::TempDir, clock: Arc<ManualClock>) -> Self {
        let (ledger, wallets) = open(folder.path(), &clock);
        let routes = ledger::http::routes().with_state(ledger.clone());
        let info = Info { title: "t", version: "0", about: "t" };
        let site = Site::builder(info, Limits::default(), Arc::new(Open::default()), Arc::new(RandomIds))
            .routes(routes)
            .routes(wallets::http::routes().with_state(wallets.clone()))
            .build();
        Self { wallets, ledger, clock, site, folder: Some(folder) }
    }

    /// The file of rows.
    pub fn file(&self) -> std::path::PathBuf {
        self.folder.as_ref().unwrap().path().join("wallets.sqlite")
    }

    /// Stops, and starts on the same directory.
    pub fn restart(mut self) -> Self {
        let folder = self.folder.take().unwrap();
        self.wallets.close();
        self.ledger.close();
        let clock = self.clock.clone();
        // Groups take a microsecond each at least; a start wants no time from the future.
        clock.advance_us(1_000_000);
        drop(self);
        Self::open(folder, clock)
    }

    pub async fn send(&self, method: &str, path: &str, body: &str, key: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            let csv = body.starts_with("wallet,");
            request = request.header("content-type", if csv { "text/csv" } else { "application/json" });
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (parts, body) = self.site.answer(request, local).await.into_parts();
        let body = to_bytes(body, 1 << 26).await.unwrap().to_vec();
        let text = String::from_utf8(body).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// A request that is carried out.
    pub async fn ok(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(method, path, body, None).await;
        assert!(answer.status < 300, "{method} {path} {body}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// Clients with so much each; their wallets are numbered from 1.
    pub async fn clients(&self, amounts: &[&str]) {
        for (index, amount) in amounts.iter().enumerate() {
            let body = format!(r#"{{"login":"login{index}","name":"name{index}"}}"#);
            let made = self.ok("POST", "/clients", &body).await;
            if *amount != "0" {
                let body = format!(r#"{{"walletId":{},"amount":{amount}}}"#, made["walletId"]);
                self.ok("POST", "/resupplies", &body).await;
            }
        }
    }
}

pub fn open(folder: &Path, clock: &Arc<ManualClock>) -> (Ledger, Wallets) {
    let disk = RealDisk::try_new(&folder.join("journal")).unwrap();
    let settings = Settings { scrub_pause: None, ..Settings::default() };
    let ledger = Ledger::open(Arc::new(disk), clock.clone(), Arc::new(RandomIds), settings).unwrap();
    let asset = Asset { code: AssetCode::parse("UNIT").unwrap(), scale: 8 };
    let setting = Setting {
        ledger: ledger.clone(),
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
        asset,
        on_fatal: Arc::new(|what| panic!("{what}")),
    };
    let wallets = Wallets::open(&folder.join("wallets.sqlite"), setting).unwrap();
    (ledger, wallets)
}

pub fn house() -> Caller {
    Caller::house(Tenant::default())
}
