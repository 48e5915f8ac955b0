//! What servers are measured against. The null ledger: the batch route with everything but a ledger behind it — the
//! same parsing against the same books, the same number of bytes written and synced per group, an answer of the
//! same size; nothing decided, checked or indexed. And a bare axum echo: HTTP with nothing in it at all.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::wiring::{House, SCOPES, World};
use axum::extract::State;
use bytes::Bytes;
use ledger::Ledger;
use ledger::http::{Failure as Refused, Unrun};
use platform_http::{Access, Answer, Body, By, Doc, Info, Payload, Routes, Server, Site};
use serde_json::json;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The null ledger's route.
pub const NULL_ROUTE: &str = "/null/batches";
/// Its file goes back to its start at this size: what is written is in place already, as in a made segment.
const ROOM: u64 = 512 << 20;
/// Batches that may wait for the writer.
const WAITING: usize = 1024;
/// Where a frame starts on the disk.
const SECTOR: u64 = 512;

const INFO: Info = Info { title: "Null ledger", version: env!("CARGO_PKG_VERSION"), about: "For measuring." };

struct Pending {
    bytes: u64,
    done: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Null {
    ledger: Ledger,
    send: SyncSender<Pending>,
    bytes_each: u64,
    seq: Arc<AtomicU64>,
}

async fn null_post(State(null): State<Null>, By(by): By, payload: Payload) -> Result<Answer, Refused> {
    let unrun = Unrun::read(&null.ledger, &by, &payload).await?;
    let count = unrun.len() as u64;
    let (done, written) = oneshot::channel();
    let pending = Pending { bytes: count * null.bytes_each, done };
    null.send.try_send(pending).expect("fewer connections than room in the queue");
    written.await.expect("the writer lives as long as the server");
    unrun.answer(&null.ledger, null.seq.fetch_add(count, Ordering::Relaxed))
}

/// Writes and syncs whatever has gathered, as one group.
fn write_groups(file: &File, receive: &Receiver<Pending>) -> io::Result<()> {
    let mut filler = vec![0xA5; 1 << 20];
    let mut place = 0;
    while let Ok(first) = receive.recv() {
        let group: Vec<Pending> = std::iter::once(first).chain(receive.try_iter()).collect();
        let size = group.iter().map(|pending| pending.bytes).sum::<u64>().next_multiple_of(SECTOR);
        filler.resize(filler.len().max(size as usize), 0xA5);
        if place + size > ROOM {
            place = 0;
        }
        file.write_all_at(&filler[..size as usize], place)?;
        file.sync_data()?;
        place += size;
        for pending in group {
            let _ = pending.done.send(());
        }
    }
    Ok(())
}

fn zeros(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(true).read(true).write(true).open(path)?;
    let piece = vec![0; 1 << 20];
    for place in (0..ROOM).step_by(piece.len()) {
        file.write_all_at(&piece, place)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Serves the ledger's own routes, to make accounts with, and the null ledger beside them; until it is killed.
pub async fn serve(bytes_each: u64, config: &Config, output: Output) -> Result<(), Failure> {
    let data = DataDir::make(&config.data.dir)?;
    let world = World::real();
    let settings = crate::wiring::Settings::default();
    let house = House::open(&data, config.server.listen.ip(), &world, settings)?;
    let path = data.join("null");
    let file = zeros(&path).map_err(Failure::path("filling", &path))?;
    let (send, receive) = sync_channel(WAITING);
    std::thread::spawn(move || write_groups(&file, &receive).expect("the null ledger's disk works"));
    let null = Null { ledger: house.ledger.clone(), send, bytes_each, seq: Arc::default() };
    let doc = Doc {
        name: "null_post",
        body: Some(Body { schema: "Batch", example: "{}", lines: true }),
        ok: (201, "BatchResult"),
        body_limit: Some(16 << 20),
        ..Doc::NONE
    };
    let route = Routes::new("Null").post(NULL_ROUTE, Access::Scope(SCOPES[1]), null_post, doc);
    let keeper = Arc::new(identity::Doorkeeper::new(house.keys.clone(), house.door));
    let site = Site::builder(INFO, config.limits, keeper, world.ids.clone())
        .routes(ledger::http::routes().with_state(house.ledger.clone()))
        .routes(route.with_state(null))
        .build();
    let server = Server::bind(&[config.server.listen], config.server.settings).await;
    let server = server.map_err(|source| Failure::io("listening", source))?;
    say(server.addresses()[0], output)?;
    server.serve(site, std::future::pending()).await;
    Ok(())
}

/// Serves an echo with axum alone, until it is killed.
pub async fn serve_bare(listen: SocketAddr, output: Output) -> Result<(), Failure> {
    let echo = axum::routing::post(|body: Bytes| async move { body }).get(|| async { "ok" });
    let router = axum::Router::new().route("/", echo);
    let listener = TcpListener::bind(listen).await.map_err(|source| Failure::io("listening", source))?;
    let address = listener.local_addr().map_err(|source| Failure::io("listening", source))?;
    say(address, output)?;
    axum::serve(listener, router).await.map_err(|source| Failure::io("serving", source))
}

fn say(address: SocketAddr, output: Output) -> Result<(), Failure> {
    let url = format!("http://{address}");
    output.answer(Printed { text: format!("listening on {url}\n"), json: json!({ "listening": url }) })
}
