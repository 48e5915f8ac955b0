//! The server: listeners, connections and their limits, and an end that lets requests in flight finish.

use crate::settings::ServerSettings;
use crate::site::Site;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Pause after a failed accept: the usual cause, no free file descriptor, passes with time only.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may go on sending a body that was refused, so that it gets to read why.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// How much of such a body is thrown away.
const LINGER_BYTES: usize = 64 << 20;

/// Where the server stands; it only moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Draining,
    Cut,
}

/// A server bound to its addresses.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    settings: ServerSettings,
}

impl Server {
    /// Binds every address, or none. Connections queue from now on.
    pub async fn bind(addresses: &[SocketAddr], settings: ServerSettings) -> io::Result<Self> {
        let mut server = Self { listeners: Vec::new(), addresses: Vec::new(), settings };
        for address in addresses {
            let listener = TcpListener::bind(address).await?;
            server.addresses.push(listener.local_addr()?);
            server.listeners.push(listener);
        }
        Ok(server)
    }

    /// The bound addresses: port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` ends, then lets requests in flight finish. True if all of them did.
    pub async fn serve(self, site: Site, shutdown: impl Future<Output = ()>) -> bool {
        let (stage, watcher) = watch::channel(Stage::Serving);
        let permits = Arc::new(Semaphore::new(self.settings.max_connections as usize));
        let ending = site.clone();
        let shared = Shared { site, permits: Arc::clone(&permits), watcher, settings: self.settings };
        for listener in self.listeners {
            tokio::spawn(accept(listener, shared.clone()));
        }
        shutdown.await;
        stage.send_replace(Stage::Draining);
        ending.end();
        let all = permits.acquire_many(self.settings.max_connections);
        let has_drained = tokio::time::timeout(self.settings.drain_time, all).await.is_ok();
        if !has_drained {
            tracing::warn!("connections were cut at the end of the drain time");
        }
        stage.send_replace(Stage::Cut);
        has_drained
    }
}

#[derive(Clone)]
struct Shared {
    site: Site,
    permits: Arc<Semaphore>,
    watcher: watch::Receiver<Stage>,
    settings: ServerSettings,
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut watcher = shared.watcher.clone();
    let mut draining = pin!(reached(&mut watcher, Stage::Draining));
    loop {
        let next = async {
            let permit = Arc::clone(&shared.permits).acquire_owned().await.expect("never closed");
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut draining => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(connection(stream, peer, permit, shared.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until the server has reached a stage.
async fn reached(watcher: &mut watch::Receiver<Stage>, stage: Stage) {
    // An error means that the server itself is gone.
    let _ = watcher.wait_for(|now| *now >= stage).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit, shared: Shared) {
    let Shared { site, mut watcher, settings, .. } = shared;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let service = service_fn(move |request| {
        let site = site.clone();
        // Boxed, as the connection must stay movable to give its socket back.
        Box::pin(async move { Ok::<_, Infallible>(site.answer(request, peer.ip()).await) })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(settings.header_time).half_close(true);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut cut = watcher.clone();
    let mut draining = pin!(reached(&mut watcher, Stage::Draining));
    let mut cut = pin!(reached(&mut cut, Stage::Cut));
    let mut is_draining = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = &mut draining, if !is_draining => {
                is_draining = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            () = &mut cut => return,
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %peer, "connection ended");
    }
    let stream = connection.into_parts().io.into_inner();
    tokio::select! {
        () = linger(stream) => {}
        () = &mut cut => {}
    }
    drop(permit);
}

/// Ends a connection so that the last answer arrives: closing a socket with unread bytes would reset it.
async fn linger(mut stream: TcpStream) {
    let mut waste = [0; 8192];
    let throw_away = async {
        stream.shutdown().await?;
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut waste).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER_TIME, throw_away).await;
}
